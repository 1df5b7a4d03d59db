"""A page goes out as one document and comes back from it: the same bytes, the same figures, and not a word too many."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from hub.services.page_removal import remove_history
from tests.support.api import Api, data_of, error_of
from tests.support.rows import add_component, add_page
from tests.support.tables import changed, contents

PAGE, IMPORT = "/api/v1/pages/acme", "/api/v1/pages/import"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
DAY = timedelta(days=1)
# What an import brings back; events, audit log and views have a life of their own.
EXPORTED = (
    "base_interval", "component", "component_group", "incident", "incident_note", "incident_update", "maintenance",
    "maintenance_component", "maintenance_update", "page_file", "template",
)  # fmt: skip


async def add(client: httpx2.AsyncClient, path: str, **body: Any) -> Any:
    return data_of(await client.post(f"{PAGE}/{path}", json=body), 201)


@pytest.fixture
async def rich(api: Api, admin: httpx2.AsyncClient, page: Mapping[str, Any]) -> str:
    """`acme` with some of everything on it: the id of a component."""
    now = api.state["clock"].now()
    settings = {
        "title": "Acme 🔥 “status”",
        "description": "All of it",
        "time_zone": "Europe/Berlin",
        "brand_color": "#123456",
        "custom_css": "p { margin: 0 }",
        "custom_domain": "status.example.com",
        "weights": {"partial_outage": 0.5},
    }
    data_of(await admin.patch(PAGE, json=settings))
    data_of(await admin.put(f"{PAGE}/files/logo", content=PNG))
    group = await add(admin, "groups", name="Platform")
    web = await add(admin, "components", name="Web", group_id=group["id"], start_date=f"{now - 40 * DAY:%Y-%m-%d}")
    gone = await add(admin, "components", name="Old", audience="verified")
    words = {web["id"]: "major_outage", gone["id"]: "partial_outage"}
    past = {"started_at": (now - 9 * DAY).isoformat(), "resolved_at": (now - 8 * DAY).isoformat()}
    await add(admin, "incidents", name="Long ago", status="resolved", body="Over.", components=words, **past)
    running = await add(
        admin, "incidents", name="Now", status="identified", body="We *know*.",
        components={web["id"]: "partial_outage"},
    )  # fmt: skip
    await add(admin, f"incidents/{running['id']}/updates", status="monitoring", body="Better.", components={})
    await add(admin, f"incidents/{running['id']}/notes", body="It was the cache.")
    data_of(await admin.put(f"{PAGE}/incidents/{running['id']}/postmortem", json={"body": "A draft."}))
    soon = {"scheduled_for": (now + DAY).isoformat(), "scheduled_until": (now + 2 * DAY).isoformat()}
    await add(admin, "maintenances", name="Move", body="We move.", components=[web["id"]], rrule="FREQ=WEEKLY", **soon)
    await add(
        admin, "templates", kind="incident", name="Slow", title="It is slow", body="We look.",
        components={web["id"]: "degraded_performance"},
    )  # fmt: skip
    data_of(await admin.patch(f"{PAGE}/components/{web['id']}", json={"status": "degraded_performance"}))
    data_of(await admin.delete(f"{PAGE}/components/{gone['id']}"))
    return str(web["id"])


async def exported(client: httpx2.AsyncClient) -> bytes:
    answer = await client.get(f"{PAGE}/export")
    assert answer.status_code == 200, answer.text
    return answer.content


async def figures(client: httpx2.AsyncClient) -> Any:
    """The uptime of all components without the day that is not over, which grows while the test runs."""
    uptime = data_of(await client.get(f"{PAGE}/uptime", params={"days": 60}))
    return [(item["id"], item["days"][:-1]) for item in uptime["components"]]


async def test_a_page_that_is_wiped_and_imported_is_exported_byte_by_byte_as_before(api: Api, admin, rich: str):
    """Case 118: nothing is lost, doubled or renamed; uptime, layers and all that is shown are as they were."""
    before, told = await exported(admin), await figures(admin)
    shown = data_of(await api.anonymous.get(f"{PAGE}/snapshot"))
    tables = await contents(api.state)
    data_of(await admin.delete(PAGE))
    assert {table: text for table, text in (await contents(api.state)).items() if table in EXPORTED and text} == {}

    report = data_of(await admin.post(IMPORT, content=before, headers={"Content-Type": "application/json"}))
    assert (report["is_new_page"], report["slug"], report["warnings"]) == (True, "acme", [])
    assert await exported(admin) == before
    assert await figures(admin) == told
    again = data_of(await api.anonymous.get(f"{PAGE}/snapshot"))
    assert again["components"] == shown["components"]
    for section in ("groups", "incidents", "maintenances", "history", "status"):
        assert again[section] == shown[section]
    assert again["page"] | {"updated_at": ""} == shown["page"] | {"updated_at": ""}
    assert not {"page_file", "maintenance_component"} & changed(tables, await contents(api.state)).keys()
    resolved = data_of(
        await admin.post(
            f"{PAGE}/incidents/{shown['incidents'][0]['id']}/updates", json={"status": "resolved", "body": "Over."}
        ),
        201,
    )
    assert resolved["status"] == "resolved"
    assert data_of(await api.anonymous.get(f"{PAGE}/components/{rich}"))["status"] == "degraded_performance"


async def test_a_second_import_changes_nothing_and_tells_nobody(api: Api, admin, rich: str):
    """Case 118, twice."""
    document = await exported(admin)
    data_of(await admin.delete(PAGE))
    data_of(await admin.post(IMPORT, content=document, headers={"Content-Type": "application/json"}))
    before = await contents(api.state)
    report = data_of(await admin.post(IMPORT, content=document, headers={"Content-Type": "application/json"}))
    assert not report["has_changes"]
    assert {kind: tally["unchanged"] for kind, tally in report["tallies"].items()} == {
        "pages": 1, "groups": 1, "components": 2, "incidents": 2, "maintenances": 1, "updates": 4, "notes": 1,
        "templates": 1,
    }  # fmt: skip
    assert not changed(before, await contents(api.state))


async def test_an_import_brings_a_page_back_to_what_the_document_says_and_leaves_the_rest(api: Api, admin, rich: str):
    document = json.loads(await exported(admin))
    data_of(await admin.patch(PAGE, json={"title": "Renamed", "custom_css": None}))
    data_of(await admin.delete(f"{PAGE}/files/logo"))
    data_of(await admin.patch(f"{PAGE}/components/{rich}", json={"name": "Changed", "status": "operational"}))
    await add(admin, "components", name="New since")
    before = data_of(await api.anonymous.get(f"{PAGE}/snapshot"))
    report = data_of(await admin.post(IMPORT, json=document))
    assert report["tallies"]["pages"] == {"created": 0, "updated": 1, "unchanged": 0}
    assert report["tallies"]["components"] == {"created": 0, "updated": 1, "unchanged": 1}
    assert report["warnings"] == ["1 components of this page are not in the document, and stay as they are"]
    shown = data_of(await api.anonymous.get(f"{PAGE}/snapshot"))
    assert shown["page"]["title"] == document["page"]["title"]
    assert sorted(item["name"] for item in shown["components"]) == ["New since", "Web"]
    events = data_of(await api.anonymous.get(f"{PAGE}/history", params={"after": before["offset"]}))["publications"]
    assert [item["data"]["type"] for item in events] == ["page.imported"]
    again = json.loads(await exported(admin))
    again["components"] = [item for item in again["components"] if item["name"] != "New since"]
    assert again == document
    assert not data_of(await admin.post(IMPORT, json=document))["has_changes"]


async def test_a_dry_run_tells_what_would_be_and_does_nothing(api: Api, admin, rich: str):
    document = await exported(admin)
    data_of(await admin.delete(PAGE))
    before = await contents(api.state)
    report = data_of(
        await admin.post(f"{IMPORT}?dry_run=true", content=document, headers={"Content-Type": "application/json"})
    )
    assert (report["is_dry_run"], report["tallies"]["components"]["created"]) == (True, 2)
    assert not changed(before, await contents(api.state))


async def test_an_export_holds_no_secret_and_nobody(api: Api, admin, rich: str):
    data_of(
        await admin.post("/api/v1/keys", json={"name": "Robotkeyname", "pages": ["acme"], "scopes": ["admin"]}), 201
    )
    text = (await exported(admin)).decode()
    assert text.endswith("\n")
    for secret in ("admin@example.test", "Robotkeyname", "hub_", "password", "token", "author"):
        assert secret not in text
    document = json.loads(text)
    assert list(document) == sorted(document)
    assert base64.b64decode(document["logo"]["body"]) == PNG
    assert [item["name"] for item in document["components"]] == ["Web", "Old"]


BREAK = {
    "a status": (lambda d: d["components"][1].update(base_status="purple"), "components[1].base_status"),
    "a key": (lambda d: d["page"].update(people=[]), "page.people"),
    "a top key": (lambda d: d.update(accounts=[]), "accounts"),
    "version": (lambda d: d.update(version=2), "version"),
    "a twin": (lambda d: d["components"].append(d["components"][0]), "components[2].id"),
    "a group": (lambda d: d["components"][0].update(group_id="z" * 12), "components[0].group_id"),
    "an update": (
        lambda d: d["incidents"][0]["updates"][0].update(display_at="today"),
        "incidents[0].updates[0].display_at",
    ),
    "a member": (lambda d: d["maintenances"][0].update(components=["z" * 12]), "maintenances[0].components[0]"),
    "an overlap": (
        lambda d: d["components"][0]["base"].insert(
            0, {"status": "operational", "since": "2020-01-01T00:00:00Z", "until": None}
        ),
        "components[0].base[1]",
    ),
    "a picture": (lambda d: d["logo"].update(body="PHNjcmlwdD4="), "logo.body"),
    "css": (lambda d: d["page"].update(custom_css="@import 'x';"), "page.custom_css"),
    "a zone": (lambda d: d["page"].update(time_zone="Mars/Base"), "page.time_zone"),
    "an audience": (lambda d: d["components"][0].update(audience="group:nobodys"), "components[0].audience"),
    "nul": (lambda d: d["groups"][0].update(name="a\x00"), "groups.0.name"),
    "an instant": (lambda d: d["page"].update(created_at="2026-01-01T00:00:00"), "page.created_at"),
    "no page": (lambda d: d.pop("page"), "page"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAK)
async def test_a_bad_record_is_named_by_its_path_and_leaves_nothing_behind(api: Api, admin, rich: str, name: str):
    """Case 119."""
    document = json.loads(await exported(admin))
    data_of(await admin.delete(PAGE))
    break_it, path = BREAK[name]
    break_it(document)
    before = await contents(api.state)
    text = json.dumps(document, indent=1)
    headers = {"Content-Type": "application/json"}
    error = error_of(await admin.post(IMPORT, content=text, headers=headers), 422, "invalid")
    assert path in error["fields"]
    line = re.search(r"\(line (\d+), column \d+\)$", error["fields"][path])
    assert name == "nul" or (line is not None and 0 < int(line[1]) <= text.count("\n") + 1)
    assert not changed(before, await contents(api.state))


async def test_what_belongs_to_another_page_is_not_taken_over(api: Api, admin, rich: str):
    document = json.loads(await exported(admin))
    data_of(await admin.post("/api/v1/pages", json={"slug": "other", "title": "Other"}), 201)
    theirs = data_of(await admin.post("/api/v1/pages/other/components", json={"name": "Theirs"}), 201)
    before = await contents(api.state)
    error_of(await admin.post(f"{IMPORT}?page=other", json=document), 409, "conflict")
    copied = document | {"page": document["page"] | {"id": "a" * 12}}
    error_of(await admin.post(IMPORT, json=copied), 409, "conflict")
    text = json.dumps(document).replace(rich, theirs["id"])
    error = error_of(await admin.post(IMPORT, content=text, headers={"Content-Type": "application/json"}), 422)
    assert list(error["fields"]) == ["components[0].id"]
    domain = {"custom_domain": "other.example.com"}
    data_of(await admin.patch("/api/v1/pages/other", json=domain))
    taken = document | {"page": document["page"] | domain}
    error_of(await admin.post(IMPORT, json=taken), 409, "conflict")
    assert changed(before, await contents(api.state)).keys() <= {"page", "event", "audit_entry", "view", "channel"}


async def test_only_owners_take_a_page_along_and_only_those_who_may_bring_one(api: Api, admin, page, rich: str):
    document = json.loads(await exported(admin))
    editor = await api.client_of("editor@example.test", roles={page["id"]: "editor"})
    owner = await api.client_of("owner@example.test", roles={page["id"]: "owner"})
    stranger = await api.client_of("stranger@example.test")
    before = await contents(api.state)
    for client, status in ((api.anonymous, 401), (stranger, 403), (editor, 403)):
        error_of(await client.get(f"{PAGE}/export"), status)
        error_of(await client.post(IMPORT, json=document), status)
    assert not changed(before, await contents(api.state))
    assert not data_of(await owner.post(IMPORT, json=document))["has_changes"]
    data_of(await admin.delete(PAGE))
    error_of(await owner.post(IMPORT, json=document), 403, "forbidden")


async def test_a_large_page_comes_back_whole(api: Api, admin):
    """Case 118: no time-out, in few statements: 100 components with 100 changes each."""
    now = api.state["clock"].now()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    history = [
        (("operational", "major_outage")[n % 2], start + n * DAY, start + (n + 1) * DAY if n < 99 else None)
        for n in range(100)
    ]
    async with api.state["db"].begin() as session:
        page_id = await add_page(session, "acme", start, views=("public", "all"))
        for number in range(100):
            await add_component(session, page_id, f"C{number}", start, *history)
    assert now > start
    before, told = await exported(admin), await figures(admin)
    data_of(await admin.delete(PAGE))
    data_of(await admin.post(IMPORT, content=before, headers={"Content-Type": "application/json"}))
    assert await exported(admin) == before
    assert await figures(admin) == told


async def test_the_history_of_a_page_goes_in_batches_and_that_of_others_stays(api: Api):
    """Case 98: no statement runs longer than it takes to delete one batch."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    history = [("operational" if n % 2 else "major_outage", start + n * DAY, start + (n + 1) * DAY) for n in range(25)]
    async with api.state["db"].begin() as session:
        page_id, other_id = [await add_page(session, slug, start) for slug in ("acme", "other")]
        for owner in (page_id, other_id):
            await add_component(session, owner, "C", start, *history)
    rows = await api.rows("status_interval")
    async with api.state["db"].begin() as session:
        count = await remove_history(session, page_id, batch_rows=10)
    assert count == 3 * 3 + 7, "three statements for each of three tables, one for each other"
    assert await api.rows("status_interval") == await api.rows("base_interval") == rows / 2


async def test_statuspage_documents_come_in_by_the_same_way(api: Api, admin):
    document = {"page": {"id": "x", "name": "Larkspur"}, "components": [], "incidents": []}
    error = error_of(await admin.post(IMPORT, json=document), 422)
    assert list(error["fields"]) == ["page"]
    report = data_of(await admin.post(f"{IMPORT}?page=larkspur", json=[document]))
    assert (report["is_new_page"], report["slug"]) == (True, "larkspur")
    assert data_of(await admin.get("/api/v1/pages/larkspur"))["title"] == "Larkspur"
    error_of(await admin.post("/api/v1/pages", json={"slug": "import", "title": "X"}), 422)
