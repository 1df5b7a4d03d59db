"""Importing Statuspage documents into a database: all or nothing, once, and showing what the source shows."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.auth.permissions import ANONYMOUS, SYSTEM
from hub.domain.event import apply
from hub.domain.incident import IncidentStatus
from hub.domain.statuspage import DocumentInvalid
from hub.errors import Unauthenticated
from hub.services import history, incidents, pages, snapshots
from hub.services.database import Sessions, one_moment
from hub.services.importer import ImportReport, import_statuspage
from tests.support.statuspage import component, document, incident, maintenance, update, word

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)
SLUG = "larkspur"
GROUP = component("group", "partial_outage", group=True, components=["seats", "pay"])
SEATS = component("seats", "partial_outage", group_id="group", position=2, description="Deck plans")
PAY = component("pay", group_id="group", position=1)
OPEN = incident(
    "open",
    "identified",
    update("u2", "identified", word("seats", "partial_outage", "partial_outage")),
    update("u1", "investigating", word("seats", "partial_outage"), display_at="2031-03-09T14:02:00.000Z"),
    impact="major",
)
WINDOW = maintenance("window", components=[PAY])
WHOLE = document(components=[GROUP, SEATS, PAY], incidents=[OPEN], scheduled_maintenances=[WINDOW])


async def run(sessions: Sessions, what: Any, *, page: str = SLUG, now: datetime = NOW, **more: Any) -> ImportReport:
    async with sessions.begin() as session:
        return await import_statuspage(session, what, page=page, by=SYSTEM, now=now, **more)


async def shown(sessions: Sessions, page: str = SLUG) -> dict[str, Any]:
    async with one_moment(sessions) as session:
        return await snapshots.read_snapshot(session, f"page:{page}")


async def slugs(sessions: Sessions) -> list[str]:
    async with sessions() as session:
        return [page["slug"] for page in await pages.list_pages(session, by=SYSTEM)]


def by_name(snapshot: Mapping[str, Any], section: str) -> dict[str, Any]:
    return {item["name"]: item for item in snapshot[section]}


async def test_a_page_shows_what_its_source_shows(sessions: Sessions) -> None:
    report = await run(sessions, WHOLE)
    page = await shown(sessions)

    assert page["page"]["title"] == "Larkspur Ferries"
    assert page["status"] == {"indicator": "minor", "description": "Minor Service Outage"}
    assert [item["name"] for item in page["components"]] == ["Pay", "Seats"]
    assert by_name(page, "components")["Seats"]["description"] == "Deck plans"
    assert {item["group_id"] for item in page["components"]} == {page["groups"][0]["id"]}
    [trouble] = page["incidents"]
    assert (trouble["impact"], trouble["started_at"]) == ("major", "2031-03-09T14:05:00.000Z")
    assert [item["body"] for item in trouble["updates"]] == ["Words of u2.", "Words of u1."]
    [window] = page["maintenances"]
    assert window["components"] == [by_name(page, "components")["Pay"]["id"]]
    assert {kind: tally.created for kind, tally in report.tallies.items()} == {
        "pages": 1,
        "groups": 1,
        "components": 2,
        "incidents": 1,
        "maintenances": 1,
        "updates": 3,
    }


async def test_resolving_the_imported_incident_turns_its_component_green(sessions: Sessions) -> None:
    await run(sessions, WHOLE)
    [trouble] = (await shown(sessions))["incidents"]
    async with sessions.begin() as session:
        new = incidents.NewUpdate(status=IncidentStatus.RESOLVED, body="Over.")
        await incidents.add_update(session, SLUG, trouble["id"], new, by=SYSTEM, now=LATER)
    assert (await shown(sessions))["status"]["indicator"] == "none"


async def test_a_second_import_changes_nothing_and_tells_nobody(sessions: Sessions) -> None:
    await run(sessions, WHOLE)
    before = await shown(sessions)
    report = await run(sessions, WHOLE, now=LATER)
    assert await shown(sessions) == before
    assert not report.has_changes
    assert sum(tally.unchanged for tally in report.tallies.values()) == 9


async def test_a_changed_document_is_one_event_that_folds_into_the_fresh_page(sessions: Sessions) -> None:
    await run(sessions, WHOLE)
    before = await shown(sessions)
    resolved = "2031-03-09T16:00:00.000Z"
    over = update("u3", "resolved", word("seats", "operational", "partial_outage"), display_at=resolved)
    changed = OPEN | {
        "status": "resolved",
        "updated_at": resolved,
        "resolved_at": resolved,
        "incident_updates": [over, *OPEN["incident_updates"]],
    }
    rows = [GROUP | {"status": "operational"}, SEATS | {"status": "operational", "name": "Seat map"}, PAY]
    report = await run(sessions, document(components=rows, incidents=[changed]), now=LATER)
    assert (report.tallies["components"].updated, report.tallies["updates"].created) == (1, 1)

    after = await shown(sessions)
    async with one_moment(sessions) as session:
        missed = await history.read_history(session, f"page:{SLUG}", after=before["offset"], limit=10)
    assert [item.offset for item in missed.publications] == [before["offset"] + 1]
    event = json.loads(missed.publications[0].data)
    assert event["type"] == "page.imported"
    assert apply(before, event) | {"offset": after["offset"]} == after
    assert after["status"]["indicator"] == "none"


async def test_a_bad_record_among_many_leaves_nothing_behind(sessions: Sessions) -> None:
    rows = [component(f"c{number}") for number in range(500)]
    rows[250]["status"] = "purple"
    with pytest.raises(DocumentInvalid) as caught:
        await run(sessions, document(components=rows))
    assert list(caught.value.fields or ()) == ["components[250].status"]
    assert await slugs(sessions) == []


async def test_a_dry_run_reports_and_writes_nothing(sessions: Sessions) -> None:
    report = await run(sessions, WHOLE, dry_run=True)
    assert report.tallies["components"].created == 2
    assert report.lines[0] == "page larkspur: would be created"
    assert await slugs(sessions) == []

    await run(sessions, WHOLE)
    before = await shown(sessions)
    report = await run(
        sessions, document(components=[SEATS | {"group_id": None}, PAY | {"group_id": None}]), dry_run=True
    )
    assert report.has_changes
    assert await shown(sessions) == before


async def test_two_pages_may_come_from_one_source(sessions: Sessions) -> None:
    await run(sessions, WHOLE)
    report = await run(sessions, WHOLE, page="mirror")
    assert report.is_new_page
    assert (await shown(sessions, "mirror"))["status"] == (await shown(sessions))["status"]


async def test_what_the_document_does_not_hold_is_left_alone(sessions: Sessions) -> None:
    await run(sessions, WHOLE)
    report = await run(sessions, document(components=[GROUP, SEATS, PAY]), now=LATER)
    page = await shown(sessions)
    assert len(page["incidents"]) == len(page["maintenances"]) == 1
    assert by_name(page, "components")["Seats"]["status"] == "partial_outage"
    assert report.warnings == (
        "'Trouble open' is open here but not in the document: resolve it, or import incidents.json",
    )


async def test_an_update_keeps_the_name_of_a_component_that_its_source_has_deleted(sessions: Sessions) -> None:
    old = incident("old", "resolved", update("u", "resolved", word("gone", "operational")))
    await run(sessions, document(components=[PAY | {"group_id": None}], incidents=[old]))
    page = await shown(sessions)
    assert page["history"][0]["updates"][0]["affected"][0]["name"] == "Gone"
    assert [item["name"] for item in page["components"]] == ["Pay"]


async def test_texts_come_back_as_they_went_in(sessions: Sessions) -> None:
    text = "🔥 データベース \u200fעברית <img src=x onerror=alert(1)>"
    await run(sessions, document(components=[component("c", name=text, description=text)]))
    [planned] = (await shown(sessions))["components"]
    assert (planned["name"], planned["description"]) == (text, text)


async def test_who_may_not_make_pages_imports_none(sessions: Sessions) -> None:
    with pytest.raises(Unauthenticated):
        async with sessions.begin() as session:
            await import_statuspage(session, WHOLE, page=SLUG, by=ANONYMOUS, now=NOW)
    assert await slugs(sessions) == []


@pytest.mark.parametrize(
    ("name", "rows", "counts"),
    [
        ("twilio", 73, {"groups": 8, "components": 65, "incidents": 2, "maintenances": 9}),
        ("cloudamqp", 23, {"groups": 0, "components": 23, "incidents": 0, "maintenances": 1}),
    ],
)
async def test_a_real_page_comes_over_whole(
    sessions: Sessions, captures: Path, name: str, rows: int, counts: dict[str, int]
) -> None:
    source = json.loads((captures / f"{name}-summary.json").read_text())
    report = await run(sessions, source, page=name)
    page = await shown(sessions, name)

    assert len(source["components"]) == rows
    assert {kind: report.tallies[kind].created for kind in counts} == counts
    assert page["status"] == source["status"]
    assert page["page"]["time_zone"] == source["page"]["time_zone"]
    leaves = [item for item in source["components"] if not item["group"]]
    assert sorted((item["name"], item["status"], item["position"]) for item in page["components"]) == sorted(
        (item["name"], item["status"], item["position"]) for item in leaves
    )
    groups = {item["name"]: item["status"] for item in page["groups"]}
    assert groups == {item["name"]: item["status"] for item in source["components"] if item["group"]}
    for section, key in (("incidents", "incidents"), ("maintenances", "scheduled_maintenances")):
        told = {(item["name"], item["updates"][0]["body"]): item["updates"] for item in page[section]}
        for record in source[key]:
            updates = told[record["name"], record["incident_updates"][0]["body"]]
            assert [item["body"] for item in updates] == [item["body"] for item in record["incident_updates"]]

    again = await run(sessions, source, page=name, now=LATER)
    assert not again.has_changes
    assert await shown(sessions, name) == page
