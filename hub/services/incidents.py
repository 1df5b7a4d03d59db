"""Incidents and their updates: what went wrong, told as it is understood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import insert, tuple_
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.incident import Impact, IncidentStatus, is_open, may_follow
from hub.domain.page import Incident, PageState
from hub.domain.snapshot import Json, incident_is_visible, incident_json, visible_components
from hub.domain.status import Status
from hub.errors import Invalid, NotFound
from hub.ids import new_id
from hub.services.audiences import check_audience
from hub.services.state import load_components, load_incidents
from hub.services.views import Sight, see_page
from hub.services.write import PageChange, change_page, check_version
from models import Component as ComponentRow
from models import Incident as IncidentRow
from models import IncidentUpdate

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class NewUpdate:
    """`components`: this update's word on each component it names."""

    status: IncidentStatus
    body: str
    components: Mapping[str, Status] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewIncident:
    """`started_at` None: now. `impact` None: derived from the components' statuses. `audience` needs no components."""

    name: str
    first: NewUpdate
    impact: Impact | None = None
    started_at: datetime | None = None
    audience: str | None = None


async def open_incident(session: AsyncSession, slug: str, new: NewIncident, *, by: Principal, now: datetime) -> Json:
    """Open an incident with its first update; one that is over already may be opened as resolved."""
    incident_id = new_id()
    started_at = new.started_at or now
    _check_start(started_at, now)
    if not may_follow(None, new.first.status):
        raise Invalid(fields={"status": "an incident cannot begin with a postmortem"})
    async with change_page(session, slug, by=by, now=now, kind="incident.opened") as change:
        change.subject = incident_id
        await check_audience(session, new.audience, by=change.by, stored=None)
        status = new.first.status
        await session.execute(
            insert(IncidentRow).values(
                id=incident_id,
                page_id=change.page_id,
                name=new.name,
                status=status.value,
                impact_override=new.impact.value if new.impact else None,
                audience=new.audience,
                started_at=started_at,
                monitoring_at=now if status is IncidentStatus.MONITORING else None,
                resolved_at=None if is_open(status) else now,
                created_at=now,
                updated_at=now,
            )
        )
        await _insert_update(change, incident_id, new.first, at=now, display_at=started_at, known=())
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
    """Post an update; returns it. Resolving lets go of every component; what stays bad passes to its base status."""
    async with change_page(session, slug, by=by, now=now, kind="incident.updated") as change:
        incident = await _find(change, incident_id)
        check_version(incident.version, expected_version, _show(change, incident))
        if not may_follow(incident.status, new.status):
            raise Invalid(fields={"status": f"cannot follow {incident.status.value}"})
        ends = incident.is_open and not is_open(new.status)
        change.kind = "incident.resolved" if ends else "incident.updated"
        at = max(now, max((item.display_at for item in incident.updates), default=now - _MS) + _MS)
        resolved_at = incident.resolved_at or at
        await session.execute(
            sql_update(IncidentRow)
            .where(IncidentRow.id == incident_id)
            .values(
                status=new.status.value,
                monitoring_at=incident.monitoring_at or (at if new.status is IncidentStatus.MONITORING else None),
                resolved_at=None if is_open(new.status) else resolved_at,
                updated_at=now,
                version=IncidentRow.version + 1,
            )
        )
        if ends:
            await _hand_over(change, new)
            let_go = {key: Status.OPERATIONAL for key in incident.words if key in change.before.statuses}
            new = NewUpdate(new.status, new.body, {**let_go, **new.components})
        update_id = await _insert_update(change, incident_id, new, at=at, display_at=at, known=incident.words)
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
    """Change `name`, `impact` (None: derived again), `started_at` or `audience`. States and words change by updates."""
    _check_start(changes.get("started_at"), now)
    async with change_page(session, slug, by=by, now=now, kind="incident.updated") as change:
        incident = await _find(change, incident_id)
        check_version(incident.version, expected_version, _show(change, incident))
        await check_audience(session, changes.get("audience"), by=change.by, stored=incident.audience)
        values = dict(changes)
        if "impact" in values:
            values["impact_override"] = values.pop("impact")
        if values:
            await session.execute(
                sql_update(IncidentRow)
                .where(IncidentRow.id == incident_id)
                .values(**values, updated_at=now, version=IncidentRow.version + 1)
            )
    return await get(session, slug, incident_id, by=by)


