"""Signing in and out, and the mailed links: tokens in the body for programs, in HttpOnly cookies for browsers."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from hub.api.authenticate import principal_of, require_own_origin
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Cookie, Reply
from hub.api.schemas import AccountOut, ForgotIn, GrantOut, LoginIn, RefreshIn, RegisterIn, ResetIn, TokenIn
from hub.api.tries import address_of, count_registration, forgive_tries, may_write_to, no_guessing, sign_in
from hub.auth.cookies import ACCESS_COOKIE, REFRESH_COOKIE, read_cookie
from hub.errors import Conflict, Forbidden, Invalid, TooMany, Unauthenticated
from hub.services import account_changes, accounts, mailed_tokens, sessions
from hub.services.mailed_tokens import Purpose

SIGNED_OUT = (Cookie(ACCESS_COOKIE, "", 0), Cookie(REFRESH_COOKIE, "", 0))


@endpoint(body=RegisterIn, returns={201: AccountOut}, access=Access.NOBODY, errors=(Invalid, TooMany))
async def register(request: Request, body: RegisterIn) -> Reply[AccountOut]:
    """Make an account, and mail a link that proves its address.

    The answer for an address that has an account already looks the same, so nobody can ask who has one; its owner
    gets a letter that says so.
    """
    await count_registration(request)
    accounts.check_password_policy(body.password)
    may_write = await may_write_to(request, body.email, "register")
    async with request.state.db.begin() as session:
        account = await account_changes.register(
            session,
            body.email,
            body.password,
            base_url=request.state.settings.base_url,
            may_write=may_write,
            address=address_of(request),
            now=request.state.clock.now(),
        )
    return Reply(AccountOut.of(account), status=201)


@endpoint(body=LoginIn, returns={200: GrantOut}, access=Access.NOBODY, errors=(Unauthenticated, TooMany))
async def login(request: Request, body: LoginIn) -> Reply[GrantOut]:
    """Sign in with e-mail and password. Sets the cookies `hub_access` and `hub_refresh` as well."""
    account_id = await sign_in(request, body.email, body.password)
    async with request.state.db.begin() as session:
        grant = await start_session(request, session, account_id)
    return signed_in(grant)


@endpoint(body=TokenIn, returns={200: AccountOut}, access=Access.NOBODY, errors=(Invalid, Conflict, TooMany))
async def verify(request: Request, body: TokenIn) -> Reply[AccountOut]:
    """Use the link that proves an address, the account's present or its new one. Works once, signed in or not."""
    async with no_guessing(request), request.state.db.begin() as session:
        account = await account_changes.verify(
            session, body.token, address=address_of(request), now=request.state.clock.now()
        )
    return Reply(AccountOut.of(account))


@endpoint(body=ForgotIn, returns={200: None}, access=Access.NOBODY, errors=(Invalid, TooMany))
async def forgot(request: Request, body: ForgotIn) -> Reply[None]:
    """Mail a link for a new password. The answer is the same whether the address has an account or not."""
    if await may_write_to(request, body.email, "reset"):
        async with request.state.db.begin() as session:
            await account_changes.forgot(
                session, body.email, base_url=request.state.settings.base_url, now=request.state.clock.now()
            )
    return Reply()


@endpoint(body=ResetIn, returns={200: None}, access=Access.NOBODY, errors=(Invalid, TooMany))
async def reset(request: Request, body: ResetIn) -> Reply[None]:
    """Choose a new password with a mailed link. Works once; every sign-in of the account ends."""
    state, now = request.state, request.state.clock.now()
    accounts.check_password_policy(body.new_password, field="new_password")
    async with no_guessing(request):
        async with state.db() as session:  # first, so that nobody makes the hub hash without a good token
            await mailed_tokens.check(session, body.token, {Purpose.RESET}, now=now)
        async with state.db.begin() as session:
            account = await account_changes.reset(
                session,
                body.token,
                body.new_password,
                base_url=state.settings.base_url,
                address=address_of(request),
                now=now,
            )
    await forgive_tries(request, account.email)
    return Reply(cookies=SIGNED_OUT)


@endpoint(
    body=RefreshIn,
    body_may_be_empty=True,
    returns={200: GrantOut},
    access=Access.NOBODY,
    errors=(Unauthenticated, Forbidden),
)
async def refresh(request: Request, body: RefreshIn) -> Reply[GrantOut]:
    """Turn a refresh token (of the body, else of the cookie) into its follower and a fresh access token.

    Each works once. Again within 10 s, by the same program, it gives the same follower (two tabs at once, a lost
    answer); later, or by another program, it ends the session, because then somebody else has it too.
    """
    state = request.state
    refresh_token = _refresh_token(request, body)
    if refresh_token is None:
        raise Unauthenticated("Send a refresh token.")
    async with state.db.begin() as session:
        result = await sessions.refresh(
            session,
            state.tokens,
            refresh_token,
            user_agent=request.headers.get("user-agent", ""),
            address=address_of(request),
            refresh_ttl_s=state.settings.jwt_refresh_ttl_s,
            now=state.clock.now(),
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
        address=address_of(request),
        refresh_ttl_s=state.settings.jwt_refresh_ttl_s,
        now=state.clock.now(),
    )


def signed_in(grant: sessions.Grant) -> Reply[GrantOut]:
    return Reply(
        GrantOut.of(grant),
        cookies=(
            Cookie(ACCESS_COOKIE, grant.access_token, grant.expires_in_s),
            Cookie(REFRESH_COOKIE, grant.refresh_token, grant.refresh_expires_in_s),
        ),
    )


def _refresh_token(request: Request, body: RefreshIn) -> str | None:
    if body.refresh_token is not None:
        return body.refresh_token
    token = read_cookie(request.cookies, REFRESH_COOKIE, request.state.settings.base_url)
    if token:
        require_own_origin(request)
    return token or None
