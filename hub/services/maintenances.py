"""Scheduled maintenances: announced, changed, begun and ended. `schedule.py` does what their times ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete as sql_delete
from sqlalchemy import insert, tuple_
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.archive import Month
from hub.domain.maintenance import (
    ACTIVE_STATUSES,
    MaintenanceStatus,
    may_follow,
    next_window,
    recurrence_problem,
)
from hub.domain.page import Maintenance, PageState
from hub.domain.snapshot import Json, maintenance_is_visible, maintenance_json, visible_components
from hub.domain.status import Status, worst
from hub.errors import Invalid, NotFound
from hub.ids import new_id
from hub.services.audiences import check_audience
from hub.services.state import load_components, load_maintenances
from hub.services.views import Sight, see_page
from hub.services.write import PageChange, change_page, check_version
from models import Maintenance as MaintenanceRow
from models import MaintenanceComponent, MaintenanceUpdate

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class NewMaintenance:
    """`rrule`: RFC 5545, in the page's zone; each window that ends schedules the next."""

    name: str
    body: str
    scheduled_for: datetime
    scheduled_until: datetime
    components: Sequence[str] = ()
    rrule: str | None = None
    auto_start: bool = True
    auto_complete: bool = True
    audience: str | None = None


async def schedule(session: AsyncSession, slug: str, new: NewMaintenance, *, by: Principal, now: datetime) -> Json:
    """Announce a maintenance. Invalid for a window that ends before it begins or has ended already."""
    _check_window(new.scheduled_for, new.scheduled_until)
    if new.scheduled_until <= now:
        raise Invalid(fields={"scheduled_until": "must lie in the future"})
    _check_recurrence(new.rrule)
    async with change_page(session, slug, by=by, now=now, kind="maintenance.scheduled") as change:
        await check_audience(session, new.audience, by=change.by, stored=None)
        _check_components(change, new.components)
        maintenance_id = await insert_maintenance(change, new)
        change.subject = maintenance_id
    return change.shown("maintenances", maintenance_id)


