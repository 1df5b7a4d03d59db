"""Reports and summaries over real tables: once each, told to the views that may know."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from hub.auth.permissions import SYSTEM
from hub.domain.audience import OPERATORS, View
from hub.domain.incident import IncidentStatus
from hub.domain.report import Period, ReportKind, period_of
from hub.domain.status import Status
from hub.errors import NotFound
from hub.services import reports, summaries
from hub.services.database import Sessions
from hub.services.incidents import NewIncident, NewUpdate, open_incident
from hub.services.snapshots import read_snapshot
from hub.services.state import load_page
from tests.support.rows import add_component, add_page, events_of

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOW = datetime(2026, 11, 25, 10, 0, 5, tzinfo=UTC)
MINUTE = NOW.replace(second=0)
DAY = date(2026, 11, 24)
DAILY, WEEKLY, MONTHLY = ReportKind
PUBLIC, STAFF, ALL = "page:acme", "page:acme@verified", "page:acme@all"


async def make_page(sessions: Sessions, *, time_zone: str = "UTC") -> tuple[str, str]:
    """The page `acme` with a public component and one for verified accounts that was down for an hour on `DAY`."""
    down, up = datetime(2026, 11, 24, 10, tzinfo=UTC), datetime(2026, 11, 24, 11, tzinfo=UTC)
    async with sessions.begin() as session:
        page_id = await add_page(session, "acme", START, time_zone=time_zone, views=("public", "verified", "all"))
        shown = await add_component(session, page_id, "Shown", START, ("operational", START, None))
        history = (("operational", START, down), ("major_outage", down, up), ("operational", up, None))
        hidden = await add_component(session, page_id, "Secret", START, *history, audience="verified")
    return shown, hidden


async def store(sessions: Sessions, day: date = DAY, now: datetime = NOW, kind: ReportKind = DAILY) -> bool:
    async with sessions.begin() as session:
        return await reports.store(session, "acme", period_of(kind, day), now=now)


async def due(sessions: Sessions, kind: ReportKind, now: datetime = NOW) -> list[Period]:
    async with sessions() as session:
        return [period for _, period in await reports.due(session, now) if period.kind is kind]


async def publish(sessions: Sessions, minute: datetime = MINUTE, **viewers: int) -> bool:
    async with sessions.begin() as session:
        return await summaries.publish(session, "acme", minute=minute, viewers=viewers, now=NOW)


async def published(sessions: Sessions, channel: str) -> list[dict]:
    async with sessions() as session:
        return [json.loads(payload) for _, payload in await events_of(session, channel)]


async def test_a_report_is_stored_once_and_told_once_to_each_view(sessions: Sessions) -> None:
    await make_page(sessions)
    results = await asyncio.gather(*(store(sessions) for _ in range(5)))
    assert sorted(results) == [False, False, False, False, True]
    for channel, uptime, downtime_s, names in (
        (PUBLIC, 1.0, 0, ["Shown"]),
        (STAFF, 1 - 1 / 48, 3600, ["Secret", "Shown"]),
        (ALL, 1 - 1 / 48, 3600, ["Secret", "Shown"]),
    ):
        (event,) = await published(sessions, channel)
        assert event["type"] == "report.published"
        assert list(event["set"]) == ["report"]
        report = event["set"]["report"]
        assert report["uptime"] == pytest.approx(uptime)
        assert report["downtime_s"] == downtime_s
        assert [item["name"] for item in report["components"]] == names


async def test_a_report_leaves_the_page_untouched(sessions: Sessions) -> None:
    await make_page(sessions)
    await store(sessions)
    await publish(sessions)
    async with sessions() as session:
        assert await session.scalar(text("SELECT updated_at FROM page")) == START
        assert await session.scalar(text("SELECT version FROM page")) == 1


async def test_an_incident_counts_in_the_report_of_each_view_that_may_see_it(sessions: Sessions) -> None:
    _, hidden = await make_page(sessions)
    async with sessions.begin() as session:
        first = NewUpdate(IncidentStatus.INVESTIGATING, "We look into it.", {hidden: Status.MAJOR_OUTAGE})
        new = NewIncident("Disk full", first, started_at=datetime(2026, 11, 24, 10, tzinfo=UTC))
        await open_incident(session, "acme", new, by=SYSTEM, now=NOW)
    await store(sessions)
    counted = {
        name: (await published(sessions, name))[-1]["set"]["report"]["incidents"] for name in (PUBLIC, STAFF, ALL)
    }
    assert counted == {PUBLIC: 0, STAFF: 1, ALL: 1}


async def test_the_stored_reports_are_listed_newest_first_as_a_view_may_see_them_today(sessions: Sessions) -> None:
    shown, _ = await make_page(sessions)
    await store(sessions, DAY - timedelta(days=1))
    await store(sessions, DAY)
    async with sessions.begin() as session:
        await session.execute(text("UPDATE component SET audience = 'verified' WHERE id = :id"), {"id": shown})
    async with sessions() as session:
        page = await load_page(session, "acme")
        assert page is not None
        listed = await reports.list_reports(session, page, View(), kind=ReportKind.DAILY, limit=10)
        everything = await reports.list_reports(session, page, OPERATORS, kind=ReportKind.DAILY, limit=10)
        older = await reports.list_reports(session, page, OPERATORS, kind=ReportKind.DAILY, limit=10, before=DAY)
    assert [item["period_start"] for item in listed] == ["2026-11-24", "2026-11-23"]
    assert all(item["components"] == [] and item["uptime"] is None for item in listed)
    assert [len(item["components"]) for item in everything] == [2, 2]
    assert [item["period_start"] for item in older] == ["2026-11-23"]


async def test_due_days_are_those_of_the_pages_zone_and_each_is_due_until_it_is_stored(sessions: Sessions) -> None:
    await make_page(sessions, time_zone="Pacific/Auckland")  # 13 hours ahead of UTC
    later = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)
    assert [period.start.day for period in await due(sessions, DAILY)] == [21, 22, 23, 24]
    assert [period.start.day for period in await due(sessions, DAILY, later)] == [21, 22, 23, 24, 25]
    await store(sessions, DAY)
    assert [period.start.day for period in await due(sessions, DAILY)] == [21, 22, 23]


async def test_a_week_and_a_month_are_due_from_their_end_in_the_pages_zone_until_they_are_stored(
    sessions: Sessions,
) -> None:
    await make_page(sessions, time_zone="Pacific/Auckland")  # its Monday and its December begin 13 hours before UTC's
    for kind, end, start in (
        (WEEKLY, datetime(2026, 11, 22, 11, tzinfo=UTC), date(2026, 11, 16)),
        (MONTHLY, datetime(2026, 11, 30, 11, tzinfo=UTC), date(2026, 11, 1)),
    ):
        assert await due(sessions, kind, end - timedelta(milliseconds=1)) == []  # no older one: the page is younger
        assert await due(sessions, kind, end) == [period_of(kind, start)]
        assert await store(sessions, start, end, kind)
        assert await due(sessions, kind, end) == []


async def test_what_is_due_comes_in_the_order_in_which_it_ended(sessions: Sessions) -> None:
    await make_page(sessions)
    async with sessions.begin() as session:
        await add_page(session, "borealis", START + timedelta(days=4))
    async with sessions() as session:
        found = [(slug, str(period.kind), period.start.day) for slug, period in await reports.due(session, NOW)]
    assert found == [
        ("acme", "daily", 20),
        ("acme", "daily", 21),
        ("acme", "daily", 22),
        ("acme", "weekly", 16),
        ("acme", "daily", 23),
        ("acme", "daily", 24),
        ("borealis", "daily", 24),
    ]


async def test_what_was_missed_too_long_ago_is_left_out(sessions: Sessions) -> None:
    await make_page(sessions)
    for kind, catch_up in reports.CATCH_UP.items():
        assert len(await due(sessions, kind, NOW + timedelta(days=100))) == catch_up


async def test_weekly_and_monthly_reports_are_stored_once_beside_the_daily_one_and_told_of(sessions: Sessions) -> None:
    """No snapshot shows them: each view has an empty event for each, for whoever shows them to ask again."""
    await make_page(sessions)
    now = datetime(2026, 12, 1, 0, 0, 30, tzinfo=UTC)
    assert await store(sessions)
    for kind, first in ((WEEKLY, date(2026, 11, 23)), (MONTHLY, date(2026, 11, 1))):
        results = await asyncio.gather(*(store(sessions, DAY, now, kind) for _ in range(3)))
        assert sorted(results) == [False, False, True]
        assert not await store(sessions, first, now, kind)  # another day of the same period
    async with sessions() as session:
        stored = await session.execute(text("SELECT kind, period_start, period_end FROM report ORDER BY kind"))
        assert [tuple(row) for row in stored] == [
            ("daily", DAY, date(2026, 11, 25)),
            ("monthly", date(2026, 11, 1), date(2026, 12, 1)),
            ("weekly", date(2026, 11, 23), date(2026, 11, 30)),
        ]
        for channel in (PUBLIC, STAFF, ALL):
            told = await events_of(session, channel)
            assert [kind for kind, _ in told] == ["report.published"] * 3
            for _, payload in told[1:]:
                assert {key: json.loads(payload)[key] for key in ("set", "remove")} == {"set": {}, "remove": {}}
            snapshot = await read_snapshot(session, channel)
            assert (snapshot["offset"], snapshot["report"]["kind"]) == (3, "daily")


async def test_a_week_and_a_month_count_from_the_pages_beginning(sessions: Sessions) -> None:
    """The hour of outage on the 24th, of the time from the page's beginning (the 20th at noon) to the end."""
    await make_page(sessions)
    now = datetime(2026, 12, 1, 0, 0, 30, tzinfo=UTC)
    await store(sessions, DAY, now, WEEKLY)
    await store(sessions, DAY, now, MONTHLY)
    async with sessions() as session:
        page = await load_page(session, "acme")
        assert page is not None
        for kind, hours in ((WEEKLY, 7 * 24), (MONTHLY, 10 * 24 + 12)):
            (report,) = await reports.list_reports(session, page, OPERATORS, kind=kind, limit=10)
            assert [item["downtime_s"] for item in report["components"]] == [3600, 0]
            assert report["components"][0]["uptime"] == pytest.approx(1 - 1 / hours)
            (public,) = await reports.list_reports(session, page, View(), kind=kind, limit=10)
            assert ([item["name"] for item in public["components"]], public["downtime_s"]) == (["Shown"], 0)


