"""What lies behind the bars of one component: the outages of a day with what told of them, and the hours of a day."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.audience import View
from hub.domain.layers import held_by_incident, held_by_maintenance
from hub.domain.page import Component, Incident, Maintenance, Page, PageState
from hub.domain.snapshot import incident_is_visible, maintenance_is_visible, visible_components
from hub.domain.status import Status
from hub.domain.text import iso
from hub.domain.uptime import Interval, bar_of, costs_of, day_start, figure, full_hours, known_since, timeline
from hub.services.intervals import load_intervals
from hub.services.state import load_components, load_incidents, load_maintenances
from hub.services.uptime import visible_now
from models import Incident as IncidentRow
from models import Maintenance as MaintenanceRow

Json = dict[str, Any]


async def outages(
    session: AsyncSession, page: Page, view: View, component_id: str, *, first: date, last: date, now: datetime
) -> list[Json]:
    """The stretches of the days `first` to `last` (of the page's zone) in which a component was not operational.

    `[{status, start, end (null: still so), length_s, incidents: [{id, name}], maintenances: [{id, name}]}]`, oldest
    first. Start and end are those of the whole stretch, `length_s` counts what lies in the days asked for. Of incidents
    and maintenances those that held the component then, and that `view` may see. NotFound as `page_uptime`.
    """
    (component,) = await visible_now(session, page, view, component_id)
    zone = ZoneInfo(page.time_zone)
    since, until = day_start(first, zone), min(day_start(last + timedelta(days=1), zone), now)
    stretches = [
        item for item in await _known(session, component, zone, since, until) if item.status is not Status.OPERATIONAL
    ]
    if not stretches:
        return []
    incidents, maintenances = await _tellers(session, page, view, stretches[0].start, until)
    return [
        {
            "status": item.status.value,
            "start": iso(item.start),
            "end": None if item.end is None or item.end > now else iso(item.end),
            "length_s": round((min(item.end or now, until) - max(item.start, since)).total_seconds()),
            "incidents": [
                {"id": told.id, "name": told.name}
                for told in incidents
                if _touches(item, (held for key, held in held_by_incident(told) if key == component_id))
            ],
            "maintenances": [
                {"id": told.id, "name": told.name}
                for told in maintenances
                if _touches(item, (held for key, held in held_by_maintenance(told) if key == component_id))
            ],
        }
        for item in stretches
    ]


async def hours(
    session: AsyncSession, page: Page, view: View, component_id: str, *, day: date, now: datetime
) -> list[Json]:
    """One day of a component cut at the full hours of the page's clock: 23 or 25 pieces where the clocks change.

    `[{start, end, local, ratio, worst, downtime_s, no_data, seconds: {status: s}}]`; `local` is the start by the page's
    clock with its distance from UTC. Hours still to come have no data. NotFound as `page_uptime`.
    """
    (component,) = await visible_now(session, page, view, component_id)
    zone, costs = ZoneInfo(page.time_zone), costs_of(page.weights)
    since, until = day_start(day, zone), day_start(day + timedelta(days=1), zone)
    spans = timeline(await _known(session, component, zone, since, until), now)
    found = []
    for start, end in full_hours(since, until, zone):
        spent = figure(spans, start, end)
        ratio, worst, downtime_s = bar_of(spent.spent_us, costs)
        found.append(
            {
                "start": iso(start),
                "end": iso(end),
                "local": start.astimezone(zone).isoformat(timespec="minutes"),
                "ratio": ratio,
                "worst": worst,
                "downtime_s": downtime_s,
                "no_data": worst is None,
                "seconds": spent.seconds,
            }
        )
    return found


async def _known(
    session: AsyncSession, component: Component, zone: ZoneInfo, since: datetime, until: datetime
) -> list[Interval]:
    """The intervals of the component that touch [since, until), cut at its start date."""
    if until <= since:
        return []
    start = known_since(component.start_date, zone)
    intervals = (await load_intervals(session, [component.id], since, until))[component.id]
    if start is None:
        return intervals
    return [
        Interval(item.status, max(item.start, start), item.end)
        for item in intervals
        if item.end is None or item.end > start
    ]


async def _tellers(
    session: AsyncSession, page: Page, view: View, since: datetime, until: datetime
) -> tuple[list[Incident], list[Maintenance]]:
    """The incidents and maintenances of the span that `view` may see."""
    state = PageState(page=page, components=await load_components(session, page.id))
    visible = visible_components(state, view)
    incidents = await load_incidents(
        session,
        (IncidentRow.page_id == page.id)
        & (IncidentRow.started_at < until)
        & or_(IncidentRow.resolved_at.is_(None), IncidentRow.resolved_at > since),
        order=(IncidentRow.started_at.asc(), IncidentRow.id.asc()),
    )
    maintenances = await load_maintenances(
        session,
        (MaintenanceRow.page_id == page.id)
        & (MaintenanceRow.started_at < until)
        & or_(MaintenanceRow.completed_at.is_(None), MaintenanceRow.completed_at > since),
        order=(MaintenanceRow.started_at.asc(), MaintenanceRow.id.asc()),
    )
    return (
        [item for item in incidents if incident_is_visible(item, page, visible, view)],
        [item for item in maintenances if maintenance_is_visible(item, page, visible, view)],
    )


def _touches(outage: Interval, held: Iterable[Interval]) -> bool:
    """Did trouble hold the component at some time of the outage?"""
    return any(
        item.status is not Status.OPERATIONAL
        and (outage.end is None or item.start < outage.end)
        and (item.end is None or item.end > outage.start)
        for item in held
    )
