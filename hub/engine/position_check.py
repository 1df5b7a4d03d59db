"""Comparing where this node stands with the logs: pub/sub can lose the last message, and then no gap ever shows."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Sequence

from hub.clock import Clock
from hub.engine.live import LiveChannel
from hub.engine.reads import Reads
from hub.engine.tally import Tally
from hub.errors import HubError

INTERVAL_S = 2.0
PATIENCE_S = 0.2
SUSPECT_DELAY_S = 0.5

log = logging.getLogger(__name__)


class PositionCheck:
    """`channels`: all of the node that have positions. One question to each log, whatever their number."""

    def __init__(
        self,
        channels: Callable[[], Iterable[LiveChannel]],
        main: Reads,
        *,
        clock: Clock,
        rng: random.Random,
        tally: Tally,
    ) -> None:
        self._channels = channels
        self._main = main
        self._clock = clock
        self._rng = rng
        self._tally = tally
        self._is_suspect = False
        self.answered_at = float("-inf")  # when the main log last did, monotonic seconds

    def begin(self) -> None:
        self.answered_at = self._clock.monotonic()

    def suspect(self, reason: str) -> bool:
        """Messages may have been lost; whether `run_soon` is to be run now."""
        if self._is_suspect:
            return False
        self._is_suspect = True
        self._tally.suspicions += 1
        log.info("messages may have been lost (%s): comparing every channel with the log", reason)
        return True

    async def run_soon(self) -> None:
        """Check everything, after a delay that differs from node to node."""
        await asyncio.sleep(self._rng.uniform(0, SUSPECT_DELAY_S))
        self._is_suspect = False
        await self._check_all(list(self._channels()), patience_s=0.0)

    async def run_forever(self) -> None:
        """Check again and again what was silent since the last time."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            silent = [live for live in self._channels() if live.is_silent]
            for live in self._channels():
                live.is_silent = True
            await self._check_all(silent, PATIENCE_S)

    async def _check_all(self, channels: Sequence[LiveChannel], patience_s: float) -> None:
        if not channels:
            self.answered_at = self._clock.monotonic()
        by_log: dict[Reads, list[LiveChannel]] = {}
        for live in channels:
            by_log.setdefault(live.reads, []).append(live)
        for reads, its in by_log.items():  # one log that is away keeps nobody from asking the other
            await self._check(reads, its, patience_s)

    async def _check(self, reads: Reads, channels: Sequence[LiveChannel], patience_s: float) -> None:
        """Compare positions with the log; a lag alone gets `patience_s` to heal by itself."""
        asked_at = {live: live.state.position for live in channels}
        try:
            tops = await reads.tops([live.name for live in channels])
        except HubError as error:
            log.warning("positions cannot be checked: %s", error.code)
            return
        if reads is self._main:
            self.answered_at = self._clock.monotonic()
        late = []
        for live, position in asked_at.items():
            top = tops.get(live.name)
            if patience_s and top is not None and live.state.is_lagging(top):
                late.append(live)
            else:
                live.perform(live.state.checked(top, position))
        if late:
            await asyncio.sleep(patience_s)
            await self._check(reads, late, 0.0)
