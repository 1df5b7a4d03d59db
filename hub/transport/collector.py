"""Keeps Python's garbage collector from looking through thousands of living connections again and again.

A connection's objects live for hours and hold no cycles once its socket is detached. Collecting the young ones and then
freezing what is left, while many come, takes the longest pause of a storm of 10,000 from a second to milliseconds.
"""

import asyncio
import gc
from collections.abc import Callable

INTERVAL_S = 0.1
ENOUGH = 25  # connections that came since the last time
_YOUNG = 1


async def freeze_newcomers(connections: Callable[[], int]) -> None:
    """Runs until cancelled. `connections`: how many there are."""
    frozen_for = 0
    while True:
        await asyncio.sleep(INTERVAL_S)
        count = connections()
        if count - frozen_for >= ENOUGH:
            gc.collect(_YOUNG)  # what is garbage already must not be kept for ever
            gc.freeze()
            frozen_for = count
        elif count < frozen_for:
            frozen_for = count
