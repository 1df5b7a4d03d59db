"""What was when: `status_interval` follows the effective statuses, `base_interval` the operators' own layer.

Every change closes one row and opens the next. When the past of components is told anew, their rows from then on are
worked out again from the layers. All of it runs under the page's row lock.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, insert, or_, select, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.layers import effective_spans, held_by_incident, held_by_maintenance
from hub.domain.status import Status
from hub.domain.uptime import Interval, Span
from hub.services.state import load_incidents, load_maintenances
from models import BaseInterval, Incident, Maintenance, StatusInterval

Table = type[StatusInterval] | type[BaseInterval]

# A status that lasted no time at all leaves no row: its interval would be empty.
_CLOSE = """
    WITH void AS (
        DELETE FROM {table}
        WHERE component_id = ANY(:ids) AND upper_inf(during) AND lower(during) >= :now
    )
    UPDATE {table} SET during = tstzrange(lower(during), :now)
    WHERE component_id = ANY(:ids) AND upper_inf(during) AND lower(during) < :now
    RETURNING component_id, status, lower(during) AS since, upper(during) AS until
    """
_OPEN = """
    INSERT INTO {table} (component_id, status, during)
    SELECT id, status, tstzrange(GREATEST(:now, last_end), NULL)
    FROM unnest(CAST(:ids AS text[]), CAST(:statuses AS text[])) AS opened(id, status)
    LEFT JOIN LATERAL (
        SELECT max(upper(during)) AS last_end FROM {table} WHERE component_id = opened.id
    ) AS past ON true
    RETURNING component_id, lower(during) AS since
    """
_CUT = """
    WITH gone AS (
        DELETE FROM base_interval WHERE component_id = :id AND lower(during) >= :since
    )
    UPDATE base_interval SET during = tstzrange(lower(during), :since)
    WHERE component_id = :id AND lower(during) < :since AND COALESCE(upper(during), 'infinity') > :since
    """
_EXTEND = """
    INSERT INTO base_interval (component_id, status, during)
    SELECT id, 'operational', tstzrange(since, first)
    FROM unnest(
        CAST(:ids AS text[]), CAST(:sinces AS timestamptz[]), CAST(:tolds AS timestamptz[])
    ) AS wanted(id, since, told)
    JOIN LATERAL (
        SELECT min(lower(during)) AS first FROM base_interval WHERE component_id = wanted.id
    ) AS base ON since < first AND (told IS NULL OR first <= told)
    RETURNING component_id
    """
# What held a component before its first interval would have begun it: before that, nothing but its base is to be told.
_PREPEND = """
    WITH first AS (
        SELECT DISTINCT ON (component_id) component_id, status, during, since
        FROM status_interval
        JOIN unnest(CAST(:ids AS text[]), CAST(:sinces AS timestamptz[])) AS known(id, since) ON component_id = known.id
        ORDER BY component_id, lower(during)
    ), longer AS (
        UPDATE status_interval AS stored SET during = tstzrange(since, upper(first.during))
        FROM first
        WHERE stored.component_id = first.component_id AND stored.during = first.during
            AND first.status = 'operational' AND since < lower(first.during)
        RETURNING stored.component_id, upper_inf(stored.during) AS is_open
    ), added AS (
        INSERT INTO status_interval (component_id, status, during)
        SELECT component_id, 'operational', tstzrange(since, lower(during)) FROM first
        WHERE status <> 'operational' AND since < lower(during)
        RETURNING component_id, false AS is_open
    )
    SELECT * FROM longer UNION ALL SELECT * FROM added
    """
_AT_ONCE = 5_000
_DELETE = """
    DELETE FROM status_interval
    USING unnest(CAST(:ids AS text[]), CAST(:starts AS timestamptz[])) AS outdated(id, start)
    WHERE component_id = outdated.id AND lower(during) = outdated.start
    """
_INSERT = """
    INSERT INTO status_interval (component_id, status, during)
    SELECT id, status, tstzrange(since, until)
    FROM unnest(
        CAST(:ids AS text[]), CAST(:statuses AS text[]), CAST(:sinces AS timestamptz[]), CAST(:untils AS timestamptz[])
    ) AS told(id, status, since, until)
    """


async def follow_statuses(
    session: AsyncSession,
    before: Mapping[str, Status],
    after: Mapping[str, Status],
    now: datetime,
    *,
    table: Table = StatusInterval,
) -> tuple[dict[str, datetime], dict[str, list[Span]]]:
    """Close and open the intervals of every component whose status differs: (the new starts, what has ended).

    New components open their first interval, deleted ones close their last.
    """
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    ended: dict[str, list[Span]] = defaultdict(list)
    if not changed:
        return {}, ended
    name = table.__tablename__
    closed = await session.execute(
        text(_CLOSE.format(table=name)), {"ids": sorted(changed & before.keys()), "now": now}
    )
    for row in closed:
        ended[row.component_id].append(Span(Status(row.status), row.since, row.until))
    opened = sorted(changed & after.keys())
    if not opened:
        return {}, ended
    rows = await session.execute(
        text(_OPEN.format(table=name)), {"ids": opened, "statuses": [after[key].value for key in opened], "now": now}
    )
    return {row.component_id: row.since for row in rows}, ended


async def rebase(session: AsyncSession, component_id: str, status: Status, since: datetime) -> None:
    """Make `status` the base of a component from `since` on, whatever its base was said to be after that."""
    await session.execute(text(_CUT), {"id": component_id, "since": since})
    await session.execute(
        insert(BaseInterval).values(component_id=component_id, status=status.value, during=Range(since, None))
    )


async def extend_bases(
    session: AsyncSession, starts: Mapping[str, datetime], *, told: Mapping[str, datetime] | None = None
) -> dict[str, datetime]:
    """Let the bases of components begin at their `starts` as operational, but for those that begin earlier anyway.

    Returns the starts of those that were extended. `told`: what each has to be known from already for that.
    """
    if not starts:
        return {}
    rows = await session.execute(
        text(_EXTEND),
        {
            "ids": list(starts),
            "sinces": list(starts.values()),
            "tolds": [None if told is None else told[key] for key in starts],
        },
    )
    return {key: starts[key] for key in rows.scalars()}


async def begin_earlier(
    session: AsyncSession, starts: Mapping[str, datetime]
) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """Let status intervals begin at `starts`, as bases that were extended do. Returns what `rewrite` does, for less."""
    if not starts:
        return {}, {}
    rows = await session.execute(text(_PREPEND), {"ids": list(starts), "sinces": list(starts.values())})
    is_open = {row.component_id: row.is_open for row in rows}
    return {key: starts[key] for key in is_open}, {key: starts[key] for key, opens in is_open.items() if opens}


async def rewrite(
    session: AsyncSession, page_id: str, pasts: Mapping[str, datetime], statuses: Mapping[str, Status], now: datetime
) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """Work out the status intervals of components again from the layers, each from the instant in `pasts` on.

    `statuses`: what those that still exist are at now. Returns (from when each that came out different was changed,
    the start of the open interval of each of them that has one).
    """
    base = await load_intervals(session, list(pasts), table=BaseInterval)
    troubles = await _troubles(session, page_id, pasts, base)
    stored = await load_intervals(session, list(pasts))
    changed: dict[str, datetime] = {}
    opened: dict[str, datetime] = {}
    outdated: list[tuple[str, datetime]] = []
    told: list[tuple[str, Interval]] = []
    for key, start in pasts.items():
        since = min(start, now)
        old = stored[key]
        new = _told_anew(old, effective_spans(base[key], troubles[key], now), since, statuses.get(key), now)
        if new == old:
            continue
        kept = _common(old, new)
        outdated += ((key, item.start) for item in old[kept:])
        told += ((key, item) for item in new[kept:])
        changed[key] = min(item.start for item in (*old[kept:], *new[kept:]))
        if new and new[-1].end is None:
            opened[key] = new[-1].start
    await _replace(session, outdated, told)
    return changed, opened


async def load_intervals(
    session: AsyncSession,
    component_ids: Collection[str],
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    table: Table = StatusInterval,
) -> dict[str, list[Interval]]:
    """The intervals that touch [since, until), by component, ascending; a component without any has an empty list."""
    found: dict[str, list[Interval]] = defaultdict(list)
    if not component_ids:
        return found
    start = func.lower(table.during)
    rows = await session.execute(
        select(table.component_id, table.status, start, func.upper(table.during))
        .where(table.component_id.in_(component_ids), table.during.overlaps(Range(since, until)))
        .order_by(start)
    )
    for component_id, status, since_, until_ in rows.all():
        found[component_id].append(Interval(Status(status), since_, until_))
    return found


def _told_anew(
    old: Sequence[Interval], spans: Sequence[Span], since: datetime, status: Status | None, now: datetime
) -> list[Interval]:
    """`old` up to `since`, then `spans`; the last one stays open with `status`, None for a deleted component."""
    pieces = [
        Interval(item.status, item.start, since if item.end is None else min(item.end, since))
        for item in old
        if item.start < since
    ]
    pieces += (Interval(item.status, max(item.start, since), item.end) for item in spans if item.end > since)
    if status is not None:
        pieces.append(Interval(status, now, None))
    joined: list[Interval] = []
    for piece in pieces:
        if joined and joined[-1].status is piece.status and joined[-1].end == piece.start:
            joined.append(Interval(piece.status, joined.pop().start, piece.end))
        else:
            joined.append(piece)
    return joined


def _common(old: Sequence[Interval], new: Sequence[Interval]) -> int:
    """How many of the first intervals are the same in both."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count