async def edit_update(
    session: AsyncSession, slug: str, incident_id: str, update_id: str, *, body: str, by: Principal, now: datetime
) -> Json:
    """Correct the text of an update; it keeps its place and its time."""
    async with change_page(session, slug, by=by, now=now, kind="incident.updated") as change:
        incident = await _find(change, incident_id)
        if update_id not in {item.id for item in incident.updates}:
            raise NotFound("There is no such update.")
        await session.execute(
            sql_update(IncidentUpdate).where(IncidentUpdate.id == update_id).values(body=body, updated_at=now)
        )
        await session.execute(
            sql_update(IncidentRow)
            .where(IncidentRow.id == incident_id)
            .values(updated_at=now, version=IncidentRow.version + 1)
        )
    return await get_update(session, slug, incident_id, update_id, by=by)


async def delete(session: AsyncSession, slug: str, incident_id: str, *, by: Principal, now: datetime) -> None:
    """Remove an incident as if it had never been told; the other layers of its components show again."""
    async with change_page(session, slug, by=by, now=now, kind="incident.deleted") as change:
        await _find(change, incident_id)
        await session.execute(sql_delete(IncidentRow).where(IncidentRow.id == incident_id))


async def get(session: AsyncSession, slug: str, incident_id: str, *, by: Principal) -> Json:
    sight = await see_page(session, slug, by)
    where = (IncidentRow.page_id == sight.page.id) & (IncidentRow.id == incident_id)
    shown = await _shown(session, sight, await load_incidents(session, where))
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
) -> list[Json]:
    """Up to `limit` incidents, newest first by (started_at, created_at, id), below the keyset `before` if given.

    Fewer than `limit` means that nothing older is there. Incidents the viewer may not see do not count.
    """
    sight = await see_page(session, slug, by)
    key = (IncidentRow.started_at, IncidentRow.created_at, IncidentRow.id)
    found: list[Json] = []
    while len(found) < limit:
        where = IncidentRow.page_id == sight.page.id
        if before is not None:
            where &= tuple_(*key) < tuple_(*before)
        batch = await load_incidents(session, where, order=[column.desc() for column in key], limit=limit)
        found += await _shown(session, sight, batch)
        if len(batch) < limit:
            break
        before = (batch[-1].started_at, batch[-1].created_at, batch[-1].id)
    return found[:limit]


async def _shown(session: AsyncSession, sight: Sight, incidents: Sequence[Incident]) -> list[Json]:
    state = PageState(page=sight.page, components=await load_components(session, sight.page.id))
    visible = visible_components(state, sight.view)
    return [
        incident_json(item, visible, sight.view)
        for item in incidents
        if incident_is_visible(item, sight.page, visible, sight.view)
    ]


async def _find(change: PageChange, incident_id: str) -> Incident:
    where = (IncidentRow.page_id == change.page_id) & (IncidentRow.id == incident_id)
    found = await load_incidents(change.session, where)
    if not found:
        raise NotFound("There is no such incident.")
    change.subject = found[0]
    return found[0]


def _show(change: PageChange, incident: Incident) -> Json:
    return incident_json(incident, visible_components(change.before, change.view), change.view)


async def _insert_update(
    change: PageChange,
    incident_id: str,
    new: NewUpdate,
    *,
    at: datetime,
    display_at: datetime,
    known: Mapping[str, Status] | tuple[()],
) -> str:
    """`known`: the incident's words so far; they, or the component's status, are what an update changes from."""
    components = change.before.components_by_id
    unknown = [key for key in new.components if key not in components or components[key].is_deleted]
    if unknown:
        raise Invalid(fields={f"components.{key}": "is no component of this page" for key in unknown})
    words = dict(known)
    update_id = new_id()
    await change.session.execute(
        insert(IncidentUpdate).values(
            id=update_id,
            incident_id=incident_id,
            status=new.status.value,
            body=new.body,
            affected=[
                {
                    "id": key,
                    "name": components[key].name,
                    "old_status": (words.get(key) or change.before.statuses[key]).value,
                    "new_status": word.value,
                }
                for key, word in new.components.items()
            ],
            display_at=display_at,
            created_at=at,
            updated_at=at,
        )
    )
    return update_id


async def _hand_over(change: PageChange, last: NewUpdate) -> None:
    """A resolved incident holds nothing any more, so a bad status it leaves behind becomes the component's base."""
    for key, word in last.components.items():
        component = change.before.components_by_id.get(key)
        if component is not None and word not in {Status.OPERATIONAL, component.base_status}:
            await change.session.execute(
                sql_update(ComponentRow)
                .where(ComponentRow.id == key)
                .values(base_status=word.value, updated_at=change.now, version=ComponentRow.version + 1)
            )


def _check_start(started_at: datetime | None, now: datetime) -> None:
    if started_at is not None and started_at > now:
        raise Invalid(fields={"started_at": "must not lie in the future"})
