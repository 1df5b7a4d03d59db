"""From a change by REST to the words on an open page: what a visitor waits, browser included.

    python -m benchmarks.change_to_browser [--changes 100]

The page is open in headless Chromium; the moment its row shows the new status is taken in the page, by the same
machine's clock. The clock starts before the request is sent.
"""

import argparse
import asyncio
import time

from benchmarks.common import STATUSES, bench_hub, machine, quantile
from tests.support.browser import open_browser

MAX_CHANGES = 1_000
WORDS = {
    "operational": "Operational",
    "degraded_performance": "Degraded performance",
    "partial_outage": "Partial outage",
    "major_outage": "Major outage",
}
WATCH = """() => {
    globalThis.seen = [];
    const status = () => document.querySelector('.component .status').textContent.trim();
    let last = status();
    new MutationObserver(() => {
        if (status() === last) return;
        last = status();
        seen.push([last, performance.timeOrigin + performance.now()]);
    }).observe(document.getElementById('components'), {
        subtree: true, childList: true, attributes: true, characterData: true,
    });
}"""
# The page's content policy refuses what playwright's own waiting would have it evaluate.
ARRIVED = """(count) => new Promise((resolve) => {
    const look = () => (seen.length >= count ? resolve() : setTimeout(look, 5));
    look();
})"""


async def main(changes: int) -> None:
    async with bench_hub() as hub, open_browser() as browser:
        tab = await browser.new_page()
        await tab.goto(f"{hub.process.base_url}/p/{hub.slug}")
        await tab.wait_for_selector("body[data-live=live]")
        await tab.evaluate(WATCH)
        begun_ms, expected = [], []
        for number in range(changes):
            expected.append(WORDS[STATUSES[hub.changes % len(STATUSES)]])
            begun_ms.append(time.time() * 1e3)
            await hub.change()
            await tab.evaluate(ARRIVED, number + 1)
        seen = await tab.evaluate("seen")
    assert [word for word, _ in seen] == expected, "a status was missed or came out of order"
    delays = [at - begun for (_, at), begun in zip(seen, begun_ms, strict=True)]
    print(f"machine            {machine()}")
    print(
        f"change -> page     p50 {quantile(delays, 0.5):.1f} ms, p95 {quantile(delays, 0.95):.1f} ms, "
        f"max {max(delays):.1f} ms over {changes} changes, all seen in order"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=100)
    chosen = parser.parse_args()
    if not 0 < chosen.changes <= MAX_CHANGES:
        parser.error(f"at most {MAX_CHANGES} changes")
    asyncio.run(main(chosen.changes))
