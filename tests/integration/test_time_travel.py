"""The page as it was: `GET …/snapshot?at=`, and what may be seen of the past today."""

import json
import random
from datetime import timedelta
from typing import Any

import pytest

from hub.auth.permissions import ANONYMOUS, Principal
from hub.domain.audience import view_of_key
from hub.domain.channel import channel_name
from hub.domain.incident import IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.status import Status
from hub.errors import Invalid, NotFound
from hub.services import components, groups, incidents, keyframes, maintenances, pages, people_groups, summaries
from hub.services.components import NewComponent
from hub.services.database import Sessions, one_moment
from hub.services.groups import NewGroup
from hub.services.incidents import NewIncident, NewUpdate
from hub.services.maintenances import NewMaintenance
from hub.services.snapshots import read_snapshot
from hub.services.time_travel import reaches_back_to, read_past
from hub.services.views import ensure_view, see_page
from tests.support.desk import ADMIN, T0, Desk, open_desk

SIGNED_IN = Principal(account_id="a" * 12, session_id="s" * 12, email="x@example.org")
PROVEN = Principal(account_id="b" * 12, session_id="t" * 12, email="y@example.org", is_verified=True)
EYES = {"public": ANONYMOUS, "authenticated": SIGNED_IN, "verified": PROVEN, "all": ADMIN}
SECOND = timedelta(seconds=1)


