"""How long this process itself stood still, for tests that look at moments."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

_TICK_S = 0.02


class Pauses:
    def __init__(self) -> None:
        self.longest_s = 0.0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Pauses"]:
        task = asyncio.create_task(self._measure())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _measure(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_TICK_S)
            self.longest_s = max(self.longest_s, time.monotonic() - before - _TICK_S)
