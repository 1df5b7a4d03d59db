"""Writers, a consumer and relay processes for tests of the relay."""

import asyncio
import contextlib
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text

from hub.clock import SystemClock
from hub.engine.broker import Message
from hub.engine.broker_redis import RedisBroker
from hub.relay.loop import Relay
from hub.services import outbox
from hub.services.database import Sessions, create_engine, create_sessions


@dataclass
class Stage:
    """One test's clean outbox with its channels, and a node's ear on all of them."""

    database_url: str
    redis_url: str
    sessions: Sessions
    channels: dict[str, int]
    consumer: "Consumer"
    started: list[tuple[Relay, asyncio.Task[None], RedisBroker]] = field(default_factory=list)

    async def append(self, *names: str, roll_back: bool = False) -> None:
        """One transaction that gives each named channel its next offset."""
        async with self.sessions() as session, session.begin() as transaction:
            ids = sorted(self.channels[name] for name in names)
            now = SystemClock().now()
            await outbox.append(session, [outbox.Append(one, "test", '{"n":1}') for one in ids], now)
            if roll_back:
                await transaction.rollback()

    async def heads(self) -> dict[str, int]:
        async with self.sessions() as session:
            rows = await session.execute(text("SELECT name, head FROM channel"))
            return {row.name: row.head for row in rows if row.name in self.channels}

    async def waiting(self) -> int:
        async with self.sessions() as session:
            return int(await session.scalar(text("SELECT count(*) FROM outbox")) or 0)

    async def is_outbox_empty(self) -> bool:
        return await self.waiting() == 0

    async def idle_transactions(self) -> int:
        """How many connections sit in a transaction without doing anything."""
        async with self.sessions() as session:
            idle = text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND state = 'idle in transaction' AND state_change < clock_timestamp() - interval '500 ms'"
            )
            return int(await session.scalar(idle) or 0)

    async def has_all_arrived(self) -> bool:
        return await self.heads() == self.consumer.positions(self.channels) and await self.waiting() == 0

    def relay(self, *, dsn: str | None = None) -> Relay:
        """Start one more relay in this process."""
        broker = RedisBroker(self.redis_url, SystemClock())
        relay = Relay(self.sessions, broker, SystemClock(), dsn or self.database_url, f"test-{len(self.started)}")
        self.started.append((relay, asyncio.create_task(relay.run()), broker))
        return relay


class Consumer:
    """What a node does with what it hears: drops the offsets it has, and notes those it cannot follow."""

    def __init__(self) -> None:
        self.taken: dict[str, list[int]] = defaultdict(list)
        self.duplicates = 0
        self.holes: list[tuple[str, int, int]] = []
        self.suspicions: list[str] = []
        self.heard: list[Message] = []

    def hear(self, message: Message) -> None:
        self.heard.append(message)
        position = len(self.taken[message.channel])
        if message.offset <= position:
            self.duplicates += 1
        elif message.offset == position + 1:
            self.taken[message.channel].append(message.offset)
        else:
            self.holes.append((message.channel, position, message.offset))

    def positions(self, channels: Iterable[str]) -> dict[str, int]:
        return {name: len(self.taken[name]) for name in channels}


@contextlib.asynccontextmanager
async def stage(
    database_url: str, redis_url: str, names: Sequence[str] = ("page:a", "page:b", "page:c")
) -> AsyncIterator[Stage]:
    """Channels in an empty database, and an ear that is subscribed to them."""
    engine = create_engine(database_url, pool_size=5)
    sessions = create_sessions(engine)
    async with sessions.begin() as session:
        for name in names:
            await session.execute(text("INSERT INTO channel (name, epoch) VALUES (:name, 'e1')"), {"name": name})
        rows = await session.execute(
            text("SELECT name, id FROM channel WHERE name = ANY(:names)"), {"names": list(names)}
        )
        channels = {row.name: row.id for row in rows}
    consumer = Consumer()
    ear = RedisBroker(redis_url, SystemClock())
    await ear.start(consumer.hear, consumer.suspicions.append)
    for name in names:
        await ear.subscribe(name)
    here = Stage(database_url, redis_url, sessions, channels, consumer)
    try:
        yield here
    finally:
        for relay, task, broker in here.started:
            await relay.stop()
            await task
            await broker.close()
        await ear.close()
        await engine.dispose()


@contextlib.asynccontextmanager
async def relay_process(here: Stage, *, dies: str = "never") -> AsyncIterator[asyncio.subprocess.Process]:
    """A relay in a process of its own; `dies`: never, before_publish, mid_batch or after_publish (by SIGKILL)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.relay_process", here.database_url, here.redis_url, dies
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
        await process.wait()
