"""The demo page: the project's own data set (`hub.seed`), with ninety days of history behind it, and its owner."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import OWNER, Principal
from hub.domain.import_plan import ImportPlan, PlannedComponent
from hub.domain.status import Status
from hub.domain.statuspage import parse
from hub.seed import demo_documents
from hub.services import accounts
from hub.services.importer import import_plan
from hub.services.write import change_page
from models import Account, Component, PageRole, StatusInterval
from models import Page as PageRow

DEMO_SLUG = "demo"


@dataclass(frozen=True, slots=True)
class Stretch:
    """One status from `since` to `until` (None: still)."""

    status: Status
    since: datetime
    until: datetime | None


async def seed_demo(session: AsyncSession, *, by: Principal, now: datetime, email: str, password: str) -> bool:
    """Make the demo page and its owner's account, each unless it is there; True when the page was made.

    The account is a verified hub admin. A second run changes nothing, not even the password.
    """
    await accounts.create_unless_taken(session, email, password, is_admin=True, is_verified=True, now=now)
    account_id = await session.scalar(select(Account.id).where(Account.email == accounts.normal_email(email)))
    if await session.scalar(select(PageRow.id).where(PageRow.slug == DEMO_SLUG)) is not None:
        return False
    plan = parse(demo_documents(now))
    await import_plan(session, plan, slug=DEMO_SLUG, by=by, now=now)
    async with change_page(session, DEMO_SLUG, by=by, now=now, kind="page.imported") as change:
        zone = ZoneInfo(change.before.page.time_zone)
        await _write_history(session, change.page_id, stretches(plan, zone, now))
        # The page is as old as what is on it, so that the reports of the days before are due.
        oldest = min((item.created_at for item in plan.groups if item.created_at is not None), default=now)
        await session.execute(update(PageRow).where(PageRow.id == change.page_id).values(created_at=oldest))
    await session.execute(
        upsert(PageRole)
        .values(page_id=change.page_id, account_id=account_id, role=OWNER)
        .on_conflict_do_nothing(index_elements=["page_id", "account_id"])
    )
    return True


def stretches(plan: ImportPlan, zone: ZoneInfo, now: datetime) -> dict[str, list[Stretch]]:
    """By external id of the component: its statuses from its start date to now, as the updates of `plan` tell them.

    Right for a data set that tells the whole story, one layer at a time. An imported page does not: there, what no
    update tells of is unknown, and its history begins with the import.
    """
    told: dict[str, list[tuple[datetime, Status]]] = {}
    for posted in plan.updates:
        for word in posted.words:
            if word.new_status is not word.old_status:
                told.setdefault(word.component, []).append((posted.display_at, word.new_status))
    return {
        component.external_id: _stretches_of(component, sorted(told.get(component.external_id, ())), zone, now)
        for component in plan.components
    }


def _stretches_of(
    component: PlannedComponent, changes: Iterable[tuple[datetime, Status]], zone: ZoneInfo, now: datetime
) -> list[Stretch]:
    start = now if component.start_date is None else datetime.combine(component.start_date, time(), zone)
    found = [Stretch(Status.OPERATIONAL, start, None)]
    for at, status in changes:
        last = found[-1]
        if start < at <= now and status is not last.status:
            found[-1:] = [Stretch(last.status, last.since, at), Stretch(status, at, None)]
    return found


async def _write_history(session: AsyncSession, page_id: str, history: Mapping[str, list[Stretch]]) -> None:
    """Put `history` in the place of the intervals that the import has just opened."""
    rows = await session.execute(
        select(Component.external_id, Component.id).where(
            Component.page_id == page_id, Component.external_id.in_(history)
        )
    )
    ids = {row.external_id: row.id for row in rows}
    await session.execute(delete(StatusInterval).where(StatusInterval.component_id.in_(ids.values())))
    await session.execute(
        insert(StatusInterval),
        [
            {"component_id": ids[key], "status": item.status.value, "during": Range(item.since, item.until)}
            for key, items in history.items()
            for item in items
        ],
    )
