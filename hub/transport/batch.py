"""Questions that many connections ask at the same time, answered few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Batch(Generic[K, V]):
    """One read at a time; whoever asks while it runs shares the next one, so nobody gets what was read before he asked.

    A storm of thousands costs as many reads as round trips fit into it.
    """

    def __init__(self, read: Callable[[Collection[K]], Awaitable[Mapping[K, V]]], *, most: int = 500) -> None:
        self._read = read
        self._most = most
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """The value, or None when the read does not know the key; raises what the read raises."""
        answer = self._waiting.get(key)
        if answer is None:
            answer = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await asyncio.shield(answer)

    async def _work(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[: self._most]
                await self._answer({key: self._waiting.pop(key) for key in keys})
        finally:
            self._task = None

    async def _answer(self, asked: Mapping[K, asyncio.Future[V | None]]) -> None:
        try:
            found = await self._read(asked.keys())
        except Exception as error:  # noqa: BLE001  it is everybody's who asked
            for answer in asked.values():
                answer.set_exception(error)
                answer.exception()  # taken note of, also when all who asked have gone
            return
        for key, answer in asked.items():
            answer.set_result(found.get(key))
