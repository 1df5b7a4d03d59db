"""Incidents as operators live with them; every change is checked against the fold of every view (`Desk`)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.auth.permissions import ANONYMOUS
from hub.domain.incident import IncidentStatus
from hub.domain.status import Status
from hub.errors import Conflict, Invalid, VersionConflict
from hub.services import components, groups, incidents, postmortems
from hub.services.components import NewComponent
from hub.services.groups import NewGroup
from hub.services.incidents import NewIncident, NewUpdate
from tests.support.desk import ADMIN, T0, Desk

MAJOR, PARTIAL, GOOD = Status.MAJOR_OUTAGE, Status.PARTIAL_OUTAGE, Status.OPERATIONAL
INVESTIGATING, IDENTIFIED, MONITORING, RESOLVED, POSTMORTEM = IncidentStatus
HOUR = timedelta(hours=1)


async def component(desk: Desk, name: str, **options: Any) -> str:
    made: dict[str, str] = await desk.act(components.create, NewComponent(name, **options))
    return made["id"]


async def opened(desk: Desk, words: dict[str, Status] | None = None, **options: Any) -> dict[str, Any]:
    incident: dict[str, Any] = await desk.act(
        incidents.open_incident, NewIncident("Down", NewUpdate(INVESTIGATING, "We look.", words or {}), **options)
    )
    return incident


async def read(desk: Desk, incident_id: str) -> dict[str, Any]:
    async with desk.sessions() as session:
        return await incidents.get(session, "acme", incident_id, by=ADMIN)


async def spans(desk: Desk, component_id: str) -> list[tuple[str, datetime, datetime | None]]:
    async with desk.sessions() as session:
        rows = await session.execute(
            text(
                "SELECT status, lower(during), upper(during) FROM status_interval"
                " WHERE component_id = :id ORDER BY lower(during)"
            ),
            {"id": component_id},
        )
        return [(status, since, until) for status, since, until in rows.all()]


def statuses(desk: Desk) -> dict[str, str]:
    return {item["name"]: item["status"] for item in desk.snapshots["public"]["components"]}


async def test_a_group_is_well_again_once_the_incident_of_its_child_is_resolved(desk: Desk):
    """Case 25: nothing that counts open trouble in a group stays behind."""
    group = await desk.act(groups.create, NewGroup("Core", description="What all else stands on"))
    api = await component(desk, "API", group_id=group["id"])
    incident = await opened(desk, {api: MAJOR})
    assert desk.snapshots["public"]["groups"][0]["status"] == "major_outage"
    await desk.act(incidents.add_update, incident["id"], NewUpdate(RESOLVED, "Done."))
    public = desk.snapshots["public"]
    (shown,) = public["groups"]
    assert (shown["status"], shown["description"]) == ("operational", "What all else stands on")
    assert public["incidents"] == []
    assert [word for item in public["history"] for word in item["components"].values()] == ["operational"]


async def test_an_incident_without_components_shows_though_all_systems_are_operational(desk: Desk):
    """Case 32: the indicator tells of components, the incident stands beside it."""
    await component(desk, "API")
    await opened(desk)
    public = desk.snapshots["public"]
    assert (public["status"]["indicator"], len(public["incidents"])) == ("none", 1)


async def test_components_of_one_incident_recover_one_by_one(desk: Desk):
    """Case 34: an update's word on one component leaves the others, in status and in history."""
    api, web = await component(desk, "API"), await component(desk, "Web")
    incident = await opened(desk, {api: MAJOR, web: PARTIAL})
    began = desk.now
    desk.now += HOUR
    await desk.act(incidents.add_update, incident["id"], NewUpdate(MONITORING, "API is back.", {api: GOOD}))
    api_back = desk.now
    assert statuses(desk) == {"API": "operational", "Web": "partial_outage"}
    desk.now += HOUR
    await desk.act(incidents.add_update, incident["id"], NewUpdate(RESOLVED, "All is back."))
    assert (await spans(desk, api))[1] == ("major_outage", began, api_back)
    assert (await spans(desk, web))[1] == ("partial_outage", began, desk.now)


