"""What the times of maintenances ask for: which are due, and doing it once, however late. Called by `tasks`."""

from datetime import datetime

from sqlalchemy import and_, func, or_, select
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import SYSTEM
from hub.domain.maintenance import ACTIVE_STATUSES, MaintenanceStatus, due_status, remind_at
from hub.domain.page import Maintenance
from hub.services.maintenance_windows import FINISHED, move
from hub.services.maintenances import find_maintenance
from hub.services.write import change_page
from models import Maintenance as MaintenanceRow
from models import Page as PageRow

_AUTOMATIC_WORDS = {
    MaintenanceStatus.IN_PROGRESS: "The maintenance window has begun.",
    MaintenanceStatus.COMPLETED: FINISHED,
}


async def due(session: AsyncSession, now: datetime) -> list[tuple[str, str]]:
    """(slug, maintenance id) of everything the schedule asks to begin, to end or to remind of at `now`.

    Earliest window first.
    """
    row = MaintenanceRow
    is_scheduled = row.status == MaintenanceStatus.SCHEDULED.value
    remind_before = func.make_interval(0, 0, 0, 0, 0, row.remind_before_min)
    rows = await session.execute(
        select(PageRow.slug, row.id)
        .join(PageRow, PageRow.id == row.page_id)
        .where(
            row.completed_at.is_(None),
            or_(
                and_(is_scheduled, row.auto_start, row.scheduled_for <= now),
                and_(
                    row.status.in_([status.value for status in ACTIVE_STATUSES]),
                    row.auto_complete,
                    row.scheduled_until <= now,
                    or_(row.started_at.is_(None), row.started_at < row.scheduled_until),
                ),
                and_(
                    is_scheduled,
                    row.reminded_at.is_(None),
                    row.scheduled_for > now,
                    row.scheduled_for - remind_before <= now,
                ),
            ),
        )
        .order_by(row.scheduled_for, row.id)
    )
    return [(slug, key) for slug, key in rows.all()]


async def advance(session: AsyncSession, slug: str, maintenance_id: str, *, now: datetime) -> bool:
    """Do what the schedule asks of one maintenance at `now`; False when nothing is due (any more).

    Begins and ends at the planned times, however late this runs; a recurring one schedules its next window. Reminds
    once, and never of what should have begun already.
    """
    async with change_page(session, slug, by=SYSTEM, now=now, kind="maintenance.reminded") as change:
        maintenance = await find_maintenance(change, maintenance_id)
        status = due_status(
            maintenance.status,
            scheduled_for=maintenance.scheduled_for,
            scheduled_until=maintenance.scheduled_until,
            auto_start=maintenance.auto_start,
            auto_complete=maintenance.auto_complete,
            now=now,
            started_at=maintenance.started_at,
        )
        if status is not None:
            is_over = status is MaintenanceStatus.COMPLETED
            await move(
                change,
                maintenance,
                status,
                _AUTOMATIC_WORDS[status],
                at=maintenance.scheduled_until if is_over else maintenance.scheduled_for,
                started_at=maintenance.scheduled_for,
            )
            return True
        if not _is_reminder_due(maintenance, now):
            return False
        # Neither `version` nor `updated_at`: nothing that somebody edits meanwhile has changed.
        await session.execute(
            sql_update(MaintenanceRow).where(MaintenanceRow.id == maintenance_id).values(reminded_at=now)
        )
    return True


def _is_reminder_due(maintenance: Maintenance, now: datetime) -> bool:
    if maintenance.status is not MaintenanceStatus.SCHEDULED or maintenance.reminded_at is not None:
        return False
    due_at = remind_at(maintenance.scheduled_for, maintenance.remind_before_min)
    return due_at is not None and due_at <= now < maintenance.scheduled_for
