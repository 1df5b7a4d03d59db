"""Which pages of other origins may use the streams and `/emulation`, and what they may use of the visitor.

The same rule as for WebSockets: any page may connect with a token or as a visitor without account, but only pages of
our own origins (`hub.auth.origins`) may use the visitor's cookie.
"""

from starlette.requests import Request
from starlette.responses import Response

from hub.auth.cookies import ACCESS_COOKIE, read_cookie
from hub.auth.origins import is_allowed_origin
from hub.settings import Settings
from hub.transport.access import Peer

PREFLIGHT_TTL_S = 7_200  # the longest that Chromium honours


def preflight(request: Request) -> Response:
    """What a browser asks before a page of another origin may send JSON."""
    headers = {
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type",
        "Access-Control-Max-Age": str(PREFLIGHT_TTL_S),
        **cors_headers(request),
    }
    return Response(status_code=204, headers=headers)


def cors_headers(request: Request) -> dict[str, str]:
    """Everybody may read what is answered without a cookie; with one, our own origins alone."""
    if not _has_own_origin(request):
        return {"Access-Control-Allow-Origin": "*", "Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": request.headers["origin"],
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Origin",
    }


def is_foreign_visit(request: Request) -> bool:
    """Whether a page of a foreign origin got the browser to send the visitor's cookie."""
    return _cookie_of(request) != "" and "origin" in request.headers and not _has_own_origin(request)


def peer_of(request: Request) -> Peer:
    """What a session may know of the request that opened it."""
    cookie = _cookie_of(request)
    address = request.client.host if request.client else ""
    return Peer(address, cookie if cookie and _is_of_own_page(request) else "")


def _cookie_of(request: Request) -> str:
    return read_cookie(request.cookies, ACCESS_COOKIE, request.state.settings.base_url)


def _is_of_own_page(request: Request) -> bool:
    """Browsers name no origin in a GET from the same one; only such a page can read the answer then."""
    if "origin" in request.headers:
        return _has_own_origin(request)
    return request.method == "GET" and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


def _has_own_origin(request: Request) -> bool:
    settings: Settings = request.state.settings
    return is_allowed_origin(
        request.headers.get("origin", ""),
        scheme=request.scope["scheme"],
        host=request.headers.get("host", ""),
        base_url=settings.base_url,
        allowed=settings.hub_allowed_origins,
    )
