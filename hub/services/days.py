"""`component_day`: how long each component was at each status on each day of its page's zone.

Only intervals that have ended count; the open one is added where figures are read. Kept up as intervals end, worked out
again where a past is told anew, and always what working all of it out again would give.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.page import Component
from hub.domain.status import Status
from hub.domain.uptime import NO_TIME, Interval, Span, Window, add, day_of, day_start, split_by_day
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


# From when to when recounted intervals go.
_BOUNDS = """
    SELECT GREATEST(min(lower(during)), CAST(:start AS timestamptz)) AS since, max(upper(during)) AS until
    FROM status_interval
    WHERE component_id = ANY(CAST(:ids AS text[])) AND NOT upper_inf(during)
        AND (CAST(:start AS timestamptz) IS NULL OR upper(during) > :start)
    """
# `edges` are the beginnings of `days`: the day of an instant is found by halving.
_COUNT = """
    INSERT INTO component_day (
        component_id, day, operational_us, under_maintenance_us, degraded_performance_us, partial_outage_us,
        major_outage_us
    )
    SELECT component_id, day,
           COALESCE(sum(us) FILTER (WHERE status = 'operational'), 0),
           COALESCE(sum(us) FILTER (WHERE status = 'under_maintenance'), 0),
           COALESCE(sum(us) FILTER (WHERE status = 'degraded_performance'), 0),
           COALESCE(sum(us) FILTER (WHERE status = 'partial_outage'), 0),
           COALESCE(sum(us) FILTER (WHERE status = 'major_outage'), 0)
    FROM (
        SELECT component_id, status, (CAST(:days AS date[]))[number] AS day,
               CAST(EXTRACT(EPOCH FROM LEAST(until, edges[number + 1]) - GREATEST(since, edges[number])) * 1000000
                    AS bigint) AS us
        FROM (
            SELECT component_id, status, GREATEST(lower(during), :start) AS since, upper(during) AS until,
                   CAST(:edges AS timestamptz[]) AS edges
            FROM status_interval
            WHERE component_id = ANY(CAST(:ids AS text[])) AND NOT upper_inf(during) AND upper(during) > :start
        ) AS ended
        CROSS JOIN LATERAL generate_series(
            width_bucket(since, edges), width_bucket(until - interval '1 microsecond', edges)
        ) AS number
    ) AS parts
    WHERE us > 0
    GROUP BY component_id, day
    """
_AT_ONCE = 100


# One statement, so that no interval ends between the two halves of the answer.
_READ = """
    SELECT wanted.id, open.status, lower(open.during) AS since, ended.*
    FROM unnest(CAST(:ids AS text[])) AS wanted(id)
    LEFT JOIN status_interval AS open ON open.component_id = wanted.id AND upper_inf(open.during)
    LEFT JOIN (
        SELECT component_id, array_agg(day - CAST(:first AS date)) AS indexes,
               array_agg(operational_us) AS operational, array_agg(under_maintenance_us) AS under_maintenance,
               array_agg(degraded_performance_us) AS degraded_performance,
               array_agg(partial_outage_us) AS partial_outage, array_agg(major_outage_us) AS major_outage
        FROM component_day
        WHERE component_id = ANY(CAST(:ids AS text[])) AND day BETWEEN :first AND :last
        GROUP BY component_id
    ) AS ended ON ended.component_id = wanted.id
    """


async def read_days(
    session: AsyncSession, components: Collection[Component], windows: Sequence[Window], now: datetime
) -> dict[str, list[Sequence[int]]]:
    """How components fared on each of `windows` (days side by side, ascending) up to `now`: microseconds by status.

    What is open counts; what lies before a component's start date does not. Cost: a row for each component and day.
    """
    rows = await session.execute(
        text(_READ),
        {"ids": [item.id for item in components], "first": windows[0].date, "last": windows[-1].date},
    )
    found: dict[str, list[Sequence[int]]] = {}
    for row in rows.all():
        days = [NO_TIME] * len(windows)
        if row.indexes is not None:
            spent = zip(
                row.operational,
                row.under_maintenance,
                row.degraded_performance,
                row.partial_outage,
                row.major_outage,
                strict=True,
            )
            for index, at in zip(row.indexes, spent, strict=True):
                days[index] = at
        if row.since is not None:
            _add_open(days, Interval(Status(row.status), row.since, None), windows, now)
        found[row.id] = days
    for item in components:
        if item.start_date is not None:
            hidden = sum(window.date < item.start_date for window in windows)
            found[item.id][:hidden] = [NO_TIME] * hidden
    return found


def _add_open(days: list[Sequence[int]], last: Interval, windows: Sequence[Window], now: datetime) -> None:
    """Count the interval that is open, from the last window backwards."""
    for index in reversed(range(len(windows))):
        window = windows[index]
        if window.until <= last.start:
            return
        length = min(window.until, now) - max(window.since, last.start)
        if length > timedelta(0):
            days[index] = add(days[index], last.status, length)


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
    """Work the days of components out again from their intervals, from the day of `since` on (None: all of them).

    The database does it, many components a statement: there may be 100,000 intervals, and the page is locked.
    """
    ids = sorted(component_ids)
    first = None if since is None else day_of(since, zone)
    start = None if first is None else day_start(first, zone)
    outdated = delete(ComponentDay).where(ComponentDay.component_id.in_(ids))
    await session.execute(outdated if first is None else outdated.where(ComponentDay.day >= first))
    bounds = (await session.execute(text(_BOUNDS), {"ids": ids, "start": start})).one()
    if bounds.until is None:
        return
    day, last = day_of(bounds.since, zone), day_of(bounds.until, zone)
    days = [day + timedelta(days=count) for count in range((last - day).days + 2)]
    edges = [day_start(day, zone) for day in days]
    for at in range(0, len(ids), _AT_ONCE):
        some = ids[at : at + _AT_ONCE]
        await session.execute(text(_COUNT), {"ids": some, "start": bounds.since, "days": days, "edges": edges})
