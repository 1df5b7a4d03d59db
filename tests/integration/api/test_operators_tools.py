"""What operators do by REST beyond telling of an incident: order, locking, notes, templates, corrections."""

import pytest

from tests.support.api import data_of, error_of

PAGE = "/api/v1/pages/acme"
WINDOW = {"scheduled_for": "2100-01-01T00:00:00Z", "scheduled_until": "2100-01-01T02:00:00Z"}


async def add(client, path, **body):
    return data_of(await client.post(f"{PAGE}/{path}", json=body), 201)


@pytest.fixture
async def components(admin, page):
    """Ids of `A` and `B`."""
    return [(await add(admin, "components", name=name))["id"] for name in "AB"]


async def open_incident(admin, words=None, **options):
    body = {"name": "I", "status": "investigating", "body": "We look.", "components": words or {}}
    return await add(admin, "incidents", **body, **options)


async def snapshot(client):
    return data_of(await client.get(f"{PAGE}/snapshot"))


async def test_reordering_changes_places_and_nothing_else(api, admin, page):
    """Case 26: ten components of mixed statuses; one event, and no status in it that was not there."""
    groups = [(await add(admin, "groups", name=name))["id"] for name in ("One", "Two")]
    mixed = ("operational", "partial_outage", "degraded_performance", "major_outage", "operational")
    ids = [
        (await add(admin, "components", name=f"C{n}", status=mixed[n % 5], group_id=groups[n % 2]))["id"]
        for n in range(10)
    ]
    before = await snapshot(admin)
    wanted = {"groups": groups[::-1], "components": {groups[0]: ids[8::-2], groups[1]: ids[9::-2]}}
    ordered = data_of(await admin.post(f"{PAGE}/components/order", json=wanted))
    after = await snapshot(admin)
    assert (after["offset"], after["groups"]) == (before["offset"] + 1, ordered["groups"])
    assert [item["id"] for item in after["groups"]] == groups[::-1]

    def without_place(found):
        items = [{**item, "position": 0} for item in found["components"]]
        return sorted(items, key=lambda item: item["id"])

    assert without_place(after) == without_place(before)
    places = {item["id"]: (item["group_id"], item["position"]) for item in ordered["components"]}
    assert [places[key] for key in ids[8::-2]] == [(groups[0], place) for place in range(1, 6)]
    data_of(await admin.post(f"{PAGE}/components/order", json=wanted))
    assert (await snapshot(admin))["offset"] == after["offset"]
    moved = {"components": {"": [ids[0]], groups[1]: [ids[2]]}}
    places = {
        item["id"]: (item["group_id"], item["position"])
        for item in data_of(await admin.post(f"{PAGE}/components/order", json=moved))["components"]
    }
    assert (places[ids[0]], places[ids[2]], places[ids[9]]) == ((None, 1), (groups[1], 1), (groups[1], 2))
    for bad in ({"groups": [groups[0]] * 2}, {"components": {"": ["zzzzzzzzzzzz"]}}, {"components": {"nogroup": []}}):
        error_of(await admin.post(f"{PAGE}/components/order", json=bad), 422)


async def test_resolving_restores_components_whichever_way_it_is_told(api, admin, components):
    """Case 31: with the components named, as the console does, and without, as a script does."""
    a, b = components
    for words in ({}, {a: "operational", b: "operational"}):
        incident = await open_incident(admin, {a: "major_outage", b: "partial_outage"})
        body = {"status": "resolved", "body": "Over.", "components": words}
        await add(admin, f"incidents/{incident['id']}/updates", **body)
        shown = data_of(await api.anonymous.get(f"{PAGE}/components"))
        assert [item["status"] for item in shown] == ["operational", "operational"]


