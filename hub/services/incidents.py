"""Incidents: what went wrong, told as it is understood. `incident_updates.py` does what an update asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import insert
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.archive import Month
from hub.domain.incident import Impact, IncidentStatus, is_open, may_follow
from hub.domain.page import Incident
from hub.domain.snapshot import Json, incident_json, visible_components
from hub.errors import Invalid, NotFound
from hub.ids import new_id
from hub.services.audiences import check_audience
from hub.services.incident_updates import NewUpdate as NewUpdate  # noqa: PLC0414 (part of what callers say here)
from hub.services.incident_updates import correct, insert_update, post
from hub.services.recent import recent_incidents, shown_incidents, visible_to
from hub.services.state import load_incidents
from hub.services.views import see_page
from hub.services.write import PageChange, change_page, check_version
from models import Incident as IncidentRow


@dataclass(frozen=True, slots=True)
class NewIncident:
    """`started_at` None: now. `impact` None: derived from the components' statuses. `audience` needs no components.

    `resolved_at`: when it ended, for one that is over; None: now.
    """

    name: str
    first: NewUpdate
    impact: Impact | None = None
    started_at: datetime | None = None
    audience: str | None = None
    resolved_at: datetime | None = None


async def open_incident(session: AsyncSession, slug: str, new: NewIncident, *, by: Principal, now: datetime) -> Json:
    """Open an incident with its first update.

    One that is over already is *backdated*: its components were held from `started_at` to `resolved_at`, nobody is
    notified unless `first.notify` says so, and figures and reports of those days are worked out again.
    """
    incident_id = new_id()
    first, status = new.first, new.first.status
    started_at = new.started_at or now
    resolved_at = None if is_open(status) else new.resolved_at or now
    if not may_follow(None, status):
        raise Invalid(fields={"status": "an incident cannot begin with a postmortem"})
    if new.resolved_at is not None and is_open(status):
        raise Invalid(fields={"resolved_at": "is for incidents that are over; this one is not"})
    _check_times(started_at, resolved_at, now)
    shown_at = first.display_at or resolved_at or started_at
    if not started_at <= shown_at <= now:
        raise Invalid(fields={"display_at": "must lie between started_at and now"})
    is_backdated = not is_open(status) and started_at < now
    if first.notify is None:
        first = replace(first, notify=not is_backdated)
    async with change_page(session, slug, by=by, now=now, kind="incident.opened") as change:
        change.subject = incident_id
        await check_audience(session, new.audience, by=change.by, stored=None)
        await session.execute(
            insert(IncidentRow).values(
                id=incident_id,
                page_id=change.page_id,
                name=new.name,
                status=status.value,
                impact_override=new.impact.value if new.impact else None,
                audience=new.audience,
                started_at=started_at,
                monitoring_at=shown_at if status is IncidentStatus.MONITORING else None,
                resolved_at=resolved_at,
                is_backdated=is_backdated,
                created_at=now,
                updated_at=now,
            )
        )
        await insert_update(change, incident_id, first, at=shown_at, known={})
        if resolved_at is not None:
            change.touch((await load_incidents(session, IncidentRow.id == incident_id))[0])
        if started_at < now:
            change.rewrite(first.components, started_at)
    return await get(session, slug, incident_id, by=by)


async def add_update(
    session: AsyncSession,
    slug: str,
    incident_id: str,
    new: NewUpdate,
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Post an update; returns it. Resolving lets go of every component; what stays bad passes to its base status.

    An open state after the end opens the incident again and holds its components again.
    """
    async with change_page(session, slug, by=by, now=now, kind="incident.updated") as change:
        incident = await find_incident(change, incident_id, expected_version)
        update_id = await post(change, incident, new)
    return await get_update(session, slug, incident_id, update_id, by=by)