async def test_an_incident_that_is_opened_again_holds_again_what_it_held(desk: Desk):
    api, web = await component(desk, "API"), await component(desk, "Web")
    incident = await opened(desk, {api: MAJOR, web: PARTIAL})
    await desk.act(incidents.add_update, incident["id"], NewUpdate(MONITORING, "Web is back.", {web: GOOD}))
    await desk.act(incidents.add_update, incident["id"], NewUpdate(RESOLVED, "Over."))
    assert statuses(desk) == {"API": "operational", "Web": "operational"}
    await desk.act(incidents.add_update, incident["id"], NewUpdate(INVESTIGATING, "It is back."))
    assert statuses(desk) == {"API": "major_outage", "Web": "operational"}
    (shown,) = desk.snapshots["public"]["incidents"]
    assert (shown["resolved_at"], shown["status"]) == (None, "investigating")
    await desk.act(incidents.add_update, incident["id"], NewUpdate(RESOLVED, "Over for good."))
    assert statuses(desk) == {"API": "operational", "Web": "operational"}
    assert (await read(desk, incident["id"]))["resolved_at"] == desk.now.strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def test_words_on_a_component_after_the_end_count_too(desk: Desk):
    """What an update says of a component is what the page shows of it, also when the incident is over."""
    api = await component(desk, "API")
    incident = await opened(desk, {api: MAJOR})
    await desk.act(incidents.add_update, incident["id"], NewUpdate(RESOLVED, "Over.", {api: PARTIAL}))
    assert statuses(desk) == {"API": "partial_outage"}
    await desk.act(incidents.add_update, incident["id"], NewUpdate(RESOLVED, "All of it.", {api: GOOD}))
    assert statuses(desk) == {"API": "operational"}
    await desk.act(incidents.add_update, incident["id"], NewUpdate(POSTMORTEM, "Still slow.", {api: MAJOR}))
    assert statuses(desk) == {"API": "major_outage"}
    assert [item[0] for item in (await spans(desk, api))[1:]] == [
        "major_outage", "partial_outage", "operational", "major_outage",
    ]  # fmt: skip
    past = NewUpdate(RESOLVED, "So it was.", {api: GOOD}, display_at=desk.now - timedelta(seconds=1))
    await desk.act(incidents.add_update, incident["id"], past)
    assert statuses(desk) == {"API": "major_outage"}


async def test_the_draft_of_a_postmortem_is_nothing_to_viewers_until_it_is_published(desk: Desk):
    incident = await opened(desk)
    await desk.act(postmortems.draft, incident["id"], "Because.")
    with pytest.raises(Conflict):
        await desk.act(postmortems.publish, incident["id"], notify=True)
    await desk.act(incidents.add_update, incident["id"], NewUpdate(RESOLVED, "Over."))
    before = desk.snapshots["public"]
    drafted = await desk.act(postmortems.draft, incident["id"], "Because of disks.")
    assert drafted["postmortem_draft"] == "Because of disks."
    assert desk.snapshots["public"] == before  # not even an offset
    desk.now += HOUR
    await desk.act(postmortems.publish, incident["id"], notify=False)
    (shown,) = desk.snapshots["public"]["history"]
    assert "postmortem_draft" not in shown
    assert (shown["status"], shown["resolved_at"]) == ("postmortem", before["history"][0]["resolved_at"])
    assert (shown["updates"][0]["body"], shown["updates"][0]["deliver_notifications"]) == ("Because of disks.", False)
    with pytest.raises(Conflict):
        await desk.act(postmortems.publish, incident["id"], notify=False)


