"""The timers of all connections of a process: one for all instead of one each.

A wheel of slots of `SLOT_S` seconds. A connection stands in one slot, the earliest at which something may be due; when
that comes it is asked, and put into the slot of its next deadline. Pongs and commands, which only move deadlines
further away, touch nothing.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Callable
from typing import Protocol

SLOT_S = 0.1

log = logging.getLogger(__name__)


class Timed(Protocol):
    """What stands on the wheel; `slot` belongs to the wheel, None while it stands nowhere."""

    slot: int | None

    @property
    def deadline(self) -> float:
        """Monotonic seconds; infinite when nothing will be due."""

    def tick(self, now: float) -> None:
        """Do what is due."""


class Sweep:
    """`monotonic`: the clock that deadlines are given in."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._slots: dict[int, list[Timed]] = {}

    def watch(self, item: Timed) -> None:
        """Look at `item` again when its deadline has come; call it whenever the deadline may have come nearer."""
        deadline = item.deadline
        if deadline == math.inf:
            return
        slot = math.ceil(deadline / SLOT_S)
        if item.slot is None or slot < item.slot:
            item.slot = slot
            self._slots.setdefault(slot, []).append(item)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Turn while the block runs."""
        turning = asyncio.create_task(self._turn(), name="sweep")
        try:
            yield
        finally:
            turning.cancel()
            await asyncio.gather(turning, return_exceptions=True)

    async def _turn(self) -> None:
        while True:
            await asyncio.sleep(SLOT_S)
            self.turn()

    def turn(self) -> None:
        """Ask everybody whose slot has come."""
        now = self._monotonic()
        reached = math.floor(now / SLOT_S)
        for slot in sorted(slot for slot in self._slots if slot <= reached):
            for item in self._slots.pop(slot):
                if item.slot == slot:  # else it has moved to an earlier one, or ended
                    item.slot = None
                    self._ask(item, now)

    def _ask(self, item: Timed, now: float) -> None:
        try:
            item.tick(now)
        except Exception:
            log.exception("a connection's tick failed")
        self.watch(item)
