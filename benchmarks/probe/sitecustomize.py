"""Imported by the interpreter of a server under measurement: notes in a shared file what makes its event loop wait.

The file (`HUB_BENCH_PROBE`) holds three doubles of this machine's byte order, in seconds: the collector's worst pause,
the sum of its pauses, the loop's longest gap. Zeros written there begin a new measurement.
"""

import asyncio
import gc
import mmap
import os
import struct
import time

_FIGURES = struct.Struct("=ddd")
_BEAT_S = 0.005


def _install(path: str) -> None:
    with open(path, "r+b") as file:  # noqa: PTH123 (start-up of the measured program: few imports)
        shared = mmap.mmap(file.fileno(), _FIGURES.size)
    begun_at = 0.0
    beating: asyncio.AbstractEventLoop | None = None

    def note(worst_s: float = 0.0, pause_s: float = 0.0, gap_s: float = 0.0) -> None:
        worst, total, gap = _FIGURES.unpack_from(shared)
        _FIGURES.pack_into(shared, 0, max(worst, worst_s), total + pause_s, max(gap, gap_s))

    def collecting(phase: str, _info: dict[str, int]) -> None:
        nonlocal begun_at, beating
        if phase == "start":
            begun_at = time.perf_counter()
            return
        pause_s = time.perf_counter() - begun_at
        note(pause_s, pause_s)
        loop = asyncio._get_running_loop()  # noqa: SLF001 (the collector runs wherever it wants)
        if loop is not None and loop is not beating:
            beating = loop
            loop.call_soon_threadsafe(beat, loop, time.perf_counter())

    def beat(loop: asyncio.AbstractEventLoop, due_at: float) -> None:
        now = time.perf_counter()
        note(gap_s=now - due_at)
        loop.call_later(_BEAT_S, beat, loop, now + _BEAT_S)

    gc.callbacks.append(collecting)


if "HUB_BENCH_PROBE" in os.environ:
    _install(os.environ["HUB_BENCH_PROBE"])
