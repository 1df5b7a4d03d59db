"""What has been on a page, incidents and maintenances in one list, newest first."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.archive import Month
from hub.domain.snapshot import Json
from hub.services.recent import recent_incidents, recent_maintenances
from hub.services.views import see_page

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
    sight = await see_page(session, slug, by)
    told = await recent_incidents(session, sight, limit, before=before, month=month)
    planned = await recent_maintenances(
        session, sight, limit, before=before, month=month, until=now, keyset=("scheduled_for", "created_at", "id")
    )
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
