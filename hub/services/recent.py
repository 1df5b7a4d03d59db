"""The past and the plans of a page as one view sees them: what documents, feeds and calendars are made of."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.page import Incident, Maintenance, PageState
from hub.domain.snapshot import (
    Json,
    incident_is_visible,
    incident_json,
    maintenance_is_visible,
    maintenance_json,
    visible_components,
)
from hub.services.state import load_components, load_incidents, load_maintenances
from hub.services.views import Sight
from models import Incident as IncidentRow
from models import IncidentUpdate, MaintenanceUpdate
from models import Maintenance as MaintenanceRow

Item = TypeVar("Item", Incident, Maintenance)


async def recent_incidents(session: AsyncSession, sight: Sight, limit: int) -> list[Json]:
    """Up to `limit` incidents in any state, newest first by (started_at, created_at, id)."""
    visible = await _visible(session, sight)
    key = (IncidentRow.started_at, IncidentRow.created_at, IncidentRow.id)

    async def read(before: tuple[Any, ...] | None) -> Sequence[Incident]:
        where = _older(IncidentRow.page_id == sight.page.id, key, before)
        return await load_incidents(session, where, order=[column.desc() for column in key], limit=limit)

    found = await _collect(
        read,
        lambda item: incident_is_visible(item, sight.page, visible, sight.view),
        lambda item: (item.started_at, item.created_at, item.id),
        limit,
    )
    return [incident_json(item, visible, sight.view) for item in found]


async def recent_maintenances(session: AsyncSession, sight: Sight, limit: int) -> list[Json]:
    """Up to `limit` maintenances in any state, newest window first by (scheduled_for, id)."""
    visible = await _visible(session, sight)
    key = (MaintenanceRow.scheduled_for, MaintenanceRow.id)

    async def read(before: tuple[Any, ...] | None) -> Sequence[Maintenance]:
        where = _older(MaintenanceRow.page_id == sight.page.id, key, before)
        return await load_maintenances(session, where, order=[column.desc() for column in key], limit=limit)

    found = await _collect(
        read,
        lambda item: maintenance_is_visible(item, sight.page, visible, sight.view),
        lambda item: (item.scheduled_for, item.id),
        limit,
    )
    return [maintenance_json(item, visible, sight.view) for item in found]


async def maintenances_since(session: AsyncSession, sight: Sight, since: datetime) -> list[Json]:
    """All maintenances whose window ends at `since` or later, in any state, oldest window first.

    Deleted ones are among them, without words and as cancelled: calendars that have them must take them out.
    """
    visible = await _visible(session, sight)
    found = await load_maintenances(
        session,
        (MaintenanceRow.page_id == sight.page.id) & (MaintenanceRow.scheduled_until >= since),
        order=[MaintenanceRow.scheduled_for.asc(), MaintenanceRow.id.asc()],
        with_deleted=True,
    )
    return [
        maintenance_json(item, visible, sight.view)
        for item in found
        if maintenance_is_visible(item, sight.page, visible, sight.view)
    ]


async def told_of_components(
    session: AsyncSession, incidents: Iterable[Json], maintenances: Iterable[Json]
) -> dict[str, list[Json] | None]:
    """By update of these, what it said of components, as stored. For no viewer as it is: he may not see all of it."""
    told: dict[str, list[Json] | None] = {}
    for table, items in ((IncidentUpdate, incidents), (MaintenanceUpdate, maintenances)):
        ids = [update["id"] for item in items for update in item["updates"]]
        if ids:
            rows = await session.execute(select(table.id, table.affected).where(table.id.in_(ids)))
            told.update({row.id: row.affected for row in rows})
    return told


async def _visible(session: AsyncSession, sight: Sight) -> frozenset[str]:
    state = PageState(page=sight.page, components=await load_components(session, sight.page.id))
    return visible_components(state, sight.view)


def _older(where: ColumnElement[bool], key: Sequence[Any], before: tuple[Any, ...] | None) -> ColumnElement[bool]:
    return where if before is None else where & (tuple_(*key) < tuple_(*before))


async def _collect(
    read: Callable[[tuple[Any, ...] | None], Awaitable[Sequence[Item]]],
    is_visible: Callable[[Item], bool],
    key_of: Callable[[Item], tuple[Any, ...]],
    limit: int,
) -> list[Item]:
    """`limit` that are visible, read in as many batches as it takes: what is hidden shortens no list."""
    found: list[Item] = []
    before = None
    while len(found) < limit:
        batch = await read(before)
        found += [item for item in batch if is_visible(item)]
        if len(batch) < limit:
            break
        before = key_of(batch[-1])
    return found[:limit]
