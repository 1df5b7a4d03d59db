"""The cell: real PostgreSQL and Valkey, several hub processes, each link through a proxy; writers, viewers, an oracle.

A row of the fault plan breaks something while changes flow, heals it, stops the writers, and asks the oracle whether
every viewer ended with the database's state, having been told each offset once and in order.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from redis.asyncio import Redis

from hub.auth.tokens import Tokens
from hub.clock import SystemClock
from hub.embedded import Postgres, Valkey
from hub.migrate import upgrade
from hub.services import accounts, sessions
from hub.services.database import create_engine, create_sessions
from hub.settings import Settings
from tests.support.cell_viewers import CellViewer, Fold, StreamViewer, WireViewer, digest
from tests.support.hub import SECRET_KEY, HubProcess
from tests.support.proxy import TcpProxy, tcp_proxy
from tests.support.waiting import wait_until

STATUSES = ("operational", "degraded_performance", "partial_outage", "major_outage")
ENV = {
    "HUB_PING_INTERVAL_S": "1",
    "HUB_PONG_TIMEOUT_S": "8",
    "HUB_PREAUTH_SOCKETS_PER_ADDRESS": "0",
    "HUB_DRAIN_S": "1",
}


@dataclass
class CellNode:
    """One hub process and the proxies on its links."""

    hub: HubProcess
    redis: TcpProxy
    database: TcpProxy
    clients: TcpProxy

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.clients.port}"


@dataclass
class Writers:
    """Changes through the real API until told to stop; what was answered, and how fast."""

    answers: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    is_stopping: bool = False

    @property
    def acknowledged(self) -> int:
        return self.answers["200"]

    async def stop(self) -> None:
        """Ends with the last answer: a request that nobody waits for could still change something."""
        self.is_stopping = True
        await asyncio.gather(*self.tasks)
        self.tasks.clear()
        self.is_stopping = False


@dataclass
class Cell:
    postgres_url: str
    valkey: Valkey
    nodes: list[CellNode]
    slug: str = "acme"
    token: str = ""
    components: list[str] = field(default_factory=list)
    viewers: list[CellViewer] = field(default_factory=list)
    writers: Writers = field(default_factory=Writers)
    fired: Counter[str] = field(default_factory=Counter)  # how often each fault was really there
    avoided: set[int] = field(default_factory=set)  # nodes that a balancer would not send anybody to

    @property
    def channel(self) -> str:
        return f"page:{self.slug}"

    def anywhere(self) -> str:
        """What a balancer does."""
        return random.choice([node for number, node in enumerate(self.nodes) if number not in self.avoided]).address

    def at(self, number: int) -> Callable[[], str]:
        return lambda: self.nodes[number].address

    async def add_viewers(self, count: int, where: Callable[[], str] | None = None, *, streams: int = 0) -> None:
        """Returns when all of them have a snapshot."""
        where = where or self.anywhere
        self.viewers += [WireViewer(where, self.channel) for _ in range(count)]
        self.viewers += [StreamViewer(where, self.slug) for _ in range(streams)]
        await wait_until(lambda: all(one.fold.offset >= 0 for one in self.viewers), within_s=60)

    def write(self, *, writers: int = 3, every_s: float = 0.1, where: Callable[[], str] | None = None) -> None:
        """Start `writers` that each change a component of their own."""
        for number in range(writers):
            component = self.components[number % len(self.components)]
            work = self._write(component, every_s, where or self.anywhere)
            self.writers.tasks.append(asyncio.create_task(work))

    async def change(self, times: int = 1, where: Callable[[], str] | None = None) -> None:
        """Changes that must be acknowledged."""
        for _ in range(times):
            before = self.writers.acknowledged
            await self._change(self.components[0], (where or self.anywhere)())
            assert self.writers.acknowledged == before + 1, self.writers.answers

    async def flowed(self, count: int, within_s: float = 30.0) -> None:
        """Wait until the writers have had `count` more acknowledged."""
        wanted = self.writers.acknowledged + count
        await wait_until(lambda: self.writers.acknowledged >= wanted, within_s=within_s)

    async def snapshot(self) -> tuple[str, int, str]:
        """(epoch, offset, digest) as a visitor reads it by REST."""
        async with httpx2.AsyncClient(base_url=self.anywhere(), timeout=10) as client:
            answer = await client.get(f"/api/v1/pages/{self.slug}/snapshot")
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        return data["epoch"], data["offset"], digest(data)

    async def expect_equal(self, within_s: float = 30.0) -> float:
        """Stop the writers; every viewer must end with the database's state. Seconds that it took from now."""
        await self.writers.stop()
        started = time.monotonic()
        wanted = await self._final_state(within_s)

        def behind() -> list[Fold]:
            return [one.fold for one in self.viewers if _state_of(one.fold) != wanted]

        try:
            await wait_until(lambda: not behind(), within_s=within_s)
        except AssertionError:
            late = [(fold.epoch, fold.offset, fold.faults, fold.told) for fold in behind()[:5]]
            raise AssertionError(f"stale_end {len(behind())} of {len(self.viewers)}, wanted {wanted}: {late}") from None
        return time.monotonic() - started

    def expect_clean(self) -> None:
        """Nothing doubled, lost or out of order in front of any viewer; and the run was one worth the name."""
        faults: Counter[str] = sum((one.fold.faults for one in self.viewers), Counter())
        told: Counter[str] = sum((one.fold.told for one in self.viewers), Counter())
        counted = {"fired": self.fired, "writes": self.writers.answers, "told": told, "faults": faults}
        print(f"{len(self.viewers)} viewers:", {name: dict(counter) for name, counter in counted.items()})  # noqa: T201
        assert not faults
        assert self.writers.acknowledged > 0
        assert told["publications"] > 0
        assert all(self.fired.values())

    async def close(self) -> None:
        await self.writers.stop()
        await asyncio.gather(*(one.close() for one in self.viewers))

    async def _final_state(self, within_s: float) -> tuple[str, int, str]:
        async def answer() -> tuple[str, int, str] | None:
            with contextlib.suppress(httpx2.TransportError, AssertionError):
                return await self.snapshot()
            return None

        found = await wait_until(answer, within_s=within_s, every_s=0.1)
        assert found is not None
        return found

    async def _write(self, component: str, every_s: float, where: Callable[[], str]) -> None:
        while not self.writers.is_stopping:
            await self._change(component, where())
            await asyncio.sleep(random.uniform(0.5, 1.5) * every_s)

    async def _change(self, component: str, address: str) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        turn = sum(self.writers.answers.values())
        body = {"status": STATUSES[turn % len(STATUSES)], "description": f"turn {turn}"}
        started = time.monotonic()
        try:
            async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=8) as client:
                answer = await client.patch(f"/api/v1/pages/{self.slug}/components/{component}", json=body)
        except httpx2.TransportError:
            self.writers.answers["unknown"] += 1
            return
        self.writers.answers[str(answer.status_code)] += 1
        if answer.status_code == 200:
            self.writers.seconds.append(time.monotonic() - started)


