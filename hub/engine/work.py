"""Tasks that nobody waits for, ended together."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

Work = Callable[[], Coroutine[Any, Any, None]]
Spawn = Callable[[Work], None]

log = logging.getLogger(__name__)


class Tasks:
    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Work) -> None:
        """Run it; what it raises is logged."""
        task = asyncio.get_running_loop().create_task(_guard(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _guard(work: Work) -> None:
    try:
        await work()
    except Exception:
        log.exception("work of the node failed")
