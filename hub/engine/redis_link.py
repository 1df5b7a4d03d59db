"""One connection to Redis that only listens: asyncio protocol and hiredis parser, without redis-py's PubSub.

redis-py's PubSub reconnects and resubscribes on its own, so losses leave no trace, and it takes an ETIMEDOUT of the
socket for "no message yet" and then spins without yielding, which stops the whole loop. Here a lost connection is
exactly one call of `on_lost`, whatever the error was.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis.asyncio.connection import SSLConnection, parse_url

CONNECT_TIMEOUT_S = 2.0

# A dead peer is noticed by the kernel within these; the broker's beat notices silence earlier still.
_KEEPALIVE_IDLE_S, _KEEPALIVE_INTERVAL_S, _KEEPALIVE_COUNT = 5, 2, 3
_USER_TIMEOUT_MS = 8_000

OnPush = Callable[[bytes, bytes, "bytes | int"], None]
OnLost = Callable[[Exception | None], None]


class RedisLink(asyncio.Protocol):
    """Calls `on_push(kind, channel, data)` for each pub/sub reply and `on_lost(error)` once at the end."""

    def __init__(self, on_push: OnPush, on_lost: OnLost) -> None:
        self._on_push = on_push
        self._on_lost = on_lost
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
        except (hiredis.ProtocolError, hiredis.ReplyError) as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._transport = None
            self._on_lost(exc)

    def _reply(self, reply: object) -> None:
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        if isinstance(reply, list) and len(reply) == 3:
            self._on_push(*reply)

    def _fail(self, error: Exception) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
            self._on_lost(error)


async def open_link(url: str, on_push: OnPush, on_lost: OnLost) -> RedisLink:
    """A connected, authenticated link to `redis://`, `rediss://` or `unix://`; raises OSError or TimeoutError."""
    options: dict[str, Any] = dict(parse_url(url))
    loop = asyncio.get_running_loop()

    def link() -> RedisLink:
        return RedisLink(on_push, on_lost)

    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        if "path" in options:
            _, opened = await loop.create_unix_connection(link, options["path"])
        else:
            is_tls = options.get("connection_class") is SSLConnection
            host, port = options.get("host", "localhost"), options.get("port", 6379)
            context = ssl.create_default_context() if is_tls else None
            _, opened = await loop.create_connection(link, host, port, ssl=context)
    if "password" in options:
        name = (options["username"],) if "username" in options else ()
        opened.send("AUTH", *name, options["password"])
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
