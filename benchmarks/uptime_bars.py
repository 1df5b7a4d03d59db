"""Bars of a large page: daily rows against reading every interval. `python -m benchmarks.uptime_bars [--json]`

500 components, 90 days, 200 changes each. Both ways give the same figures, which is checked; the ratio of their times
depends little on the machine.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.audience import OPERATORS
from hub.domain.uptime import last_days, timeline, total
from hub.services.database import Sessions, create_engine, create_sessions
from hub.services.days import recount
from hub.services.intervals import load_intervals
from hub.services.state import load_page
from hub.services.uptime import page_uptime
from tests.support.plain_days import day_figures
from tests.support.rows import add_component, add_page
from tests.support.servers import Servers

COMPONENTS, DAYS, CHANGES, ROUNDS = 500, 90, 200, 7
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
START = NOW - timedelta(days=DAYS)
ZONE = "Europe/Berlin"
_CHANGES = """
    INSERT INTO status_interval (component_id, status, during)
    SELECT id, (ARRAY['operational', 'degraded_performance', 'operational', 'partial_outage', 'operational',
                      'major_outage', 'operational', 'under_maintenance'])[1 + (number % 8)],
           tstzrange(edge, CASE WHEN number < :changes THEN next END)
    FROM (
        SELECT id, number, CAST(:start AS timestamptz) + number * step + jitter AS edge,
               CAST(:start AS timestamptz) + (number + 1) * step + jitter AS next
        FROM component
        CROSS JOIN generate_series(0, :changes) AS number
        CROSS JOIN LATERAL (
            SELECT CAST(:length AS interval) / (:changes + 2) AS step,
                   hashtext(id) % 600 * interval '1 second' AS jitter
        ) AS pace
    ) AS edges
    """


Figures = list[list[float | None]]
Way = Callable[[AsyncSession], Awaitable[Figures]]


async def build(session: AsyncSession) -> float:
    """The page; how many milliseconds its daily rows took."""
    page_id = await add_page(session, "large", START, time_zone=ZONE)
    ids = [await add_component(session, page_id, f"Component {n:03}", START) for n in range(COMPONENTS)]
    await session.execute(text(_CHANGES), {"start": START, "length": timedelta(days=DAYS), "changes": CHANGES})
    start = perf_counter()
    await recount(session, ids, ZoneInfo(ZONE))
    spent_ms = 1000 * (perf_counter() - start)
    await session.execute(text("ANALYZE status_interval, component_day"))
    return spent_ms


async def from_days(session: AsyncSession) -> Figures:
    page = await load_page(session, "large")
    assert page is not None
    told = await page_uptime(session, page, OPERATORS, days=DAYS, now=NOW)
    return [[item["ratio"], *(bar["ratio"] for bar in item["days"])] for item in told["components"]]


async def from_intervals(session: AsyncSession) -> Figures:
    """As it would be done without the daily rows."""
    page = await load_page(session, "large")
    assert page is not None
    rows = await session.execute(text("SELECT id FROM component ORDER BY position, name, id"))
    ids = [row.id for row in rows]
    windows = last_days(DAYS, ZoneInfo(ZONE), NOW)
    intervals = await load_intervals(session, ids, windows[0].since, NOW)
    found: Figures = []
    for key in ids:
        bars = [day.figure for day in day_figures(timeline(intervals[key], NOW), windows)]
        found.append([total(bars).ratio(page.weights), *(bar.ratio(page.weights) for bar in bars)])
    return found


async def timed(sessions: Sessions, way: Way) -> tuple[float, Figures]:
    """(milliseconds, answer) of the median round, the first one left out."""
    times, answer = [], []
    for _ in range(ROUNDS + 1):
        async with sessions() as session:
            start = perf_counter()
            answer = await way(session)
            times.append(1000 * (perf_counter() - start))
    return median(times[1:]), answer


async def measure(url: str) -> dict[str, float]:
    """Milliseconds of both ways and of working all daily rows out again, and the ratio of the first two."""
    engine = create_engine(url, pool_size=2)
    sessions = create_sessions(engine)
    try:
        async with sessions.begin() as session:
            recount_ms = await build(session)
        days_ms, by_days = await timed(sessions, from_days)
        intervals_ms, by_intervals = await timed(sessions, from_intervals)
    finally:
        await engine.dispose()
    if by_days != by_intervals:
        sys.exit("the two ways do not give the same figures")
    return {
        "bars_from_days_ms": round(days_ms, 1),
        "bars_from_intervals_ms": round(intervals_ms, 1),
        "ratio": round(days_ms / intervals_ms, 3),
        "recount_all_ms": round(recount_ms, 1),
    }


def main() -> None:
    servers = Servers()
    servers.start()
    try:
        found = asyncio.run(measure(servers.create_database()))
    finally:
        servers.close()
    if "--json" in sys.argv:
        print(json.dumps(found))
        return
    print(f"{COMPONENTS} components, {DAYS} days, {CHANGES} changes each; median of {ROUNDS}")
    for name, value in found.items():
        print(f"{name:>24} {value:>10}")


if __name__ == "__main__":
    main()
