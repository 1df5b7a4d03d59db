"""The signed-in account itself, its sessions, its password."""

from starlette.requests import Request

from hub.api.auth import SIGNED_OUT, signed_in, start_session
from hub.api.endpoint import endpoint
from hub.api.envelope import Reply
from hub.api.schemas import GrantOut, MeOut, PasswordIn, SessionOut
from hub.errors import Invalid, NotFound
from hub.services import accounts, sessions


@endpoint(returns={200: MeOut})
async def show_me(request: Request) -> Reply[MeOut]:
    """Who the access token speaks for."""
    async with request.state.db() as session:
        account = await accounts.get_account(session, request.user.account_id)
    return Reply(MeOut.of_principal(account, request.user))


@endpoint(returns={200: list[SessionOut]})
async def list_sessions(request: Request) -> Reply[list[SessionOut]]:
    """The account's living sessions, last used first."""
    async with request.state.db() as session:
        found = await sessions.list_own(session, request.user.account_id)
    return Reply([SessionOut.of(item, current=request.user.session_id) for item in found])


@endpoint(returns={200: None}, errors=(NotFound,))
async def end_session(request: Request) -> Reply[None]:
    """Sign one device out: its tokens are refused from now on."""
    session_id = request.path_params["session_id"]
    async with request.state.db.begin() as session:
        await sessions.end_own(session, request.user.account_id, session_id, now=request.state.clock.now())
    return Reply(cookies=SIGNED_OUT if session_id == request.user.session_id else ())


@endpoint(returns={200: None})
async def end_sessions(request: Request) -> Reply[None]:
    """Sign out everywhere, here too."""
    async with request.state.db.begin() as session:
        await sessions.end_all(session, request.user.account_id, now=request.state.clock.now())
    return Reply(cookies=SIGNED_OUT)


@endpoint(body=PasswordIn, returns={200: GrantOut}, errors=(Invalid,))
async def change_password(request: Request, body: PasswordIn) -> Reply[GrantOut]:
    """Change the password; every session ends, and this client gets a new one."""
    account_id, now = request.user.account_id, request.state.clock.now()
    accounts.check_password_policy(body.new_password, field="new_password")
    await accounts.check_own_password(request.state.db, account_id, body.current_password, field="current_password")
    async with request.state.db.begin() as session:
        await accounts.set_password(session, account_id, body.new_password, now=now)
        await sessions.end_all(session, account_id, now=now)
        grant = await start_session(request, session, account_id)
    return signed_in(grant)