async def test_a_backdated_incident_counts_on_its_day_and_notifies_nobody(desk: Desk):
    """Case 41: last Tuesday from 10 to 11, told today."""
    api = await component(desk, "API", start_date=(T0 - timedelta(days=30)).date())
    recent = await opened(desk)
    starts = T0 - timedelta(days=7, hours=-1)
    first = NewUpdate(RESOLVED, "It was the disks.", {api: MAJOR})
    new = NewIncident("Outage", first, started_at=starts, resolved_at=starts + HOUR)
    incident = await desk.act(incidents.open_incident, new)
    (update,) = incident["updates"]
    assert (incident["is_backdated"], update["deliver_notifications"]) == (True, False)
    assert statuses(desk) == {"API": "operational"}
    assert ("major_outage", starts, starts + HOUR) in await spans(desk, api)
    async with desk.sessions() as session:
        listed = await incidents.list_incidents(session, "acme", by=ANONYMOUS, limit=10)
        down = text("SELECT day, major_outage_us FROM component_day WHERE major_outage_us > 0")
        days = (await session.execute(down)).all()
    assert [item["id"] for item in listed] == [recent["id"], incident["id"]]
    assert [tuple(row) for row in days] == [(starts.date(), 3_600_000_000)]
    await desk.act(incidents.update, incident["id"], {"started_at": starts - HOUR})
    assert ("major_outage", starts - HOUR, starts + HOUR) in await spans(desk, api)
    offset = desk.snapshots["public"]["offset"]
    await desk.act(incidents.delete, incident["id"])
    assert [status for status, _, _ in await spans(desk, api)] == ["operational"]
    assert desk.snapshots["public"]["offset"] == offset + 1


async def test_what_is_told_of_long_ago_moves_the_position_though_no_snapshot_shows_it(desk: Desk):
    """Case 43: what is made of the past is kept by the position, so it may not stand still."""
    for _ in range(11):
        await desk.act(incidents.open_incident, NewIncident("x", NewUpdate(RESOLVED, "x"), started_at=desk.now))
    old = NewIncident("Old", NewUpdate(RESOLVED, "Odl."), started_at=T0 - HOUR * 99, resolved_at=T0 - HOUR * 98)
    offset = desk.snapshots["public"]["offset"]
    incident = await desk.act(incidents.open_incident, old)
    assert incident["id"] not in {item["id"] for item in desk.snapshots["public"]["history"]}
    await desk.act(incidents.edit_update, incident["id"], incident["updates"][0]["id"], body="Old.")
    await desk.act(incidents.update, incident["id"], {"name": "Old"})  # as it is called already
    await desk.act(incidents.delete, incident["id"])
    assert desk.snapshots["public"]["offset"] == offset + 3


async def test_a_correction_keeps_the_time_to_the_second_and_the_place(desk: Desk):
    """Cases 38, 40: the title of one that began at 14:05:33, and the body of update 1 of 3."""
    starts = datetime(2026, 11, 23, 14, 5, 33, tzinfo=UTC)
    incident = await opened(desk, started_at=starts)
    for status in (IDENTIFIED, MONITORING):
        await desk.act(incidents.add_update, incident["id"], NewUpdate(status, status.value))
    before = await read(desk, incident["id"])
    desk.kinds.clear()
    renamed = await desk.act(incidents.update, incident["id"], {"name": "Slow logins"})
    assert renamed["started_at"] == "2026-11-23T14:05:33.000Z"
    first = before["updates"][-1]
    edited = await desk.act(incidents.edit_update, incident["id"], first["id"], body="We look into it.")
    assert desk.kinds == {"incident.edited"}
    after = await read(desk, incident["id"])
    assert [item["id"] for item in after["updates"]] == [item["id"] for item in before["updates"]]
    assert (edited["display_at"], edited["created_at"]) == (first["display_at"], first["created_at"])
    assert edited["updated_at"] > first["updated_at"]
    assert after["updated_at"] == edited["updated_at"]
    await desk.act(incidents.edit_update, incident["id"], first["id"], body="We look into it!", notify=True)
    assert "incident.updated" in desk.kinds


