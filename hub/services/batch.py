"""Questions that many connections ask at the same time, answered few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

STORM_PER_S = 200.0
MAX_GATHER_S = 1.0


class Batch(Generic[K, V]):
    """One read at a time; whoever asks while it runs shares the next one, so nobody gets what was read before he asked.

    A read waits `gather_s` for others to join it, and longer when more than `storm_per_s` ask: a storm of thousands
    costs a read or so for each second that it lasts.
    """

    def __init__(
        self,
        read: Callable[[Collection[K]], Awaitable[Mapping[K, V]]],
        *,
        gather_s: float = 0.01,
        storm_per_s: float = STORM_PER_S,
        most: int = 5_000,
    ) -> None:
        self._read = read
        self._gather_s = gather_s
        self._storm_per_s = storm_per_s
        self._most = most
        self._waiting: dict[K, list[asyncio.Future[V | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """The value, or None when the read does not know the key; raises what the read raises."""
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(answer)
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        gather_s = self._gather_s
        try:
            while self._waiting:
                await asyncio.sleep(gather_s)
                asked = {key: self._waiting.pop(key) for key in list(self._waiting)[: self._most]}
                await self._answer(asked)
                gather_s = min(MAX_GATHER_S, max(self._gather_s, sum(map(len, asked.values())) / self._storm_per_s))
        finally:
            self._task = None

    async def _answer(self, asked: Mapping[K, list[asyncio.Future[V | None]]]) -> None:
        try:
            found = await self._read(asked.keys())
        except Exception as error:  # noqa: BLE001  it is everybody's who asked
            for answer in _open(asked.values()):
                answer.set_exception(error)
            return
        for key, answers in asked.items():
            for answer in _open([answers]):
                answer.set_result(found.get(key))


def _open(many: Iterable[list[asyncio.Future[V | None]]]) -> Iterator[asyncio.Future[V | None]]:
    """Those whose askers have not gone."""
    return (answer for answers in many for answer in answers if not answer.done())
