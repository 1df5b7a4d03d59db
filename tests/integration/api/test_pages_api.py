"""What operators do by REST, and what everybody else then sees: the contract of pages and of all that is on them."""

import asyncio

import pytest

from tests.support.api import data_of, error_of

PAGE = "/api/v1/pages/acme"
WINDOW = {"scheduled_for": "2100-01-01T00:00:00Z", "scheduled_until": "2100-01-01T02:00:00Z"}


async def add(client, path, **body):
    return data_of(await client.post(f"{PAGE}/{path}", json=body), 201)


@pytest.fixture
async def component(admin, page):
    return await add(admin, "components", name="Web")


async def test_a_page_is_made_shown_changed_and_removed(api, admin):
    made = data_of(
        await admin.post("/api/v1/pages", json={"slug": "acme", "title": "Acme", "time_zone": "Europe/Berlin"}), 201
    )
    assert (made["slug"], made["audience"], made["time_zone"]) == ("acme", "public", "Europe/Berlin")
    error_of(await admin.post("/api/v1/pages", json={"slug": "acme", "title": "Again"}), 409, "conflict")
    changed = data_of(await admin.patch(PAGE, json={"title": "Acme Inc.", "description": "All of it"}))
    assert (changed["id"], changed["title"], changed["description"]) == (made["id"], "Acme Inc.", "All of it")
    assert [item["slug"] for item in data_of(await api.anonymous.get("/api/v1/pages"))] == ["acme"]
    data_of(await admin.delete(PAGE))
    error_of(await admin.get(PAGE), 404)
    assert data_of(await admin.get("/api/v1/pages")) == []


async def test_groups_and_components_come_in_their_order(api, admin, page):
    group = await add(admin, "groups", name="Platform")
    assert (group["name"], group["status"], group["version"]) == ("Platform", "operational", 1)
    web = await add(admin, "components", name="Web", group_id=group["id"], start_date="2026-01-01")
    await add(admin, "components", name="API", group_id=group["id"], status="degraded_performance")
    listed = data_of(await api.anonymous.get(f"{PAGE}/components"))
    assert [item["name"] for item in listed] == ["Web", "API"]
    data_of(await admin.patch(f"{PAGE}/components/{web['id']}", json={"position": 9}))
    listed = data_of(await api.anonymous.get(f"{PAGE}/components"))
    assert [item["name"] for item in listed] == ["API", "Web"]
    assert data_of(await api.anonymous.get(f"{PAGE}/groups/{group['id']}"))["status"] == "degraded_performance"
    moved = data_of(await admin.patch(f"{PAGE}/components/{web['id']}", json={"group_id": None, "start_date": None}))
    assert (moved["group_id"], moved["start_date"]) == (None, None)
    data_of(await admin.patch(f"{PAGE}/groups/{group['id']}", json={"name": "Core"}))
    data_of(await admin.delete(f"{PAGE}/groups/{group['id']}"))
    error_of(await admin.get(f"{PAGE}/groups/{group['id']}"), 404)
    assert {item["group_id"] for item in data_of(await api.anonymous.get(f"{PAGE}/components"))} == {None}
    data_of(await admin.delete(f"{PAGE}/components/{web['id']}"))
    error_of(await api.anonymous.get(f"{PAGE}/components/{web['id']}"), 404)


async def test_the_status_that_is_set_is_the_base_and_what_is_shown_is_the_worst_layer(api, admin, component):
    path = f"{PAGE}/components/{component['id']}"
    assert data_of(await admin.patch(path, json={"status": "partial_outage"}))["status"] == "partial_outage"
    body = {
        "name": "Down",
        "status": "investigating",
        "body": "We look.",
        "components": {component["id"]: "major_outage"},
    }
    incident = await add(admin, "incidents", **body)
    shown = data_of(await admin.patch(path, json={"status": "operational"}))
    assert (shown["status"], shown["base_status"]) == ("major_outage", "operational")
    await add(admin, f"incidents/{incident['id']}/updates", status="resolved", body="Done.")
    assert data_of(await api.anonymous.get(path))["status"] == "operational"