async def test_an_update_may_be_told_late_and_its_time_corrected_in_its_place(desk: Desk):
    api = await component(desk, "API")
    desk.now += HOUR
    began = desk.now
    incident = await opened(desk, {api: MAJOR}, started_at=began)
    desk.now += HOUR
    await desk.act(incidents.add_update, incident["id"], NewUpdate(RESOLVED, "Over."))
    milder = NewUpdate(IDENTIFIED, "It was milder by then.", {api: PARTIAL}, display_at=began + HOUR / 2)
    late = await desk.act(incidents.add_update, incident["id"], milder)
    shown = await read(desk, incident["id"])
    assert [item["status"] for item in shown["updates"]] == ["resolved", "identified", "investigating"]
    assert shown["status"] == "resolved"
    assert [item[:2] for item in (await spans(desk, api))[1:3]] == [
        ("major_outage", began), ("partial_outage", began + HOUR / 2),
    ]  # fmt: skip
    over = shown["updates"][0]["id"]
    await desk.act(incidents.edit_update, incident["id"], over, display_at=began + HOUR * 3 / 4)
    shown = await read(desk, incident["id"])
    assert datetime.fromisoformat(shown["resolved_at"]) == began + HOUR * 3 / 4
    assert (await spans(desk, api))[-1][:2] == ("operational", began + HOUR * 3 / 4)
    for at in (began + HOUR / 4, desk.now + HOUR, began - HOUR):
        with pytest.raises(Invalid):
            await desk.act(incidents.edit_update, incident["id"], over, display_at=at)
    assert late["display_at"] == shown["updates"][1]["display_at"]


async def test_a_deleted_component_keeps_its_name_in_history_and_breaks_nothing(desk: Desk):
    """Case 46: a component that five old incidents name, and one that is open."""
    api, web = await component(desk, "API"), await component(desk, "Web")
    old = []
    for _ in range(5):
        incident = await opened(desk, {api: MAJOR})
        await desk.act(incidents.add_update, incident["id"], NewUpdate(RESOLVED, "Over."))
        old.append(incident["id"])
    running = await opened(desk, {api: MAJOR, web: PARTIAL})
    await desk.act(components.delete, api)
    assert statuses(desk) == {"Web": "partial_outage"}
    async with desk.sessions() as session:
        listed = await incidents.list_incidents(session, "acme", by=ANONYMOUS, limit=10)
    assert [item["updates"][-1]["affected"][0]["name"] for item in listed] == ["API"] * 6
    with pytest.raises(Invalid):
        await opened(desk, {api: MAJOR})
    await desk.act(incidents.add_update, running["id"], NewUpdate(IDENTIFIED, "Found.", {api: PARTIAL}))
    await desk.act(incidents.update, old[0], {"started_at": T0 - HOUR})
    await desk.act(incidents.add_update, old[1], NewUpdate(INVESTIGATING, "Again."))
    await desk.act(incidents.add_update, old[1], NewUpdate(RESOLVED, "Over."))
    await desk.act(incidents.add_update, running["id"], NewUpdate(RESOLVED, "Over."))
    await desk.act(incidents.delete, old[2])
    assert statuses(desk) == {"Web": "operational"}


async def test_an_update_that_repeats_a_status_is_an_update_and_no_event_of_the_component(desk: Desk):
    """Case 47."""
    api = await component(desk, "API")
    incident = await opened(desk, {api: PARTIAL})
    before = desk.snapshots["public"]["components"]
    history = await spans(desk, api)
    await desk.act(incidents.add_update, incident["id"], NewUpdate(IDENTIFIED, "Still so.", {api: PARTIAL}))
    assert desk.snapshots["public"]["components"] == before
    assert await spans(desk, api) == history
    assert len((await read(desk, incident["id"]))["updates"]) == 2


async def test_two_operators_who_post_at_once_are_both_heard_or_the_second_is_told(desk: Desk):
    """Case 44, as a race: without versions both updates stand, in order; with them one of the two is refused."""
    incident = await opened(desk)

    async def post(version: int | None, body: str) -> Any:
        async with desk.sessions.begin() as session:
            return await incidents.add_update(
                session, "acme", incident["id"], NewUpdate(IDENTIFIED, body), by=ADMIN, now=desk.now,
                expected_version=version,
            )  # fmt: skip

    await asyncio.gather(post(None, "a"), post(None, "b"))
    shown = await read(desk, incident["id"])
    assert sorted(item["body"] for item in shown["updates"]) == ["We look.", "a", "b"]
    assert len({item["display_at"] for item in shown["updates"]}) == 3
    answers = await asyncio.gather(*(post(shown["version"], body) for body in "cd"), return_exceptions=True)
    assert sorted(isinstance(item, VersionConflict) for item in answers) == [False, True]
    assert len((await read(desk, incident["id"]))["updates"]) == 4
    await desk.check()
