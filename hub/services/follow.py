"""What follows from the rows that a change of a page has written: intervals, days, the reports that counted them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.page import PageState
from hub.domain.status import Status
from hub.domain.uptime import day_start
from hub.services import days, report_rows
from hub.services.intervals import begin_earlier, extend_bases, follow_statuses, rebase, rewrite
from models import BaseInterval

_BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)


async def follow(
    session: AsyncSession,
    before: PageState,
    after: PageState,
    *,
    pasts: Mapping[str, datetime],
    bases: Mapping[str, datetime],
    starts_count: bool,
    now: datetime,
) -> PageState:
    """Keep up everything that is derived; returns `after` with the starts of its statuses and its report.

    `pasts`: components whose past is told anew, each from when; `bases`: since when a new base status holds, where
    that is not now. `starts_count`: a start date that lies before what is known says that all was well since then.
    """
    zone = ZoneInfo(after.page.time_zone)
    await follow_statuses(session, _bases(before), _bases(after), now, table=BaseInterval)
    for key, since in bases.items():
        if since < now and key in after.statuses:
            await rebase(session, key, after.components_by_id[key].base_status, since)
    pasts = dict(pasts) | {key: min(since, pasts.get(key, since)) for key, since in bases.items()}
    starts: dict[str, datetime] = {}
    if starts_count:
        carried, old = _carried_starts(before, after)
        starts = await extend_bases(session, _new_starts(before, after))
        starts |= await extend_bases(session, carried, told=old)
    sinces, ended = await follow_statuses(session, before.statuses, after.statuses, now)
    await days.add_ended(session, ended, zone)
    changed, opened = await begin_earlier(session, starts)
    sinces |= opened
    if pasts:
        retold, opened = await rewrite(session, after.page.id, pasts, after.statuses, now)
        changed |= {key: min(since, changed.get(key, since)) for key, since in retold.items()}
        sinces |= opened
    if after.page.time_zone != before.page.time_zone:
        await days.recount(session, after.components_by_id, zone)
    elif changed:
        await days.recount(session, changed, zone, min(changed.values()))
    if retold_since := [*changed.values(), *_cut_since(before, after)]:
        after = await report_rows.recompute(session, after, since=min(retold_since), now=now)
    if not sinces:
        return after
    return replace(
        after,
        components=tuple(
            replace(item, status_since=sinces[item.id]) if item.id in sinces else item for item in after.components
        ),
    )


def _bases(state: PageState) -> dict[str, Status]:
    return {item.id: item.base_status for item in state.components if not item.is_deleted}


def _new_starts(before: PageState, after: PageState) -> dict[str, datetime]:
    """The starts of components whose start date is new."""
    zone, old = ZoneInfo(after.page.time_zone), before.components_by_id
    return {
        item.id: day_start(item.start_date, zone)
        for item in after.components
        if item.start_date is not None
        and not item.is_deleted
        and (item.id not in old or old[item.id].start_date != item.start_date)
    }


def _carried_starts(before: PageState, after: PageState) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """What another zone of the page makes of the components' first days, and when they began before that."""
    old_zone, zone = ZoneInfo(before.page.time_zone), ZoneInfo(after.page.time_zone)
    if old_zone == zone:
        return {}, {}
    dates = {item.id: item.start_date for item in after.components if item.start_date is not None}
    return (
        {key: day_start(day, zone) for key, day in dates.items()},
        {key: day_start(day, old_zone) for key, day in dates.items()},
    )


def _cut_since(before: PageState, after: PageState) -> list[datetime]:
    """Since when start dates leave out other time than before, whatever was when: one instant, or none."""
    old = before.components_by_id
    has_moved = any(item.id in old and old[item.id].start_date != item.start_date for item in after.components)
    return [_BEGINNING] if has_moved else []
