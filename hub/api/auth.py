"""Signing in and out: tokens in the body for programs, the same in HttpOnly cookies for browsers."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from hub.api.authenticate import ACCESS_COOKIE, REFRESH_COOKIE, REFRESH_PATH, principal_of, require_own_origin
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Cookie, Reply
from hub.api.schemas import AccountOut, GrantOut, LoginIn, RefreshIn, RegisterIn
from hub.errors import Forbidden, Invalid, Unauthenticated
from hub.ids import new_id
from hub.services import accounts, sessions

SIGNED_OUT = (Cookie(ACCESS_COOKIE, "", 0), Cookie(REFRESH_COOKIE, "", 0, REFRESH_PATH))


@endpoint(body=RegisterIn, returns={201: AccountOut}, access=Access.NOBODY, errors=(Invalid,))
async def register(request: Request, body: RegisterIn) -> Reply[AccountOut]:
    """Make an account. The answer for an address that has one already looks the same: nobody can ask who has one."""
    now = request.state.clock.now()
    async with request.state.db.begin() as session:
        made = await accounts.create_unless_taken(session, body.email, body.password, now=now)
    account = made or accounts.Account(new_id(), accounts.normal_email(body.email), False, False, now)
    return Reply(AccountOut.of(account), status=201)


@endpoint(body=LoginIn, returns={200: GrantOut}, access=Access.NOBODY, errors=(Unauthenticated,))
async def login(request: Request, body: LoginIn) -> Reply[GrantOut]:
    """Sign in with e-mail and password. Sets the cookies `hub_access` and `hub_refresh` as well."""
    account_id = await accounts.check_credentials(request.state.db, body.email, body.password)
    async with request.state.db.begin() as session:
        grant = await start_session(request, session, account_id)
    return signed_in(grant)


@endpoint(
    body=RefreshIn,
    body_may_be_empty=True,
    returns={200: GrantOut},
    access=Access.NOBODY,
    errors=(Unauthenticated, Forbidden),
)
async def refresh(request: Request, body: RefreshIn) -> Reply[GrantOut]:
    """Turn a refresh token (of the body, else of the cookie) into its follower and a fresh access token.

    Each works once. Again within 10 s it gives the same follower (two tabs at once, a lost answer); later it ends the
    session, because then somebody else has it too.
    """
    state = request.state
    refresh_token = _refresh_token(request, body)
    if refresh_token is None:
        raise Unauthenticated("Send a refresh token.")
    async with state.db.begin() as session:
        result = await sessions.refresh(
            session, state.tokens, refresh_token, refresh_ttl_s=state.settings.jwt_refresh_ttl_s, now=state.clock.now()
        )
    if isinstance(result, sessions.Refusal):  # raised only here: what the refusal wrote is committed
        raise Unauthenticated("This refresh token is not valid any more; sign in again.")
    return signed_in(result)


@endpoint(body=RefreshIn, body_may_be_empty=True, returns={200: None}, access=Access.NOBODY, errors=(Forbidden,))
async def logout(request: Request, body: RefreshIn) -> Reply[None]:
    """End the session of the access or refresh token, and delete the cookies. Doing it twice is no error."""
    now = request.state.clock.now()
    refresh_token = _refresh_token(request, body)
    try:
        session_id = (await principal_of(request)).session_id
    except Unauthenticated:  # expired or ended already; the refresh token may still tell
        session_id = None
    async with request.state.db.begin() as session:
        if session_id is None and refresh_token is not None:
            session_id = await sessions.session_of_refresh_token(session, refresh_token)
        if session_id is not None:
            await sessions.end(session, session_id, now=now)
    return Reply(cookies=SIGNED_OUT)


async def start_session(request: Request, session: AsyncSession, account_id: str) -> sessions.Grant:
    """A new session for this request's client."""
    state: Any = request.state
    return await sessions.start(
        session,
        state.tokens,
        account_id,
        user_agent=request.headers.get("user-agent", ""),
        address=request.client.host if request.client else "",
        refresh_ttl_s=state.settings.jwt_refresh_ttl_s,
        now=state.clock.now(),
    )


def signed_in(grant: sessions.Grant) -> Reply[GrantOut]:
    return Reply(
        GrantOut.of(grant),
        cookies=(
            Cookie(ACCESS_COOKIE, grant.access_token, grant.expires_in_s),
            Cookie(REFRESH_COOKIE, grant.refresh_token, grant.refresh_expires_in_s, REFRESH_PATH),
        ),
    )


def _refresh_token(request: Request, body: RefreshIn) -> str | None:
    if body.refresh_token is not None:
        return body.refresh_token
    token = request.cookies.get(REFRESH_COOKIE)
    if token:
        require_own_origin(request)
    return token or None