async def test_pages_of_incidents_keep_the_newest_day_first(api, admin, page):
    """Case 37: page 2 goes on where page 1 ended, older from top to bottom."""
    for day in range(1, 8):
        times = {"started_at": f"2026-01-0{day}T10:00:00Z", "resolved_at": f"2026-01-0{day}T11:00:00Z"}
        await add(admin, "incidents", name=f"Day {day}", status="resolved", body="B", **times)
    first = await api.anonymous.get(f"{PAGE}/incidents", params={"limit": 4})
    query = {"limit": 4, "before": first.json()["meta"]["next"]}
    second = data_of(await api.anonymous.get(f"{PAGE}/incidents", params=query))
    names = [item["name"] for item in data_of(first) + second]
    assert names == [f"Day {day}" for day in range(7, 0, -1)]


async def test_the_second_of_two_editors_is_shown_both_versions(api, admin, components):
    """Case 44: by `version` and by `If-Match`, on everything that has a version."""
    incident = await open_incident(admin)
    note = await add(admin, f"incidents/{incident['id']}/notes", body="N")
    words = {"kind": "incident", "name": "T", "title": "I", "body": "B"}
    template = await add(admin, "templates", **words)
    work = await add(admin, "maintenances", name="M", body="B", **WINDOW)
    group = await add(admin, "groups", name="G")
    at_incident, at_work = f"incidents/{incident['id']}", f"maintenances/{work['id']}"
    edits = {
        at_incident: ({"name": "First"}, {"name": "Second"}),
        f"{at_incident}/notes/{note['id']}": ({"body": "First"}, {"body": "Second"}),
        f"templates/{template['id']}": ({"title": "First"}, {"title": "Second"}),
        at_work: ({"name": "First"}, {"name": "Second"}),
        f"groups/{group['id']}": ({"name": "First"}, {"name": "Second"}),
        f"components/{components[0]}": ({"name": "First"}, {"name": "Second"}),
    }
    for path, (first, second) in edits.items():
        loaded = 1
        data_of(await admin.patch(f"{PAGE}/{path}", json={**first, "version": loaded}))
        for options in ({"json": {**second, "version": loaded}}, {"json": second, "headers": {"If-Match": '"1"'}}):
            answer = await admin.patch(f"{PAGE}/{path}", **options)
            error = error_of(answer, 409, "version_conflict")
            data = answer.json()["data"]
            name, value = next(iter(first.items()))
            assert (data["version"], data[name], data["sent"][name]) == (2, value, second[name])
            assert "version 1" in error["fields"]["version"]
        error_of(await admin.delete(f"{PAGE}/{path}", headers={"If-Match": '"1"'}), 409, "version_conflict")
    update = incident["updates"][0]["id"]
    for path, body in (
        (f"{at_incident}/updates/{update}", {"body": "Second"}),
        (f"{at_work}/updates/{work['updates'][0]['id']}", {"body": "Second"}),
    ):
        error_of(await admin.patch(f"{PAGE}/{path}", json={**body, "version": 1}), 409, "version_conflict")
        data_of(await admin.patch(f"{PAGE}/{path}", json={**body, "version": 2}))
    for path in (f"{at_incident}/postmortem", f"{at_work}/cancel"):
        method, body = ("PUT", {"body": "x"}) if path.endswith("postmortem") else ("POST", {})
        answer = await admin.request(method, f"{PAGE}/{path}", json={**body, "version": 1})
        error_of(answer, 409, "version_conflict")


