"""The signed-in account itself: its sessions, its address and password, its end."""

from starlette.requests import Request

from hub.api.auth import SIGNED_OUT, signed_in, start_session
from hub.api.endpoint import endpoint
from hub.api.envelope import Reply
from hub.api.schemas import EmailIn, EndIn, GrantOut, MeOut, PasswordIn, SessionOut
from hub.api.tries import check_own_password, may_write_to
from hub.auth.passwords import hash_password
from hub.errors import Conflict, Invalid, NotFound, TooMany
from hub.services import account_changes, account_end, accounts, sessions


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


@endpoint(body=PasswordIn, returns={200: GrantOut}, errors=(Invalid, TooMany))
async def change_password(request: Request, body: PasswordIn) -> Reply[GrantOut]:
    """Change the password; every session ends, and this client gets a new one."""
    account_id, now = request.user.account_id, request.state.clock.now()
    accounts.check_password_policy(body.new_password, field="new_password")
    await check_own_password(request, body.current_password, field="current_password")
    password_hash = await hash_password(body.new_password)
    async with request.state.db.begin() as session:
        await account_changes.change_password(
            session,
            account_id,
            password_hash,
            base_url=request.state.settings.base_url,
            by=request.user,
            now=now,
        )
        grant = await start_session(request, session, account_id)
        await sessions.end_all(session, account_id, now=now, spared=grant.session_id)
    return signed_in(grant)


@endpoint(body=EmailIn, returns={200: None}, errors=(Invalid, TooMany))
async def change_email(request: Request, body: EmailIn) -> Reply[None]:
    """Ask for another e-mail address: a link is mailed there, and the change happens when it is used.

    The present address is told, and counts as unproven at once.
    """
    await check_own_password(request, body.current_password, field="current_password")
    may_write = await may_write_to(request, body.email, "change")
    async with request.state.db.begin() as session:
        await account_changes.change_email(
            session,
            request.user.account_id,
            body.email,
            base_url=request.state.settings.base_url,
            may_write=may_write,
            by=request.user,
            now=request.state.clock.now(),
        )
    return Reply()


@endpoint(returns={200: None}, errors=(TooMany,))
async def mail_verification(request: Request) -> Reply[None]:
    """Mail the link that proves the account's address again; nothing happens when it is proven."""
    user = request.user
    if user.email is not None and not user.is_verified and await may_write_to(request, user.email, "verification"):
        async with request.state.db.begin() as session:
            await account_changes.mail_verification(
                session,
                user.account_id,
                base_url=request.state.settings.base_url,
                now=request.state.clock.now(),
            )
    return Reply()


@endpoint(body=EndIn, returns={200: None}, errors=(Invalid, Conflict, TooMany))
async def delete_me(request: Request, body: EndIn) -> Reply[None]:
    """Delete the account for good. What it wrote stays, by somebody unknown; everything personal goes.

    Refused while it is the only owner of a page or of a group.
    """
    await check_own_password(request, body.current_password, field="current_password")
    async with request.state.db.begin() as session:
        await account_end.delete_account(session, request.user.account_id, now=request.state.clock.now())
    return Reply(cookies=SIGNED_OUT)
