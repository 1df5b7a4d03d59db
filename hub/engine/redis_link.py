"""One connection to Redis that only listens: asyncio protocol and hiredis parser, without redis-py's PubSub.

redis-py's PubSub reconnects and resubscribes on its own, so losses leave no trace, and it takes an ETIMEDOUT of the
socket for "no message yet" and then spins without yielding, which stops the whole loop. Here a lost connection is
exactly one call of `on_lost`, whatever the error was.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import hiredis
from redis.asyncio.connection import SSLConnection, parse_url

CONNECT_TIMEOUT_S = 2.0

# A dead peer is noticed by the kernel within these; the broker's beat notices silence earlier still.
_KEEPALIVE_IDLE_S, _KEEPALIVE_INTERVAL_S, _KEEPALIVE_COUNT = 5, 2, 3
_USER_TIMEOUT_MS = 8_000

OnPush = Callable[[bytes, bytes, "bytes | int"], None]
OnLost = Callable[[Exception | None], None]
OnRefusal = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect, and as whom."""

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    credentials: tuple[str, ...] = field(default=(), repr=False)  # (user, password), (password,) or none
    tls: ssl.SSLContext | None = None
    must_be_master: bool = False  # a replica passes on what its master sends, unless it is cut off from it

    @classmethod
    def of_url(cls, url: str) -> "Server":
        """The server of `redis://`, `rediss://` or `unix://`."""
        options: dict[str, Any] = dict(parse_url(url))
        is_tls = options.get("connection_class") is SSLConnection
        return cls(
            host=options.get("host", "localhost"),
            port=options.get("port", 6379),
            path=options.get("path"),
            credentials=credentials_of(options),
            tls=tls_of(options) if is_tls else None,
        )


def credentials_of(options: Mapping[str, str]) -> tuple[str, ...]:
    """What follows AUTH."""
    if "password" not in options:
        return ()
    return (options["username"], options["password"]) if "username" in options else (options["password"],)


def tls_of(options: Mapping[str, Any]) -> ssl.SSLContext:
    """The system's authorities, or the one named."""
    return ssl.create_default_context(cafile=options.get("ssl_ca_certs"))


class RedisLink(asyncio.Protocol):
    """Calls `on_push(kind, channel, data)` for each pub/sub reply and `on_lost(error)` once at the end.

    An error reply is the end too, unless `on_refusal(text)` says that it is seen to.
    """

    def __init__(self, on_push: OnPush, on_lost: OnLost, on_refusal: OnRefusal) -> None:
        self._on_push = on_push
        self._on_lost = on_lost
        self._on_refusal = on_refusal
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None

    def send(self, *command: str) -> None:
        """Queue one command; a no-op when the connection is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(hiredis.pack_command(cast("tuple[str]", command)))

    def abort(self) -> None:
        """Drop the connection now; `on_lost` follows."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        _keep_alive(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                self._reply(reply)
        except (hiredis.ProtocolError, hiredis.ReplyError, NotMaster) as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._transport = None
            self._on_lost(exc)

    def _reply(self, reply: object) -> None:
        if isinstance(reply, hiredis.ReplyError):
            if not self._on_refusal(str(reply)):
                raise reply
        elif isinstance(reply, list) and len(reply) >= 3:
            match reply[0]:
                case b"master":
                    pass  # the answer to ROLE
                case b"slave" | b"sentinel":
                    raise NotMaster
                case _:
                    self._on_push(*reply[:3])

    def _fail(self, error: Exception) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
            self._on_lost(error)


class NotMaster(Exception):
    def __str__(self) -> str:
        return "the server is no master any more"


async def open_link(server: Server, on_push: OnPush, on_lost: OnLost, on_refusal: OnRefusal) -> RedisLink:
    """A connected link that has sent its credentials; raises OSError or TimeoutError."""
    loop = asyncio.get_running_loop()

    def link() -> RedisLink:
        return RedisLink(on_push, on_lost, on_refusal)

    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        if server.path is not None:
            _, opened = await loop.create_unix_connection(link, server.path)
        else:
            _, opened = await loop.create_connection(link, server.host, server.port, ssl=server.tls)
    if server.credentials:
        opened.send("AUTH", *server.credentials)
    if server.must_be_master:
        opened.send("ROLE")
    return opened


def _keep_alive(sock: socket.socket) -> None:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", _KEEPALIVE_IDLE_S),
        ("TCP_KEEPALIVE", _KEEPALIVE_IDLE_S),  # macOS's word for it
        ("TCP_KEEPINTVL", _KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", _KEEPALIVE_COUNT),
        ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
    ):
        if hasattr(socket, option):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
