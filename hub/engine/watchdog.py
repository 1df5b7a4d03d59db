"""Notices from a thread of its own when the event loop stands still, says where, and ends the process if it stays so.

A loop that stands still serves nobody while its sockets look fine. What has ended is started again by its supervisor,
and its viewers come back elsewhere.
"""

import asyncio
import logging
import os
import sys
import threading
import time
import traceback
from collections import deque

REPORT_AFTER_S = 1.0
END_AFTER_S = 10.0
EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h
_BEAT_S = 0.1
_LOOK_S = 0.25
_MEMORY_S = 60.0
_LOG_WITHIN_S = 2.0

log = logging.getLogger(__name__)


class Watchdog:
    """Started and stopped in the loop that it watches. Counts only time in which this process could run at all:

    one that was stopped (SIGSTOP, a sleeping machine) has not stood still.
    """

    def __init__(self, *, report_after_s: float = REPORT_AFTER_S, end_after_s: float = END_AFTER_S) -> None:
        self._report_after_s = report_after_s
        self._end_after_s = end_after_s
        self._beats = 0
        self._beaten_at = 0.0
        self._gaps: deque[tuple[float, float]] = deque()  # (when it ended, seconds), those of the last minute
        self._is_over = threading.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._beaten_at = time.monotonic()
        self._timer = loop.call_later(_BEAT_S, self._beat, loop)
        watched = threading.get_ident()
        self._thread = threading.Thread(target=self._watch, args=(watched,), name="loop-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()

    def longest_gap_s(self) -> float:
        """The longest pause of the loop within the last minute, seconds."""
        self._forget(time.monotonic())
        return max((gap for _, gap in self._gaps), default=0.0)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic()
        gap_s = now - self._beaten_at - _BEAT_S
        self._beats += 1
        self._beaten_at = now
        self._forget(now)
        while self._gaps and self._gaps[-1][1] <= gap_s:
            self._gaps.pop()  # a longer one that is younger makes it irrelevant
        self._gaps.append((now, gap_s))
        self._timer = loop.call_later(_BEAT_S, self._beat, loop)

    def _forget(self, now: float) -> None:
        while self._gaps and self._gaps[0][0] < now - _MEMORY_S:
            self._gaps.popleft()

    def _watch(self, thread_id: int) -> None:
        beats, still_s, is_reported = self._beats, 0.0, False
        looked_at = time.monotonic()
        while not self._is_over.wait(_LOOK_S):
            now = time.monotonic()
            passed_s, looked_at = min(now - looked_at, 2 * _LOOK_S), now
            if self._beats != beats:
                if is_reported:
                    log.warning("the event loop runs again")
                beats, still_s, is_reported = self._beats, 0.0, False
                continue
            still_s += passed_s
            if still_s >= self._end_after_s:
                self._end(thread_id, still_s)
            if still_s >= self._report_after_s and not is_reported:
                is_reported = True
                log.error("the event loop has stood still for %.1f s:\n%s", still_s, _stack(thread_id))

    def _end(self, thread_id: int, still_s: float) -> None:
        """Not in order: what would do that in order is what stands still. Nor may a held lock of the log keep us."""
        words = ("the event loop has stood still for %.1f s, the process ends:\n%s", still_s, _stack(thread_id))
        saying = threading.Thread(target=log.critical, args=words, daemon=True)
        saying.start()
        saying.join(_LOG_WITHIN_S)
        os._exit(EXIT_CODE)


def _stack(thread_id: int) -> str:
    frame = sys._current_frames().get(thread_id)  # noqa: SLF001 (the documented way to see another thread)
    return "".join(traceback.format_stack(frame)) if frame is not None else "(no stack)"