async def _troubles(
    session: AsyncSession, page_id: str, pasts: Mapping[str, datetime], base: Mapping[str, Sequence[Interval]]
) -> dict[str, list[Interval]]:
    """What incidents and maintenances held the components of `pasts` at, from then on at least.

    Where a component's base begins later than that, all of them count: its history may begin with any.
    """
    held: dict[str, list[Interval]] = defaultdict(list)
    in_incidents, in_maintenances = Incident.page_id == page_id, Maintenance.page_id == page_id
    if all(base[key] and base[key][0].start <= since for key, since in pasts.items()):
        earliest = min(pasts.values())
        in_incidents &= or_(Incident.resolved_at.is_(None), Incident.resolved_at > earliest)
        in_maintenances &= or_(Maintenance.completed_at.is_(None), Maintenance.completed_at > earliest)
    for incident in await load_incidents(session, in_incidents):
        for key, interval in held_by_incident(incident):
            if key in pasts:
                held[key].append(interval)
    for maintenance in await load_maintenances(session, in_maintenances & Maintenance.started_at.is_not(None)):
        for key, interval in held_by_maintenance(maintenance):
            if key in pasts:
                held[key].append(interval)
    return held


async def _replace(
    session: AsyncSession, outdated: Sequence[tuple[str, datetime]], told: Sequence[tuple[str, Interval]]
) -> None:
    """Rows by component and start out, then the new ones in: at no moment do two overlap.

    So many at a time that no statement comes near its time limit, however long the history.
    """
    for first in range(0, len(outdated), _AT_ONCE):
        some = outdated[first : first + _AT_ONCE]
        await session.execute(text(_DELETE), {"ids": [key for key, _ in some], "starts": [start for _, start in some]})
    for first in range(0, len(told), _AT_ONCE):
        part = told[first : first + _AT_ONCE]
        await session.execute(
            text(_INSERT),
            {
                "ids": [key for key, _ in part],
                "statuses": [item.status.value for _, item in part],
                "sinces": [item.start for _, item in part],
                "untils": [item.end for _, item in part],
            },
        )
