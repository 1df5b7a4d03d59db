"""Tasks that nobody waits for, ended together."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

Work = Callable[[], Coroutine[Any, Any, None]]
Spawn = Callable[[Work], None]

AGAIN_S = 1.0

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
        await end(*self._running)


async def end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel, and return when all have ended. Asked again and again: a library can swallow a cancellation."""
    running = {task for task in tasks if not task.done()}
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # taken note of


async def _guard(work: Work) -> None:
    try:
        await work()
    except Exception:
        log.exception("work of the node failed")
