"""Fan-out: N sockets on one worker, M changes by REST, each socket gets each offset once and in order.

    python -m benchmarks.fanout [--viewers 2000] [--changes 50]

Prints the cost of a delivery in CPU time of the hub, also as a ratio to a C loop of `send()` over as many sockets that
runs before and after it. One change is in flight at a time, so nothing can be batched.
"""

import argparse
import asyncio
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import uvloop

from benchmarks.common import BenchHub, Round, bench_hub, join, machine, quantile

FLOOR_SOURCE = Path(__file__).parent / "floor.c"
MAX_VIEWERS, MAX_CHANGES = 10_000, 500


class Sink(asyncio.Protocol):
    """Counts whole messages of one size."""

    def __init__(self, size: int, current: Round) -> None:
        self._size, self._round, self._received = size, current, 0

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        while self._received >= self._size:
            self._received -= self._size
            self._round.arrived()


async def floor_us(viewers: int, size: int, rounds: int) -> float | None:
    """CPU microseconds per `send()` of `size` bytes; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "floor"
        await asyncio.to_thread(subprocess.run, [compiler, "-O2", "-o", str(program), str(FLOOR_SOURCE)], check=True)
        process = await asyncio.create_subprocess_exec(
            str(program), str(viewers), str(size), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        current = Round(viewers)
        loop, transports = asyncio.get_running_loop(), []
        for _ in range(viewers):
            transport, _sink = await loop.create_connection(lambda: Sink(size, current), "127.0.0.1", port)
            transports.append(transport)
        used_us = 0
        for _ in range(rounds):
            current.start()
            process.stdin.write(b"\n")
            used_us = int(await process.stdout.readline())
            await current.complete()
        process.stdin.close()
        await process.wait()
        for transport in transports:
            transport.abort()
    return used_us / (viewers * rounds)


async def change_cost_s(hub: BenchHub, changes: int) -> float:
    """CPU seconds that as many changes cost when nobody watches."""
    before = hub.cpu_s()
    for _ in range(changes):
        await hub.change()
    await asyncio.sleep(0.3)  # the relay's share
    return hub.cpu_s() - before


async def main(viewers: int, changes: int) -> None:
    async with bench_hub() as hub:
        await change_cost_s(hub, 20)  # warm
        unwatched_s = await change_cost_s(hub, changes)
        start, rss = await hub.head(), hub.rss_bytes()
        current = Round(viewers)
        cpu_s, started_at = hub.cpu_s(), time.perf_counter()
        audience = await join(hub, current, viewers)
        joined_s, join_cpu_s = time.perf_counter() - started_at, hub.cpu_s() - cpu_s
        grown = hub.rss_bytes() - rss

        first, last, cpu_s, started_at = [], [], hub.cpu_s(), time.perf_counter()
        for _ in range(changes):
            current.start()
            await hub.change()
            await current.complete()
            first.append(min(current.delays))
            last.append(max(current.delays))
        took_s = time.perf_counter() - started_at
        await asyncio.sleep(0.3)
        used_s = hub.cpu_s() - cpu_s

        expected = list(range(start + 1, start + changes + 1))
        wrong = [viewer for viewer in audience if viewer.offsets != expected]
        size = audience[0].frame_bytes
        for viewer in audience:
            viewer.transport.abort()
        floors = [await floor_us(viewers, size, changes) for _ in range(2)]

    deliveries = viewers * changes
    own_us = (used_s - unwatched_s) / deliveries * 1e6
    print(f"machine            {machine()}")
    print(f"viewers x changes  {viewers} x {changes} = {deliveries} deliveries of {size} bytes")
    print(f"once and in order  {viewers - len(wrong)} of {viewers} viewers")
    print(f"joining            {viewers / joined_s:.0f}/s, {join_cpu_s / viewers * 1e6:.0f} us CPU each")
    print(f"memory             {grown / viewers / 1024:.1f} KiB per viewer")
    print(f"throughput         {deliveries / took_s:.0f} deliveries/s with one change in flight")
    print(f"change to first    p50 {quantile(first, 0.5) * 1e3:.1f} ms, p95 {quantile(first, 0.95) * 1e3:.1f} ms")
    print(f"change to last     p50 {quantile(last, 0.5) * 1e3:.1f} ms, p95 {quantile(last, 0.95) * 1e3:.1f} ms")
    print(f"CPU per delivery   {own_us:.1f} us (change itself: {unwatched_s / changes * 1e3:.1f} ms, taken off)")
    known = [one for one in floors if one is not None]
    if known:
        floor = sum(known) / len(known)
        print(f"C send() loop      {floor:.1f} us; ratio {own_us / floor:.2f}")
    else:
        print("C send() loop      no compiler here")
    if wrong:
        raise SystemExit(f"{len(wrong)} viewers saw something else than {expected[0]}..{expected[-1]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=2_000)
    parser.add_argument("--changes", type=int, default=50)
    chosen = parser.parse_args()
    if not (0 < chosen.viewers <= MAX_VIEWERS and 0 < chosen.changes <= MAX_CHANGES):
        parser.error(f"at most {MAX_VIEWERS} viewers and {MAX_CHANGES} changes")
    uvloop.run(main(chosen.viewers, chosen.changes))
