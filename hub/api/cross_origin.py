"""What pages of other origins may do with the REST API in a browser (CORS).

Any page may read what anybody may read, but with none of the visitor's credentials; pages of our own origins
(`hub.auth.origins`) may do all that ours do. The transports have the same rule (`hub.transport.cors`).
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.auth.origins import is_allowed_origin
from hub.settings import Settings

PREFIX = "/api/v1/"
PREFLIGHT_TTL_S = 7_200  # the longest that Chromium honours
_READS = frozenset({"GET", "HEAD"})
_TOLD = "RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
_OWN_MAY = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Max-Age": str(PREFLIGHT_TTL_S),
}


class CrossOrigin:
    """Answers preflights of our own origins, and tells browsers who may read an answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        allowed = self._allowed(scope)

        async def send_with_permission(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.add_vary_header("Origin")
                headers.update(allowed)
            await send(message)

        if scope["method"] == "OPTIONS" and "Access-Control-Allow-Credentials" in allowed:
            await Response(status_code=204, headers=_OWN_MAY)(scope, receive, send_with_permission)
        else:
            await self.app(scope, receive, send_with_permission)

    def _allowed(self, scope: Scope) -> dict[str, str]:
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        is_ours = is_allowed_origin(
            origin,
            scheme=scope["scheme"],
            host=headers.get("host", ""),
            base_url=self._settings.base_url,
            allowed=self._settings.hub_allowed_origins,
        )
        if is_ours:
            return {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Credentials": "true",
                "Access-Control-Expose-Headers": _TOLD,
            }
        if scope["method"] in _READS:
            return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _TOLD}
        return {}
