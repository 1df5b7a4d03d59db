"""Who a request or socket speaks for: the token or key of its header, else the token of its cookie, else nobody."""

from dataclasses import replace

from starlette.requests import HTTPConnection

from hub.auth import machine_keys
from hub.auth.cookies import ACCESS_COOKIE, read_cookie, set_cookie
from hub.auth.origins import is_allowed_origin
from hub.auth.permissions import ANONYMOUS, Principal
from hub.errors import Forbidden, Unauthenticated
from hub.services.credentials import Credentials

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


async def principal_of(connection: HTTPConnection, *, takes_oauth: bool = False) -> Principal:
    """The principal, rights as the database has them now; `ANONYMOUS` without credentials.

    `takes_oauth`: a key may also come as `Authorization: OAuth …`, as programs written for Statuspage send theirs.

    Raises Unauthenticated or TokenExpired for credentials that are there but not good, and Forbidden when a cookie
    would authorise a write, or open a socket, for a page of another origin. Tokens in URLs are not looked at.
    """
    credentials: Credentials = connection.state.credentials
    token = bearer_token(connection, takes_oauth=takes_oauth)
    if token is not None:
        return _from_here(connection, await credentials.principal(await credentials.prove(token)))
    base_url = connection.state.settings.base_url
    token = read_cookie(connection.cookies, ACCESS_COOKIE, base_url)
    if not token:
        return ANONYMOUS
    if connection.scope["type"] == "websocket" or connection.scope["method"] not in _SAFE_METHODS:
        require_own_origin(connection)
    try:
        return _from_here(connection, await credentials.principal(await credentials.prove_cookie(token)))
    except Unauthenticated as error:
        # The browser shall not send it again: without the cookie it is a visitor like any other.
        error.headers["Set-Cookie"] = set_cookie(ACCESS_COOKIE, "", 0, base_url)
        raise


def _from_here(connection: HTTPConnection, principal: Principal) -> Principal:
    return replace(principal, address=connection.client.host if connection.client else "")


def bearer_token(connection: HTTPConnection, *, takes_oauth: bool = False) -> str | None:
    """The token of `Authorization: Bearer …`, None without the header; any other scheme is Unauthenticated."""
    header = connection.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    scheme, token = scheme.lower(), token.strip()
    is_key = takes_oauth and scheme == "oauth" and token.startswith(machine_keys.PREFIX)
    if not (is_key or (scheme == "bearer" and token)):
        raise Unauthenticated
    return token


def require_own_origin(connection: HTTPConnection) -> None:
    """Raises Forbidden unless the Origin header names this hub or an allowed page (CSRF)."""
    settings = connection.state.settings
    scheme: str = connection.scope["scheme"]
    if not is_allowed_origin(
        connection.headers.get("origin", ""),
        scheme={"ws": "http", "wss": "https"}.get(scheme, scheme),
        host=connection.headers.get("host", ""),
        base_url=settings.base_url,
        allowed=settings.hub_allowed_origins,
    ):
        raise Forbidden("This must come from a page of this hub (Origin header), or bring a token in a header.")
