"""The rows behind the reports: computing the body of one, and again where the past that it tells of has changed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.page import Component, Incident, Maintenance, Page, PageState
from hub.domain.report import ComponentHistory, Occurrence, Period, ReportKind, compute
from hub.domain.status import Status
from hub.domain.uptime import day_of, known_since
from hub.services.intervals import load_intervals
from hub.services.state import load_incidents, load_maintenances
from models import Incident as IncidentRow
from models import Maintenance as MaintenanceRow
from models import Report as ReportRow

Json = dict[str, Any]


async def recompute(session: AsyncSession, state: PageState, *, since: datetime, now: datetime) -> PageState:
    """Compute the stored reports that reach beyond `since` again; returns `state` with the daily report it shows now.

    Each with the weights and the zone that it names. One that comes out as it was keeps the time it was computed at.
    Cost: a few queries for each report.
    """
    first = day_of(since, ZoneInfo(state.page.time_zone)) - timedelta(days=1)  # of whatever zone a report is
    rows = await session.execute(
        select(ReportRow.id, ReportRow.kind, ReportRow.period_start, ReportRow.period_end, ReportRow.body)
        .where(ReportRow.page_id == state.page.id)
        .where(ReportRow.period_end > first)
        .order_by(ReportRow.period_start)
    )
    shown = state.report
    for row in rows.all():
        period = Period(ReportKind(row.kind), row.period_start, row.period_end)
        body = await compute_body(session, replace(state, page=_as_computed(state.page, row.body)), period, now)
        if body | {"computed_at": row.body["computed_at"]} == row.body:
            continue
        await session.execute(sql_update(ReportRow).where(ReportRow.id == row.id).values(body=body, computed_at=now))
        if shown == row.body:
            shown = body
    return state if shown is state.report else replace(state, report=shown)


async def compute_body(session: AsyncSession, state: PageState, period: Period, now: datetime) -> Json:
    """The body of a page's report of one period, over all audiences. ValueError while the period has not ended."""
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


def _as_computed(page: Page, body: Json) -> Page:
    """The page with the weights and the zone that a report was computed with."""
    return replace(
        page,
        weights={Status(name): weight for name, weight in body["weights"].items()},
        time_zone=body.get("time_zone") or page.time_zone,  # not kept in reports of old
    )


async def _histories(
    session: AsyncSession, components: Sequence[Component], zone: ZoneInfo, since: datetime, until: datetime
) -> list[ComponentHistory]:
    """The components the page had in the period: those with a status in it, and those there by its end."""
    intervals = await load_intervals(session, [item.id for item in components], since, until)
    return [
        ComponentHistory(item.id, item.name, intervals[item.id], known_since(item.start_date, zone))
        for item in sorted(components, key=lambda item: (item.position, item.name, item.id))
        if item.id in intervals or (not item.is_deleted and item.created_at < until)
    ]


def _incident(incident: Incident) -> Occurrence:
    return Occurrence(incident.id, sorted(incident.words), incident.audience, incident.started_at, incident.resolved_at)


def _maintenance(maintenance: Maintenance, started_at: datetime) -> Occurrence:
    return Occurrence(
        maintenance.id, maintenance.component_ids, maintenance.audience, started_at, maintenance.completed_at
    )
