"""A private hub, a page on it and thousands of cheap viewers, all on the loopback."""

import asyncio
import contextlib
import json
import platform
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx2
import psutil

from benchmarks.processes import pinned
from tests.support.hub import HubProcess
from tests.support.servers import Servers
from tests.support.wire_server import client_frame, upgrade_request

STATUSES = ("degraded_performance", "partial_outage", "major_outage", "operational")


class Round:
    """Counts who has received the publication at hand."""

    def __init__(self, viewers: int) -> None:
        self._viewers = viewers
        self.start()

    def start(self) -> None:
        self.started_at = time.perf_counter()
        self.delays: list[float] = []
        self._is_complete = asyncio.Event()

    def elapsed_s(self) -> float:
        return time.perf_counter() - self.started_at

    def arrived(self) -> None:
        self.delays.append(self.elapsed_s())
        if len(self.delays) >= self._viewers:
            self._is_complete.set()

    async def complete(self, within_s: float = 20.0) -> None:
        async with asyncio.timeout(within_s):
            await self._is_complete.wait()


class Viewer(asyncio.Protocol):
    """One raw WebSocket that follows one channel and notes offsets; parses no more than it must."""

    def __init__(self, channel: str, current: Round) -> None:
        self.offsets: list[int] = []
        self.frame_bytes = 0
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._channel = channel
        self._round = current
        self._buffer = b""
        self._is_upgraded = False
        self._commands = 1
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self.transport.write(upgrade_request("/connection/websocket"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.joined.done():
            self.joined.set_exception(exc or ConnectionError("closed by the hub"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_upgraded:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101 "), head
            self._is_upgraded, self._buffer = True, rest
            self.transport.write(client_frame(1, b'{"id":1,"connect":{}}'))
            self._subscribe()
        while (size := self._frame_size()) is not None:
            frame, self._buffer = self._buffer[:size], self._buffer[size:]
            self._on_frame(frame)

    def _subscribe(self) -> None:
        self._commands += 1
        command = {"id": self._commands, "subscribe": {"channel": self._channel, "flag": 1}}
        self.transport.write(client_frame(1, json.dumps(command).encode()))

    def _frame_size(self) -> int | None:
        """Header and payload of the first frame, if all of it is here."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        short = buffer[1]
        head = {126: 4, 127: 10}.get(short, 2)
        if len(buffer) < head:
            return None
        size = head + (short if head == 2 else int.from_bytes(buffer[2:head], "big"))
        return size if len(buffer) >= size else None

    def _on_frame(self, frame: bytes) -> None:
        if b'"pub":' in frame:
            offset = frame.rpartition(b'"offset":')[2]
            self.offsets.append(int(offset[: len(offset) - len(offset.lstrip(b"0123456789"))]))
            self.frame_bytes = len(frame)
            self._round.arrived()
        elif b'"subscribe":' in frame and not self.joined.done():
            self.joined.set_result(None)
        elif b'"temporary":true' in frame:  # a hub under load asks for patience, as it may
            asyncio.get_running_loop().call_later(0.2 * self._commands, self._subscribe)


@dataclass
class BenchHub:
    process: HubProcess
    operator: httpx2.AsyncClient
    slug: str
    component: str
    changes: int = 0

    @property
    def channel(self) -> str:
        return f"page:{self.slug}"

    def cpu_s(self) -> float:
        used = psutil.Process(self.process.pid).cpu_times()
        return used.user + used.system

    def rss_bytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    async def change(self) -> None:
        """Set the component's status: one publication."""
        status = STATUSES[self.changes % len(STATUSES)]
        self.changes += 1
        path = f"/api/v1/pages/{self.slug}/components/{self.component}"
        answer = await self.operator.patch(path, json={"status": status})
        assert answer.status_code == 200, answer.text

    async def head(self) -> int:
        answer = await self.operator.get(f"/api/v1/pages/{self.slug}/snapshot")
        return int(answer.json()["data"]["offset"])


@contextlib.asynccontextmanager
async def bench_hub(
    env: Mapping[str, str] | None = None,
    *,
    servers: Servers | None = None,
    redis_url: str | None = None,
    core: int | None = None,
) -> AsyncIterator[BenchHub]:
    """One hub process, on `core` alone if given, with a page `bench` of one component.

    Over PostgreSQL and Valkey of its own, unless `servers` are given.
    """
    with contextlib.ExitStack() as stack:
        if servers is None:
            servers = Servers()
            stack.callback(servers.close)
            servers.start()
        hub = HubProcess(
            database_url=servers.create_database(),
            redis_url=redis_url or servers.valkey.url,
            directory=Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-"))),
            env={"HUB_PING_INTERVAL_S": "600", "HUB_LOG_LEVEL": "warning", **(env or {})},
        )
        try:
            with contextlib.nullcontext() if core is None else pinned(core):
                hub.launch()
            await hub.wait_ready()
            async with await hub.admin_client() as operator:
                made = await operator.post("/api/v1/pages", json={"slug": "bench", "title": "Bench"})
                assert made.status_code == 201, made.text
                made = await operator.post("/api/v1/pages/bench/components", json={"name": "API"})
                assert made.status_code == 201, made.text
                yield BenchHub(hub, operator, "bench", made.json()["data"]["id"])
        finally:
            await hub.stop()


async def join(hub: BenchHub, current: Round, count: int, at_once: int = 50) -> list[Viewer]:
    """`count` viewers of the hub's page, `at_once` handshakes at a time."""
    loop, viewers, slots = asyncio.get_running_loop(), [], asyncio.Semaphore(at_once)

    async def one() -> Viewer:
        async with slots:
            _, viewer = await loop.create_connection(
                lambda: Viewer(hub.channel, current), "127.0.0.1", hub.process.port
            )
            await asyncio.wait_for(viewer.joined, 30)
            return viewer

    viewers = await asyncio.gather(*(one() for _ in range(count)))
    return list(viewers)


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def machine() -> str:
    return f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} CPUs, Python {platform.python_version()}"
