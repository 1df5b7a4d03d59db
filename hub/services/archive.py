"""What has been on a page, incidents and maintenances in one list, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.archive import Month
from hub.domain.page import PageState
from hub.domain.snapshot import Json, maintenance_is_visible, maintenance_json, visible_components
from hub.services import incidents
from hub.services.state import load_components, load_maintenances
from hub.services.views import Sight, see_page
from models import Maintenance as MaintenanceRow

Key = tuple[datetime, datetime, str]
_MONTH_BATCH = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was. `item` as in snapshots; `key`: its start, its making and its id, which order the list."""

    kind: Literal["incident", "maintenance"]
    item: Json

    @property
    def key(self) -> Key:
        start = self.item["started_at" if self.kind == "incident" else "scheduled_for"]
        return datetime.fromisoformat(start), datetime.fromisoformat(self.item["created_at"]), self.item["id"]


async def list_past(
    session: AsyncSession,
    slug: str,
    *,
    by: Principal,
    now: datetime,
    limit: int,
    before: Key | None = None,
    month: Month | None = None,
) -> list[Entry]:
    """Up to `limit` entries below the keyset `before`, of one month if given. What was planned for later is not past.

    Fewer than `limit` means that nothing older is there. NotFound when the page is not `by`'s.
    """
    told = await incidents.list_incidents(session, slug, by=by, limit=limit, before=before, month=month)
    sight = await see_page(session, slug, by)
    planned = await _maintenances(session, sight, now, limit, before, month)
    entries = [Entry("incident", item) for item in told] + [Entry("maintenance", item) for item in planned]
    return sorted(entries, key=lambda entry: entry.key, reverse=True)[:limit]


async def whole_month(session: AsyncSession, slug: str, month: Month, *, by: Principal, now: datetime) -> list[Entry]:
    """Everything of one month, newest first."""
    found: list[Entry] = []
    while True:
        before = found[-1].key if found else None
        batch = await list_past(session, slug, by=by, now=now, limit=_MONTH_BATCH, before=before, month=month)
        found += batch
        if len(batch) < _MONTH_BATCH:
            return found


async def older_month(
    session: AsyncSession, slug: str, month: Month, zone: ZoneInfo, *, by: Principal, now: datetime
) -> Month | None:
    """The latest month before `month` in which something was."""
    since, _ = month.bounds(zone)
    earliest = datetime(1, 1, 1, tzinfo=UTC)
    found = await list_past(session, slug, by=by, now=now, limit=1, before=(since, earliest, ""))
    return Month.of(found[0].key[0], zone) if found else None


async def _maintenances(
    session: AsyncSession, sight: Sight, now: datetime, limit: int, before: Key | None, month: Month | None
) -> Sequence[Json]:
    state = PageState(page=sight.page, components=await load_components(session, sight.page.id))
    visible = visible_components(state, sight.view)
    key = (MaintenanceRow.scheduled_for, MaintenanceRow.created_at, MaintenanceRow.id)
    found: list[Json] = []
    while len(found) < limit:
        where = (MaintenanceRow.page_id == sight.page.id) & (MaintenanceRow.scheduled_for <= now)
        if month is not None:
            since, until = month.bounds(ZoneInfo(sight.page.time_zone))
            where &= (MaintenanceRow.scheduled_for >= since) & (MaintenanceRow.scheduled_for < until)
        if before is not None:
            where &= tuple_(*key) < tuple_(*before)
        batch = await load_maintenances(session, where, order=[column.desc() for column in key], limit=limit)
        found += [
            maintenance_json(item, visible, sight.view)
            for item in batch
            if maintenance_is_visible(item, sight.page, visible, sight.view)
        ]
        if len(batch) < limit:
            break
        before = (batch[-1].scheduled_for, batch[-1].created_at, batch[-1].id)
    return found
