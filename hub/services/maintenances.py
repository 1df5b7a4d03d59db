"""Scheduled maintenances: announced, moved, begun, ended, called off. `schedule.py` does what their times ask for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete as sql_delete
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.archive import Month
from hub.domain.maintenance import MaintenanceStatus, may_follow
from hub.domain.page import Maintenance, place_problem
from hub.domain.recurrence import series_problem, without_time_of_day
from hub.domain.snapshot import Json, maintenance_json, visible_components
from hub.errors import Conflict, Invalid, NotFound
from hub.services.audiences import check_audience
from hub.services.maintenance_windows import (
    FINISHED,
    NewMaintenance,
    add_words,
    insert_maintenance,
    insert_next,
    link,
    move,
    reminded_by,
)
from hub.services.recent import recent_maintenances, shown_maintenances, visible_to
from hub.services.state import load_maintenances
from hub.services.views import see_page
from hub.services.write import PageChange, change_page, check_version
from models import IncidentNote, MaintenanceComponent, MaintenanceUpdate
from models import Maintenance as MaintenanceRow

__all__ = ["NewMaintenance", "schedule"]

_TIMES = ("scheduled_for", "scheduled_until", "rrule")
_RAN = ("started_at", "completed_at")
_CANCELLED = "The maintenance has been cancelled."
_NAME_OF_DELETED = "Maintenance"


async def schedule(session: AsyncSession, slug: str, new: NewMaintenance, *, by: Principal, now: datetime) -> Json:
    """Announce a maintenance. Invalid for a window that ends before it begins or has ended already."""
    _check_window(new.scheduled_for, new.scheduled_until)
    if new.scheduled_until <= now:
        raise Invalid(fields={"scheduled_until": "must lie in the future"})
    async with change_page(session, slug, by=by, now=now, kind="maintenance.scheduled") as change:
        await check_audience(session, new.audience, by=change.by, stored=None)
        _check_recurrence(change, new.rrule, new.scheduled_for)
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
    notify: bool = True,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Post an update, moving the maintenance to `status`; returns the update."""
    async with change_page(session, slug, by=by, now=now, kind="maintenance.updated") as change:
        maintenance = await find_maintenance(change, maintenance_id, expected_version)
        if not may_follow(maintenance.status, status):
            raise Invalid(fields={"status": f"cannot follow {maintenance.status.value}"})
        update_id = await move(change, maintenance, status, body, at=now, notify=notify)
    return await get_update(session, slug, maintenance_id, update_id, by=by)


