"""The application: opens what a node needs, wires the edges, closes it all again. Nothing is global.

`create_app(settings)` is how production, `python -m hub serve` and the tests build it alike.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from hub.api.authenticate import principal_of
from hub.api.headers import http_middleware
from hub.api.rate_limits import Limiter, policies_of
from hub.api.routes import api_routes
from hub.api.server_methods import Backend
from hub.api.traffic import SAFE_METHODS
from hub.auth.client_tokens import ClientTokens
from hub.auth.tokens import Tokens
from hub.channels_file import channels_of
from hub.clock import SystemClock
from hub.documents.feeds import feed_routes
from hub.documents.hosts import PageHosts
from hub.documents.statuspage import statuspage_routes, wrong_method
from hub.engine.broker_redis import RedisBroker
from hub.engine.census import Census
from hub.engine.custom import CustomChannels
from hub.engine.node import Node, NodeLimits
from hub.engine.presence import Presence
from hub.engine.redis_address import parse_address
from hub.engine.redis_client import make_client
from hub.engine.roster import Roster
from hub.engine.signals import Signals
from hub.engine.streams_redis import RedisStreams
from hub.engine.watchdog import Watchdog
from hub.ids import new_id
from hub.notify.files import MailFiles
from hub.observe import crashes
from hub.relay.loop import Relay
from hub.safe_fetch import Rules, SafeFetch
from hub.services.credentials import Credentials
from hub.services.database import create_engine, create_sessions
from hub.services.foreign_keys import issuers_of
from hub.services.history import SqlLog
from hub.services.rendered import REDIS_PATIENCE_S, RenderCache
from hub.services.snapshots import SqlSnapshots
from hub.settings import Settings
from hub.transport.access import Access
from hub.transport.collector import freeze_newcomers
from hub.transport.context import Context, connection_limits
from hub.transport.emulation import Emulation
from hub.transport.routes import transport_routes
from hub.transport.sweep import Sweep
from hub.web import make_pages, web_routes


def create_app(settings: Settings) -> Starlette:
    """A node of the hub as an ASGI application. Raises ValueError, in one line, for settings it cannot run with."""
    tokens = Tokens.of(settings)
    issuers = issuers_of(settings)
    client_tokens = ClientTokens.of(settings)
    channels = channels_of(settings)
    crashes.start(settings)
    parse_address(settings.redis_dsn)
    site = make_pages()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        clock = SystemClock()
        engine = create_engine(settings.sqlalchemy_url, pool_size=settings.hub_db_pool_size)
        sessions = create_sessions(engine)
        broker = RedisBroker(settings.redis_dsn, clock)
        limits = NodeLimits(
            buffer_bytes=settings.hub_send_buffer_limit_bytes,
            stall_deadline_s=settings.hub_stall_deadline_s,
            drain_s=settings.hub_drain_s,
        )
        redis = make_client(settings.redis_dsn)
        streams = RedisStreams(redis, is_sharded=broker.is_sharded)
        custom = CustomChannels(streams, Roster(redis), broker, channels.options, clock)
        node = Node(broker, SqlLog(sessions), SqlSnapshots(sessions), clock=clock, limits=limits, custom=custom)
        signals = Signals(broker, redis)
        census = Census(settings.redis_dsn)
        limiter = Limiter(policies_of(settings), settings.redis_dsn)
        rendered = RenderCache(sessions, make_client(settings.redis_dsn, timeout_s=REDIS_PATIENCE_S), clock)
        relay = Relay(sessions, broker, clock, settings.sqlalchemy_url)
        node_id = new_id()
        presence = Presence(settings.redis_dsn, node_id, node.member_counts)
        sweep = Sweep(clock.monotonic)
        watchdog = Watchdog()
        credentials = Credentials(sessions, tokens, issuers, SafeFetch(Rules.of(settings)), clock)
        access = Access(sessions, credentials, client_tokens, channels, clock, node)
        context = Context(node, access, clock, sweep, connection_limits(settings))
        emulation = Emulation(node_id, signals.forward, settings.hub_send_buffer_limit_bytes)
        await node.start()
        signals.listen(node_id, node.sessions.obey, emulation.take)
        tasks = [
            asyncio.create_task(relay.run(), name="relay"),
            asyncio.create_task(presence.run(), name="presence"),
            asyncio.create_task(credentials.run(), name="credentials"),
            asyncio.create_task(freeze_newcomers(lambda: len(node.sessions)), name="collector"),
        ]
        try:
            async with sweep.running():
                watchdog.start()
                yield {
                    "settings": settings,
                    "clock": clock,
                    "db": sessions,
                    "tokens": tokens,
                    "credentials": credentials,
                    "limiter": limiter,
                    "rendered": rendered,
                    "mail_files": MailFiles(settings) if settings.smtp_host is None else None,
                    "principals": principal_of,
                    "node": node,
                    "relay": relay,
                    "watchdog": watchdog,
                    "context": context,
                    "emulation": emulation,
                    "backend": Backend(node, channels, channels.rules(), clock, signals, census),
                }
        finally:
            await relay.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await context.close()
            await node.close()
            await asyncio.gather(census.close(), limiter.close(), rendered.close())
            await redis.aclose()
            await engine.dispose()
            watchdog.stop()

    async def nothing_here(request: Request, _: Exception) -> Response:
        return _without_slash(request) or site.not_found(request)

    return _Application(
        settings,
        routes=[
            *transport_routes(),
            *api_routes(),
            *statuspage_routes(),
            *feed_routes(),
            *web_routes(site),
        ],
        middleware=http_middleware(settings),
        exception_handlers={404: nothing_here, 405: wrong_method},
        lifespan=lifespan,
    )


def _without_slash(request: Request) -> Response | None:
    """A redirect for whoever put a slash behind a page's address. Starlette's own would go to whatever host the
    request named.
    """
    path, query = request.scope["path"], request.url.query
    if not (path.startswith("/p/") and path.endswith("/") and request.method in SAFE_METHODS):
        return None
    path = path.rstrip("/")
    if "page_url" in request.scope["state"] and path.count("/") > 2:  # at a page's own host nothing stands before it
        path = f"/{path.split('/', 3)[3]}"
    return RedirectResponse(path + (f"?{query}" if query else ""))


class _Application(Starlette):
    """Sockets go to their route past the middleware, which is about requests and costs a storm dearly."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        super().__init__(**options)
        self._hosts = PageHosts(self._beneath_its_host, settings)
        self.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "\0" in scope.get("path", ""):
            # Like bytes that are no UTF-8. PostgreSQL refuses to look for a NUL, and a refused query is everybody's
            # whose questions were asked in it.
            scope["path"] = scope["path"].replace("\0", "\ufffd")
        await self._hosts(scope, receive, send)

    async def _beneath_its_host(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            scope["app"] = self
            await self.router(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