async def test_a_deleted_component_is_absent_and_its_incidents_stay_readable(api, admin, components):
    """Case 46, by REST: 404 for it, its name in the past, and no 500 anywhere."""
    a, b = components
    incident = await open_incident(admin, {a: "major_outage"})
    await add(admin, f"incidents/{incident['id']}/updates", status="resolved", body="Over.")
    words = {"kind": "incident", "name": "T", "title": "I", "body": "B", "components": {a: "major_outage"}}
    template = await add(admin, "templates", **words)
    data_of(await admin.delete(f"{PAGE}/components/{a}"))
    for client in (api.anonymous, admin):
        error_of(await client.get(f"{PAGE}/components/{a}"), 404)
        error_of(await client.get(f"{PAGE}/uptime", params={"component": a}), 404)
        shown = data_of(await client.get(f"{PAGE}/incidents/{incident['id']}"))
        assert shown["updates"][-1]["affected"][0]["name"] == "A"
        assert [item["id"] for item in data_of(await client.get(f"{PAGE}/uptime"))["components"]] == [b]
    assert data_of(await admin.get(f"{PAGE}/templates/{template['id']}"))["components"] == {}
    for address in (f"/p/acme/incidents/{incident['id']}", "/p/acme/history", "/p/acme"):
        assert (await api.anonymous.get(address)).status_code == 200


async def test_each_component_has_its_own_status_in_an_incident_a_message_and_a_template(api, admin, components):
    """Case 124: A major and B degraded."""
    a, b = components
    words = {a: "major_outage", b: "degraded_performance"}
    body = {"kind": "incident", "name": "Network", "title": "Network trouble", "status": "identified", "body": "B"}
    template = await add(admin, "templates", **body, components=words)
    assert template["components"] == words
    incident = await open_incident(admin, template["components"])
    assert incident["components"] == words
    update = {"status": "identified", "body": "Found.", "components": {a: "partial_outage"}}
    await add(admin, f"incidents/{incident['id']}/updates", **update)
    shown = data_of(await api.anonymous.get(f"{PAGE}/components"))
    assert [item["status"] for item in shown] == ["partial_outage", "degraded_performance"]


async def test_templates_are_kept_by_operators_for_operators(api, admin, page, components):
    body = {"kind": "maintenance", "name": "Disks", "title": "New disks", "body": "We change disks."}
    made = await add(admin, "templates", **body, components={components[0]: "under_maintenance"})
    error_of(await admin.post(f"{PAGE}/templates", json=body), 409, "conflict")
    await add(admin, "templates", **(body | {"kind": "incident"}))
    for bad in ({"status": "resolved"}, {"components": {"zzzzzzzzzzzz": "major_outage"}}):
        error_of(await admin.patch(f"{PAGE}/templates/{made['id']}", json=bad), 422)
    changed = data_of(await admin.patch(f"{PAGE}/templates/{made['id']}", json={"status": "scheduled", "name": "D"}))
    assert (changed["status"], changed["version"]) == ("scheduled", 2)
    assert [item["kind"] for item in data_of(await admin.get(f"{PAGE}/templates"))] == ["incident", "maintenance"]
    reader = await api.client_of("reader@example.test", roles={page["id"]: "viewer"})
    stranger = await api.client_of("stranger@example.test")
    assert len(data_of(await reader.get(f"{PAGE}/templates"))) == 2
    error_of(await reader.post(f"{PAGE}/templates", json=body), 403)
    error_of(await stranger.get(f"{PAGE}/templates"), 404)
    error_of(await api.anonymous.get(f"{PAGE}/templates"), 401)
    data_of(await admin.delete(f"{PAGE}/templates/{made['id']}"))
    error_of(await admin.get(f"{PAGE}/templates/{made['id']}"), 404)


