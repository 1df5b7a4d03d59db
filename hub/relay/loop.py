"""One active relay: outbox rows in order → one batch to the broker → rows deleted (docs/guarantees.md).

Every node runs one; a lease row, by the database's clock, makes one of them active. Safety does not rest on that: two
at once publish twice, and nodes drop what they have. An error while publishing means "unknown", so the rows stay.
No transaction is open while the broker is waited for.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from secrets import token_hex

from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from hub.clock import Clock
from hub.engine.broker import Broker, Message
from hub.relay.bell import Bell
from hub.services import outbox
from hub.services.database import is_unavailable

BATCH_ROWS = 500
POLL_INTERVAL_S = 0.1
RENEW_INTERVAL_S = 1.0
LATE_S = 2.0  # an event that waits longer is worth a line in the log

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """For `/readyz` and metrics. `oldest_age_s`: how long the oldest unpublished event has waited; None: none waits."""

    is_active: bool = False
    oldest_age_s: float | None = None
    checked_at: float | None = None  # monotonic seconds of the last look at the database
    published: int = 0
    failures: int = 0


class Relay:
    """Publishes what this hub's transactions have committed, while it holds the lease."""

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        broker: Broker,
        clock: Clock,
        dsn: str,
        owner: str | None = None,
    ) -> None:
        self._sessions = sessions
        self._broker = broker
        self._clock = clock
        self._owner = (owner or f"{socket.gethostname()}:{os.getpid()}")[:64]
        self._token = token_hex(16)
        self._rung = asyncio.Event()
        self._bell = Bell(dsn, self._rung.set)
        self._renew_at = 0.0
        self._stopping = asyncio.Event()
        self._has_ended = asyncio.Event()
        self._has_ended.set()
        self.status = RelayStatus()

    async def run(self) -> None:
        """Relay until `stop()`; outages are logged and waited out. Never raises but for cancellation."""
        self._has_ended.clear()
        bell = asyncio.create_task(self._bell.run(), name="relay-bell")
        try:
            while not self._stopping.is_set():
                try:
                    await self._turn()
                except Exception as error:  # noqa: BLE001 (the task's boundary: it must outlive every outage)
                    await self._step_back(error)
        finally:
            bell.cancel()
            await asyncio.gather(bell, return_exceptions=True)
            await self._give_back()
            self._has_ended.set()

    async def stop(self) -> None:
        """Finish the batch at hand, hand the lease to whoever wants it, and end `run()`."""
        self._stopping.set()
        self._rung.set()
        await self._has_ended.wait()

    async def _turn(self) -> None:
        self._rung.clear()  # before the look into the outbox: a ring during it is a reason for another look
        if self._clock.monotonic() >= self._renew_at:
            await self._renew()
        if not self.status.is_active:
            await _within(RENEW_INTERVAL_S, self._stopping)
        elif await self._publish_batch() < BATCH_ROWS:
            await _within(POLL_INTERVAL_S, self._rung)

    async def _renew(self) -> None:
        """Take or keep the lease, and look how late the outbox is."""
        async with self._sessions.begin() as session:
            is_active = await outbox.take_lease(session, self._owner, self._token)
            age_s = await outbox.oldest_age_s(session)
        now = self._clock.monotonic()
        self._renew_at = now + RENEW_INTERVAL_S
        if is_active != self.status.is_active:
            log.info("relay %s is %s", self._owner, "active" if is_active else "no longer active")
        if age_s is not None and age_s > LATE_S:
            log.warning("the oldest unpublished event has waited %.1f s", age_s)
        self.status = replace(self.status, is_active=is_active, oldest_age_s=age_s, checked_at=now)

    async def _publish_batch(self) -> int:
        async with self._sessions.begin() as session:
            rows = await outbox.claim(session, BATCH_ROWS)
        if rows:
            await self._broker.publish(_messages(rows))
            async with self._sessions.begin() as session:
                await outbox.settle(session, rows)
            self.status = replace(self.status, published=self.status.published + len(rows))
        return len(rows)

    async def _step_back(self, error: Exception) -> None:
        """After trouble: leave the lease to a node whose links work, and try again when it would be renewed."""
        if isinstance(error, RedisError) or is_unavailable(error):
            log.warning("relay waits, nothing is lost: %s", _first_line(error))
        else:
            log.error("relay failed", exc_info=error)
        if self.status.is_active:
            await self._give_back()
        self.status = replace(self.status, is_active=False, failures=self.status.failures + 1)
        self._renew_at = self._clock.monotonic() + RENEW_INTERVAL_S

    async def _give_back(self) -> None:
        try:
            async with self._sessions.begin() as session:
                await outbox.give_back_lease(session, self._owner, self._token)
        except Exception as error:  # noqa: BLE001 (leaving: the lease runs out by itself in 3 s)
            log.warning("could not give the lease back: %s", _first_line(error))
        self.status = replace(self.status, is_active=False)


async def _within(limit_s: float, event: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), limit_s)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def _messages(rows: Sequence[outbox.OutboxRow]) -> list[Message]:
    return [
        Message(
            channel=row.channel,
            epoch=row.epoch,
            offset=row.off,
            flags=row.flags,
            rights=row.rights,
            created_at_ms=round(row.created_at.timestamp() * 1_000),
            payload=row.payload.encode(),
        )
        for row in rows
    ]
