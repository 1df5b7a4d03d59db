"""A TCP proxy that can be cut, delayed, slowed and silenced, for every link that a test wants to break."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

CHUNK_BYTES = 65_536

Write = Callable[[bytes], None]


@dataclass
class TcpProxy:
    """Passes bytes between its port and a target; the switches work on open and on new connections alike."""

    target_host: str
    target_port: int
    target_path: Path | None = None  # a unix socket instead
    port: int = 0
    delay_s: float = 0.0
    piece_bytes: int | None = None  # forward in pieces of this size
    bytes_per_s: float | None = None
    tamper: Callable[[Write], Write] | None = None  # for what the target says on connections opened from now on
    accepted: int = 0
    moved: int = 0  # chunks in either direction
    _passing: asyncio.Event = field(default_factory=asyncio.Event)
    _deaf: set[str] = field(default_factory=set)
    _links: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = field(default_factory=set)
    _is_refusing: bool = False
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def open_links(self) -> int:
        return len(self._links)

    def black_hole(self) -> None:
        """Keep all connections open and move nothing."""
        self._passing.clear()

    def lose(self, direction: str) -> None:
        """Swallow what goes `up` (to the target) or `down`, and keep everything open."""
        self._deaf.add(direction)

    def pass_on(self) -> None:
        """Heal: move bytes again and accept connections."""
        self._is_refusing = False
        self._deaf.clear()
        self._passing.set()

    def refuse(self) -> None:
        """Reset every new connection at once."""
        self._is_refusing = True

    def reset(self) -> None:
        """End every connection with RST on both sides."""
        for pair in list(self._links):
            for writer in pair:
                _reset(writer)

    def finish(self) -> None:
        """End every connection with FIN on both sides."""
        for pair in list(self._links):
            for writer in pair:
                writer.close()

    def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._accept(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._is_refusing:
            _reset(writer)
            return
        try:
            far_reader, far_writer = await self._open_target()
        except OSError:
            _reset(writer)
            return
        pair = (writer, far_writer)
        self._links.add(pair)
        try:
            await asyncio.gather(self._pump(reader, far_writer, "up"), self._pump(far_reader, writer, "down"))
        finally:
            self._links.discard(pair)
            for end in pair:
                end.close()
            await asyncio.gather(*(end.wait_closed() for end in pair), return_exceptions=True)

    async def _open_target(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.target_path is not None:
            return await asyncio.open_unix_connection(self.target_path)
        return await asyncio.open_connection(self.target_host, self.target_port)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        write: Write = writer.write
        if direction == "down" and self.tamper is not None:
            write = self.tamper(write)
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._passing.wait()
                if direction in self._deaf:
                    continue
                self.moved += 1
                if self.bytes_per_s is not None:
                    await asyncio.sleep(len(data) / self.bytes_per_s)
                size = self.piece_bytes or len(data)
                for start in range(0, len(data), size):
                    write(data[start : start + size])
                    await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()


@contextlib.asynccontextmanager
async def tcp_proxy(
    target_port: int = 0, target_host: str = "127.0.0.1", target_path: Path | None = None
) -> AsyncIterator[TcpProxy]:
    """A passing proxy on a free loopback port in front of `target_port` or of a unix socket."""
    proxy = TcpProxy(target_host, target_port, target_path)
    proxy.pass_on()
    server = await asyncio.start_server(proxy._on_connection, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.pass_on()
        proxy.reset()
        await asyncio.gather(*proxy._serving, return_exceptions=True)
        await server.wait_closed()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()
