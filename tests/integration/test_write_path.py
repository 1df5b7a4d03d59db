"""The one write path on the real database: every kind of event, offsets, views, layers, intervals."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.auth.permissions import ANONYMOUS, Principal
from hub.domain.audience import view_of_key
from hub.domain.channel import channel_name
from hub.domain.event import EVENT_TYPES, apply
from hub.domain.incident import Impact, IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.report import ReportKind, period_of
from hub.domain.status import Status
from hub.errors import NotFound
from hub.services import (
    components,
    groups,
    incidents,
    maintenances,
    notes,
    order,
    pages,
    postmortems,
    reports,
    schedule,
    summaries,
)
from hub.services.components import NewComponent
from hub.services.database import one_moment
from hub.services.groups import NewGroup
from hub.services.history import read_history
from hub.services.incidents import NewIncident, NewUpdate
from hub.services.maintenances import NewMaintenance
from hub.services.notes import Subject
from hub.services.order import Order
from hub.services.snapshots import read_snapshot, resolve_view
from hub.services.write import change_page
from tests.support.desk import ADMIN, T0, Desk


async def test_folding_equals_the_fresh_snapshot_for_every_event_type_in_every_view(desk: Desk):
    group = await desk.act(groups.create, NewGroup("Core"))
    other = await desk.act(groups.create, NewGroup("Edge"))
    await desk.act(groups.update, group["id"], {"name": "Core services", "position": 7})
    api = await desk.act(components.create, NewComponent("API", group_id=group["id"]))
    inner = await desk.act(components.create, NewComponent("Ledger", audience="verified", group_id=other["id"]))
    await desk.act(components.update, api["id"], {"description": "v2", "position": 4})
    await desk.act(components.update, api["id"], {"status": Status.PARTIAL_OUTAGE})
    await desk.act(components.update, inner["id"], {"status": Status.MAJOR_OUTAGE})
    await desk.act(components.update, inner["id"], {"audience": "authenticated"})
    await desk.act(components.update, inner["id"], {"audience": "verified"})
    first = NewUpdate(
        IncidentStatus.INVESTIGATING,
        "Looking **into** it.",
        {api["id"]: Status.MAJOR_OUTAGE, inner["id"]: Status.DEGRADED_PERFORMANCE},
    )
    incident = await desk.act(incidents.open_incident, NewIncident("Slow", first))
    update = await desk.act(
        incidents.add_update,
        incident["id"],
        NewUpdate(IncidentStatus.MONITORING, "Better", {api["id"]: Status.OPERATIONAL}),
    )
    await desk.act(incidents.edit_update, incident["id"], update["id"], body="Better, and steady")
    await desk.act(incidents.update, incident["id"], {"name": "Slow answers", "impact": Impact.CRITICAL})
    await desk.act(incidents.add_update, incident["id"], NewUpdate(IncidentStatus.RESOLVED, "Done"))
    await desk.act(postmortems.draft, incident["id"], "Why")
    await desk.act(postmortems.publish, incident["id"], notify=False)
    await desk.act(notes.add, Subject.INCIDENT, incident["id"], "Ask the vendor.")
    past = NewUpdate(IncidentStatus.RESOLVED, "Was", {inner["id"]: Status.MAJOR_OUTAGE})
    ended = await desk.act(incidents.open_incident, NewIncident("Then", past, started_at=T0 - timedelta(hours=5)))
    await desk.act(incidents.update, ended["id"], {"resolved_at": T0 - timedelta(hours=4)})
    await desk.act(incidents.delete, ended["id"])
    silent = await desk.act(
        incidents.open_incident,
        NewIncident("Inside", NewUpdate(IncidentStatus.IDENTIFIED, "Ours"), audience="verified"),
    )
    await desk.act(incidents.delete, silent["id"])
    window = NewMaintenance(
        "Upgrade", "New disks", desk.now + timedelta(minutes=1), desk.now + timedelta(hours=1), [api["id"]]
    )
    maintenance = await desk.act(maintenances.schedule, window)
    await desk.act(maintenances.update, maintenance["id"], {"name": "Disks", "components": [api["id"], inner["id"]]})
    await desk.act(notes.add, Subject.MAINTENANCE, maintenance["id"], "Bring the keys.")
    desk.now = datetime.fromisoformat(maintenance["scheduled_for"])
    assert await desk.do(schedule.advance, maintenance["id"])
    assert not await desk.do(schedule.advance, maintenance["id"])
    await desk.act(maintenances.add_update, maintenance["id"], status=MaintenanceStatus.VERIFYING, body="Testing")
    desk.now = datetime.fromisoformat(maintenance["scheduled_until"])
    assert await desk.do(schedule.advance, maintenance["id"])
    second = await desk.act(
        maintenances.schedule, NewMaintenance("Later", "x", desk.now + timedelta(days=1), desk.now + timedelta(days=2))
    )
    await desk.act(
        maintenances.update, second["id"], {"scheduled_until": desk.now + timedelta(days=3), "components": [api["id"]]}
    )
    desk.now += timedelta(hours=23, minutes=30)
    assert await desk.do(schedule.advance, second["id"])
    assert not await desk.do(schedule.advance, second["id"])
    await desk.act(maintenances.cancel, second["id"])
    third = NewMaintenance("Never", "x", desk.now + timedelta(days=5), desk.now + timedelta(days=6))
    third = await desk.act(maintenances.schedule, third)
    await desk.act(maintenances.update, third["id"], {"body": "Perhaps never"})
    await desk.act(maintenances.delete, third["id"])
    await desk.act(order.reorder, Order([other["id"]], {other["id"]: [api["id"], inner["id"]]}))
    await desk.do(summaries.publish, minute=desk.now, viewers={"page:acme": 3})
    desk.now = datetime(2026, 11, 25, 9, tzinfo=UTC)
    await desk.do(reports.store, period_of(ReportKind.DAILY, date(2026, 11, 24)))
    await desk.act(pages.update, {"title": "Acme Inc.", "description": "We make everything"})
    await desk.act(components.delete, api["id"])
    await desk.act(groups.delete, group["id"])

    async def import_nothing(session: Any, slug: str, *, by: Principal, now: datetime) -> None:
        async with change_page(session, slug, by=by, now=now, kind="page.imported"):
            await session.execute(text("UPDATE page SET title = 'Imported'"))

    await desk.act(import_nothing)
    assert desk.kinds == EVENT_TYPES


async def test_nothing_private_reaches_a_narrower_view(desk: Desk):
    inner = await desk.act(
        components.create, NewComponent("SECRET-name", description="SECRET-words", audience="verified")
    )
    first = NewUpdate(IncidentStatus.INVESTIGATING, "SECRET-body", {inner["id"]: Status.MAJOR_OUTAGE})
    await desk.act(incidents.open_incident, NewIncident("SECRET-title", first))
    await desk.act(components.update, inner["id"], {"description": "SECRET-more"})
    async with one_moment(desk.sessions) as session:
        for key in ("public", "authenticated"):
            history = await read_history(session, channel_name("acme", view_of_key(key)), after=0, limit=100)
            heard = b"".join(item.data for item in history.publications).decode() + json.dumps(desk.snapshots[key])
            assert "SECRET" not in heard
            assert inner["id"] not in heard
    assert desk.snapshots["public"]["status"]["indicator"] == "none"
    assert desk.snapshots["verified"]["status"]["indicator"] == "critical"


async def test_narrowing_takes_a_component_away_and_cuts_what_was_said_of_it(desk: Desk):
    api = await desk.act(components.create, NewComponent("API"))
    before = desk.snapshots["public"]["offset"]
    desk.snapshots.clear()
    await desk.act(components.update, api["id"], {"audience": "verified"})
    assert desk.snapshots["public"]["components"] == []
    async with one_moment(desk.sessions) as session:
        cut = await read_history(session, "page:acme", after=before - 1, limit=100)
        rest = await read_history(session, "page:acme", after=before, limit=100)
    assert (cut.is_recovered, cut.publications) == (False, ())
    assert [json.loads(item.data)["remove"] for item in rest.publications] == [{"components": [api["id"]]}]


async def test_a_page_made_private_is_gone_for_those_outside(desk: Desk):
    async with desk.sessions.begin() as session:
        await pages.update(session, "acme", {"audience": "authenticated"}, by=ADMIN, now=desk.now)
    async with desk.sessions.begin() as session:
        with pytest.raises(NotFound):
            await resolve_view(session, "page:acme", ANONYMOUS, desk.now)
        with pytest.raises(NotFound):
            await components.list_components(session, "acme", by=ANONYMOUS)
        signed_in = Principal(account_id="a", email="a@b")
        assert await resolve_view(session, "page:acme", signed_in, desk.now) == "page:acme@authenticated"
    async with one_moment(desk.sessions) as session:
        with pytest.raises(NotFound):
            await read_snapshot(session, "page:acme")
        last = (await read_history(session, "page:acme", after=0, limit=100)).publications
    assert [json.loads(item.data)["set"] for item in last] == [{}]  # to somebody who resumes: gone, and no word more


@pytest.mark.parametrize(
    "wire",
    [
        "page:acme@verified",
        "page:acme@all",
        "page:acme@public+group-ops",
        "page:nobody",
        "acme",
        "page:ACME",
        "page:acme@x",
    ],
)
async def test_a_channel_that_is_not_ones_own_is_the_same_as_none(desk: Desk, wire: str):
    await desk.act(components.create, NewComponent("Inner", audience="verified"))
    async with desk.sessions.begin() as session:
        with pytest.raises(NotFound):
            await resolve_view(session, wire, Principal(account_id="fake", email="f@x"), desk.now)


async def test_setting_the_same_status_twice_is_one_event(desk: Desk):
    api = await desk.act(components.create, NewComponent("API"))
    await desk.act(components.update, api["id"], {"status": Status.PARTIAL_OUTAGE})
    offset = desk.snapshots["public"]["offset"]
    await desk.act(components.update, api["id"], {"status": Status.PARTIAL_OUTAGE})
    assert desk.snapshots["public"]["offset"] == offset


async def test_layers_close_one_by_one(desk: Desk):
    """The end of a maintenance or of the milder incident turns nothing green while something else holds it."""
    api = (await desk.act(components.create, NewComponent("API")))["id"]

    async def status() -> str:
        return desk.snapshots["public"]["components"][0]["status"]

    mild = await desk.act(
        incidents.open_incident,
        NewIncident("A", NewUpdate(IncidentStatus.IDENTIFIED, "a", {api: Status.DEGRADED_PERFORMANCE})),
    )
    bad = await desk.act(
        incidents.open_incident, NewIncident("B", NewUpdate(IncidentStatus.IDENTIFIED, "b", {api: Status.MAJOR_OUTAGE}))
    )
    work = await desk.act(
        maintenances.schedule, NewMaintenance("M", "m", desk.now, desk.now + timedelta(hours=1), [api])
    )
    await desk.do(schedule.advance, work["id"])
    assert await status() == "major_outage"
    await desk.act(maintenances.add_update, work["id"], status=MaintenanceStatus.COMPLETED, body="done")
    assert await status() == "major_outage"
    await desk.act(incidents.add_update, bad["id"], NewUpdate(IncidentStatus.RESOLVED, "over"))
    assert await status() == "degraded_performance"
    await desk.act(
        incidents.add_update, mild["id"], NewUpdate(IncidentStatus.RESOLVED, "over", {api: Status.PARTIAL_OUTAGE})
    )
    assert (
        await status() == "partial_outage"
    )  # what an incident leaves bad on purpose is the component's own status now
    await desk.act(incidents.add_update, mild["id"], NewUpdate(IncidentStatus.INVESTIGATING, "again"))
    assert desk.snapshots["public"]["incidents"][0]["resolved_at"] is None
    await desk.act(components.update, api, {"status": Status.OPERATIONAL})
    await desk.act(incidents.add_update, mild["id"], NewUpdate(IncidentStatus.RESOLVED, "over"))
    assert await status() == "operational"
    async with desk.sessions() as session:
        rows = (
            await session.execute(
                text(
                    "SELECT status, lower(during), upper(during) FROM status_interval"
                    " WHERE component_id = :id ORDER BY 2"
                ),
                {"id": api},
            )
        ).all()
    assert [row[0] for row in rows] == [
        "operational", "degraded_performance", "major_outage", "degraded_performance", "partial_outage", "operational",
    ]  # fmt: skip
    assert [row[2] for row in rows[:-1]] == [row[1] for row in rows[1:]]
    assert rows[-1][2] is None


async def test_a_status_that_lasted_no_time_leaves_no_interval(desk: Desk):
    api = (await desk.act(components.create, NewComponent("API")))["id"]
    for status in (Status.MAJOR_OUTAGE, Status.DEGRADED_PERFORMANCE, Status.OPERATIONAL):
        async with desk.sessions.begin() as session:
            await components.update(session, "acme", api, {"status": status}, by=ADMIN, now=desk.now)
    async with desk.sessions() as session:
        rows = (await session.execute(text("SELECT status, isempty(during), upper(during) FROM status_interval"))).all()
    assert rows == [("operational", False, None)]


async def test_offsets_are_gapless_and_in_commit_order_under_concurrent_writers(desk: Desk):
    """Some transactions roll back on purpose: they leave no gap."""
    n_writers = 8
    keys = [(await desk.act(components.create, NewComponent(f"C{n}")))["id"] for n in range(n_writers)]
    start = desk.snapshots["public"]["offset"]

    class OnPurpose(Exception):
        pass

    async def write(n: int) -> None:
        for turn in range(6):
            status = Status.MAJOR_OUTAGE if turn % 2 == 0 else Status.OPERATIONAL
            try:
                async with desk.sessions.begin() as session:
                    await components.update(
                        session, "acme", keys[n], {"status": status}, by=ADMIN, now=desk.now + timedelta(seconds=turn)
                    )
                    if turn == 3 and n % 2:
                        raise OnPurpose
            except OnPurpose:
                pass

    await asyncio.gather(*(write(n) for n in range(n_writers)))
    desk.snapshots.pop("authenticated"), desk.snapshots.pop("verified")
    async with one_moment(desk.sessions) as session:
        history = await read_history(session, "page:acme", after=start, limit=1000)
        fresh = await read_snapshot(session, "page:acme")
    offsets = [item.offset for item in history.publications]
    assert offsets == list(range(start + 1, start + 1 + len(offsets)))
    assert (
        len(offsets) == n_writers * 6 - (n_writers // 2) * 2
    )  # the rolled-back turn, and the next one says nothing new
    folded = desk.snapshots["public"]
    for item in history.publications:
        folded = apply(folded, json.loads(item.data)) | {"offset": item.offset}
    assert folded == fresh
    async with desk.sessions() as session:
        waiting = await session.scalar(
            text("SELECT count(*) FROM outbox JOIN channel ON channel.id = channel_id WHERE name = 'page:acme'")
        )
    assert waiting == fresh["offset"]


async def test_a_recurring_maintenance_schedules_its_next_window(desk: Desk):
    start = desk.now + timedelta(minutes=1)
    window = NewMaintenance("Weekly", "x", start, start + timedelta(hours=1), rrule="FREQ=WEEKLY;COUNT=2")
    first = await desk.act(maintenances.schedule, window)
    desk.now = start + timedelta(hours=2)
    assert await desk.do(schedule.advance, first["id"])
    (following,) = desk.snapshots["public"]["maintenances"]
    assert datetime.fromisoformat(following["scheduled_for"]) == start + timedelta(days=7)
    async with desk.sessions() as session:
        done = await maintenances.get(session, "acme", first["id"], by=ANONYMOUS)
    assert (done["status"], done["started_at"], done["completed_at"]) == (
        "completed", first["scheduled_for"], first["scheduled_until"],
    )  # fmt: skip


async def test_a_deleted_page_takes_its_channels_along(desk: Desk):
    async with desk.sessions.begin() as session:
        await pages.delete(session, "acme", by=ADMIN, now=desk.now)
    async with desk.sessions() as session:
        assert await session.scalar(text("SELECT count(*) FROM channel WHERE name LIKE 'page:%'")) == 0
        told = await session.execute(text("SELECT name, kind FROM event JOIN channel ON channel.id = event.channel_id"))
        assert told.all() == [("control", "audience.changed")]


async def test_incidents_page_by_keyset_without_skips_under_inserts(desk: Desk):
    async def open_at(hour: int) -> None:
        await desk.act(
            incidents.open_incident,
            NewIncident(f"I{hour}", NewUpdate(IncidentStatus.RESOLVED, "x"), started_at=T0 - timedelta(hours=hour)),
        )

    for hour in range(6):
        await open_at(hour)
    async with desk.sessions() as session:
        first = await incidents.list_incidents(session, "acme", by=ANONYMOUS, limit=3)
    await open_at(-0)
    last = first[-1]
    key = (datetime.fromisoformat(last["started_at"]), datetime.fromisoformat(last["created_at"]), last["id"])
    async with desk.sessions() as session:
        second = await incidents.list_incidents(session, "acme", by=ANONYMOUS, limit=10, before=key)
    assert [item["name"] for item in first + second] == ["I0", "I1", "I2", "I3", "I4", "I5"]