async def test_an_incident_is_opened_updated_corrected_resolved_and_removed(api, admin, component):
    body = {"name": "Slow", "status": "investigating", "body": "We *look*.", "started_at": "2026-01-02T03:04:05+01:00"}
    incident = await add(admin, "incidents", **body, components={component["id"]: "degraded_performance"})
    path = f"{PAGE}/incidents/{incident['id']}"
    assert incident["started_at"] == "2026-01-02T02:04:05.000Z"
    assert incident["components"] == {component["id"]: "degraded_performance"}
    assert incident["updates"][0]["body_html"] == "<p>We <em>look</em>.</p>"
    update = await add(admin, f"incidents/{incident['id']}/updates", status="identified", body="Fuond it.")
    corrected = data_of(await admin.patch(f"{path}/updates/{update['id']}", json={"body": "Found it."}))
    assert data_of(await admin.get(f"{path}/updates/{update['id']}")) == corrected
    assert (await admin.get(f"{path}/updates/nobody")).status_code == 404
    assert (corrected["id"], corrected["body"]) == (update["id"], "Found it.")
    renamed = data_of(await admin.patch(path, json={"name": "Slow logins", "impact": "critical"}))
    assert (renamed["name"], renamed["impact"]) == ("Slow logins", "critical")
    assert data_of(await admin.patch(path, json={"impact": None}))["impact"] == "minor"
    await add(admin, f"incidents/{incident['id']}/updates", status="resolved", body="Over.")
    shown = data_of(await api.anonymous.get(path))
    assert (shown["status"], [item["status"] for item in shown["updates"]]) == (
        "resolved",
        ["resolved", "identified", "investigating"],
    )
    assert data_of(await api.anonymous.get(f"{path}/updates")) == shown["updates"]
    data_of(await admin.delete(path))
    error_of(await api.anonymous.get(path), 404)
    error_of(await admin.post(f"{path}/updates", json={"status": "resolved", "body": "?"}), 404)


async def test_a_maintenance_is_scheduled_moved_begun_ended_and_called_off(api, admin, component):
    made = await add(admin, "maintenances", name="Move", body="We move.", **WINDOW, components=[component["id"]])
    path = f"{PAGE}/maintenances/{made['id']}"
    assert (made["status"], made["components"], made["auto_start"]) == ("scheduled", [component["id"]], True)
    moved = data_of(await admin.patch(path, json={"scheduled_until": "2100-01-01T03:00:00Z"}))
    assert moved["scheduled_until"] == "2100-01-01T03:00:00.000Z"
    await add(admin, f"maintenances/{made['id']}/updates", status="in_progress", body="Begun.")
    shown = data_of(await api.anonymous.get(f"{PAGE}/components/{component['id']}"))
    assert shown["status"] == "under_maintenance"
    update = await add(admin, f"maintenances/{made['id']}/updates", status="completed", body="Done.")
    edited = data_of(await admin.patch(f"{path}/updates/{update['id']}", json={"body": "All done."}))
    assert data_of(await admin.get(f"{path}/updates/{update['id']}")) == edited
    assert edited["body"] == "All done."
    assert data_of(await api.anonymous.get(path))["status"] == "completed"
    assert len(data_of(await api.anonymous.get(f"{path}/updates"))) == 3
    data_of(await admin.delete(path))
    assert data_of(await api.anonymous.get(f"{PAGE}/maintenances")) == []


async def test_lists_are_paged_without_gap_or_repetition(api, admin, page):
    for hour in range(7):
        started_at = f"2026-01-01T{hour // 2:02}:00:00Z"  # pairs that start at the same moment
        await add(admin, "incidents", name=f"I{hour}", status="resolved", body="B", started_at=started_at)
        window = {"scheduled_for": f"2100-01-01T{hour // 2:02}:00:00Z", "scheduled_until": "2100-01-02T00:00:00Z"}
        await add(admin, "maintenances", name=f"M{hour}", body="B", **window)
    for section in ("incidents", "maintenances"):
        whole = data_of(await api.anonymous.get(f"{PAGE}/{section}"))
        found, cursor = [], None
        while True:
            query = {"limit": 3} | ({"before": cursor} if cursor else {})
            answer = await api.anonymous.get(f"{PAGE}/{section}", params=query)
            found += data_of(answer)
            cursor = answer.json()["meta"]["next"]
            if cursor is None:
                break
        assert [item["id"] for item in found] == [item["id"] for item in whole]
        assert len(found) == 7