async def add_update(
    session: AsyncSession,
    slug: str,
    maintenance_id: str,
    *,
    status: MaintenanceStatus,
    body: str,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Post an update, moving the maintenance to `status`; returns the update."""
    async with change_page(session, slug, by=by, now=now, kind="maintenance.updated") as change:
        maintenance = await find_maintenance(change, maintenance_id)
        check_version(maintenance.version, expected_version, _show(change, maintenance))
        if not may_follow(maintenance.status, status):
            raise Invalid(fields={"status": f"cannot follow {maintenance.status.value}"})
        update_id = await move(change, maintenance, status, body, started_at=now, completed_at=now)
    return await get_update(session, slug, maintenance_id, update_id, by=by)


async def update(
    session: AsyncSession,
    slug: str,
    maintenance_id: str,
    changes: Mapping[str, Any],
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Change `name, body, scheduled_for, scheduled_until, rrule, auto_start, auto_complete, audience, components`."""
    _check_recurrence(changes.get("rrule"))
    async with change_page(session, slug, by=by, now=now, kind="maintenance.updated") as change:
        maintenance = await find_maintenance(change, maintenance_id)
        check_version(maintenance.version, expected_version, _show(change, maintenance))
        await check_audience(session, changes.get("audience"), by=change.by, stored=maintenance.audience)
        values = dict(changes)
        _check_window(
            values.get("scheduled_for", maintenance.scheduled_for),
            values.get("scheduled_until", maintenance.scheduled_until),
        )
        components = values.pop("components", None)
        if components is not None:
            _check_components(change, components)
            await session.execute(
                sql_delete(MaintenanceComponent).where(MaintenanceComponent.maintenance_id == maintenance_id)
            )
            await _link(session, maintenance_id, components)
        if changes:
            await session.execute(
                sql_update(MaintenanceRow)
                .where(MaintenanceRow.id == maintenance_id)
                .values(**values, updated_at=now, version=MaintenanceRow.version + 1)
            )
    return await get(session, slug, maintenance_id, by=by)


async def edit_update(
    session: AsyncSession, slug: str, maintenance_id: str, update_id: str, *, body: str, by: Principal, now: datetime
) -> Json:
    """Correct the text of an update; it keeps its place and its time."""
    async with change_page(session, slug, by=by, now=now, kind="maintenance.updated") as change:
        maintenance = await find_maintenance(change, maintenance_id)
        if update_id not in {item.id for item in maintenance.updates}:
            raise NotFound("There is no such update.")
        await session.execute(
            sql_update(MaintenanceUpdate).where(MaintenanceUpdate.id == update_id).values(body=body, updated_at=now)
        )
        await session.execute(
            sql_update(MaintenanceRow)
            .where(MaintenanceRow.id == maintenance_id)
            .values(updated_at=now, version=MaintenanceRow.version + 1)
        )
    return await get_update(session, slug, maintenance_id, update_id, by=by)


async def delete(session: AsyncSession, slug: str, maintenance_id: str, *, by: Principal, now: datetime) -> None:
    """Call a maintenance off, as if it had never been announced."""
    async with change_page(session, slug, by=by, now=now, kind="maintenance.deleted") as change:
        await find_maintenance(change, maintenance_id)
        await session.execute(sql_delete(MaintenanceRow).where(MaintenanceRow.id == maintenance_id))


async def get(session: AsyncSession, slug: str, maintenance_id: str, *, by: Principal) -> Json:
    sight = await see_page(session, slug, by)
    where = (MaintenanceRow.page_id == sight.page.id) & (MaintenanceRow.id == maintenance_id)
    shown = await _shown(session, sight, await load_maintenances(session, where))
    if not shown:
        raise NotFound("There is no such maintenance.")
    return shown[0]


async def get_update(session: AsyncSession, slug: str, maintenance_id: str, update_id: str, *, by: Principal) -> Json:
    shown = await get(session, slug, maintenance_id, by=by)
    for item in shown["updates"]:
        if item["id"] == update_id:
            found: Json = item
            return found
    raise NotFound("There is no such update.")


async def list_maintenances(
    session: AsyncSession,
    slug: str,
    *,
    by: Principal,
    limit: int,
    before: tuple[datetime, str] | None = None,
    month: Month | None = None,
) -> list[Json]:
    """Up to `limit` maintenances, newest window first by (scheduled_for, id); keyset and month as `list_incidents`."""
    sight = await see_page(session, slug, by)
    key = (MaintenanceRow.scheduled_for, MaintenanceRow.id)
    found: list[Json] = []
    while len(found) < limit:
        where = MaintenanceRow.page_id == sight.page.id
        if month is not None:
            since, until = month.bounds(ZoneInfo(sight.page.time_zone))
            where &= (MaintenanceRow.scheduled_for >= since) & (MaintenanceRow.scheduled_for < until)
        if before is not None:
            where &= tuple_(*key) < tuple_(*before)
        batch = await load_maintenances(session, where, order=[column.desc() for column in key], limit=limit)
        found += await _shown(session, sight, batch)
        if len(batch) < limit:
            break
        before = (batch[-1].scheduled_for, batch[-1].id)
    return found[:limit]


async def insert_maintenance(change: PageChange, new: NewMaintenance) -> str:
    maintenance_id = new_id()
    await change.session.execute(
        insert(MaintenanceRow).values(
            id=maintenance_id,
            page_id=change.page_id,
            name=new.name,
            body=new.body,
            status=MaintenanceStatus.SCHEDULED.value,
            audience=new.audience,
            scheduled_for=new.scheduled_for,
            scheduled_until=new.scheduled_until,
            auto_start=new.auto_start,
            auto_complete=new.auto_complete,
            rrule=new.rrule,
            created_at=change.now,
            updated_at=change.now,
        )
    )
    await _link(change.session, maintenance_id, new.components)
    await _insert_update(change, maintenance_id, MaintenanceStatus.SCHEDULED, new.body, change.now, new.components)
    return maintenance_id


async def move(
    change: PageChange,
    maintenance: Maintenance,
    status: MaintenanceStatus,
    body: str,
    *,
    started_at: datetime,
    completed_at: datetime,
) -> str:
    """Store the new state and the update that tells it; `started_at`, `completed_at`: the values where they are new."""
    is_over = status is MaintenanceStatus.COMPLETED
    starts = status in ACTIVE_STATUSES and maintenance.status is MaintenanceStatus.SCHEDULED
    ends = is_over and maintenance.status is not MaintenanceStatus.COMPLETED
    if starts or ends:
        change.kind = "maintenance.completed" if ends else "maintenance.started"
    has_started = maintenance.started_at or (min(started_at, completed_at) if starts or ends else None)
    await change.session.execute(
        sql_update(MaintenanceRow)
        .where(MaintenanceRow.id == maintenance.id)
        .values(
            status=status.value,
            started_at=has_started,
            completed_at=(maintenance.completed_at or completed_at) if is_over else None,
            updated_at=change.now,
            version=MaintenanceRow.version + 1,
        )
    )
    if ends and maintenance.rrule is not None:
        await _insert_next(change, maintenance, maintenance.rrule)
    at = max(change.now, max((item.display_at for item in maintenance.updates), default=change.now - _MS) + _MS)
    return await _insert_update(change, maintenance.id, status, body, at, maintenance.component_ids)


async def _insert_next(change: PageChange, maintenance: Maintenance, rule: str) -> None:
    """The next window of a recurring maintenance that has not ended yet; windows missed altogether are passed over."""
    window: tuple[datetime, datetime, str] | None
    window = (maintenance.scheduled_for, maintenance.scheduled_until, rule)
    zone = ZoneInfo(change.before.page.time_zone)
    while window is not None:
        start, end, rule = window
        window = next_window(rule, zone, start, end)
        if window is not None and window[1] > change.now:
            break
    if window is None:
        return
    await insert_maintenance(
        change,
        NewMaintenance(
            name=maintenance.name,
            body=maintenance.body,
            scheduled_for=window[0],
            scheduled_until=window[1],
            components=[key for key in maintenance.component_ids if key in change.before.statuses],
            rrule=window[2],
            auto_start=maintenance.auto_start,
            auto_complete=maintenance.auto_complete,
            audience=maintenance.audience,
        ),
    )


async def _insert_update(
    change: PageChange,
    maintenance_id: str,
    status: MaintenanceStatus,
    body: str,
    at: datetime,
    component_ids: Sequence[str],
) -> str:
    update_id = new_id()
    before = change.before
    await change.session.execute(
        insert(MaintenanceUpdate).values(
            id=update_id,
            maintenance_id=maintenance_id,
            status=status.value,
            body=body,
            affected=[
                {
                    "id": key,
                    "name": before.components_by_id[key].name,
                    "old_status": before.statuses[key].value,
                    "new_status": _status_under(status, before.statuses[key]).value,
                }
                for key in component_ids
                if key in before.statuses
            ],
            display_at=at,
            created_at=at,
            updated_at=at,
        )
    )
    return update_id


def _status_under(status: MaintenanceStatus, before: Status) -> Status:
    """What a component shows once the maintenance is in `status`, as far as this maintenance alone can say."""
    if status in ACTIVE_STATUSES:
        return worst((before, Status.UNDER_MAINTENANCE))
    if status is MaintenanceStatus.COMPLETED and before is Status.UNDER_MAINTENANCE:
        return Status.OPERATIONAL
    return before


async def _link(session: AsyncSession, maintenance_id: str, component_ids: Sequence[str]) -> None:
    if component_ids:
        links = [{"maintenance_id": maintenance_id, "component_id": key} for key in dict.fromkeys(component_ids)]
        await session.execute(insert(MaintenanceComponent), links)


async def _shown(session: AsyncSession, sight: Sight, maintenances: Sequence[Maintenance]) -> list[Json]:
    state = PageState(page=sight.page, components=await load_components(session, sight.page.id))
    visible = visible_components(state, sight.view)
    return [
        maintenance_json(item, visible, sight.view)
        for item in maintenances
        if maintenance_is_visible(item, sight.page, visible, sight.view)
    ]


async def find_maintenance(change: PageChange, maintenance_id: str) -> Maintenance:
    where = (MaintenanceRow.page_id == change.page_id) & (MaintenanceRow.id == maintenance_id)
    found = await load_maintenances(change.session, where)
    if not found:
        raise NotFound("There is no such maintenance.")
    change.subject = found[0]
    return found[0]


def _show(change: PageChange, maintenance: Maintenance) -> Json:
    return maintenance_json(maintenance, visible_components(change.before, change.view), change.view)


def _check_components(change: PageChange, component_ids: Sequence[str]) -> None:
    unknown = [key for key in component_ids if key not in change.before.statuses]
    if unknown:
        raise Invalid(fields={"components": f"not on this page: {', '.join(unknown)}"})


def _check_window(scheduled_for: datetime, scheduled_until: datetime) -> None:
    if scheduled_until <= scheduled_for:
        raise Invalid(fields={"scheduled_until": "must come after scheduled_for"})


def _check_recurrence(rule: str | None) -> None:
    if rule is not None and (problem := recurrence_problem(rule)):
        raise Invalid(fields={"rrule": problem})
