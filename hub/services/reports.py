"""Reports: which are due, and storing each once, on the page's write path.

Snapshots show the latest daily report, so storing one is an event in every view. A weekly or monthly one changes no
snapshot: it is stored in silence and read over REST.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import SYSTEM
from hub.domain.audience import View
from hub.domain.page import Component, Incident, Maintenance, Page, PageState
from hub.domain.report import ComponentHistory, Occurrence, Period, ReportKind, compute, due_periods, for_view
from hub.ids import new_id
from hub.services.state import load_components, load_incidents, load_maintenances
from hub.services.uptime import known_since, load_intervals
from hub.services.write import change_page
from models import Incident as IncidentRow
from models import Maintenance as MaintenanceRow
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
        body = await _compute(session, change.before, period, now)
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


async def _compute(session: AsyncSession, state: PageState, period: Period, now: datetime) -> Json:
    page, zone = state.page, ZoneInfo(state.page.time_zone)
    since, until = period.bounds(zone)
    incidents = await load_incidents(
        session,
        (IncidentRow.page_id == page.id)
        & (IncidentRow.started_at < until)
        & or_(IncidentRow.resolved_at.is_(None), IncidentRow.resolved_at >= since),
    )
    maintenances = await load_maintenances(
        session,
        (MaintenanceRow.page_id == page.id)
        & (MaintenanceRow.started_at < until)
        & or_(MaintenanceRow.completed_at.is_(None), MaintenanceRow.completed_at >= since),
    )
    return compute(
        period,
        zone,
        page.weights,
        components=await _histories(session, state.components, zone, since, until),
        incidents=map(_incident, incidents),
        maintenances=[_maintenance(item, item.started_at) for item in maintenances if item.started_at is not None],
        now=now,
    )


async def _histories(
    session: AsyncSession, components: Sequence[Component], zone: ZoneInfo, since: datetime, until: datetime
) -> list[ComponentHistory]:
    """The components the page had in the period: those with a status in it, and those there by its end."""
    intervals = await load_intervals(session, [item.id for item in components], since, until)
    return [
        ComponentHistory(item.id, item.name, intervals[item.id], known_since(item, zone))
        for item in sorted(components, key=lambda item: (item.position, item.name, item.id))
        if item.id in intervals or (not item.is_deleted and item.created_at < until)
    ]


def _incident(incident: Incident) -> Occurrence:
    return Occurrence(incident.id, sorted(incident.words), incident.audience, incident.started_at, incident.resolved_at)


def _maintenance(maintenance: Maintenance, started_at: datetime) -> Occurrence:
    return Occurrence(
        maintenance.id, maintenance.component_ids, maintenance.audience, started_at, maintenance.completed_at
    )