async def test_snapshot_and_history_meet_at_one_position(api, admin, component):
    before = data_of(await api.anonymous.get(f"{PAGE}/snapshot"))
    assert (before["channel"], before["page"]["slug"]) == ("page:acme", "acme")
    for status in ("partial_outage", "major_outage"):
        data_of(await admin.patch(f"{PAGE}/components/{component['id']}", json={"status": status}))
    past = data_of(await api.anonymous.get(f"{PAGE}/history", params={"after": before["offset"]}))
    assert past.keys() == {"epoch", "offset", "publications", "recovered"}
    assert (past["epoch"], past["offset"], past["recovered"]) == (before["epoch"], before["offset"] + 2, True)
    assert [item["offset"] for item in past["publications"]] == [before["offset"] + 1, before["offset"] + 2]
    for item in past["publications"]:
        assert item.keys() == {"offset", "data", "time"}
        assert item["data"]["type"] == "component.status_changed"
        assert item["time"] == item["data"]["at"]
    after = data_of(await api.anonymous.get(f"{PAGE}/snapshot"))
    assert (after["offset"], after["components"][0]["status"]) == (past["offset"], "major_outage")
    one = data_of(await api.anonymous.get(f"{PAGE}/history", params={"after": before["offset"], "limit": 1}))
    assert ([item["offset"] for item in one["publications"]], one["recovered"]) == ([before["offset"] + 1], True)
    top = data_of(await api.anonymous.get(f"{PAGE}/history", params={"after": past["offset"]}))
    assert (top["publications"], top["recovered"]) == ([], True)


async def test_an_offset_of_another_history_recovers_nothing(api, admin, component):
    for query in ({"after": 10**6}, {"after": 0, "epoch": "another"}):
        past = data_of(await api.anonymous.get(f"{PAGE}/history", params=query))
        assert (past["publications"], past["recovered"]) == ([], False)


async def test_uptime_and_reports_answer_in_their_shape(api, admin, component):
    uptime = data_of(await api.anonymous.get(f"{PAGE}/uptime", params={"days": 3}))
    assert (uptime["days"], len(uptime["components"][0]["days"])) == (3, 3)
    one = data_of(await api.anonymous.get(f"{PAGE}/uptime", params={"component": component["id"]}))
    assert [item["id"] for item in one["components"]] == [component["id"]]
    error_of(await api.anonymous.get(f"{PAGE}/uptime", params={"component": "0" * 12}), 404)
    assert data_of(await api.anonymous.get(f"{PAGE}/reports", params={"kind": "daily"})) == []


# ── rights ───────────────────────────────────────────────────────────────────────────────────────────────────


async def writes(ids):
    """Every write on a page: (method, path below the page, body)."""
    update = {"status": "resolved", "body": "B"}
    yield "PATCH", "", {"title": "Mine"}
    yield "POST", "/groups", {"name": "G"}
    yield "PATCH", f"/groups/{ids['group']}", {"name": "G"}
    yield "DELETE", f"/groups/{ids['group']}", None
    yield "POST", "/components", {"name": "C"}
    yield "PATCH", f"/components/{ids['component']}", {"status": "major_outage"}
    yield "DELETE", f"/components/{ids['component']}", None
    yield "POST", "/incidents", {"name": "I", "status": "investigating", "body": "B"}
    yield "PATCH", f"/incidents/{ids['incident']}", {"name": "I"}
    yield "DELETE", f"/incidents/{ids['incident']}", None
    yield "POST", f"/incidents/{ids['incident']}/updates", update
    yield "PATCH", f"/incidents/{ids['incident']}/updates/{ids['incident_update']}", {"body": "B"}
    yield "POST", "/maintenances", {"name": "M", "body": "B", **WINDOW}
    yield "PATCH", f"/maintenances/{ids['maintenance']}", {"name": "M"}
    yield "DELETE", f"/maintenances/{ids['maintenance']}", None
    yield "POST", f"/maintenances/{ids['maintenance']}/updates", {"status": "completed", "body": "B"}
    yield "PATCH", f"/maintenances/{ids['maintenance']}/updates/{ids['maintenance_update']}", {"body": "B"}
    yield "DELETE", "", None


