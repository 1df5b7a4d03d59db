"""Which limit of `hub.api.rate_limits` a request counts for, and what it and its answer have to do with that."""

import structlog
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.api.rate_limits import headers_of
from hub.auth.permissions import Principal
from hub.errors import TooMany
from hub.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Counted by their own edges, or so cheap that counting would be the dearer part.
_NOT_PAGES = ("/api/", "/connection/", "/emulation", "/static/", "/healthz", "/readyz", "/metrics")

_log = structlog.get_logger(__name__)


def address_of(connection: HTTPConnection) -> str | None:
    """The address a request counts for; None for a trusted proxy's that does not say for whom it asks."""
    admission = connection.scope.get("extensions", {}).get("hub.admission")
    if admission is not None:
        address: str | None = admission["address"]
        return address
    return connection.client.host if connection.client else None


async def count_request(request: Request, principal: Principal | None) -> None:
    """Count a request to the REST API for whom it speaks (None: for nobody that we know). Raises TooMany."""
    kind = "read" if request.method in SAFE_METHODS else "write"
    name, key = f"{kind}.account", principal and (principal.account_id or principal.key_id)
    if not key:
        name, key = f"{kind}.address", address_of(request)
    if key:
        standing = await request.state.limiter.hit(name, key)
        request.scope["state"]["rate_limit_headers"] = headers_of(standing)


class PageLimit:
    """Answers 429 to an address that asks for too many pages, feeds and streams."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._has_warned = bool(settings.hub_trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            self._warn_of_proxy(request)
            address = None if scope["path"].startswith(_NOT_PAGES) else address_of(request)
            if address is not None:
                try:
                    await request.state.limiter.hit("page.address", address)
                except TooMany as refusal:
                    headers = {"Cache-Control": "no-store", **refusal.headers}
                    await PlainTextResponse(f"{refusal.message}\n", 429, headers)(scope, receive, send)
                    return
        await self.app(scope, receive, send)

    def _warn_of_proxy(self, request: Request) -> None:
        """Once: without the setting, all who come through a proxy count as one."""
        if self._has_warned or "x-forwarded-for" not in request.headers:
            return
        self._has_warned = True
        _log.warning(
            "somebody sends X-Forwarded-For, which counts for nothing: is it a proxy? See HUB_TRUSTED_PROXIES",
            peer=request.client.host if request.client else None,
        )
