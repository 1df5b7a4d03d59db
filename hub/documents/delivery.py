"""Rendered bytes → an HTTP answer: who may be shown it, how long it may be kept, and whether it is known already."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from hub.auth.cookies import ACCESS_COOKIE, read_cookie
from hub.auth.permissions import ANONYMOUS, Principal
from hub.errors import Unauthenticated
from hub.negotiation import accepts_gzip, knows
from hub.services.rendered import Rendered

# Asked again each time, and answered with 304 where nothing changed: nothing is ever older than the page.
PUBLIC = {"Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"}
PRIVATE = {"Cache-Control": "private, no-store"}
# For whoever knows the address: nobody shall find it, tell it on or keep it for others.
SECRET = {"Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}


async def principal_of(request: Request, *, takes_oauth: bool = False) -> Principal:
    """Who asks. A cookie that is not good any more makes nobody of him; a bad token is for him to know.

    `takes_oauth`: as in `hub.api.authenticate`.
    """
    try:
        principal: Principal = await request.state.principals(request, takes_oauth=takes_oauth)
    except Unauthenticated:
        if "authorization" in request.headers:
            raise
        return ANONYMOUS
    return principal


def keeping(request: Request) -> Mapping[str, str]:
    """The headers for whoever asks by himself: what everybody sees is for every origin, anything else for him alone."""
    has_cookie = read_cookie(request.cookies, ACCESS_COOKIE, request.state.settings.base_url) != ""
    return PRIVATE if has_cookie or "authorization" in request.headers else PUBLIC


def deliver(
    request: Request,
    made: Rendered,
    media_type: str,
    keep: Mapping[str, str],
    *,
    status: int = 200,
    more: Mapping[str, str] | None = None,
) -> Response:
    """The answer, packed where that is understood; 304 to whoever has just these bytes. `more`: headers."""
    headers = {"ETag": made.etag, "Vary": "Accept-Encoding, Authorization, Cookie", **keep, **(more or {})}
    if status == 200 and knows(request.headers, made.etag):
        return Response(status_code=304, headers=headers)
    body = made.body
    if made.packed is not None and accepts_gzip(request.headers):
        body, headers["Content-Encoding"] = made.packed, "gzip"
    headers["Content-Type"] = f"{media_type}; charset=utf-8"
    return Response(body, status_code=status, headers=headers)
