"""The past and the plans of a page as one view sees them: what lists, documents, feeds and calendars are made of."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.archive import Month
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
Key = tuple[Any, ...]

BY_START = ("started_at", "created_at", "id")
BY_WINDOW = ("scheduled_for", "id")


async def recent_incidents(
    session: AsyncSession, sight: Sight, limit: int, *, before: Key | None = None, month: Month | None = None
) -> list[Json]:
    """Up to `limit` incidents in any state, newest first by `BY_START`, below the keyset `before` if given.

    `month`: only those that began in it, by the page's calendar. Fewer than `limit` means that nothing older is there:
    what is hidden does not count.
    """
    where = IncidentRow.page_id == sight.page.id
    if month is not None:
        where &= _began_in(month, sight, IncidentRow.started_at)
    visible = await visible_to(session, sight)
    return await _newest(
        lambda below, order: load_incidents(session, where & below, order=order, limit=limit),
        lambda found: shown_incidents(found, sight, visible),
        [getattr(IncidentRow, name) for name in BY_START],
        limit,
        before,
    )


async def recent_maintenances(
    session: AsyncSession,
    sight: Sight,
    limit: int,
    *,
    before: Key | None = None,
    month: Month | None = None,
    until: datetime | None = None,
    keyset: Sequence[str] = BY_WINDOW,
) -> list[Json]:
    """Up to `limit` maintenances in any state, newest window first by `keyset`; the rest as `recent_incidents`.

    `until`: only those whose window has begun by then.
    """
    where = MaintenanceRow.page_id == sight.page.id
    if until is not None:
        where &= MaintenanceRow.scheduled_for <= until
    if month is not None:
        where &= _began_in(month, sight, MaintenanceRow.scheduled_for)
    visible = await visible_to(session, sight)
    return await _newest(
        lambda below, order: load_maintenances(session, where & below, order=order, limit=limit),
        lambda found: shown_maintenances(found, sight, visible),
        [getattr(MaintenanceRow, name) for name in keyset],
        limit,
        before,
    )


async def maintenances_since(session: AsyncSession, sight: Sight, since: datetime) -> list[Json]:
    """All maintenances whose window ends at `since` or later, in any state, oldest window first.

    Deleted ones are among them, without words and as cancelled: calendars that have them must take them out.
    """
    found = await load_maintenances(
        session,
        (MaintenanceRow.page_id == sight.page.id) & (MaintenanceRow.scheduled_until >= since),
        order=[MaintenanceRow.scheduled_for.asc(), MaintenanceRow.id.asc()],
        with_deleted=True,
    )
    return shown_maintenances(found, sight, await visible_to(session, sight))


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


async def visible_to(session: AsyncSession, sight: Sight) -> frozenset[str]:
    """The ids of the components that a view sees."""
    state = PageState(page=sight.page, components=await load_components(session, sight.page.id))
    return visible_components(state, sight.view)


def shown_incidents(found: Iterable[Incident], sight: Sight, visible: frozenset[str]) -> list[Json]:
    """Those that the view sees, as it sees them."""
    return [
        incident_json(item, visible, sight.view)
        for item in found
        if incident_is_visible(item, sight.page, visible, sight.view)
    ]


def shown_maintenances(found: Iterable[Maintenance], sight: Sight, visible: frozenset[str]) -> list[Json]:
    """Those that the view sees, as it sees them."""
    return [
        maintenance_json(item, visible, sight.view)
        for item in found
        if maintenance_is_visible(item, sight.page, visible, sight.view)
    ]


def _began_in(month: Month, sight: Sight, start: Any) -> ColumnElement[bool]:
    since, until = month.bounds(ZoneInfo(sight.page.time_zone))
    began: ColumnElement[bool] = (start >= since) & (start < until)
    return began


async def _newest(
    load: Callable[[ColumnElement[bool], Sequence[ColumnElement[Any]]], Awaitable[Sequence[Item]]],
    shown: Callable[[Sequence[Item]], list[Json]],
    keyset: Sequence[Any],
    limit: int,
    before: Key | None,
) -> list[Json]:
    """`limit` that are visible, read in as many batches as it takes: what is hidden shortens no list."""
    order = [column.desc() for column in keyset]
    found: list[Json] = []
    while len(found) < limit:
        batch = await load(true() if before is None else tuple_(*keyset) < tuple_(*before), order)
        found += shown(batch)
        if len(batch) < limit:
            break
        before = tuple(getattr(batch[-1], column.key) for column in keyset)
    return found[:limit]
