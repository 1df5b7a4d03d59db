"""From a change by REST to the frame on an open socket: what a visitor waits, without his browser.

    python -m benchmarks.change_to_page [--changes 200]

The clock starts before the request is sent, so the whole transaction is in the figure.
"""

import argparse

import uvloop

from benchmarks.common import Round, bench_hub, join, machine, quantile

MAX_CHANGES = 2_000


async def main(changes: int) -> None:
    async with bench_hub() as hub:
        current = Round(1)
        await join(hub, current, 1)
        delays, answers = [], []
        for number in range(changes + 20):
            current.start()
            await hub.change()
            answered_s = current.elapsed_s()
            await current.complete()
            if number >= 20:  # the first ones warm pools and caches
                delays.append(current.delays[0])
                answers.append(answered_s)
    print(f"machine            {machine()}")
    print(f"change -> answer   p50 {quantile(answers, 0.5) * 1e3:.1f} ms, p95 {quantile(answers, 0.95) * 1e3:.1f} ms")
    print(
        f"change -> socket   p50 {quantile(delays, 0.5) * 1e3:.1f} ms, p95 {quantile(delays, 0.95) * 1e3:.1f} ms, "
        f"p99 {quantile(delays, 0.99) * 1e3:.1f} ms over {changes} changes"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=200)
    chosen = parser.parse_args()
    if not 0 < chosen.changes <= MAX_CHANGES:
        parser.error(f"at most {MAX_CHANGES} changes")
    uvloop.run(main(chosen.changes))
