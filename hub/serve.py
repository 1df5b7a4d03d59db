"""`python -m hub serve`: one uvicorn process on a socket of our own, which leaves in order."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from errno import EADDRINUSE
from signal import SIGINT, SIGTERM, Signals

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.importer import import_from_string

from hub.errors import HubError, Misconfigured
from hub.migrate import revisions
from hub.preflight import check_database, require_current
from hub.settings import Settings
from hub.transport.link import WireLimits
from hub.transport.listener import open_listener
from hub.transport.uvicorn_ws import make_protocols

_GRACE_S = 5  # for requests that run when the sockets are gone
_log = structlog.get_logger(__name__)


class AddressTaken(HubError):
    code = "address_taken"


class HubServer(uvicorn.Server):
    """A uvicorn that sends its sockets away one by one before it closes anything, and then exits with 0."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        node = self.lifespan.state.get("node")
        if node is not None:
            # Before uvicorn's own shutdown, which would drop all of them in the same instant.
            await self._unless_forced(asyncio.ensure_future(node.drain()))
        await super().shutdown(sockets)

    async def _unless_forced(self, draining: asyncio.Future[None]) -> None:
        while not draining.done() and not self.force_exit:
            await asyncio.wait([draining], timeout=0.1)
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """As uvicorn does it, but the signal is not raised again at the end: an orderly exit is no death."""
        loop = asyncio.get_running_loop()
        for sig in (SIGINT, SIGTERM):
            loop.add_signal_handler(sig, self._on_signal, sig)
        try:
            yield
        finally:
            for sig in (SIGINT, SIGTERM):
                loop.remove_signal_handler(sig)

    def _on_signal(self, sig: Signals) -> None:
        if self.should_exit:  # asked twice: in a hurry
            self.force_exit = True
        _log.info("leaving", signal=sig.name)
        self.should_exit = True


def claim_port(host: str, port: int) -> int:
    """The port, free at this moment (`port` 0: any); raises AddressTaken.

    Asked for without SO_REUSEPORT, which would let two hubs share a port in silence.
    """
    with _listen(host, port, is_shared=False) as listener:
        return int(listener.getsockname()[1])


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises HubError, in one line for people, when it cannot start."""
    facts = asyncio.run(check_database(settings.sqlalchemy_url))
    require_current(facts, *revisions())
    listener = _listen(settings.hub_host, settings.hub_port, is_shared=settings.hub_workers > 1)
    # By name, as uvicorn takes it: the command line sits beside the application and does not import it.
    create_app = import_from_string("hub.app:create_app")
    try:
        app = create_app(settings)
    except ValueError as error:
        raise Misconfigured(str(error)) from None
    host, port = listener.getsockname()[:2]
    _log.info("listening", address=f"http://{host}:{port}")
    HubServer(server_config(app, settings)).run(sockets=[listener])


def server_config(app: Starlette, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the hub: on our protocol classes, and believing only the proxies that the settings name."""
    ws, http = make_protocols(WireLimits.of(settings))
    return uvicorn.Config(
        app,
        ws=ws,
        http=http,
        loop="uvloop",
        lifespan="on",
        log_config=None,
        ws_ping_interval=None,  # the realtime protocol has its own
        ws_per_message_deflate=False,
        ws_max_size=settings.hub_frame_limit_bytes,
        timeout_graceful_shutdown=_GRACE_S,
        server_header=False,
        # uvicorn's default would let every program on this machine say whom it speaks for.
        proxy_headers=bool(settings.hub_trusted_proxies),
        forwarded_allow_ips=list(settings.hub_trusted_proxies),
    )


def _listen(host: str, port: int, *, is_shared: bool) -> socket.socket:
    try:
        return open_listener(host, port, is_shared=is_shared)
    except OSError as error:
        reason = "is in use" if error.errno == EADDRINUSE else f"cannot be used: {error.strerror or error}"
        raise AddressTaken(f"{host}:{port} {reason}; choose another with HUB_HOST and HUB_PORT") from None
