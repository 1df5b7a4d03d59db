"""A page's own host name: what is asked of it is answered as by `/p/{slug}`, and nothing else of the hub is there.

A page has its `custom_domain`, and where `HUB_BASE_DOMAIN` is set also `{slug}.` before it. The hub's own host is never
a page's. Links there begin with the name itself, in lower case, with no port but one that the hub is reached by: a
`Host` that was made up is in no answer, and in no key of what is kept. What needs an account (console, sign-in) is at
the hub's own address: browsers are sent there, and its cookies are that host's alone. docs/statuspage-api.md#hosts
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.domain.channel import is_slug
from hub.errors import NotFound
from hub.services.database import Sessions
from hub.services.hosts import load_domains
from hub.settings import Settings

FRESH_S = 1.0  # a domain is its page's no longer that long after it was taken away
PATIENCE_S = 0.5  # who comes to a known host waits so long to hear whether it still is one
FRESH_UNKNOWN_S = (
    0.5  # and is its page's that long after it was given; what hosts strangers name costs two reads a second
)
_SHARED = ("/static/", "/connection/", "/emulation", "/healthz", "/embed.js")
_HUB_ONLY = ("/console", "/login", "/register", "/account", "/invite", "/forgot", "/reset", "/verify", "/demo")

_log = structlog.get_logger(__name__)


class PageHosts:
    """Rewrites the path of requests and sockets that come to a page's host, before anything else sees them."""

    def __init__(self, app: ASGIApp, settings: Settings, now_s: Callable[[], float] = time.monotonic) -> None:
        base = urlsplit(settings.base_url)
        self.app = app
        self._port = base.port
        self._base_url = settings.base_url
        self._own = base.hostname or ""
        self._scheme = base.scheme
        self._domain = (settings.hub_base_domain or "").lower().strip(".")
        self._now_s = now_s
        self._domains: Mapping[str, str] = {}
        self._reading: asyncio.Task[None] | None = None
        self._read_at = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"}:
            host, port = _host_of(scope)
            slug = await self._slug_of(scope, host)
            is_ours = port in {str(self._port), str((scope.get("server") or (None, None))[1])}
            if slug is not None and not self._enter(scope, slug, f"{host}:{port}" if is_ours else host):
                if scope["type"] == "http":
                    await self._elsewhere(scope)(scope, receive, send)
                else:
                    await receive()
                    await send({"type": "websocket.close", "code": 1008})
                return
        await self.app(scope, receive, send)

    async def _slug_of(self, scope: Scope, host: str) -> str | None:
        if not host or host == self._own:
            return None
        if self._domain and host.endswith(f".{self._domain}"):
            label = host.removesuffix(f".{self._domain}")
            return None if "." in label else label
        is_known = host in self._domains
        if self._reading is None and self._now_s() - self._read_at > (FRESH_S if is_known else FRESH_UNKNOWN_S):
            self._reading = asyncio.create_task(self._read(scope["state"]["db"]))
        if self._reading is not None:  # it goes on for the others when this one goes away
            await asyncio.wait({self._reading}, timeout=PATIENCE_S if is_known else None)
        return self._domains.get(host)

    async def _read(self, sessions: Sessions) -> None:
        """What was known stands while the database is away."""
        try:
            async with sessions() as session:
                self._domains = await load_domains(session)
        except Exception as error:  # noqa: BLE001  nobody waits for it who could be told
            _log.warning("the pages' host names cannot be read", error=type(error).__name__)
        finally:
            self._read_at, self._reading = self._now_s(), None

    def _enter(self, scope: Scope, slug: str, authority: str) -> bool:
        """Make the request one for the page; False when it asks for something that is not on a page's host."""
        if not is_slug(slug):
            return False
        path: str = scope["path"]
        page = f"/p/{slug}"
        is_its_own = path in {page, f"/api/v1/pages/{slug}"} or path.startswith((f"{page}/", f"/api/v1/pages/{slug}/"))
        if not is_its_own and not path.startswith(_SHARED):
            if path.startswith((*_HUB_ONLY, "/p/", "/api/v1", "/api/docs", "/api/openapi", "/metrics", "/readyz")):
                return False
            scope["path"] = page + ("" if path == "/" else path)
            scope["raw_path"] = quote(scope["path"]).encode()
        scope.setdefault("state", {})["page_url"] = f"{self._scheme}://{authority}"
        return True

    def _elsewhere(self, scope: Scope) -> ASGIApp:
        """Account pages are at the hub's own address; everything else does not exist here."""
        if scope["method"] in {"GET", "HEAD"} and scope["path"].startswith(_HUB_ONLY):
            query = scope["query_string"].decode("latin-1")
            return RedirectResponse(f"{self._base_url}{quote(scope['path'])}" + (f"?{query}" if query else ""), 302)
        missing = NotFound()
        return JSONResponse({"error": missing.code, "message": missing.message}, 404, {"Cache-Control": "no-store"})


def _host_of(scope: Scope) -> tuple[str, str]:
    """The name a request was sent to, in lower case, and the port behind it, empty if there is none."""
    host = Headers(scope=scope).get("host", "").lower()
    if host.endswith("]") or ":" not in host:
        return host.removesuffix("."), ""
    name, _, port = host.rpartition(":")
    return name.removesuffix("."), port
