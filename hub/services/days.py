"""`component_day`: how long each component was at each status on each day of its page's zone.

Only intervals that have ended count; the open one is added where figures are read. Kept up as intervals end, worked out
again where a past is told anew, and always what working all of it out again would give.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.status import Status
from hub.domain.uptime import Span, day_of, day_start, split_by_day
from hub.services.intervals import load_intervals
from models import ComponentDay

_ADD = """
    INSERT INTO component_day AS stored (
        component_id, day, operational_us, under_maintenance_us, degraded_performance_us, partial_outage_us,
        major_outage_us
    )
    SELECT * FROM unnest(
        CAST(:ids AS text[]), CAST(:days AS date[]),
        CAST(:operational AS bigint[]), CAST(:under_maintenance AS bigint[]), CAST(:degraded_performance AS bigint[]),
        CAST(:partial_outage AS bigint[]), CAST(:major_outage AS bigint[])
    )
    ON CONFLICT (component_id, day) DO UPDATE SET
        operational_us = stored.operational_us + excluded.operational_us,
        under_maintenance_us = stored.under_maintenance_us + excluded.under_maintenance_us,
        degraded_performance_us = stored.degraded_performance_us + excluded.degraded_performance_us,
        partial_outage_us = stored.partial_outage_us + excluded.partial_outage_us,
        major_outage_us = stored.major_outage_us + excluded.major_outage_us
    """


async def add_ended(session: AsyncSession, ended: Mapping[str, Sequence[Span]], zone: ZoneInfo) -> None:
    """Count intervals that have just ended, by component."""
    spent: dict[tuple[str, date], dict[Status, int]] = defaultdict(dict)
    for component_id, spans in ended.items():
        for span in spans:
            for day, length_us in split_by_day(span, zone):
                at = spent[component_id, day]
                at[span.status] = at.get(span.status, 0) + length_us
    if spent:
        rows = sorted(spent.items())  # one order for all, so that no two transactions wait for each other
        await session.execute(
            text(_ADD),
            {
                "ids": [component_id for (component_id, _), _ in rows],
                "days": [day for (_, day), _ in rows],
                **{status.value: [at.get(status, 0) for _, at in rows] for status in Status},
            },
        )


async def recount(
    session: AsyncSession, component_ids: Collection[str], zone: ZoneInfo, since: datetime | None = None
) -> None:
    """Work the days of components out again from their intervals, from the day of `since` on (None: all of them)."""
    if not component_ids:
        return
    first = None if since is None else day_of(since, zone)
    start = None if first is None else day_start(first, zone)
    outdated = delete(ComponentDay).where(ComponentDay.component_id.in_(component_ids))
    await session.execute(outdated if first is None else outdated.where(ComponentDay.day >= first))
    intervals = await load_intervals(session, component_ids, start)
    await add_ended(
        session,
        {
            component_id: [
                Span(item.status, item.start if start is None else max(item.start, start), item.end)
                for item in items
                if item.end is not None
            ]
            for component_id, items in intervals.items()
        },
        zone,
    )
