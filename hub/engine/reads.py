"""Reads of the log and the snapshots, bounded: few at a time, nobody waits long, equal ones are shared."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from hub.engine.broker import Log, SnapshotAt, Snapshots, Top
from hub.engine.work import end
from hub.errors import HubError, NotFound, Unavailable
from hub.protocol.stream import Publication

T = TypeVar("T")

MAX_CONCURRENT_READS = 4
MAX_WAIT_S = 2.0

log = logging.getLogger(__name__)


class Reads:
    """Every failure is a HubError: NotFound, or Unavailable for whatever the storage raised."""

    def __init__(self, source: Log, snapshots: Snapshots) -> None:
        self._log = source
        self._snapshots = snapshots
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self._shared: dict[Hashable, asyncio.Task[Any]] = {}

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Top]:
        async with self._slot():
            return await self._log.tops(channels)

    async def top(self, channel: str) -> Top | None:
        return (await self.tops([channel])).get(channel)

    async def known_top(self, channel: str) -> Top:
        """Raises NotFound when there is no such channel."""
        top = await self.top(channel)
        if top is None:
            raise NotFound
        return top

    async def after(self, channel: str, offset: int, limit: int) -> tuple[list[Publication], Top | None]:
        """Publications above `offset`, and where the channel stood after they were read.

        In this order, an unchanged epoch in the answer proves that all of them belong to it.
        """
        async with self._slot():
            publications = await self._log.read_after(channel, offset, limit)
            return publications, (await self._log.tops([channel])).get(channel)

    async def snapshot(self, channel: str) -> SnapshotAt:
        async with self._slot():
            return await self._snapshots.snapshot(channel)

    async def shared(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """The answer of `read`, or of the one under `key` that is already on its way.

        A caller that is cancelled does not cancel the read under the others.
        """
        task: asyncio.Task[T] | None = self._shared.get(key)
        if task is None:
            task = asyncio.ensure_future(_as_coroutine(read))
            self._shared[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if task.cancelled() and caller is not None and not caller.cancelling():
                raise Unavailable from None  # the node is closing, not the caller
            raise

    async def close(self) -> None:
        await end(*self._shared.values())

    def _forget(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        self._shared.pop(key, None)
        if not task.cancelled():
            task.exception()  # taken note of, also when every caller has gone

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(MAX_WAIT_S):  # `wait_for` can swallow a cancellation on Python 3.11
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable from None
        try:
            yield
        except HubError:
            raise
        except Exception as error:  # whatever the driver raises; here it only means "away"
            log.warning("storage does not answer: %s: %s", type(error).__name__, error)
            raise Unavailable from error
        finally:
            self._slots.release()


async def _as_coroutine(read: Callable[[], Awaitable[T]]) -> T:
    return await read()
