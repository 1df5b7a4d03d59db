"""The audit log: who changed what, from where, before and after; for owners, and without a secret in it."""

import re

import httpx2
import pytest
from sqlalchemy import text

from tests.support.api import Api, data_of, error_of
from tests.support.groups import account_id, invite, make_group

PAGE = "/api/v1/pages/acme"
AUDIT = f"{PAGE}/audit"
INCIDENT = {"name": "Slow", "status": "investigating", "body": "We look."}
WINDOW = {"scheduled_for": "2100-01-01T00:00:00Z", "scheduled_until": "2100-01-01T02:00:00Z"}


@pytest.fixture
async def owner(api: Api, page: dict) -> httpx2.AsyncClient:
    return await api.client_of("owner@example.test", roles={page["id"]: "owner"})


async def log_of(owner: httpx2.AsyncClient, path: str = AUDIT) -> list[dict]:
    """Oldest first."""
    return data_of(await owner.get(path))[::-1]


async def test_a_change_says_who_what_from_where_before_and_after(api, owner):
    component = data_of(await owner.post(f"{PAGE}/components", json={"name": "API"}), 201)
    data_of(await owner.patch(f"{PAGE}/components/{component['id']}", json={"status": "major_outage"}))
    created, made, changed = await log_of(owner)
    assert (created["action"], created["object"]["kind"]) == ("page.created", "page")
    assert created["actor"]["email"] == "admin@example.test"
    assert (made["action"], made["before"]) == ("component.created", None)
    assert made["after"]["components"][0]["name"] == "API"
    assert changed["action"] == "component.status_changed"
    assert changed["object"] == {"kind": "component", "id": component["id"]}
    assert changed["before"]["components"] == [{"id": component["id"], "name": "API", "base_status": "operational"}]
    assert changed["after"]["components"] == [{"id": component["id"], "name": "API", "base_status": "major_outage"}]
    me = await account_id(owner)
    assert changed["actor"] == {"kind": "account", "id": me, "email": "owner@example.test", "name": None}
    assert changed["address"] == "127.0.0.1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", changed["at"])


async def test_every_kind_of_change_of_a_page_leaves_one_entry(api, owner):
    group = data_of(await owner.post(f"{PAGE}/groups", json={"name": "G"}), 201)
    component = data_of(await owner.post(f"{PAGE}/components", json={"name": "C", "group_id": group["id"]}), 201)
    words = {component["id"]: "major_outage"}
    incident = data_of(await owner.post(f"{PAGE}/incidents", json={**INCIDENT, "components": words}), 201)
    maintenance = data_of(await owner.post(f"{PAGE}/maintenances", json={"name": "M", "body": "B", **WINDOW}), 201)
    at_group, at_component = f"{PAGE}/groups/{group['id']}", f"{PAGE}/components/{component['id']}"
    at_incident = f"{PAGE}/incidents/{incident['id']}"
    at_maintenance = f"{PAGE}/maintenances/{maintenance['id']}"
    data_of(await owner.patch(PAGE, json={"title": "Acme Inc."}))
    data_of(await owner.patch(at_group, json={"name": "Group"}))
    data_of(await owner.patch(at_component, json={"name": "Component"}))
    data_of(await owner.patch(at_component, json={"name": "Component"}))  # changes nothing
    data_of(await owner.post(f"{at_incident}/updates", json={"status": "resolved", "body": "Over."}), 201)
    last = incident["updates"][0]["id"]
    data_of(await owner.patch(f"{at_incident}/updates/{last}", json={"body": "We looked."}))
    data_of(await owner.post(f"{at_maintenance}/updates", json={"status": "in_progress", "body": "Now."}), 201)
    data_of(await owner.post(f"{at_maintenance}/updates", json={"status": "completed", "body": "Done."}), 201)
    data_of(await owner.patch(at_maintenance, json={"name": "Work"}))  # over, and on no snapshot any more
    for path in (at_maintenance, at_incident, at_component, at_group):
        data_of(await owner.delete(path))
    log = await log_of(owner)
    assert [entry["action"] for entry in log] == [
        "page.created", "group.created", "component.created", "incident.opened", "maintenance.scheduled",
        "page.updated", "group.updated", "component.updated", "incident.resolved", "incident.edited",
        "maintenance.started", "maintenance.completed", "maintenance.edited",
        "maintenance.deleted", "incident.deleted", "component.deleted", "group.deleted",
    ]  # fmt: skip
    assert all(entry["before"] or entry["after"] for entry in log)
    assert log[12]["before"]["maintenances"] == [{"id": maintenance["id"], "name": "M"}]
    assert log[12]["after"]["maintenances"] == [{"id": maintenance["id"], "name": "Work"}]
    assert log[9]["after"]["incidents"][0]["updates"][0]["body"] == "We looked."
    assert [entry["after"] for entry in log[13:]] == [None] * 4