@pytest.mark.parametrize("kind", ReportKind)
async def test_a_period_that_has_not_ended_is_refused_and_changes_nothing(sessions: Sessions, kind: ReportKind) -> None:
    await make_page(sessions)
    with pytest.raises(ValueError, match="has not ended"):
        await store(sessions, NOW.date(), kind=kind)
    assert await published(sessions, ALL) == []


async def test_a_page_that_is_gone_is_not_found(sessions: Sessions) -> None:
    with pytest.raises(NotFound):
        await store(sessions)
    with pytest.raises(NotFound):
        await publish(sessions)


async def test_a_summary_is_told_once_a_minute_to_each_view(sessions: Sessions) -> None:
    await make_page(sessions)
    assert await publish(sessions, **{PUBLIC: 3, STAFF: 2, ALL: 1, "page:other": 9, "page:acme@verified+group-x": 5})
    assert not await publish(sessions, **{PUBLIC: 70})
    assert not await publish(sessions, MINUTE - timedelta(minutes=1))
    viewers = {}
    for channel in (PUBLIC, STAFF, ALL):
        (event,) = await published(sessions, channel)
        assert event["type"] == "summary.published"
        summary = event["set"]["summary"]
        assert summary["at"] == "2026-11-25T10:00:00.000Z"
        assert summary["status"] == {"indicator": "none", "description": "All Systems Operational"}
        assert (summary["open_incidents"], summary["uptime_today"]) == (0, 1.0)
        viewers[channel] = summary["viewers"]
    assert viewers == {PUBLIC: 3, STAFF: 5, ALL: 11}  # nobody learns the size of an audience he is not in
    assert await publish(sessions, MINUTE + timedelta(minutes=1))
    assert len(await published(sessions, PUBLIC)) == 2


async def test_a_summary_says_what_its_view_may_see(sessions: Sessions) -> None:
    _, hidden = await make_page(sessions)
    async with sessions.begin() as session:
        first = NewUpdate(IncidentStatus.INVESTIGATING, "Down.", {hidden: Status.MAJOR_OUTAGE})
        new = NewIncident("Down", first)
        await open_incident(session, "acme", new, by=SYSTEM, now=NOW - timedelta(hours=1))
    await publish(sessions)
    public, staff = [(await published(sessions, name))[-1]["set"]["summary"] for name in (PUBLIC, STAFF)]
    assert (public["status"]["indicator"], public["open_incidents"], public["uptime_today"]) == ("none", 0, 1.0)
    assert (staff["status"]["indicator"], staff["open_incidents"]) == ("major", 1)
    assert staff["uptime_today"] == pytest.approx((1 + 9 / 10) / 2, abs=1e-3)  # one hour of ten, one component of two


async def test_only_pages_with_a_view_get_summaries(sessions: Sessions) -> None:
    await make_page(sessions)
    async with sessions.begin() as session:
        await add_page(session, "unseen", START, views=())
    async with sessions() as session:
        assert await summaries.due(session) == ["acme"]
