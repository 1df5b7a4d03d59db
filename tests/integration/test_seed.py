"""The demo page in a database."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from hub.auth.permissions import SYSTEM
from hub.domain.event import apply
from hub.services import history, snapshots
from hub.services.database import Sessions, one_moment
from hub.services.seed import DEMO_SLUG, seed_demo

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
EMAIL, PASSWORD = "demo@statushub.example", "a long enough password"


async def seed(sessions: Sessions, now: datetime = NOW, password: str = PASSWORD) -> bool:
    async with sessions.begin() as session:
        return await seed_demo(session, by=SYSTEM, now=now, email=EMAIL, password=password)


async def test_the_demo_page_has_a_story_and_ninety_days_behind_it(sessions: Sessions) -> None:
    assert await seed(sessions)
    async with one_moment(sessions) as session:
        page = await snapshots.read_snapshot(session, f"page:{DEMO_SLUG}")
        days = await session.scalar(
            text("SELECT max(upper(during) - lower(during)) FROM status_interval WHERE NOT upper_inf(during)")
        )
        count = await session.scalar(text("SELECT count(*) FROM status_interval"))
        holes = await session.scalar(
            text(
                "SELECT count(*) FROM status_interval earlier WHERE NOT upper_inf(during) AND NOT EXISTS"
                " (SELECT 1 FROM status_interval later WHERE later.component_id = earlier.component_id"
                " AND lower(later.during) = upper(earlier.during))"
            )
        )
    assert page["page"]["created_at"] < "2026-01-01"
    assert page["status"]["indicator"] == "minor"
    assert (len(page["groups"]), len(page["components"]), len(page["incidents"])) == (4, 14, 1)
    assert (len(page["maintenances"]), len(page["history"])) == (2, 10)
    tracking = next(item for item in page["components"] if item["name"] == "Tracking")
    assert tracking["status"] == "degraded_performance"
    assert tracking["status_since"] == "2026-11-25T02:16:00.000Z"
    assert days > timedelta(days=30)
    assert holes == 0
    assert count > 30


async def test_the_events_of_seeding_fold_into_the_page(sessions: Sessions) -> None:
    await seed(sessions)
    async with one_moment(sessions) as session:
        page = await snapshots.read_snapshot(session, f"page:{DEMO_SLUG}")
        told = await history.read_history(session, f"page:{DEMO_SLUG}", after=0, limit=10)
    folded = {
        "channel": page["channel"],
        "epoch": page["epoch"],
        "offset": page["offset"],
        "page": None,
        "status": None,
        "summary": None,
        "report": None,
        **{name: [] for name in ("groups", "components", "incidents", "maintenances", "history")},
    }
    for publication in told.publications:
        folded = apply(folded, json.loads(publication.data))
    assert folded == page


async def test_seeding_twice_changes_nothing(sessions: Sessions) -> None:
    await seed(sessions)
    async with one_moment(sessions) as session:
        before = await snapshots.read_snapshot(session, f"page:{DEMO_SLUG}")
        hashes = (await session.execute(text("SELECT password_hash FROM account"))).scalars().all()
    assert not await seed(sessions, NOW + timedelta(days=2), "another long password")
    async with one_moment(sessions) as session:
        assert await snapshots.read_snapshot(session, f"page:{DEMO_SLUG}") == before
        assert (await session.execute(text("SELECT password_hash FROM account"))).scalars().all() == hashes


async def test_the_demo_account_owns_the_demo_page(sessions: Sessions) -> None:
    await seed(sessions)
    async with sessions() as session:
        row = (
            await session.execute(
                text(
                    "SELECT account.is_admin, account.verified_at IS NOT NULL AS is_verified, page_role.role"
                    " FROM account JOIN page_role ON page_role.account_id = account.id"
                )
            )
        ).one()
    assert tuple(row) == (True, True, "owner")
