"""The rows of a maintenance: one window as it is announced, its states one after the other, and the window after it.

Everything here works inside a `change_page` of the caller.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.maintenance import ACTIVE_STATUSES, MaintenanceStatus, remind_at
from hub.domain.page import Maintenance
from hub.domain.recurrence import next_window
from hub.domain.status import Status, worst
from hub.ids import new_id
from hub.services.write import PageChange
from models import Maintenance as MaintenanceRow
from models import MaintenanceComponent, MaintenanceUpdate

REMIND_BEFORE_MIN = 60
FINISHED = "The maintenance is complete."
MISSED_WINDOWS_TOLD = 100

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class NewMaintenance:
    """`rrule`: RFC 5545, in the page's zone; each window that ends schedules the next.

    `remind_before_min`: how long before it begins to remind of it, None for never.
    """

    name: str
    body: str
    scheduled_for: datetime
    scheduled_until: datetime
    components: Sequence[str] = ()
    rrule: str | None = None
    auto_start: bool = True
    auto_complete: bool = True
    audience: str | None = None
    remind_before_min: int | None = REMIND_BEFORE_MIN
    notify: bool = True


async def insert_maintenance(
    change: PageChange, new: NewMaintenance, series_id: str | None = None, sequence: int = 0
) -> str:
    maintenance_id = await _insert_row(
        change,
        new,
        series_id=series_id,
        sequence=sequence,
        status=MaintenanceStatus.SCHEDULED,
        reminded_at=reminded_by(change, new.scheduled_for, new.remind_before_min),
    )
    await _insert_update(
        change, maintenance_id, MaintenanceStatus.SCHEDULED, new.body, change.now, new.components, notify=new.notify
    )
    return maintenance_id


async def _insert_row(
    change: PageChange,
    new: NewMaintenance,
    *,
    series_id: str | None,
    sequence: int,
    status: MaintenanceStatus,
    **instants: datetime | None,
) -> str:
    maintenance_id = new_id()
    await change.session.execute(
        insert(MaintenanceRow).values(
            id=maintenance_id,
            page_id=change.page_id,
            name=new.name,
            body=new.body,
            status=status.value,
            audience=new.audience,
            scheduled_for=new.scheduled_for,
            scheduled_until=new.scheduled_until,
            auto_start=new.auto_start,
            auto_complete=new.auto_complete,
            rrule=new.rrule,
            series_id=series_id or (maintenance_id if new.rrule else None),
            sequence=sequence,
            remind_before_min=new.remind_before_min,
            created_at=change.now,
            updated_at=change.now,
            **instants,
        )
    )
    await link(change.session, maintenance_id, new.components)
    return maintenance_id


def reminded_by(change: PageChange, scheduled_for: datetime, remind_before_min: int | None) -> datetime | None:
    """Now, if a window is told of so late that this is the reminder; None while a reminder is still to come."""
    due_at = remind_at(scheduled_for, remind_before_min)
    return change.now if due_at is not None and due_at <= change.now else None


async def move(
    change: PageChange,
    maintenance: Maintenance,
    status: MaintenanceStatus,
    body: str,
    *,
    at: datetime,
    started_at: datetime | None = None,
    notify: bool = True,
) -> str:
    """Store the new state and the update that tells it; the id of the update.

    `at`: when the state was reached, which may be long ago: then the past of the components is worked out again.
    `started_at`: the same for the beginning of one that is found to be over, or None when it never was under way.
    """
    is_over = status is MaintenanceStatus.COMPLETED
    starts = status in ACTIVE_STATUSES and maintenance.status is MaintenanceStatus.SCHEDULED
    ends = is_over and maintenance.status is not MaintenanceStatus.COMPLETED
    if starts or ends:
        change.kind = "maintenance.completed" if ends else "maintenance.started"
    has_started = maintenance.started_at or (min(started_at or at, at) if starts or ends else None)
    await change.session.execute(
        sql_update(MaintenanceRow)
        .where(MaintenanceRow.id == maintenance.id)
        .values(
            status=status.value,
            started_at=has_started,
            completed_at=(maintenance.completed_at or at) if is_over else None,
            updated_at=change.now,
            version=MaintenanceRow.version + 1,
        )
    )
    change.touch(maintenance)
    if (starts or ends) and has_started is not None and min(has_started, at) < change.now:
        change.rewrite(maintenance.component_ids, min(has_started, at))
    if ends:
        await insert_next(change, maintenance, over_at=at)
    return await add_words(change, maintenance, status, body, at=at, notify=notify)


async def add_words(
    change: PageChange,
    maintenance: Maintenance,
    status: MaintenanceStatus,
    body: str,
    *,
    at: datetime,
    notify: bool = True,
) -> str:
    """One more update, after all others; its id."""
    at = max(at, max((item.display_at for item in maintenance.updates), default=at - _MS) + _MS)
    return await _insert_update(
        change, maintenance.id, status, body, at, maintenance.component_ids, notify=notify, before=maintenance.status
    )


async def insert_next(change: PageChange, maintenance: Maintenance, *, over_at: datetime) -> None:
    """The next window of a recurring maintenance that has not ended yet, after those that nobody was there for.

    `over_at`: when this one was over. Windows that were to begin and end by themselves since then did so as planned;
    nobody is notified of them. Others are passed over, and of very many all but the latest.
    """
    if maintenance.rrule is None:
        return
    window: tuple[datetime, datetime, str] | None
    window = (maintenance.scheduled_for, maintenance.scheduled_until, maintenance.rrule)
    zone = ZoneInfo(change.before.page.time_zone)
    missed: deque[NewMaintenance] = deque(maxlen=MISSED_WINDOWS_TOLD)
    series_id, sequence = maintenance.series_id or maintenance.id, maintenance.sequence + 1
    while (window := next_window(window[2], zone, window[0], window[1])) is not None:
        following = _window_like(change, maintenance, *window)
        if window[1] > change.now:
            # A sequence of its own: the series begins at another time now, and calendars count its changes.
            await insert_maintenance(change, following, series_id=series_id, sequence=sequence)
            break
        if window[1] > over_at and following.auto_start and following.auto_complete:
            missed.append(following)
    for item in missed:
        await _insert_missed(change, item, series_id, sequence)


def _window_like(
    change: PageChange, maintenance: Maintenance, scheduled_for: datetime, scheduled_until: datetime, rrule: str
) -> NewMaintenance:
    return NewMaintenance(
        name=maintenance.name,
        body=maintenance.body,
        scheduled_for=scheduled_for,
        scheduled_until=scheduled_until,
        components=[key for key in maintenance.component_ids if key in change.before.statuses],
        rrule=rrule,
        auto_start=maintenance.auto_start,
        auto_complete=maintenance.auto_complete,
        audience=maintenance.audience,
        remind_before_min=maintenance.remind_before_min,
    )


async def _insert_missed(change: PageChange, missed: NewMaintenance, series_id: str, sequence: int) -> None:
    """A window that is over: it began and ended when it was to, and is told of in silence."""
    begun, ended = missed.scheduled_for, missed.scheduled_until
    maintenance_id = await _insert_row(
        change,
        missed,
        series_id=series_id,
        sequence=sequence,
        status=MaintenanceStatus.COMPLETED,
        started_at=begun,
        completed_at=ended,
        announced_at=begun,
    )
    await _insert_update(
        change, maintenance_id, MaintenanceStatus.COMPLETED, FINISHED, ended, missed.components, notify=False
    )
    change.rewrite(missed.components, begun)


async def link(session: AsyncSession, maintenance_id: str, component_ids: Sequence[str]) -> None:
    if component_ids:
        links = [{"maintenance_id": maintenance_id, "component_id": key} for key in dict.fromkeys(component_ids)]
        await session.execute(insert(MaintenanceComponent), links)


async def _insert_update(
    change: PageChange,
    maintenance_id: str,
    status: MaintenanceStatus,
    body: str,
    at: datetime,
    component_ids: Sequence[str],
    *,
    notify: bool,
    before: MaintenanceStatus = MaintenanceStatus.SCHEDULED,
) -> str:
    update_id = new_id()
    state = change.before
    held_elsewhere = Counter(
        key for item in state.maintenances if item.is_active and item.id != maintenance_id for key in item.component_ids
    )
    await change.session.execute(
        insert(MaintenanceUpdate).values(
            id=update_id,
            maintenance_id=maintenance_id,
            status=status.value,
            body=body,
            affected=[
                {
                    "id": key,
                    "name": state.components_by_id[key].name,
                    "old_status": state.statuses[key].value,
                    "group": state.group_told(state.components_by_id[key]),
                    "new_status": _status_under(
                        status,
                        state.statuses[key],
                        is_held_here_alone=before in ACTIVE_STATUSES and not held_elsewhere[key],
                    ).value,
                }
                for key in component_ids
                if key in state.statuses
            ],
            deliver_notifications=notify,
            display_at=at,
            created_at=max(at, change.now),
            updated_at=max(at, change.now),
        )
    )
    return update_id


def _status_under(status: MaintenanceStatus, before: Status, *, is_held_here_alone: bool) -> Status:
    """What a component shows once the maintenance is in `status`, as far as this maintenance alone can say."""
    if status in ACTIVE_STATUSES:
        return worst((before, Status.UNDER_MAINTENANCE))
    if is_held_here_alone and status is MaintenanceStatus.COMPLETED and before is Status.UNDER_MAINTENANCE:
        return Status.OPERATIONAL
    return before
