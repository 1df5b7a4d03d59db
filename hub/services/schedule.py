"""What the times of maintenances ask for: which are due, and doing it once, however late. Called by `tasks`."""

from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import SYSTEM
from hub.domain.maintenance import ACTIVE_STATUSES, MaintenanceStatus, due_status
from hub.services.maintenances import find_maintenance, move
from hub.services.write import change_page
from models import Maintenance as MaintenanceRow
from models import Page as PageRow

_AUTOMATIC_WORDS = {
    MaintenanceStatus.IN_PROGRESS: "The maintenance window has begun.",
    MaintenanceStatus.COMPLETED: "The maintenance is complete.",
}


async def due(session: AsyncSession, now: datetime) -> list[tuple[str, str]]:
    """(slug, maintenance id) of everything the schedule asks to begin or end at `now`, earliest window first."""
    active = [status.value for status in ACTIVE_STATUSES]
    rows = await session.execute(
        select(PageRow.slug, MaintenanceRow.id)
        .join(PageRow, PageRow.id == MaintenanceRow.page_id)
        .where(
            MaintenanceRow.completed_at.is_(None),
            or_(
                and_(
                    MaintenanceRow.status == MaintenanceStatus.SCHEDULED.value,
                    MaintenanceRow.auto_start,
                    MaintenanceRow.scheduled_for <= now,
                ),
                and_(
                    MaintenanceRow.status.in_(active),
                    MaintenanceRow.auto_complete,
                    MaintenanceRow.scheduled_until <= now,
                ),
            ),
        )
        .order_by(MaintenanceRow.scheduled_for, MaintenanceRow.id)
    )
    return [(slug, key) for slug, key in rows.all()]


async def advance(session: AsyncSession, slug: str, maintenance_id: str, *, now: datetime) -> bool:
    """Do what the schedule asks of one maintenance at `now`; False when nothing is due (any more).

    Begins and ends at the planned times, however late this runs; a recurring one schedules its next window.
    """
    async with change_page(session, slug, by=SYSTEM, now=now, kind="maintenance.updated") as change:
        maintenance = await find_maintenance(change, maintenance_id)
        status = due_status(
            maintenance.status,
            scheduled_for=maintenance.scheduled_for,
            scheduled_until=maintenance.scheduled_until,
            auto_start=maintenance.auto_start,
            auto_complete=maintenance.auto_complete,
            now=now,
        )
        if status is None:
            return False
        await move(
            change,
            maintenance,
            status,
            _AUTOMATIC_WORDS[status],
            started_at=maintenance.scheduled_for,
            completed_at=maintenance.scheduled_until,
        )
    return True
