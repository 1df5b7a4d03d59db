"""Tests of a node in simulated time."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.sim import SimulatedLoop


def simulated(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test, and the node of its stage, on a loop whose clock jumps."""

    @functools.wraps(test)
    def run(stage: Any, **options: Any) -> None:
        async def main() -> None:
            await stage.node.start()
            try:
                await test(stage, **options)
            finally:
                await stage.node.close()

        with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
            runner.run(main())

    return run
