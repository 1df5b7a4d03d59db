"""Maintenances by their schedule: on time, late, moved, called off, one after the other (`Desk` checks every fold)."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hub.auth.permissions import ANONYMOUS
from hub.domain.incident import IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.status import Status
from hub.errors import Conflict, Invalid, NotFound
from hub.services import components, incidents, maintenances, schedule
from hub.services.components import NewComponent
from hub.services.incidents import NewIncident, NewUpdate
from hub.services.recent import maintenances_since
from hub.services.views import see_page
from tests.support.desk import ADMIN, T0, Desk
from tests.support.windows import look, planned, read, spans, status, told

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
async def api(desk: Desk) -> str:
    made: dict[str, str] = await desk.act(components.create, NewComponent("API"))
    return made["id"]


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
