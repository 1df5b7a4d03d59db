"""Maintenances by their schedule: on time, late, moved, called off, one after the other (`Desk` checks every fold)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from hub.auth.permissions import ANONYMOUS
from hub.domain.incident import IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.status import Status
from hub.errors import Conflict, Invalid, NotFound
from hub.services import components, incidents, maintenances, schedule
from hub.services.components import NewComponent
from hub.services.database import Sessions
from hub.services.incidents import NewIncident, NewUpdate
from hub.services.maintenances import NewMaintenance
from hub.services.recent import maintenances_since
from hub.services.views import see_page
from tests.support.desk import ADMIN, T0, Desk, open_desk
from tests.support.rows import events_of

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
async def desk(sessions: Sessions) -> Desk:
    return await open_desk(sessions)


@pytest.fixture
async def api(desk: Desk) -> str:
    made: dict[str, str] = await desk.act(components.create, NewComponent("API"))
    return made["id"]


async def planned(desk: Desk, start: datetime, end: datetime, **options: Any) -> dict[str, Any]:
    made: dict[str, Any] = await desk.act(
        maintenances.schedule, NewMaintenance("Disks", "New ones.", start, end, **options)
    )
    return made


async def look(desk: Desk, at: datetime) -> int:
    """What the beat and a worker do at `at`; how many maintenances moved."""
    desk.now = at - timedelta(seconds=1)
    async with desk.sessions() as session:
        found = await schedule.due(session, at)
    moved = 0
    for _, key in found:
        desk.now = at - timedelta(seconds=1)
        moved += await desk.do(schedule.advance, key)
    return moved


async def read(desk: Desk, maintenance_id: str) -> dict[str, Any]:
    async with desk.sessions() as session:
        return await maintenances.get(session, "acme", maintenance_id, by=ADMIN)


async def told(desk: Desk) -> list[str]:
    async with desk.sessions() as session:
        return [kind for kind, _ in await events_of(session, "page:acme") if kind.startswith("maintenance.")]


async def spans(desk: Desk, component_id: str) -> list[tuple[str, datetime, datetime | None]]:
    async with desk.sessions() as session:
        rows = await session.execute(
            text(
                "SELECT status, lower(during), upper(during) FROM status_interval WHERE component_id = :id ORDER BY 2"
            ),
            {"id": component_id},
        )
        return [(status, since, until) for status, since, until in rows.all()]


def status(desk: Desk) -> str:
    found: str = desk.snapshots["public"]["components"][0]["status"]
    return found


async def test_a_window_that_nobody_was_there_for_ends_once_and_at_its_planned_times(desk: Desk, api: str):
    """Case 49: the worker was down for all of it; one transition, one event, intervals as planned."""
    start = desk.now + HOUR
    made = await planned(desk, start, start + 10 * MINUTE, components=[api], remind_before_min=None)
    assert await look(desk, start + HOUR) == 1
    assert await look(desk, start + HOUR) == 0
    assert await told(desk) == ["maintenance.scheduled", "maintenance.completed"]
    done = await read(desk, made["id"])
    assert (done["started_at"], done["completed_at"]) == (made["scheduled_for"], made["scheduled_until"])
    assert (done["updates"][0]["status"], done["updates"][0]["display_at"]) == ("completed", made["scheduled_until"])
    assert (await spans(desk, api))[1] == ("under_maintenance", start, start + 10 * MINUTE)
    assert status(desk) == "operational"


async def test_a_window_that_begins_late_has_begun_when_it_was_planned(desk: Desk, api: str):
    """Cases 50, 53: late by a minute; C is under maintenance since the planned start, and back at the planned end."""
    start, end = desk.now + HOUR, desk.now + 2 * HOUR
    await planned(desk, start, end, components=[api], remind_before_min=None)
    await look(desk, start + MINUTE)
    assert status(desk) == "under_maintenance"
    assert (await spans(desk, api))[-1][:2] == ("under_maintenance", start)
    await look(desk, end + MINUTE)
    assert [item[:2] for item in (await spans(desk, api))[1:]] == [("under_maintenance", start), ("operational", end)]


async def test_a_maintenance_is_upcoming_then_active_then_history(desk: Desk, api: str):
    """Case 52: tomorrow from 10 to 11."""
    start = datetime(2026, 11, 25, 10, tzinfo=UTC)
    made = await planned(desk, start, start + HOUR, components=[api], remind_before_min=None)
    for at, expected in ((start - MINUTE, "scheduled"), (start, "in_progress"), (start + HOUR - MINUTE, "in_progress")):
        await look(desk, at)
        (shown,) = desk.snapshots["public"]["maintenances"]
        assert shown["status"] == expected
    await look(desk, start + HOUR)
    assert desk.snapshots["public"]["maintenances"] == []
    async with desk.sessions() as session:
        (listed,) = await maintenances.list_maintenances(session, "acme", by=ANONYMOUS, limit=5)
    assert (listed["id"], listed["status"], listed["cancelled_at"]) == (made["id"], "completed", None)


async def test_an_outage_wins_over_a_maintenance_and_shows_again_when_it_ends(desk: Desk, api: str):
    """Cases 35, 53."""
    first = NewUpdate(IncidentStatus.IDENTIFIED, "Down.", {api: Status.MAJOR_OUTAGE})
    await desk.act(incidents.open_incident, NewIncident("Outage", first))
    start = desk.now + HOUR
    await planned(desk, start, start + HOUR, components=[api], remind_before_min=None)
    await look(desk, start)
    assert status(desk) == "major_outage"
    await look(desk, start + HOUR)
    assert status(desk) == "major_outage"
    assert [item[0] for item in await spans(desk, api)] == ["operational", "major_outage"]


async def test_of_two_windows_that_overlap_the_later_end_counts(desk: Desk, api: str):
    """Case 58: 10 to 12 and 11 to 13."""
    ten = datetime(2026, 11, 24, 10, tzinfo=UTC)
    first = await planned(desk, ten, ten + 2 * HOUR, components=[api], remind_before_min=None)
    await planned(desk, ten + HOUR, ten + 3 * HOUR, components=[api], remind_before_min=None)
    for hour in range(3):
        await look(desk, ten + hour * HOUR)
        assert status(desk) == "under_maintenance"
    (affected,) = (await read(desk, first["id"]))["updates"][0]["affected"]
    assert affected["new_status"] == "under_maintenance"  # the other one holds it still
    await look(desk, ten + 3 * HOUR)
    assert (await spans(desk, api))[1:] == [
        ("under_maintenance", ten, ten + 3 * HOUR),
        ("operational", ten + 3 * HOUR, None),
    ]


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


async def test_people_are_reminded_once_and_never_after_the_start(desk: Desk):
    """Case 59: once an hour before; not at all when it is announced later than that; nothing after a late start."""
    start = desk.now + 3 * HOUR
    made = await planned(desk, start, start + HOUR)
    late = await planned(desk, desk.now + 30 * MINUTE, desk.now + 40 * MINUTE)
    assert late["reminded_at"] is not None
    assert await look(desk, desk.now + MINUTE) == 0
    assert await look(desk, start - HOUR) == 1 + 1  # the reminder, and the short one that was over by then
    assert await look(desk, start - HOUR + MINUTE) == 0
    assert datetime.fromisoformat((await read(desk, made["id"]))["reminded_at"]) == start - HOUR
    await desk.act(
        maintenances.update, made["id"], {"scheduled_for": start + HOUR, "scheduled_until": start + 2 * HOUR}
    )
    await look(desk, start)
    await look(desk, start + HOUR)
    await look(desk, start + 2 * HOUR)
    assert (await told(desk)).count("maintenance.reminded") == 2  # a window that was moved is worth another
    missed = await planned(desk, desk.now + 2 * HOUR, desk.now + 3 * HOUR)
    await look(desk, desk.now + 2 * HOUR + MINUTE)
    assert (await read(desk, missed["id"]))["reminded_at"] is None
    kinds = await told(desk)
    assert [kinds.count(f"maintenance.{kind}") for kind in ("reminded", "started", "completed")] == [2, 2, 2]


async def test_a_maintenance_ends_early_or_overruns_as_its_operator_says(desk: Desk, api: str):
    start = desk.now + HOUR
    made = await planned(desk, start, start + HOUR, components=[api], auto_complete=False, remind_before_min=None)
    with pytest.raises(Conflict):
        await desk.act(maintenances.finish, made["id"])
    await look(desk, start)
    assert await look(desk, start + 9 * HOUR) == 0
    assert status(desk) == "under_maintenance"
    done = await desk.act(maintenances.finish, made["id"], body="Took long.")
    assert (done["status"], done["updates"][0]["body"]) == ("completed", "Took long.")
    assert (await spans(desk, api))[1] == ("under_maintenance", start, desk.now)
    with pytest.raises(Conflict):
        await desk.act(maintenances.finish, made["id"])


async def test_when_one_that_has_ended_really_ran_is_corrected_with_the_past_of_its_components(desk: Desk, api: str):
    start = desk.now + HOUR
    made = await planned(desk, start, start + HOUR, components=[api], remind_before_min=None)
    other = (await desk.act(components.create, NewComponent("Web")))["id"]
    with pytest.raises(Invalid):
        await desk.act(maintenances.update, made["id"], {"started_at": desk.now})
    await look(desk, start)
    with pytest.raises(Invalid):
        await desk.act(maintenances.update, made["id"], {"completed_at": desk.now})
    await look(desk, start + HOUR)
    ran = {"started_at": start - 10 * MINUTE, "completed_at": start + HOUR / 2}
    done = await desk.act(maintenances.update, made["id"], ran)
    assert (done["started_at"], done["completed_at"]) == ("2026-11-24T09:50:01.000Z", "2026-11-24T10:30:01.000Z")
    assert (done["scheduled_for"], done["sequence"]) == (made["scheduled_for"], made["sequence"])
    assert (await spans(desk, api))[1] == ("under_maintenance", start - 10 * MINUTE, start + HOUR / 2)
    assert (await told(desk))[-1] == "maintenance.edited"
    earlier = {"started_at": start - 20 * MINUTE, "components": [api, other]}
    await desk.act(maintenances.update, made["id"], earlier)
    for key in (api, other):
        assert ("under_maintenance", start - 20 * MINUTE, start + HOUR / 2) in await spans(desk, key)
    for wrong in ({"started_at": start + HOUR}, {"completed_at": desk.now + HOUR}, {"started_at": desk.now + HOUR}):
        with pytest.raises(Invalid):
            await desk.act(maintenances.update, made["id"], wrong)
    off = await planned(desk, desk.now + HOUR, desk.now + 2 * HOUR)
    await desk.act(maintenances.cancel, off["id"])
    with pytest.raises(Invalid):
        await desk.act(maintenances.update, off["id"], {"completed_at": desk.now - MINUTE})


async def test_moving_grows_the_sequence_and_what_has_begun_moves_only_its_end(desk: Desk, api: str):
    start = desk.now + HOUR
    made = await planned(desk, start, start + HOUR, components=[api], remind_before_min=None)
    moved = await desk.act(maintenances.update, made["id"], {"scheduled_for": start + HOUR / 2, "name": "Disks!"})
    assert (made["sequence"], moved["sequence"]) == (0, 1)
    again = await desk.act(maintenances.update, made["id"], {"name": "Discs", "scheduled_for": start + HOUR / 2})
    assert again["sequence"] == 1
    await look(desk, start + HOUR / 2)
    for changes in ({"scheduled_for": start}, {"scheduled_until": desk.now}):
        with pytest.raises(Invalid):
            await desk.act(maintenances.update, made["id"], changes)
    longer = await desk.act(maintenances.update, made["id"], {"scheduled_until": start + 3 * HOUR})
    assert longer["sequence"] == 2
    assert await look(desk, start + HOUR) == 0
    assert await look(desk, start + 3 * HOUR) == 1
    with pytest.raises(Invalid):
        await desk.act(maintenances.update, made["id"], {"scheduled_until": start + 9 * HOUR})


async def test_one_that_is_called_off_never_was_and_yet_is_known_as_called_off(desk: Desk, api: str):
    start = desk.now + HOUR
    made = await planned(desk, start, start + HOUR, components=[api], rrule="FREQ=DAILY")
    off = await desk.act(maintenances.cancel, made["id"], body="Not today.")
    assert (off["status"], off["sequence"], off["started_at"]) == ("completed", 1, None)
    assert off["cancelled_at"] is not None
    assert off["updates"][0]["body"] == "Not today."
    (following,) = desk.snapshots["public"]["maintenances"]
    assert datetime.fromisoformat(following["scheduled_for"]) == start + 24 * HOUR
    await look(desk, start + HOUR / 2)
    assert status(desk) == "operational"
    await desk.act(maintenances.cancel, following["id"], ends_series=True)
    assert desk.snapshots["public"]["maintenances"] == []
    with pytest.raises(Conflict):
        await desk.act(maintenances.cancel, made["id"])


async def test_one_that_is_deleted_is_known_to_calendars_alone_and_without_a_word(desk: Desk, api: str):
    start = desk.now + HOUR
    made = await planned(desk, start, start + HOUR, components=[api], remind_before_min=None)
    await look(desk, start)
    await look(desk, start + HOUR)
    assert [item[0] for item in await spans(desk, api)] == ["operational", "under_maintenance", "operational"]
    await desk.act(maintenances.delete, made["id"])
    assert [item[0] for item in await spans(desk, api)] == ["operational"]
    with pytest.raises(NotFound):
        await read(desk, made["id"])
    async with desk.sessions() as session:
        assert await maintenances.list_maintenances(session, "acme", by=ADMIN, limit=5) == []
        (known,) = await maintenances_since(session, await see_page(session, "acme", ANONYMOUS), T0)
    assert (known["id"], known["sequence"], known["body"], known["updates"]) == (made["id"], 1, "", [])
    assert known["cancelled_at"] is not None


async def test_two_workers_that_advance_the_same_maintenance_make_one_transition(desk: Desk, api: str):
    start = desk.now + HOUR
    made = await planned(desk, start, start + HOUR, components=[api], remind_before_min=None)

    async def advance() -> bool:
        async with desk.sessions.begin() as session:
            return await schedule.advance(session, "acme", made["id"], now=start)

    assert sorted(await asyncio.gather(advance(), advance(), advance())) == [False, False, True]
    desk.now = start
    await desk.check()
    assert await told(desk) == ["maintenance.scheduled", "maintenance.started"]


async def test_calling_off_while_a_worker_begins_is_one_or_the_other(desk: Desk, api: str):
    for turn in range(4):
        start = desk.now + HOUR
        made = await planned(desk, start, start + HOUR, components=[api], remind_before_min=None)

        async def begin(key: str = made["id"], at: datetime = start) -> bool:
            async with desk.sessions.begin() as session:
                return await schedule.advance(session, "acme", key, now=at)

        async def call_off(key: str = made["id"], at: datetime = start) -> bool:
            async with desk.sessions.begin() as session:
                await maintenances.cancel(session, "acme", key, by=ADMIN, now=at)
            return True

        race = (begin(), call_off()) if turn % 2 else (call_off(), begin())
        answers = await asyncio.gather(*race, return_exceptions=True)
        begun, off = answers if turn % 2 else reversed(answers)
        shown = await read(desk, made["id"])
        if begun is True:
            assert isinstance(off, Conflict)
            assert (shown["status"], shown["cancelled_at"]) == ("in_progress", None)
        else:
            assert (begun, off) == (False, True)
            assert (shown["status"], shown["started_at"]) == ("completed", None)
        desk.now = start
        await desk.check()
        if begun is True:
            await desk.act(maintenances.add_update, made["id"], status=MaintenanceStatus.COMPLETED, body="Done.")
    assert status(desk) == "operational"


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


async def test_the_time_of_an_update_is_corrected_in_its_place(desk: Desk, api: str):
    start = desk.now + HOUR
    made = await planned(desk, start, start + HOUR, components=[api], remind_before_min=None)
    await look(desk, start)
    await look(desk, start + HOUR)
    over, begun, _ = (await read(desk, made["id"]))["updates"]
    desk.kinds.clear()
    told = await desk.act(maintenances.edit_update, made["id"], over["id"], display_at=start + 50 * MINUTE)
    assert datetime.fromisoformat(told["display_at"]) == start + 50 * MINUTE
    assert (told["body"], desk.kinds) == (over["body"], {"maintenance.edited"})
    for at in (start + HOUR * 9, start, start - 9 * HOUR):
        with pytest.raises(Invalid):
            await desk.act(maintenances.edit_update, made["id"], over["id"], display_at=at)
    with pytest.raises(Invalid):
        await desk.act(maintenances.edit_update, made["id"], begun["id"], display_at=start + 55 * MINUTE)