@pytest.mark.parametrize("subject", ["incidents", "maintenances"])
async def test_notes_are_seen_by_operators_at_once_and_by_nobody_else(api, admin, page, subject):
    if subject == "incidents":
        made = await open_incident(admin)
    else:
        made = await add(admin, "maintenances", name="M", body="B", **WINDOW)
    path = f"{PAGE}/{subject}/{made['id']}"
    operators, everybody = await snapshot(admin), await snapshot(api.anonymous)
    note = data_of(await admin.post(f"{path}/notes", json={"body": "Ask *Jo*."}), 201)
    assert (note["author"], note["body_html"]) == ("admin@example.test", "<p>Ask <em>Jo</em>.</p>")
    assert (await snapshot(admin))["offset"] == operators["offset"] + 1
    assert data_of(await admin.get(path))["notes_count"] == 1
    assert data_of(await admin.get(path))["version"] == made["version"]
    assert await snapshot(api.anonymous) == everybody
    assert "notes_count" not in data_of(await api.anonymous.get(path))
    stranger = await api.client_of("stranger@example.test")
    error_of(await stranger.get(f"{path}/notes"), 404)
    error_of(await stranger.post(f"{path}/notes", json={"body": "x"}), 403)
    data_of(await admin.patch(f"{path}/notes/{note['id']}", json={"body": "Ask Al."}))
    told = data_of(await admin.get(f"{PAGE}/history", params={"after": operators["offset"] + 1}))["publications"]
    assert [item["data"]["type"] for item in told] == [f"{subject.removesuffix('s')}.noted"]
    (changed,) = [item for item in told[0]["data"]["set"][subject] if item["id"] == made["id"]]
    assert (changed["notes_count"], changed["notes_updated_at"] > note["updated_at"]) == (1, True)
    assert await snapshot(api.anonymous) == everybody
    assert [item["body"] for item in data_of(await admin.get(f"{path}/notes"))] == ["Ask Al."]
    data_of(await admin.delete(f"{path}/notes/{note['id']}"))
    assert data_of(await admin.get(f"{path}/notes")) == []
    error_of(await admin.patch(f"{path}/notes/{note['id']}", json={"body": "x"}), 404)


async def test_notes_on_what_is_over_reach_operators_at_once_and_nobody_else(api, admin, page):
    """The operators' snapshot has no ended maintenance, and yet their consoles show some."""
    made = await add(admin, "maintenances", name="M", body="B", **WINDOW)
    path = f"{PAGE}/maintenances/{made['id']}"
    data_of(await admin.post(f"{path}/cancel"))
    operators, everybody = await snapshot(admin), await snapshot(api.anonymous)
    note = data_of(await admin.post(f"{path}/notes", json={"body": "Ask Jo."}), 201)
    for _ in range(2):  # the second changes nothing
        data_of(await admin.patch(f"{path}/notes/{note['id']}", json={"body": "Ask Al."}))
    data_of(await admin.delete(f"{path}/notes/{note['id']}"))
    told = data_of(await admin.get(f"{PAGE}/history", params={"after": operators["offset"]}))["publications"]
    assert [item["data"]["type"] for item in told] == ["maintenance.noted"] * 3
    assert await snapshot(api.anonymous) == everybody


async def test_times_that_cannot_be_are_refused_by_the_name_of_their_field(api, admin, page):
    past = {"started_at": "2026-01-02T10:00:00Z"}
    body = {"name": "I", "status": "resolved", "body": "B"}
    for bad, field in (
        (past | {"resolved_at": "2026-01-02T09:00:00Z"}, "resolved_at"),
        (past | {"resolved_at": "2100-01-01T00:00:00Z"}, "resolved_at"),
        (past | {"status": "monitoring", "resolved_at": "2026-01-02T11:00:00Z"}, "resolved_at"),
        (past | {"display_at": "2026-01-02T09:00:00Z"}, "display_at"),
        ({"started_at": "2100-01-01T00:00:00Z"}, "started_at"),
    ):
        error = error_of(await admin.post(f"{PAGE}/incidents", json=body | bad), 422)
        assert field in error["fields"]
    incident = await open_incident(admin, **past)
    path = f"{PAGE}/incidents/{incident['id']}"
    assert incident["updates"][0]["deliver_notifications"] is True  # it goes on, so people are told
    error_of(await admin.patch(path, json={"resolved_at": "2026-01-02T11:00:00Z"}), 422)
    quiet = {"status": "identified", "body": "B", "notify": False}
    assert (await add(admin, f"incidents/{incident['id']}/updates", **quiet))["deliver_notifications"] is False
