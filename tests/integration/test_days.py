"""What is kept up change by change equals what working everything out again gives: intervals, days, figures."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import SYSTEM
from hub.domain.audience import OPERATORS
from hub.domain.status import Status
from hub.domain.uptime import figure, known_since, last_days, timeline
from hub.ids import new_id
from hub.services.database import Sessions
from hub.services.days import recount
from hub.services.intervals import load_intervals, rewrite
from hub.services.state import load_state
from hub.services.uptime import Stretch, page_uptime
from hub.services.write import PageChange, change_page
from models import Component, Incident, IncidentUpdate, Maintenance, MaintenanceComponent, Page
from tests.support.plain_days import day_figures
from tests.support.rows import add_component, add_page

START = datetime(2026, 2, 20, 7, 31, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "America/Havana", "Australia/Lord_Howe"]
BAD = ["degraded_performance", "partial_outage", "major_outage", "operational"]
DAYS = "SELECT * FROM component_day ORDER BY component_id, day"


@dataclass
class Story:
    """Random changes of one page, as use cases make them: rows, and what of the past they tell anew."""

    sessions: Sessions
    random: random.Random
    now: datetime = START
    component_ids: list[str] = field(default_factory=list)
    incident_ids: list[str] = field(default_factory=list)

    async def begin(self) -> None:
        async with self.sessions.begin() as session:
            page_id = await add_page(session, "acme", START)
            for name in ("API", "Web", "Mail"):
                self.component_ids.append(
                    await add_component(session, page_id, name, START, ("operational", START, None))
                )

    async def change(self) -> None:
        self.now += timedelta(seconds=self.random.randrange(1, 5 * 86400))
        often = [self.set_base, self.tell, self.tell, self.maintain, self.take_back]
        what = self.random.choice([*often, *often, self.hand_over, self.move, self.date_start, self.go_away])
        async with (
            self.sessions.begin() as session,
            change_page(session, "acme", by=SYSTEM, now=self.now, kind="incident.updated") as change,
        ):
            await what(change)

    def some(self) -> list[str]:
        return self.random.sample(self.component_ids, self.random.randrange(1, 3))

    def past(self) -> datetime:
        return self.now - timedelta(seconds=self.random.randrange(0, 12 * 86400))

    async def set_base(self, change: PageChange) -> None:
        status = self.random.choice(list(Status)).value
        await change.session.execute(update(Component).where(Component.id.in_(self.some())).values(base_status=status))

    async def hand_over(self, change: PageChange) -> None:
        key = self.some()[0]
        await change.session.execute(
            update(Component).where(Component.id == key).values(base_status=self.random.choice(BAD))
        )
        change.rebase(key, self.past())

    async def tell(self, change: PageChange) -> None:
        """An incident with up to four updates over the past days, some of which end it or begin it again."""
        times = sorted(self.past() for _ in range(self.random.randrange(1, 5)))
        key, ids = new_id(), self.some()
        states = [self.random.choice(["identified", "monitoring", "resolved"]) for _ in times]
        await change.session.execute(
            insert(Incident).values(
                id=key,
                page_id=change.page_id,
                name="Trouble",
                status=states[-1],
                started_at=times[0],
                resolved_at=times[-1] if states[-1] == "resolved" else None,
                created_at=self.now,
                updated_at=self.now,
            )
        )
        for at, state in zip(times, states, strict=True):
            await change.session.execute(
                insert(IncidentUpdate).values(
                    id=new_id(),
                    incident_id=key,
                    status=state,
                    body="It is so.",
                    affected=[
                        {"id": item, "name": "x", "old_status": "operational", "new_status": self.random.choice(BAD)}
                        for item in ids
                    ],
                    display_at=at,
                    created_at=self.now,
                    updated_at=self.now,
                )
            )
        self.incident_ids.append(key)
        change.rewrite(ids, times[0])

    async def take_back(self, change: PageChange) -> None:
        if self.incident_ids:
            key = self.incident_ids.pop(self.random.randrange(len(self.incident_ids)))
            started_at = await change.session.scalar(
                delete(Incident).where(Incident.id == key).returning(Incident.started_at)
            )
            change.rewrite(self.component_ids, started_at)

    async def maintain(self, change: PageChange) -> None:
        start, key, ids = self.past(), new_id(), self.some()
        is_over = self.random.random() < 0.7
        end = start + (self.now - start) / 2 if is_over else None
        await change.session.execute(
            insert(Maintenance).values(
                id=key,
                page_id=change.page_id,
                name="Work",
                body="We work.",
                status="completed" if is_over else "in_progress",
                scheduled_for=start,
                scheduled_until=start + timedelta(hours=1),
                started_at=start,
                completed_at=end,
                auto_start=False,
                auto_complete=False,
                created_at=start,
                updated_at=start,
            )
        )
        await change.session.execute(
            insert(MaintenanceComponent), [{"maintenance_id": key, "component_id": item} for item in ids]
        )
        change.rewrite(ids, start)

    async def move(self, change: PageChange) -> None:
        await change.session.execute(
            update(Page).where(Page.id == change.page_id).values(time_zone=self.random.choice(ZONES))
        )

    async def date_start(self, change: PageChange) -> None:
        day = (self.now - timedelta(days=self.random.randrange(0, 200))).date()
        await change.session.execute(update(Component).where(Component.id == self.some()[0]).values(start_date=day))

    async def go_away(self, change: PageChange) -> None:
        is_gone = self.random.random() < 0.5
        await change.session.execute(
            update(Component)
            .where(Component.id == self.component_ids[-1])
            .values(deleted_at=self.now if is_gone else None)
        )


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_kept_up_is_what_working_it_out_again_gives(sessions: Sessions, seed: int) -> None:
    """Case 11, and the law behind every figure: whatever happened, in whatever order it was told."""
    story = Story(sessions, random.Random(seed))
    await story.begin()
    for _ in range(40):
        await story.change()
    async with sessions.begin() as session:
        page_id = await session.scalar(select(Page.id))
        state = await load_state(session, page_id)
        zone = ZoneInfo(state.page.time_zone)
        days = (await session.execute(text(DAYS))).all()
        assert len(days) > 100
        await recount(session, story.component_ids, zone)
        assert (await session.execute(text(DAYS))).all() == days
        stored = await load_intervals(session, story.component_ids)
        assert {key: items[-1].status for key, items in stored.items() if items[-1].end is None} == state.statuses
        everything = dict.fromkeys(story.component_ids, datetime(2020, 1, 1, tzinfo=UTC))
        assert (await rewrite(session, page_id, everything, state.statuses, story.now))[0] == {}
        await check_figures(session, story.now)


async def check_figures(session: AsyncSession, now: datetime) -> None:
    """The figures of the page are those of its intervals."""
    state = await load_state(session, await session.scalar(select(Page.id)))
    page, zone = state.page, ZoneInfo(state.page.time_zone)
    told = await page_uptime(
        session, page, OPERATORS, days=90, now=now, windows=[Stretch("24h", hours=24), Stretch("30d", days=30)]
    )
    windows = last_days(90, zone, now)
    for item in told["components"]:
        component = state.components_by_id[item["id"]]
        intervals = (await load_intervals(session, [item["id"]]))[item["id"]]
        spans = timeline(intervals, now, known_since(component.start_date, zone))
        expected = day_figures(spans, windows)
        assert [bar["ratio"] for bar in item["days"]] == [day.figure.ratio(page.weights) for day in expected]
        assert [bar["worst"] for bar in item["days"]] == [day.figure.worst for day in expected]
        assert [bar["downtime_s"] for bar in item["days"]] == [round(day.figure.downtime_s) for day in expected]
        assert item["ratio"] == figure(spans, windows[0].since, now).ratio(page.weights)
        for name, since in (("24h", now - timedelta(hours=24)), ("30d", windows[-30].since)):
            (found,) = [other for other in told["windows"][name]["components"] if other["id"] == item["id"]]
            whole = figure(spans, since, now)
            assert found["ratio"] == whole.ratio(page.weights)
            assert found["ratio_excluding_maintenance"] == whole.ratio(page.weights, without_maintenance=True)
            assert found["seconds"] == whole.seconds