@pytest.fixture
async def desk(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """With something for each of `EYES`, so that each has a view of its own; frames stand close together."""
    monkeypatch.setattr(keyframes, "EVERY", 7)
    monkeypatch.setattr("hub.services.time_travel.EVERY", 7)
    desk = await open_desk(sessions)
    await desk.act(components.create, NewComponent("Door", audience="authenticated"))
    await desk.act(components.create, NewComponent("Vault", audience="verified"))
    return desk


async def past(desk: Desk, by: Principal, at: Any) -> dict[str, Any]:
    async with one_moment(desk.sessions) as session:
        return await read_past(session, desk.slug, by, at=at, now=desk.now)


async def live(desk: Desk, key: str) -> dict[str, Any]:
    async with one_moment(desk.sessions) as session:
        return await read_snapshot(session, channel_name(desk.slug, view_of_key(key)))


def bare(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Without position."""
    return {name: value for name, value in snapshot.items() if name not in {"at", "channel", "epoch", "offset"}}


async def change_at_random(desk: Desk, rng: random.Random, world: dict[str, list[str]]) -> None:
    """One change of the kinds that hide nothing and delete no incident."""
    status, component = rng.choice(list(Status)), rng.choice(world["components"])
    word = {component: status}
    match rng.randrange(9):
        case 0:
            made = await desk.act(components.create, NewComponent(f"C{desk.now:%M%S}", group_id=world["groups"][0]))
            world["components"].append(made["id"])
        case 1:
            await desk.act(components.update, component, {"description": f"at {desk.now}"})
        case 2 | 3:
            base = status if status is not Status.UNDER_MAINTENANCE else Status.OPERATIONAL
            await desk.act(components.update, component, {"status": base})
        case 4:
            if status is Status.UNDER_MAINTENANCE:
                return
            made = await desk.act(
                incidents.open_incident,
                NewIncident("Trouble", NewUpdate(IncidentStatus.INVESTIGATING, "Looking.", word)),
            )
            world["incidents"].append(made["id"])
        case 5 if world["incidents"]:
            ends = IncidentStatus.RESOLVED if rng.random() < 0.5 else IncidentStatus.MONITORING
            chosen = world["incidents"].pop() if ends is IncidentStatus.RESOLVED else rng.choice(world["incidents"])
            await desk.act(incidents.add_update, chosen, NewUpdate(ends, "News.", {}))
        case 6:
            await desk.act(pages.update, {"title": f"Acme {desk.now:%S}"})
        case 7:
            start = desk.now + timedelta(hours=1)
            new = NewMaintenance("Works", "Planned.", start, start + timedelta(hours=1), (component,))
            await desk.act(maintenances.schedule, new)
        case _:
            await desk.do(summaries.publish, minute=desk.now, viewers={})


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_past_reads_as_it_was_shown(desk: Desk, seed: int):
    """After each of many changes, in every view: what was live then is what is told of that instant for ever after."""
    rng = random.Random(seed)
    group = await desk.act(groups.create, NewGroup("Core"))
    world: dict[str, list[str]] = {"groups": [group["id"]], "components": [], "incidents": []}
    for name in ("API", "Site"):
        made = await desk.act(components.create, NewComponent(name, group_id=group["id"]))
        world["components"].append(made["id"])
    world["components"] += [item["id"] for item in (await live(desk, "all"))["components"]]
    shown = []
    for _ in range(30):
        await change_at_random(desk, rng, world)
        shown.append((desk.now, {key: await live(desk, key) for key in EYES}))
    for at, views in shown:
        for key, by in EYES.items():
            told = await past(desk, by, at)
            assert bare(told) == bare(views[key]), (at, key)
            assert (told["offset"], told["channel"]) == (views[key]["offset"], views[key]["channel"])


async def test_what_is_hidden_since_is_absent_from_the_past(desk: Desk):
    """Narrowed, its incident, the words on it in another's, and all roll-ups over it."""
    shown = await desk.act(components.create, NewComponent("Shown"))
    secret = await desk.act(components.create, NewComponent("Ledger-XK"))
    words = {secret["id"]: Status.MAJOR_OUTAGE}
    alone = await desk.act(
        incidents.open_incident, NewIncident("Books-XK", NewUpdate(IncidentStatus.IDENTIFIED, "x", words))
    )
    words[shown["id"]] = Status.DEGRADED_PERFORMANCE
    both = await desk.act(
        incidents.open_incident, NewIncident("Slow", NewUpdate(IncidentStatus.IDENTIFIED, "y", words))
    )
    start = desk.now + timedelta(hours=1)
    await desk.act(
        maintenances.schedule,
        NewMaintenance("Move-XK", "z", start, start + timedelta(hours=1), (secret["id"],)),
    )
    at = desk.now
    before = await past(desk, ANONYMOUS, at)
    assert "Ledger-XK" in json.dumps(before)
    assert before["status"]["indicator"] == "major"
    await desk.act(components.update, secret["id"], {"audience": "verified"})
    after = await past(desk, ANONYMOUS, at)
    text = json.dumps(after)
    assert "XK" not in text
    assert secret["id"] not in text
    assert alone["id"] not in text
    assert [(i["id"], i["impact"], i["components"]) for i in after["incidents"]] == [
        (both["id"], "minor", {shown["id"]: "degraded_performance"})
    ]
    assert after["status"] == {"indicator": "minor", "description": "Partially Degraded Service"}
    assert "Ledger-XK" in json.dumps(await past(desk, PROVEN, at))


async def test_what_was_hidden_then_stays_absent_when_it_is_shown_later(desk: Desk):
    secret = await desk.act(components.create, NewComponent("Ledger-XK", audience="verified"))
    at = desk.now
    await desk.act(components.update, secret["id"], {"audience": "public"})
    assert "Ledger-XK" not in json.dumps(await past(desk, ANONYMOUS, at))
    assert "Ledger-XK" in json.dumps(await past(desk, ANONYMOUS, desk.now))


async def test_a_deleted_incident_is_absent_from_the_past_and_a_deleted_component_is_there(desk: Desk):
    """Case 46, in time travel."""
    component = await desk.act(components.create, NewComponent("Old API"))
    incident = await desk.act(
        incidents.open_incident,
        NewIncident("Never told", NewUpdate(IncidentStatus.IDENTIFIED, "x", {component["id"]: Status.MAJOR_OUTAGE})),
    )
    at = desk.now
    await desk.act(incidents.delete, incident["id"])
    await desk.act(components.delete, component["id"])
    for by in (ANONYMOUS, ADMIN):
        told = await past(desk, by, at)
        assert not told["incidents"]
        assert "Old API" in [item["name"] for item in told["components"]]


async def act(desk: Desk, service: Any, *args: Any) -> Any:
    """As `Desk.act`, where not every view may see the page."""
    desk.now += SECOND
    async with desk.sessions.begin() as session:
        return await service(session, desk.slug, *args, by=ADMIN, now=desk.now)


async def test_a_page_that_was_closed_has_no_past_for_that_time(desk: Desk):
    component = await desk.act(components.create, NewComponent("API"))
    open_at = desk.now
    await act(desk, pages.update, {"audience": "verified"})
    closed_at = desk.now
    await act(desk, components.update, component["id"], {"status": Status.MAJOR_OUTAGE})
    with pytest.raises(NotFound):
        await past(desk, ANONYMOUS, open_at)
    await act(desk, pages.update, {"audience": "public"})
    reopened_at = desk.now
    await act(desk, components.update, component["id"], {"status": Status.OPERATIONAL})
    assert (await past(desk, ANONYMOUS, open_at))["status"]["indicator"] == "none"
    assert (await past(desk, ANONYMOUS, reopened_at))["status"]["indicator"] == "critical"
    with pytest.raises(NotFound):
        await past(desk, ANONYMOUS, closed_at)
    with pytest.raises(NotFound):
        await past(desk, ANONYMOUS, closed_at + SECOND)


async def test_a_view_made_later_is_told_what_a_wider_public_saw_before(desk: Desk):
    await desk.act(components.create, NewComponent("API"))
    at = desk.now
    async with desk.sessions.begin() as session:
        await people_groups.create(session, "ops", "Ops", by=ADMIN, now=desk.now)
    await desk.act(components.create, NewComponent("Ops only", audience="group:ops"))
    member = Principal(
        account_id="c" * 12, session_id="u" * 12, email="z@example.org", is_verified=True, groups=frozenset({"ops"})
    )
    async with desk.sessions.begin() as session:
        sight = await see_page(session, desk.slug, member)
        await ensure_view(session, sight.page, sight.view, desk.now)
    await desk.act(components.create, NewComponent("Later"))
    told = await past(desk, member, at)
    assert told["channel"] == "page:acme@verified"
    assert [item["name"] for item in told["components"]] == ["Door", "Vault", "API"]
    assert (await past(desk, member, desk.now))["channel"] == sight.channel


async def test_the_ends_of_the_past(desk: Desk):
    with pytest.raises(Invalid):
        await past(desk, ANONYMOUS, desk.now + SECOND)
    with pytest.raises(NotFound):
        await past(desk, ANONYMOUS, T0 - SECOND)
    assert not (await past(desk, ANONYMOUS, T0))["components"]
    async with one_moment(desk.sessions) as session:
        assert await reaches_back_to(session, await see_page(session, desk.slug, ANONYMOUS)) == T0


async def test_a_maintenance_that_ran_is_seen_running(desk: Desk):
    component = await desk.act(components.create, NewComponent("API"))
    start = desk.now + timedelta(hours=1)
    made = await desk.act(
        maintenances.schedule,
        NewMaintenance("Works", "Planned.", start, start + timedelta(hours=1), (component["id"],)),
    )
    for status in (MaintenanceStatus.IN_PROGRESS, MaintenanceStatus.COMPLETED):
        await desk.act(maintenances.add_update, made["id"], status=status, body="Now.")
    ran_at = desk.now - SECOND
    told = await past(desk, ANONYMOUS, ran_at)
    assert [item["status"] for item in told["maintenances"]] == ["in_progress"]
    assert told["components"][-1]["status"] == "under_maintenance"
    assert not (await past(desk, ANONYMOUS, desk.now))["maintenances"]