@pytest.fixture
async def ids(admin, page):
    """One of each kind on `acme`."""
    group, component = await add(admin, "groups", name="G"), await add(admin, "components", name="C")
    incident = await add(admin, "incidents", name="I", status="investigating", body="B")
    maintenance = await add(admin, "maintenances", name="M", body="B", **WINDOW)
    return {
        "page": page["id"],
        "group": group["id"],
        "component": component["id"],
        "incident": incident["id"],
        "incident_update": incident["updates"][0]["id"],
        "maintenance": maintenance["id"],
        "maintenance_update": maintenance["updates"][0]["id"],
    }


async def test_who_may_look_but_not_write_gets_403_and_who_is_nobody_401(api, ids):
    visitor = await api.client_of("visitor@example.test")
    reader = await api.client_of("reader@example.test", roles={ids["page"]: "viewer"})
    before = await api.fingerprint()
    async for method, path, body in writes(ids):
        for client, status in ((api.anonymous, 401), (visitor, 403), (reader, 403)):
            error_of(await client.request(method, PAGE + path, json=body), status)
    error_of(await visitor.post("/api/v1/pages", json={"slug": "mine", "title": "Mine"}), 403)
    assert await api.fingerprint() == before


async def test_an_editor_writes_but_only_an_owner_removes_the_page(api, ids):
    editor = await api.client_of("editor@example.test", roles={ids["page"]: "editor"})
    owner = await api.client_of("owner@example.test", roles={ids["page"]: "owner"})
    data_of(await editor.patch(f"{PAGE}/components/{ids['component']}", json={"status": "major_outage"}))
    error_of(await editor.delete(PAGE), 403)
    data_of(await owner.delete(PAGE))


async def test_a_hidden_page_is_absent_for_reading_and_for_writing(api, admin, ids):
    """R5: invisible means absent, and answers as a page that never was."""
    data_of(await admin.patch(PAGE, json={"audience": "verified"}))
    unproven = await api.client_of("fake@example.test", is_verified=False)
    before = await api.fingerprint()
    reads = [
        "",
        "/snapshot",
        "/history",
        "/uptime",
        "/reports",
        "/groups",
        "/components",
        "/incidents",
        "/maintenances",
    ]
    for client in (api.anonymous, unproven):
        for path in reads:
            hidden = error_of(await client.get(PAGE + path), 404, "not_found")
            assert hidden == error_of(await client.get(f"/api/v1/pages/nowhere{path}"), 404)
        assert data_of(await client.get("/api/v1/pages")) == []
    async for method, path, body in writes(ids):
        error_of(await unproven.request(method, PAGE + path, json=body), 404, "not_found")
    assert await api.fingerprint() == before
    proven = await api.client_of("proven@example.test", is_verified=True)
    assert data_of(await proven.get(f"{PAGE}/snapshot"))["channel"] == "page:acme@verified"


