"""What surrounds every HTTP request, of whichever edge: its id, security headers, figures, limits, last resort."""

import re
import time
import uuid

import structlog
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.api.cross_origin import CrossOrigin
from hub.api.last_resort import LastResort
from hub.api.metrics import Metrics
from hub.api.traffic import PageLimit
from hub.settings import Settings

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

# Defaults: an edge that needs others (the widget that may be framed, HTML with its content policy) sets its own.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-store",  # whoever lets an answer be kept has thought about who asked for it
}
_DEFAULTS = tuple((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items())
_POLICY = b"content-security-policy"
_HSTS = b"max-age=31536000"
_NO_FRAMES = b"frame-ancestors 'none'"


class RequestContext:
    """Gives each request an id (the caller's own, if it is sane), binds it to the log, and echoes it."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        """`is_https`: whether browsers reach the hub by it, whatever a proxy speaks to us."""
        self.app, self.is_https = app, is_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        offered = Headers(scope=scope).get("x-request-id", "")
        request_id = offered if _SANE_REQUEST_ID.fullmatch(offered) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                present = {name for name, _ in headers}
                headers += ((name, value) for name, value in _DEFAULTS if name not in present)
                limits: dict[str, str] = scope["state"].get("rate_limit_headers", {})
                told = ((name.lower().encode(), value.encode()) for name, value in limits.items())
                headers += (item for item in told if item[0] not in present)  # a refusal has them already
                no_frames = any(name == _POLICY and _NO_FRAMES in value for name, value in headers)
                if no_frames and b"x-frame-options" not in present:
                    headers.append((b"x-frame-options", b"DENY"))  # the same for browsers from before 2016
                is_https = self.is_https or scope["scheme"] == "https"
                if is_https and b"strict-transport-security" not in present:
                    headers.append((b"strict-transport-security", _HSTS))
                headers.append((b"x-request-id", request_id.encode()))
                message["headers"] = headers
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self.app(scope, receive, send_with_headers)


class Measure:
    """Counts requests and their seconds by route template, so that no identifier becomes a label."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["state"]["metrics"] = self.metrics
        began, status = time.perf_counter(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "")
            self.metrics.observe(route, scope["method"], status, time.perf_counter() - began)


def http_middleware(settings: Settings) -> list[Middleware]:
    """In the order Starlette wants them, outermost first."""
    return [
        Middleware(RequestContext, is_https=settings.base_url.startswith("https:")),
        Middleware(Measure, metrics=Metrics()),
        Middleware(CrossOrigin, settings=settings),
        Middleware(PageLimit, settings=settings),
        Middleware(LastResort),
    ]
