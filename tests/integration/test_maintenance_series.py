"""Series of maintenances: their windows by the rule, through summer time, and those that nobody was there for."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from hub.errors import Invalid
from hub.services import components, maintenances
from hub.services.components import NewComponent
from tests.support.desk import ADMIN, Desk
from tests.support.windows import look, planned, spans, told

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
async def api(desk: Desk) -> str:
    made: dict[str, str] = await desk.act(components.create, NewComponent("API"))
    return made["id"]


async def test_a_daily_rule_of_three_makes_three_windows_each_with_its_start_and_end(desk: Desk, api: str):
    """Case 56."""
    start = desk.now + HOUR
    made = await planned(
        desk, start, start + HOUR, components=[api], rrule="FREQ=DAILY;COUNT=3", remind_before_min=None
    )
    for day in range(5):
        await look(desk, start + day * 24 * HOUR)
        await look(desk, start + day * 24 * HOUR + HOUR)
    assert await told(desk) == ["maintenance.scheduled", *["maintenance.started", "maintenance.completed"] * 3]
    async with desk.sessions() as session:
        listed = await maintenances.list_maintenances(session, "acme", by=ADMIN, limit=9)
    assert {item["series_id"] for item in listed} == {made["id"]}
    assert [datetime.fromisoformat(item["scheduled_for"]) for item in reversed(listed)] == [
        start + day * 24 * HOUR for day in range(3)
    ]


async def test_a_weekly_window_keeps_its_local_time_when_summer_time_ends(desk: Desk, api: str):
    """Case 55: Sundays at 03:00 in Berlin, across 25 October."""
    zone = ZoneInfo("Europe/Berlin")
    desk.now = datetime(2026, 10, 12, tzinfo=UTC)
    start = datetime(2026, 10, 18, 3, tzinfo=zone).astimezone(UTC)
    await planned(desk, start, start + HOUR, components=[api], rrule="FREQ=WEEKLY;BYDAY=SU", remind_before_min=None)
    seen = []
    for _ in range(3):
        (shown,) = desk.snapshots["public"]["maintenances"]
        begins = datetime.fromisoformat(shown["scheduled_for"])
        seen.append(begins.astimezone(zone).isoformat())
        await look(desk, begins)
        await look(desk, begins + HOUR)
    assert seen == ["2026-10-18T03:00:00+02:00", "2026-10-25T03:00:00+01:00", "2026-11-01T03:00:00+01:00"]


@pytest.mark.parametrize("rule", ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYMONTHDAY=31;BYMONTH=2"])
async def test_a_rule_without_any_date_is_refused_at_once(desk: Desk, rule: str):
    with pytest.raises(Invalid):
        await planned(desk, desk.now + HOUR, desk.now + 2 * HOUR, rrule=rule)


async def test_windows_of_a_series_that_were_missed_altogether_are_in_the_history_once(desk: Desk, api: str):
    """Case 49 for a series: all was down for three days, and is back in the middle of the fifth window."""
    start = desk.now + HOUR
    made = await planned(
        desk, start, start + HOUR, components=[api], rrule="FREQ=DAILY;COUNT=9", remind_before_min=None
    )
    back = start + 4 * DAY + HOUR / 2
    assert await look(desk, back) == 1
    assert await told(desk) == ["maintenance.scheduled", "maintenance.completed"]
    async with desk.sessions() as session:
        listed = await maintenances.list_maintenances(session, "acme", by=ADMIN, limit=9)
    begins = [datetime.fromisoformat(item["scheduled_for"]) for item in reversed(listed)]
    assert begins == [start + day * DAY for day in range(5)]
    for item in listed[1:]:
        assert (item["status"], item["series_id"]) == ("completed", made["id"])
        assert (item["started_at"], item["completed_at"]) == (item["scheduled_for"], item["scheduled_until"])
        assert item["updates"][0]["display_at"] == item["scheduled_until"]
    assert [item["updates"][0]["deliver_notifications"] for item in listed[1:]] == [False, False, False, True]
    assert (listed[0]["status"], listed[0]["rrule"]) == ("scheduled", "FREQ=DAILY;COUNT=5")
    assert await look(desk, back) == 1
    held = [item for item in await spans(desk, api) if item[0] == "under_maintenance"]
    assert [item[1:] for item in held[:-1]] == [(start + day * DAY, start + day * DAY + HOUR) for day in range(4)]
    assert held[-1][1:] == (start + 4 * DAY, None)
    assert await look(desk, back + MINUTE) == 0


async def test_windows_that_passed_while_the_one_before_them_went_on_did_not_take_place(desk: Desk, api: str):
    start = desk.now + HOUR
    made = await planned(
        desk, start, start + HOUR, components=[api], rrule="FREQ=DAILY", auto_complete=False, remind_before_min=None
    )
    await look(desk, start)
    desk.now = start + 3 * DAY + HOUR * 2
    await desk.act(maintenances.finish, made["id"])
    async with desk.sessions() as session:
        listed = await maintenances.list_maintenances(session, "acme", by=ADMIN, limit=9)
    assert [datetime.fromisoformat(item["scheduled_for"]) for item in listed] == [start + 4 * DAY, start]


async def test_of_very_many_missed_windows_the_latest_are_told(desk: Desk, api: str):
    start = desk.now + HOUR
    await planned(desk, start, start + HOUR, components=[api], rrule="FREQ=DAILY", remind_before_min=None)
    await look(desk, start + 400 * DAY + 2 * HOUR)
    async with desk.sessions() as session:
        rows = await session.execute(text("SELECT scheduled_for FROM maintenance ORDER BY 1"))
        begins = list(rows.scalars())
    assert [(at - start).days for at in (item + HOUR for item in begins)] == [0, *range(301, 402)]  # ±1 h: summer time


async def test_a_window_that_summer_time_has_shifted_can_be_moved_and_the_next_ones_follow(desk: Desk):
    """02:30 in Berlin does not exist on 28 March 2027; the rule holds that time until the day after."""
    desk.now = datetime(2027, 3, 20, tzinfo=UTC)
    start = datetime(2027, 3, 27, 1, 30, tzinfo=UTC)
    made = await planned(desk, start, start + HOUR, rrule="FREQ=DAILY", remind_before_min=None)
    await desk.act(maintenances.cancel, made["id"])
    (shifted,) = desk.snapshots["public"]["maintenances"]
    assert shifted["rrule"] == "FREQ=DAILY;BYHOUR=2;BYMINUTE=30"
    longer = await desk.act(maintenances.update, shifted["id"], {"scheduled_until": start + DAY + 2 * HOUR})
    assert longer["rrule"] == shifted["rrule"]
    five = datetime(2027, 3, 28, 3, tzinfo=UTC)
    moved = {"scheduled_for": five, "scheduled_until": five + HOUR, "rrule": shifted["rrule"]}
    assert (await desk.act(maintenances.update, shifted["id"], moved))["rrule"] == "FREQ=DAILY"
    await desk.act(maintenances.cancel, shifted["id"])
    (following,) = desk.snapshots["public"]["maintenances"]
    assert datetime.fromisoformat(following["scheduled_for"]) == five + DAY
