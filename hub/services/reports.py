"""Reports: which are due, and storing each once, on the page's write path.

Snapshots show the latest daily report, so storing one is an event in every view. A weekly or monthly one is in no
snapshot: its event is empty, and who shows such reports asks for them anew over REST.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import SYSTEM
from hub.domain.audience import View
from hub.domain.page import Page
from hub.domain.report import Period, ReportKind, due_periods, for_view
from hub.ids import new_id
from hub.services.report_rows import compute_body
from hub.services.state import load_components
from hub.services.write import change_page
from models import Page as PageRow
from models import Report as ReportRow

CATCH_UP: Mapping[ReportKind, int] = {ReportKind.DAILY: 7, ReportKind.WEEKLY: 1, ReportKind.MONTHLY: 1}
"""So many of the last periods are made up for; a hub that was away longer leaves older ones without a report."""

Json = dict[str, Any]


async def due(session: AsyncSession, now: datetime) -> list[tuple[str, Period]]:
    """(slug, period) of every report that is missing at `now`; what ended first comes first. Two queries."""
    pages = await session.execute(select(PageRow.id, PageRow.slug, PageRow.time_zone, PageRow.created_at))
    wanted = [
        (page_id, slug, period)
        for page_id, slug, time_zone, created_at in pages
        for kind, catch_up in CATCH_UP.items()
        for period in due_periods(kind, created_at, ZoneInfo(time_zone), now, catch_up=catch_up)
    ]
    # Many pages share few periods, so this is a short list however many pages there are.
    periods = {(period.kind.value, period.start) for _, _, period in wanted}
    rows = await session.execute(
        select(ReportRow.page_id, ReportRow.kind, ReportRow.period_start).where(
            tuple_(ReportRow.kind, ReportRow.period_start).in_(sorted(periods))
        )
    )
    stored = {tuple(row) for row in rows}
    missing = [(slug, period) for page_id, slug, period in wanted if (page_id, period.kind, period.start) not in stored]
    return sorted(missing, key=lambda item: (item[1].end, item[1].kind, item[0]))


async def store(session: AsyncSession, slug: str, period: Period, *, now: datetime) -> bool:
    """Compute and store a page's report of one period, and tell the views that show it; False when it was there.

    Two callers at once wait for each other at the page's row lock, so the second finds the first one's row. NotFound
    when the page is gone, ValueError while the period has not ended.
    """
    async with change_page(session, slug, by=SYSTEM, now=now, kind="report.published", is_silent=True) as change:
        page = change.before.page
        if await _is_stored(session, page.id, period):
            return False
        body = await compute_body(session, change.before, period, now)
        await session.execute(
            insert(ReportRow).values(
                id=new_id(),
                page_id=page.id,
                kind=period.kind.value,
                period_start=period.start,
                period_end=period.end,
                body=body,
                computed_at=now,
            )
        )
        change.touch_page()
    return True


async def list_reports(
    session: AsyncSession, page: Page, view: View, *, kind: ReportKind, limit: int, before: date | None = None
) -> list[Json]:
    """The stored reports of a page, newest first, as `view` may see them; begun before `before`, if given."""
    query = select(ReportRow.body).where(ReportRow.page_id == page.id, ReportRow.kind == kind.value)
    if before is not None:
        query = query.where(ReportRow.period_start < before)
    bodies = await session.scalars(query.order_by(ReportRow.period_start.desc()).limit(limit))
    components = await load_components(session, page.id)
    visible = {item.id for item in components if view.admits(item.audience or page.audience)}
    return [
        for_view(
            body,
            sees_component=lambda component_id: view.sees_all or component_id in visible,
            sees_audience=lambda audience: view.admits(audience or page.audience),
        )
        for body in bodies
    ]


async def _is_stored(session: AsyncSession, page_id: str, period: Period) -> bool:
    found = select(ReportRow.id).where(
        ReportRow.page_id == page_id,
        ReportRow.kind == period.kind.value,
        ReportRow.period_start == period.start,
    )
    return await session.scalar(found) is not None