async def test_an_incident_of_long_ago_is_told_of_and_others_are_not(api, owner):
    """A page's state holds the last ten that ended; the change of an older one is a change all the same."""
    ended = {**INCIDENT, "status": "resolved"}
    made = [data_of(await owner.post(f"{PAGE}/incidents", json={**ended, "name": f"I{n}"}), 201) for n in range(12)]
    data_of(await owner.patch(f"{PAGE}/incidents/{made[0]['id']}", json={"name": "Old"}))
    data_of(await owner.delete(f"{PAGE}/incidents/{made[0]['id']}"))
    data_of(await owner.delete(f"{PAGE}/incidents/{made[11]['id']}"))
    log = await log_of(owner)
    assert all(len((entry["after"] or {}).get("incidents", [1])) == 1 for entry in log[1:13])
    assert all(entry["before"] is None for entry in log[1:13])
    renamed, oldest_gone, latest_gone = log[13:]
    assert renamed["before"]["incidents"] == [{"id": made[0]["id"], "name": "I0"}]
    for entry, incident in ((oldest_gone, made[0]), (latest_gone, made[11])):
        assert entry["after"] is None
        assert [item["id"] for item in entry["before"]["incidents"]] == [incident["id"]]


async def test_a_refused_change_leaves_no_entry(api, owner, page):
    editor = await api.client_of("editor@example.test", roles={page["id"]: "editor"})
    before = await api.fingerprint()
    error_of(await owner.patch(PAGE, json={"title": "T", "version": 99}), 409)
    error_of(await owner.patch(PAGE, json={"audience": "group:nowhere"}), 422)
    error_of(await editor.get(AUDIT), 403)
    error_of(await editor.delete(PAGE), 403)
    assert await api.fingerprint() == before


async def test_keys_are_named_and_deleted_accounts_are_not(api, admin, owner, page):
    editor = await api.client_of("editor@example.test", roles={page["id"]: "editor"})
    editor_id = await account_id(editor)
    key = data_of(await owner.post("/api/v1/keys", json={"name": "robot", "pages": ["acme"], "scopes": ["admin"]}), 201)
    robot = api.client({"Authorization": f"Bearer {key['key']}"})
    data_of(await robot.post(f"{PAGE}/components", json={"name": "C"}), 201)
    data_of(await editor.post(f"{PAGE}/components", json={"name": "D"}), 201)
    async with api.state["db"].begin() as session:
        await session.execute(
            text("UPDATE account SET email = NULL, deleted_at = now() WHERE id = :id"), {"id": editor_id}
        )
    by_robot, by_editor = (await log_of(owner))[-2:]
    assert by_robot["actor"] == {"kind": "key", "id": key["id"], "email": None, "name": "robot"}
    assert by_editor["actor"] == {"kind": "account", "id": editor_id, "email": None, "name": None}


async def test_a_long_log_comes_in_pages(api, owner):
    for n in range(6):
        data_of(await owner.patch(PAGE, json={"title": f"T{n}"}))
    whole, found, path = data_of(await owner.get(AUDIT)), [], f"{AUDIT}?limit=3"
    while path:
        answer = await owner.get(path)
        found += data_of(answer)
        cursor = answer.json()["meta"]["next"]
        path = f"{AUDIT}?limit=3&before={cursor}" if cursor else ""
    assert found == whole
    assert len(whole) == 7
    for cursor in ("x", "MA", "LTE", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA"):
        error_of(await owner.get(f"{AUDIT}?before={cursor}"), 422, "invalid")


async def test_the_log_holds_no_address_of_mail_and_no_token(api, owner):
    await make_group(owner)
    made = await invite(owner, email="guest@example.test")
    again = data_of(await owner.post(f"/api/v1/groups/ops/invitations/{made['id']}/resend"))
    guest = await api.client_of("guest@example.test")
    data_of(await guest.post("/api/v1/invitations/accept", json={"token": again["token"]}))
    data_of(await owner.post(f"{PAGE}/people", json={"email": "guest@example.test", "role": "viewer"}), 201)
    async with api.state["db"]() as session:
        rows = list(await session.scalars(text("SELECT t::text FROM audit_entry t")))
    assert len(rows) == 6
    assert not any(secret in row for row in rows for secret in ("@", made["token"], again["token"]))


async def test_the_end_of_a_page_is_kept_when_its_log_has_gone(api, owner, page):
    data_of(await owner.delete(PAGE))
    async with api.state["db"]() as session:
        query = text("SELECT action, object_id, actor_id, before ->> 'slug' FROM audit_entry")
        rows = [tuple(row) for row in await session.execute(query)]
    assert rows == [("page.deleted", page["id"], await account_id(owner), "acme")]
