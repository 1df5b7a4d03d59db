"""What follows from the rows that a change of a page has written: intervals, days, the reports that counted them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.page import PageState
from hub.domain.status import Status
from hub.domain.uptime import known_since
from hub.services import days, report_rows
from hub.services.intervals import extend_base, follow_statuses, rebase, rewrite
from models import BaseInterval


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
    if starts_count:
        for key, since in _moved_starts(before, after, zone):
            await extend_base(session, key, since)
            pasts[key] = min(since, pasts.get(key, since))
    sinces, ended = await follow_statuses(session, before.statuses, after.statuses, now)
    await days.add_ended(session, ended, zone)
    if pasts:
        changed, opened = await rewrite(session, after.page.id, pasts, after.statuses, now)
        sinces |= opened
        if changed:
            earliest = min(changed.values())
            await days.recount(session, changed, zone, earliest)
            after = await report_rows.recompute(session, after, since=earliest, now=now)
    if after.page.time_zone != before.page.time_zone:
        await days.recount(session, after.components_by_id, zone)
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


def _moved_starts(before: PageState, after: PageState, zone: ZoneInfo) -> Iterator[tuple[str, datetime]]:
    """(component, its start) of those whose start date is new."""
    for item in after.components:
        old = before.components_by_id.get(item.id)
        start = known_since(item.start_date, zone)
        if start is not None and not item.is_deleted and (old is None or old.start_date != item.start_date):
            yield item.id, start