async def finish(
    session: AsyncSession,
    slug: str,
    maintenance_id: str,
    *,
    body: str | None = None,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """End a maintenance that is under way, before its time or after it; Conflict for any other."""
    async with change_page(session, slug, by=by, now=now, kind="maintenance.completed") as change:
        maintenance = await find_maintenance(change, maintenance_id, expected_version)
        if not maintenance.is_active:
            raise Conflict(f"This maintenance is not under way: it is {maintenance.status.value}.")
        await move(change, maintenance, MaintenanceStatus.COMPLETED, body or FINISHED, at=now)
    return await get(session, slug, maintenance_id, by=by)


async def cancel(
    session: AsyncSession,
    slug: str,
    maintenance_id: str,
    *,
    body: str | None = None,
    ends_series: bool = False,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Call off a maintenance that has not begun; Conflict for any other. It stays in the history, as called off.

    Of a recurring one this window alone, and the next one is scheduled, unless `ends_series`.
    """
    async with change_page(session, slug, by=by, now=now, kind="maintenance.cancelled") as change:
        maintenance = await find_maintenance(change, maintenance_id, expected_version)
        if maintenance.status is not MaintenanceStatus.SCHEDULED:
            raise Conflict(f"This maintenance can no longer be called off: it is {maintenance.status.value}.")
        await session.execute(
            sql_update(MaintenanceRow)
            .where(MaintenanceRow.id == maintenance_id)
            .values(
                status=MaintenanceStatus.COMPLETED.value,
                completed_at=now,
                cancelled_at=now,
                sequence=MaintenanceRow.sequence + 1,
                updated_at=now,
                version=MaintenanceRow.version + 1,
            )
        )
        await add_words(change, maintenance, MaintenanceStatus.COMPLETED, body or _CANCELLED, at=now)
        if not ends_series:
            await insert_next(change, maintenance, over_at=maintenance.scheduled_until)
    return await get(session, slug, maintenance_id, by=by)


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
    """Change any of `NewMaintenance`'s fields but `notify`, or `started_at`, `completed_at` of one that has ended.

    Another window or rule is a move: `sequence` grows, which calendars ask for, and the reminder is due again. One that
    has begun may end at another time; nothing moves one that has ended. Components count for all of its time, and when
    it really ran is corrected with the figures of those days.
    """
    async with change_page(session, slug, by=by, now=now, kind="maintenance.edited") as change:
        maintenance = await find_maintenance(change, maintenance_id, expected_version)
        await check_audience(session, changes.get("audience"), by=change.by, stored=maintenance.audience)
        values = dict(changes)
        components = values.pop("components", None)
        values = {name: value for name, value in values.items() if getattr(maintenance, name) != value}
        ran = [(getattr(maintenance, name), values[name]) for name in _RAN if name in values]
        if ran:
            _check_ran(maintenance, values, now)
            change.rewrite({*maintenance.component_ids, *(components or ())}, min(min(pair) for pair in ran))
        is_moved = not values.keys().isdisjoint(_TIMES)
        if is_moved:
            _check_move(change, maintenance, values)
            values["sequence"] = maintenance.sequence + 1
            if maintenance.rrule is not None and "scheduled_for" in values and "rrule" not in values:
                values["rrule"] = without_time_of_day(maintenance.rrule)  # the new time counts for those after it
            change.kind = "maintenance.updated"
        if values.get("rrule") is not None and maintenance.series_id is None:
            values["series_id"] = maintenance_id
        if maintenance.status is MaintenanceStatus.SCHEDULED and {"scheduled_for", "remind_before_min"} & values.keys():
            values["reminded_at"] = reminded_by(
                change,
                values.get("scheduled_for", maintenance.scheduled_for),
                values.get("remind_before_min", maintenance.remind_before_min),
            )
        if components is not None and set(components) != set(maintenance.component_ids):
            await _change_components(change, maintenance, components)
            change.kind = "maintenance.updated"
        elif not values:
            return maintenance_json(maintenance, visible_components(change.before, change.view), change.view)
        change.touch(maintenance)
        await session.execute(
            sql_update(MaintenanceRow)
            .where(MaintenanceRow.id == maintenance_id)
            .values(**values, updated_at=now, version=MaintenanceRow.version + 1)
        )
    return await get(session, slug, maintenance_id, by=by)


async def edit_update(
    session: AsyncSession,
    slug: str,
    maintenance_id: str,
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
    async with change_page(session, slug, by=by, now=now, kind="maintenance.edited") as change:
        maintenance = await find_maintenance(change, maintenance_id, expected_version)
        position = next((at for at, item in enumerate(maintenance.updates) if item.id == update_id), None)
        if position is None:
            raise NotFound("There is no such update.")
        old = maintenance.updates[position]
        values: dict[str, Any] = {} if body in {None, old.body} else {"body": body}
        if display_at is not None and display_at != old.display_at:
            if problem := place_problem(maintenance.updates, position, display_at, now):
                raise Invalid(fields={"display_at": problem})
            values["display_at"] = display_at
        if notify:
            change.kind = "maintenance.updated"
            values["deliver_notifications"] = True
        if values:
            change.touch(maintenance)
            await session.execute(
                sql_update(MaintenanceUpdate).where(MaintenanceUpdate.id == update_id).values(**values, updated_at=now)
            )
            await session.execute(
                sql_update(MaintenanceRow)
                .where(MaintenanceRow.id == maintenance_id)
                .values(updated_at=now, version=MaintenanceRow.version + 1)
            )
    return await get_update(session, slug, maintenance_id, update_id, by=by)


async def delete(
    session: AsyncSession,
    slug: str,
    maintenance_id: str,
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> None:
    """Take a maintenance back as if it had never been announced, with its series and its share in the figures.

    What stays is known to calendars alone: that the window of this id, without any words, does not take place.
    """
    async with change_page(session, slug, by=by, now=now, kind="maintenance.deleted") as change:
        maintenance = await find_maintenance(change, maintenance_id, expected_version)
        change.touch(maintenance)
        for table in (MaintenanceUpdate, IncidentNote):
            await session.execute(sql_delete(table).where(table.maintenance_id == maintenance_id))
        await session.execute(
            sql_update(MaintenanceRow)
            .where(MaintenanceRow.id == maintenance_id)
            .values(
                name=_NAME_OF_DELETED,
                body="",
                rrule=None,
                external_id=None,
                status=MaintenanceStatus.COMPLETED.value,
                completed_at=maintenance.completed_at or now,
                cancelled_at=maintenance.cancelled_at or now,
                deleted_at=now,
                sequence=MaintenanceRow.sequence + 1,
                updated_at=now,
            )
        )
        if maintenance.started_at is not None:
            change.rewrite(maintenance.component_ids, maintenance.started_at)


async def get(session: AsyncSession, slug: str, maintenance_id: str, *, by: Principal) -> Json:
    sight = await see_page(session, slug, by)
    where = (MaintenanceRow.page_id == sight.page.id) & (MaintenanceRow.id == maintenance_id)
    found = await load_maintenances(session, where)
    shown = shown_maintenances(found, sight, await visible_to(session, sight))
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
    """As `recent_maintenances` has them; NotFound when the page is not `by`'s."""
    sight = await see_page(session, slug, by)
    return await recent_maintenances(session, sight, limit, before=before, month=month)


async def find_maintenance(change: PageChange, maintenance_id: str, expected_version: int | None = None) -> Maintenance:
    """A maintenance of the page that is changed. NotFound; VersionConflict when the caller read an older version."""
    where = (MaintenanceRow.page_id == change.page_id) & (MaintenanceRow.id == maintenance_id)
    found = await load_maintenances(change.session, where)
    if not found:
        raise NotFound("There is no such maintenance.")
    maintenance = change.subject = found[0]
    shown = maintenance_json(maintenance, visible_components(change.before, change.view), change.view)
    check_version(maintenance.version, expected_version, shown)
    return maintenance


async def _change_components(change: PageChange, maintenance: Maintenance, components: Sequence[str]) -> None:
    old = maintenance.component_ids
    _check_components(change, components, known=old)
    await change.session.execute(
        sql_delete(MaintenanceComponent).where(MaintenanceComponent.maintenance_id == maintenance.id)
    )
    await link(change.session, maintenance.id, components)
    if maintenance.started_at is not None:
        change.rewrite(set(old) ^ set(components), maintenance.started_at)


def _check_components(change: PageChange, component_ids: Sequence[str], known: Sequence[str] = ()) -> None:
    unknown = [key for key in component_ids if key not in change.before.statuses and key not in known]
    if unknown:
        raise Invalid(fields={"components": f"not on this page: {', '.join(unknown)}"})


def _check_move(change: PageChange, maintenance: Maintenance, values: Mapping[str, Any]) -> None:
    """`values`: what differs. Raises Invalid."""
    if maintenance.status is MaintenanceStatus.COMPLETED:
        raise Invalid(fields={name: "cannot change: it has ended" for name in _TIMES if name in values})
    if maintenance.is_active and "scheduled_for" in values:
        raise Invalid(fields={"scheduled_for": "cannot change: it has begun"})
    start, end, rule = (values.get(name, getattr(maintenance, name)) for name in _TIMES)
    _check_window(start, end)
    if not values.keys().isdisjoint(_TIMES[:2]) and end <= change.now:
        raise Invalid(fields={"scheduled_until": "must lie in the future; to end it now, finish it"})
    _check_recurrence(change, rule, start, is_stored="rrule" not in values)


def _check_ran(maintenance: Maintenance, values: Mapping[str, Any], now: datetime) -> None:
    """`values`: what differs. Raises Invalid."""
    if maintenance.started_at is None or maintenance.completed_at is None:
        problem = "is for maintenances that took place and have ended"
        raise Invalid(fields={name: problem for name in _RAN if name in values})
    start, end = (values.get(name, getattr(maintenance, name)) for name in _RAN)
    if start > now:
        raise Invalid(fields={"started_at": "must not lie in the future"})
    if not start <= end <= now:
        raise Invalid(fields={"completed_at": "must lie between started_at and now"})


def _check_window(scheduled_for: datetime, scheduled_until: datetime) -> None:
    if scheduled_until <= scheduled_for:
        raise Invalid(fields={"scheduled_until": "must come after scheduled_for"})


def _check_recurrence(
    change: PageChange, rule: str | None, scheduled_for: datetime, *, is_stored: bool = False
) -> None:
    """A rule must have a date after this window, but for one that says that this is the last."""
    if rule is None:
        return
    local = scheduled_for.astimezone(ZoneInfo(change.before.page.time_zone))
    problem = series_problem(rule, local, is_stored=is_stored)
    if problem:
        raise Invalid(fields={"rrule": problem})