def _state_of(fold: Fold) -> tuple[str, int, str]:
    return fold.epoch, fold.offset, digest(fold.state)


@contextlib.asynccontextmanager
async def open_cell(
    *,
    socket_of_postgres: Path,
    database: str,
    valkey: Valkey,
    directory: Path,
    nodes: int = 2,
    env: Mapping[str, str] | None = None,
    make_process: Callable[..., HubProcess] = HubProcess,
) -> AsyncIterator[Cell]:
    """A running cell with one public page of four components; `database` has its tables."""
    async with contextlib.AsyncExitStack() as stack:
        made: list[CellNode] = []
        for _ in range(nodes):
            to_redis = await stack.enter_async_context(tcp_proxy(target_path=valkey.socket_path))
            to_database = await stack.enter_async_context(tcp_proxy(target_path=socket_of_postgres))
            hub = make_process(
                database_url=f"postgresql://hub@127.0.0.1:{to_database.port}/{database}",
                redis_url=f"redis://127.0.0.1:{to_redis.port}/0",
                directory=directory,
                env={**ENV, **(env or {})},
            )
            to_clients = await stack.enter_async_context(tcp_proxy(hub.port))
            stack.push_async_callback(hub.kill)
            hub.launch()
            made.append(CellNode(hub, to_redis, to_database, to_clients))
        cell = Cell(f"postgresql://hub@/{database}?host={socket_of_postgres.parent}", valkey, made)
        stack.push_async_callback(cell.close)
        first = made[0].hub
        cell.token = await _sign_in(first)
        await first.wait_ready(within_s=60)
        await _make_page(cell)
        await asyncio.gather(*(node.hub.wait_ready(within_s=60) for node in made))
        yield cell


async def _sign_in(hub: HubProcess) -> str:
    """An administrator's access token; by the services, as the command line takes a second for each step."""
    settings = Settings.model_validate({"database_url": hub.env["DATABASE_URL"], "hub_secret_key": SECRET_KEY})
    engine = create_engine(settings.sqlalchemy_url, pool_size=1)
    now = SystemClock().now()
    try:
        async with create_sessions(engine).begin() as session:
            await accounts.create_account(
                session, "admin@example.test", "correct horse battery", is_admin=True, is_verified=True, now=now
            )
        async with create_sessions(engine).begin() as session:
            return await sessions.issue_token_for(session, Tokens.of(settings), "admin@example.test", now)
    finally:
        await engine.dispose()


async def _make_page(cell: Cell) -> None:
    headers = {"Authorization": f"Bearer {cell.token}"}
    async with httpx2.AsyncClient(base_url=cell.nodes[0].address, headers=headers, timeout=20) as operator:
        answer = await operator.post("/api/v1/pages", json={"slug": cell.slug, "title": "Acme"})
        assert answer.status_code == 201, answer.text
        for name in ("API", "Website", "Mail", "Search"):
            answer = await operator.post(f"/api/v1/pages/{cell.slug}/components", json={"name": name})
            assert answer.status_code == 201, answer.text
            cell.components.append(answer.json()["data"]["id"])


def socket_of(postgres: Postgres) -> Path:
    return postgres.directory.sockets / ".s.PGSQL.5432"


async def migrated(postgres: Postgres) -> str:
    """The name of the server's database `hub`, with all tables."""
    await asyncio.to_thread(upgrade, postgres.url.replace("postgresql:", "postgresql+asyncpg:", 1))
    return "hub"


def admin_of(valkey: Valkey) -> Redis:
    return Redis.from_url(valkey.url, decode_responses=True)