async def test_a_hidden_component_leaves_no_trace_for_those_who_may_not_see_it(api, admin, ids):
    canary = "canary-7f3a"
    body = {"name": canary, "audience": "verified"}
    hidden = await add(admin, "components", **body)
    await add(
        admin, "incidents", name=canary, status="investigating", body=canary, components={hidden["id"]: "major_outage"}
    )
    await add(admin, "maintenances", name=canary, body=canary, components=[hidden["id"]], **WINDOW)
    for path in ("/snapshot", "/history", "/uptime", "/components", "/incidents", "/maintenances"):
        answer = await api.anonymous.get(PAGE + path)
        data_of(answer)
        assert canary not in answer.text
        assert hidden["id"] not in answer.text
    error_of(await api.anonymous.get(f"{PAGE}/components/{hidden['id']}"), 404)
    error_of(await api.anonymous.get(f"{PAGE}/uptime", params={"component": hidden["id"]}), 404)
    assert data_of(await api.anonymous.get(f"{PAGE}/snapshot"))["status"]["indicator"] == "none"
    assert canary in (await admin.get(f"{PAGE}/snapshot")).text


async def test_what_only_operators_need_is_told_to_them_alone(api, admin, ids):
    for path in (
        f"components/{ids['component']}",
        f"incidents/{ids['incident']}",
        f"maintenances/{ids['maintenance']}",
    ):
        mine, theirs = await admin.get(f"{PAGE}/{path}"), await api.anonymous.get(f"{PAGE}/{path}")
        assert data_of(mine).keys() - data_of(theirs).keys() >= {"audience", "version"}
        assert "etag" in mine.headers
        assert "etag" not in theirs.headers


async def test_ids_of_one_page_mean_nothing_on_another(api, admin, ids):
    """R9: an operator of B, with ids of A, below the path of B."""
    other = data_of(await admin.post("/api/v1/pages", json={"slug": "other", "title": "Other"}), 201)
    operator = await api.client_of("other@example.test", roles={other["id"]: "owner"})
    before = await api.fingerprint()
    async for method, path, body in writes(ids):
        if "/" in path.removeprefix("/"):
            error_of(await operator.request(method, f"/api/v1/pages/other{path}", json=body), 404, "not_found")
            error_of(await operator.request(method, f"{PAGE}{path}", json=body), 403, "forbidden")
    for body, path in [
        ({"name": "C", "group_id": ids["group"]}, "components"),
        (
            {"name": "I", "status": "investigating", "body": "B", "components": {ids["component"]: "major_outage"}},
            "incidents",
        ),
        ({"name": "M", "body": "B", **WINDOW, "components": [ids["component"]]}, "maintenances"),
    ]:
        error_of(await operator.post(f"/api/v1/pages/other/{path}", json=body), 422, "invalid")
    assert await api.fingerprint() == before
    for section, key in (("components", "component"), ("groups", "group"), ("incidents", "incident")):
        error_of(await operator.get(f"/api/v1/pages/other/{section}/{ids[key]}"), 404)


async def test_a_page_that_somebody_else_has_changed_is_not_deleted_and_goes_once(api, admin, page):
    stale = {"If-Match": (await admin.get(PAGE)).headers["etag"]}
    data_of(await admin.patch(PAGE, json={"title": "Not what it was"}))
    answer = await admin.delete(PAGE, headers=stale)
    error_of(answer, 409, "version_conflict")
    assert answer.json()["data"]["title"] == "Not what it was"
    answers = await asyncio.gather(*(admin.delete(PAGE, headers={"If-Match": '"2"'}) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404]


async def test_saying_of_a_page_what_already_holds_changes_nothing(admin, page):
    same = {"title": "Acme", "weights": {"partial_outage": 0.3}, "brand_color": None, "audience": "public"}
    assert data_of(await admin.patch(PAGE, json=same))["version"] == 1
    assert data_of(await admin.get(f"{PAGE}/snapshot"))["offset"] == 0
    assert data_of(await admin.patch(PAGE, json=same | {"weights": {"partial_outage": 0.5}}))["version"] == 2


@pytest.mark.parametrize("name", [" ", "\u3000\n", "\u200b", "\u2060\ufeff ", "\x7f", "\u202e"])
async def test_a_name_of_which_nothing_can_be_seen_is_refused(admin, page, name):
    for path, more in (("components", {}), ("groups", {}), ("incidents", {"status": "identified", "body": "B"})):
        assert "name" in error_of(await admin.post(f"{PAGE}/{path}", json={"name": name} | more), 422)["fields"]
