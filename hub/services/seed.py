"""The demo page: the project's own data set (`hub.seed`), with ninety days of history behind it, and its owner."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import OWNER, Principal
from hub.domain.statuspage import parse
from hub.domain.uptime import known_since
from hub.seed import demo_documents
from hub.services import accounts
from hub.services.importer import import_plan
from hub.services.intervals import extend_bases
from hub.services.write import change_page
from models import Account, PageRole
from models import Page as PageRow

DEMO_SLUG = "demo"


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
        starts = {item.id: known_since(item.start_date, zone) for item in change.before.components}
        # Unlike an imported page, this one tells its whole story.
        known = await extend_bases(session, {key: start for key, start in starts.items() if start is not None})
        for key, start in known.items():
            change.rewrite([key], start)
        # The page is as old as what is on it, so that the reports of the days before are due.
        oldest = min((item.created_at for item in plan.groups if item.created_at is not None), default=now)
        await session.execute(update(PageRow).where(PageRow.id == change.page_id).values(created_at=oldest))
    await session.execute(
        upsert(PageRole)
        .values(page_id=change.page_id, account_id=account_id, role=OWNER)
        .on_conflict_do_nothing(index_elements=["page_id", "account_id"])
    )
    return True
