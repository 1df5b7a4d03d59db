"""Maintenances on a `Desk`: planned, advanced as the beat and a worker do, and read back."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from hub.services import maintenances, schedule
from hub.services.maintenances import NewMaintenance
from tests.support.desk import ADMIN, Desk
from tests.support.rows import events_of


async def planned(desk: Desk, start: datetime, end: datetime, **options: Any) -> dict[str, Any]:
    made: dict[str, Any] = await desk.act(
        maintenances.schedule, NewMaintenance("Disks", "New ones.", start, end, **options)
    )
    return made


async def look(desk: Desk, at: datetime) -> int:
    """What the beat and a worker do at `at`; how many maintenances moved."""
    desk.now = at - timedelta(seconds=1)
    async with desk.sessions() as session:
        found = await schedule.due(session, at)
    moved = 0
    for _, key in found:
        desk.now = at - timedelta(seconds=1)
        moved += await desk.do(schedule.advance, key)
    return moved


async def read(desk: Desk, maintenance_id: str) -> dict[str, Any]:
    async with desk.sessions() as session:
        return await maintenances.get(session, "acme", maintenance_id, by=ADMIN)


async def told(desk: Desk) -> list[str]:
    async with desk.sessions() as session:
        return [kind for kind, _ in await events_of(session, "page:acme") if kind.startswith("maintenance.")]


async def spans(desk: Desk, component_id: str) -> list[tuple[str, datetime, datetime | None]]:
    async with desk.sessions() as session:
        rows = await session.execute(
            text(
                "SELECT status, lower(during), upper(during) FROM status_interval WHERE component_id = :id ORDER BY 2"
            ),
            {"id": component_id},
        )
        return [(status, since, until) for status, since, until in rows.all()]


def status(desk: Desk) -> str:
    found: str = desk.snapshots["public"]["components"][0]["status"]
    return found