async def update(
    session: AsyncSession,
    slug: str,
    incident_id: str,
    changes: Mapping[str, Any],
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Change `name`, `impact` (None: derived again), `started_at`, `resolved_at` or `audience`; notifies nobody.

    States and words change by updates. Other times change the past: figures are worked out again.
    """
    async with change_page(session, slug, by=by, now=now, kind="incident.edited") as change:
        incident = await find_incident(change, incident_id, expected_version)
        await check_audience(session, changes.get("audience"), by=change.by, stored=incident.audience)
        values = dict(changes)
        if "impact" in values:
            values["impact_override"] = values.pop("impact")
        values = {name: value for name, value in values.items() if getattr(incident, name) != value}
        if "resolved_at" in values and incident.resolved_at is None:
            raise Invalid(fields={"resolved_at": "is for incidents that are over; this one is not"})
        times = [(getattr(incident, name), values[name]) for name in ("started_at", "resolved_at") if name in values]
        if times:
            ends = values.get("resolved_at", incident.resolved_at)
            _check_times(values.get("started_at", incident.started_at), ends, now)
            change.rewrite(incident.words, min(min(pair) for pair in times))
        if values:
            change.touch(incident)
            await session.execute(
                sql_update(IncidentRow)
                .where(IncidentRow.id == incident_id)
                .values(**values, updated_at=now, version=IncidentRow.version + 1)
            )
    return await get(session, slug, incident_id, by=by)


async def edit_update(
    session: AsyncSession,
    slug: str,
    incident_id: str,
    update_id: str,
    *,
    body: str | None = None,
    display_at: datetime | None = None,
    notify: bool = False,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Correct the text or the time of an update, which keeps its place; nobody is notified unless `notify`."""
    async with change_page(session, slug, by=by, now=now, kind="incident.edited") as change:
        incident = await find_incident(change, incident_id, expected_version)
        await correct(change, incident, update_id, body=body, display_at=display_at, notify=notify)
    return await get_update(session, slug, incident_id, update_id, by=by)


async def delete(
    session: AsyncSession,
    slug: str,
    incident_id: str,
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> None:
    """Remove an incident as if it had never been told, from the figures too; the other layers show again."""
    async with change_page(session, slug, by=by, now=now, kind="incident.deleted") as change:
        incident = await find_incident(change, incident_id, expected_version)
        await session.execute(sql_delete(IncidentRow).where(IncidentRow.id == incident_id))
        change.touch(incident)
        change.rewrite(incident.words, incident.started_at)


async def get(session: AsyncSession, slug: str, incident_id: str, *, by: Principal) -> Json:
    sight = await see_page(session, slug, by)
    where = (IncidentRow.page_id == sight.page.id) & (IncidentRow.id == incident_id)
    found = await load_incidents(session, where)
    shown = shown_incidents(found, sight, await visible_to(session, sight))
    if not shown:
        raise NotFound("There is no such incident.")
    return shown[0]


async def get_update(session: AsyncSession, slug: str, incident_id: str, update_id: str, *, by: Principal) -> Json:
    shown = await get(session, slug, incident_id, by=by)
    for item in shown["updates"]:
        if item["id"] == update_id:
            found: Json = item
            return found
    raise NotFound("There is no such update.")


async def list_incidents(
    session: AsyncSession,
    slug: str,
    *,
    by: Principal,
    limit: int,
    before: tuple[datetime, datetime, str] | None = None,
    month: Month | None = None,
) -> list[Json]:
    """As `recent_incidents` has them; NotFound when the page is not `by`'s."""
    sight = await see_page(session, slug, by)
    return await recent_incidents(session, sight, limit, before=before, month=month)


async def find_incident(change: PageChange, incident_id: str, expected_version: int | None = None) -> Incident:
    """An incident of the page that is changed. NotFound; VersionConflict when the caller has read an older version."""
    where = (IncidentRow.page_id == change.page_id) & (IncidentRow.id == incident_id)
    found = await load_incidents(change.session, where)
    if not found:
        raise NotFound("There is no such incident.")
    incident = change.subject = found[0]
    shown = incident_json(incident, visible_components(change.before, change.view), change.view)
    check_version(incident.version, expected_version, shown)
    return incident


def _check_times(started_at: datetime, resolved_at: datetime | None, now: datetime) -> None:
    if started_at > now:
        raise Invalid(fields={"started_at": "must not lie in the future"})
    if resolved_at is not None and not started_at <= resolved_at <= now:
        raise Invalid(fields={"resolved_at": "must lie between started_at and now"})
