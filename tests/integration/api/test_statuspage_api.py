"""The Statuspage v2 documents: their shape, that they agree, and that each viewer gets his own."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from hub.feeds.statuspage import DOCUMENTS
from hub.services import schedule
from tests.support.api import data_of

PAGE = "/api/v1/pages/acme"
V2 = "/p/acme/api/v2"
ONE, MANY = "one", "many"
LEAF = [
    "id", "name", "status", "created_at", "updated_at", "position", "description", "showcase", "start_date", "group_id",
    "page_id", "group", "only_show_if_degraded",
]  # fmt: skip
INCIDENT = [
    "id", "name", "status", "created_at", "updated_at", "monitoring_at", "resolved_at", "impact", "shortlink",
    "started_at", "page_id", "incident_updates", "components", "reminder_intervals",
]  # fmt: skip
UPDATE = [
    "id", "status", "body", "incident_id", "created_at", "updated_at", "display_at", "affected_components",
    "deliver_notifications", "custom_tweet", "tweet_id",
]  # fmt: skip


async def read(client, name):
    answer = await client.get(f"{V2}/{name}.json")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    return answer.json()


async def add(admin, name, **fields):
    return data_of(await admin.post(f"{PAGE}/components", json={"name": name, **fields}), 201)


async def open_incident(admin, words, **fields):
    body = {"name": "Down", "status": "investigating", "body": "We look.", "components": words, **fields}
    return data_of(await admin.post(f"{PAGE}/incidents", json=body), 201)


async def test_every_field_is_there_in_the_order_of_the_original_and_no_other(api, admin, page):
    group = data_of(await admin.post(f"{PAGE}/groups", json={"name": "Core"}), 201)
    api_row = await add(admin, "API", group_id=group["id"], description="All of it", start_date="2026-01-02")
    await add(admin, "Web")
    await open_incident(admin, {api_row["id"]: "partial_outage"})
    window = {"scheduled_for": "2100-01-01T00:00:00Z", "scheduled_until": "2100-01-01T02:00:00Z"}
    body = {"name": "Move", "body": "Soon.", **window, "components": [api_row["id"]]}
    data_of(await admin.post(f"{PAGE}/maintenances", json=body), 201)
    summary = await read(api.anonymous, "summary")
    assert list(summary) == ["page", "components", "incidents", "scheduled_maintenances", "status"]
    assert list(summary["page"]) == ["id", "name", "url", "time_zone", "updated_at"]
    rows = {row["name"]: row for row in summary["components"]}
    assert list(rows["API"]) == list(rows["Web"]) == LEAF
    assert list(rows["Core"]) == [*LEAF, "components"]
    assert (rows["Core"]["group"], rows["Core"]["components"]) == (True, [api_row["id"]])
    assert rows["Core"]["status"] == rows["API"]["status"] == "partial_outage"
    assert (rows["API"]["group_id"], rows["API"]["start_date"]) == (group["id"], "2026-01-02")
    (incident,) = summary["incidents"]
    assert list(incident) == INCIDENT
    assert incident["impact"] == "major"
    assert incident["components"] == [rows["API"]]
    (update,) = incident["incident_updates"]
    assert list(update) == UPDATE
    assert update["affected_components"] == [
        {"code": api_row["id"], "name": "Core - API", "old_status": "operational", "new_status": "partial_outage"}
    ]
    (maintenance,) = summary["scheduled_maintenances"]
    assert list(maintenance) == [*INCIDENT[:-1], "scheduled_for", "scheduled_until", INCIDENT[-1]]
    assert (maintenance["impact"], maintenance["status"]) == ("maintenance", "scheduled")
    assert maintenance["started_at"] == maintenance["created_at"]


ROLL_UPS = [
    (ONE, ["operational"], "none", "All Systems Operational"),
    (ONE, ["degraded_performance"], "minor", "Partially Degraded Service"),
    (ONE, ["partial_outage"], "major", "Partial System Outage"),
    (ONE, ["major_outage"], "critical", "Major System Outage"),
    (ONE, ["under_maintenance"], "maintenance", "Service Under Maintenance"),
    (MANY, ["major_outage"] * 2, "critical", "Major System Outage"),
    (MANY, ["major_outage"] + ["operational"] * 39, "major", "Partial System Outage"),
    (MANY, ["partial_outage"] * 2, "major", "Partial System Outage"),
    (MANY, ["partial_outage", "under_maintenance"], "minor", "Minor Service Outage"),
    (MANY, ["degraded_performance"] * 2, "minor", "Degraded System Service"),
    (MANY, ["degraded_performance", "operational"], "minor", "Partially Degraded Service"),
    (MANY, ["under_maintenance", "operational"], "maintenance", "Service Under Maintenance"),
    (MANY, ["operational"] * 2, "none", "All Systems Operational"),
]


async def test_every_row_of_the_roll_up_table(api, admin, page):
    """Cases 28 and 29: a fixed table and no share of components; maintenance is none of the amber ones."""
    assert (await read(api.anonymous, "status"))["status"] == {
        "indicator": "none",
        "description": "All Systems Operational",
    }
    made = []
    for _, statuses, indicator, description in sorted(ROLL_UPS, key=lambda row: len(row[1])):
        while len(made) < len(statuses):
            made.append(await add(admin, f"C{len(made)}"))
        for component, status in zip(made, statuses, strict=True):
            data_of(await admin.patch(f"{PAGE}/components/{component['id']}", json={"status": status}))
        expected = {"indicator": indicator, "description": description}
        assert (await read(api.anonymous, "status"))["status"] == expected
        assert (await read(api.anonymous, "summary"))["status"] == expected


async def test_an_open_incident_alone_moves_no_indicator(api, admin, page):
    """Case 32: the documents say `none`, the page shows the incident as its answer."""
    await add(admin, "API")
    await open_incident(admin, {}, name="Something odd")
    summary = await read(api.anonymous, "summary")
    assert summary["status"]["indicator"] == "none"
    assert [item["name"] for item in summary["incidents"]] == ["Something odd"]
    html = (await api.anonymous.get("/p/acme")).text
    assert "Something odd</h1>" in html


async def test_the_documents_agree_while_they_are_written(api, admin, page):
    component = await add(admin, "API")
    done = False

    async def write():
        nonlocal done
        for turn in range(12):
            incident = await open_incident(admin, {component["id"]: "major_outage"}, name=f"I{turn}")
            update = {"status": "resolved", "body": "Over."}
            data_of(await admin.post(f"{PAGE}/incidents/{incident['id']}/updates", json=update), 201)
        done = True

    async def look():
        seen = set()
        while not done:
            summary = await read(api.anonymous, "summary")
            rows = {row["id"]: row for row in summary["components"]}
            is_down = rows[component["id"]]["status"] == "major_outage"
            assert is_down == bool(summary["incidents"]) == (summary["status"]["indicator"] == "critical")
            assert all(item["components"] == [rows[component["id"]]] for item in summary["incidents"])
            seen.add(is_down)
        return seen

    _, seen = await asyncio.gather(write(), look())
    assert seen == {True, False}
    summary = await read(api.anonymous, "summary")
    assert summary["status"] == (await read(api.anonymous, "status"))["status"]
    assert summary["components"] == (await read(api.anonymous, "components"))["components"]
    assert summary["incidents"] == (await read(api.anonymous, "incidents/unresolved"))["incidents"]
    documents = [await read(api.anonymous, name) for name in DOCUMENTS]
    assert all(one["page"] == other["page"] for one, other in itertools.pairwise(documents))


async def test_upcoming_and_active_are_together_those_of_the_summary(api, admin, page, settings):
    component = await add(admin, "API")
    now = datetime.now(UTC)
    for name, start in (("now", now - timedelta(minutes=5)), ("later", now + timedelta(hours=1))):
        window = {"scheduled_for": start.isoformat(), "scheduled_until": (start + timedelta(hours=3)).isoformat()}
        body = {"name": name, "body": "B", **window, "components": [component["id"]]}
        made = data_of(await admin.post(f"{PAGE}/maintenances", json=body), 201)
        if name == "now":
            path = f"{PAGE}/maintenances/{made['id']}/updates"
            data_of(await admin.post(path, json={"status": "in_progress", "body": "We begin."}), 201)
    kind = "scheduled_maintenances"
    upcoming = (await read(api.anonymous, "scheduled-maintenances/upcoming"))[kind]
    active = (await read(api.anonymous, "scheduled-maintenances/active"))[kind]
    assert [item["name"] for item in upcoming] == ["later"]
    assert [item["name"] for item in active] == ["now"]
    assert (await read(api.anonymous, "summary"))[kind] == upcoming + active
    assert (await read(api.anonymous, "scheduled-maintenances"))[kind] == upcoming + active
    assert (await read(api.anonymous, "status"))["status"]["indicator"] == "maintenance"


@pytest.mark.parametrize("by_itself", [True, False])
async def test_a_maintenance_changes_lists_at_the_very_instants_of_its_window(api, admin, page, by_itself):
    """Upcoming until its start, active until its end, then in neither; without the flags people move it."""
    component = await add(admin, "API")
    start = datetime(2100, 1, 1, 2, tzinfo=UTC)
    end = start + timedelta(hours=2)
    window = {"scheduled_for": start.isoformat(), "scheduled_until": end.isoformat()}
    flags = {"auto_start": by_itself, "auto_complete": by_itself}
    body = {"name": "Move", "body": "B", **window, **flags, "components": [component["id"]]}
    made = data_of(await admin.post(f"{PAGE}/maintenances", json=body), 201)
    before = timedelta(milliseconds=1)
    moments = [(start - before, "upcoming"), (start, "active"), (end - before, "active"), (end, None)]
    for at, listed in moments if by_itself else [(start, "upcoming"), (end, "upcoming")]:
        async with api.state["db"].begin() as session:
            if (page["slug"], made["id"]) in await schedule.due(session, at):
                await schedule.advance(session, page["slug"], made["id"], now=at)
        for name in ("upcoming", "active"):
            found = (await read(api.anonymous, f"scheduled-maintenances/{name}"))["scheduled_maintenances"]
            assert [item["id"] for item in found] == ([made["id"]] if name == listed else []), (at, name)
        held = "under_maintenance" if listed == "active" else "operational"
        summary = await read(api.anonymous, "summary")
        assert [row["status"] for row in summary["components"]] == [held]
        assert len(summary["scheduled_maintenances"]) == (listed is not None)
    (told,) = (await read(api.anonymous, "scheduled-maintenances"))["scheduled_maintenances"]
    assert told["status"] == ("completed" if by_itself else "scheduled")
    assert (told["resolved_at"] == told["scheduled_until"]) == by_itself


async def test_the_fifty_first_incident_is_not_told(api, admin, page):
    for number in range(51):
        started_at = f"2026-01-{1 + number // 24:02}T{number % 24:02}:00:00Z"
        fields = {"name": f"I{number}", "status": "resolved", "started_at": started_at}
        await open_incident(admin, {}, **fields)
    found = (await read(api.anonymous, "incidents"))["incidents"]
    assert [item["name"] for item in found] == [f"I{number}" for number in range(50, 0, -1)]


async def test_what_is_not_over_is_told_however_much_there_is_of_it(api, admin, page):
    """The limit of fifty is that of the two histories: nothing that is open may push out what is under way."""
    now = datetime.now(UTC)
    for number in range(52):
        await open_incident(admin, {}, name=f"I{number}")
        begins = now + timedelta(days=1 + number) if number else now - timedelta(minutes=1)
        window = {"scheduled_for": begins.isoformat(), "scheduled_until": (begins + timedelta(hours=2)).isoformat()}
        made = data_of(
            await admin.post(f"{PAGE}/maintenances", json={"name": f"M{number}", "body": "B", **window}), 201
        )
        if not number:
            update = {"status": "in_progress", "body": "We begin."}
            data_of(await admin.post(f"{PAGE}/maintenances/{made['id']}/updates", json=update), 201)
    summary = await read(api.anonymous, "summary")
    upcoming = (await read(api.anonymous, "scheduled-maintenances/upcoming"))["scheduled_maintenances"]
    active = (await read(api.anonymous, "scheduled-maintenances/active"))["scheduled_maintenances"]
    assert ([item["name"] for item in active], len(upcoming)) == (["M0"], 51)
    assert summary["scheduled_maintenances"] == upcoming + active
    assert len(summary["incidents"]) == 52
    assert summary["incidents"] == (await read(api.anonymous, "incidents/unresolved"))["incidents"]
    assert len((await read(api.anonymous, "incidents"))["incidents"]) == 50
    assert len((await read(api.anonymous, "scheduled-maintenances"))["scheduled_maintenances"]) == 50


@pytest.mark.parametrize(
    ("zone", "winter", "summer"),
    [
        ("America/Sao_Paulo", "-03:00", "-03:00"),
        ("Asia/Kathmandu", "+05:45", "+05:45"),
        ("Europe/Berlin", "+01:00", "+02:00"),
        ("Etc/UTC", "Z", "Z"),
        ("Europe/London", "+00:00", "+01:00"),
    ],
)
async def test_instants_are_in_the_pages_zone(api, admin, page, zone, winter, summer):
    data_of(await admin.patch(PAGE, json={"time_zone": zone}))
    for name, started_at in (("w", "2026-01-10T12:00:00.5Z"), ("s", "2026-07-10T12:00:00Z")):
        await open_incident(admin, {}, name=name, started_at=started_at, status="resolved")
    summer_one, winter_one = (await read(api.anonymous, "incidents"))["incidents"]
    assert winter_one["started_at"].endswith(winter)
    assert summer_one["started_at"].endswith(summer)
    assert ".500" in winter_one["started_at"]
    assert datetime.fromisoformat(winter_one["started_at"]) == datetime.fromisoformat("2026-01-10T12:00:00.500+00:00")


async def test_each_viewer_gets_his_own_and_nothing_of_the_others(api, admin, page):
    group = data_of(await admin.post(f"{PAGE}/groups", json={"name": "Vault"}), 201)
    shown = await add(admin, "API")
    hidden = await add(admin, "Ledger", group_id=group["id"], audience="verified")
    await open_incident(admin, {shown["id"]: "degraded_performance", hidden["id"]: "major_outage"}, name="Both")
    await open_incident(admin, {hidden["id"]: "major_outage"}, name="Secret thing")
    verified = await api.client_of("v@example.test")
    for name in DOCUMENTS:
        anonymous = await api.anonymous.get(f"{V2}/{name}.json")
        for word in ("Ledger", "Vault", "Secret thing", hidden["id"], group["id"]):
            assert word not in anonymous.text, (name, word)
        assert anonymous.headers["access-control-allow-origin"] == "*"
        own = await verified.get(f"{V2}/{name}.json")
        assert "access-control-allow-origin" not in own.headers
        assert own.headers["cache-control"] == "private, no-store"
        assert {"Authorization", "Cookie"} <= set(own.headers["vary"].split(", "))
    assert (await read(api.anonymous, "status"))["status"]["indicator"] == "minor"
    assert (await read(verified, "status"))["status"]["indicator"] == "major"
    assert "Ledger" in (await verified.get(f"{V2}/summary.json")).text
    before = {name: (await api.anonymous.get(f"{V2}/{name}.json")).content for name in DOCUMENTS}
    data_of(await admin.patch(f"{PAGE}/components/{hidden['id']}", json={"status": "partial_outage"}))
    await open_incident(admin, {hidden["id"]: "major_outage"}, name="Another secret")
    assert {name: (await api.anonymous.get(f"{V2}/{name}.json")).content for name in DOCUMENTS} == before
    data_of(await admin.patch(PAGE, json={"audience": "verified"}))
    for name in DOCUMENTS:
        refused = await api.anonymous.get(f"{V2}/{name}.json")
        assert (refused.status_code, refused.json()["error"]) == (404, "not_found")
        assert refused.content == (await api.anonymous.get(f"/p/nothing/api/v2/{name}.json")).content


async def test_an_update_names_the_group_that_a_component_was_in_then(api, admin, page):
    """As long as who reads it sees that group: its name may be what he must not know."""
    was = data_of(await admin.post(f"{PAGE}/groups", json={"name": "Old"}), 201)
    now = data_of(await admin.post(f"{PAGE}/groups", json={"name": "New"}), 201)
    stays = await add(admin, "Stays", group_id=was["id"])
    moved, single = await add(admin, "Moved", group_id=was["id"]), await add(admin, "Single")
    components = [moved["id"], single["id"]]
    await open_incident(admin, dict.fromkeys(components, "partial_outage"))
    window = {"scheduled_for": "2100-01-01T00:00:00Z", "scheduled_until": "2100-01-01T02:00:00Z"}
    body = {"name": "Move", "body": "Soon.", **window, "components": components}
    data_of(await admin.post(f"{PAGE}/maintenances", json=body), 201)

    async def named(client):
        summary = await read(client, "summary")
        told = [*summary["incidents"], *summary["scheduled_maintenances"]]
        names = [[word["name"] for word in item["incident_updates"][0]["affected_components"]] for item in told]
        assert names[0] == names[1]
        assert (await read(client, "incidents"))["incidents"] == summary["incidents"]
        return names[0]

    assert await named(api.anonymous) == ["Old - Moved", "Single"]
    for key in components:
        data_of(await admin.patch(f"{PAGE}/components/{key}", json={"group_id": now["id"], "name": "Renamed"}))
    data_of(await admin.patch(f"{PAGE}/groups/{was['id']}", json={"name": "Older"}))
    assert await named(api.anonymous) == ["Old - Moved", "Single"]
    data_of(await admin.patch(f"{PAGE}/components/{stays['id']}", json={"audience": "verified"}))
    assert await named(api.anonymous) == ["Moved", "Single"]
    assert await named(admin) == ["Old - Moved", "Single"]
    for name in DOCUMENTS:
        assert "Old" not in (await api.anonymous.get(f"{V2}/{name}.json")).text


async def test_an_incident_that_only_says_maintenance_is_shown_everywhere(api, admin, page):
    component = await add(admin, "API")
    by_word = await open_incident(admin, {component["id"]: "under_maintenance"}, name="By its word")
    by_hand = await open_incident(admin, {}, name="By hand", impact="maintenance")
    told = (await read(api.anonymous, "summary"))["incidents"]
    assert [item["impact"] for item in told] == ["maintenance"] * 2
    incidents = [f"/p/acme/incidents/{item['id']}" for item in (by_word, by_hand)]
    for path in (
        "/p/acme",
        "/p/acme/history",
        "/p/acme/embed",
        "/p/acme/history.atom",
        "/p/acme/badge.svg",
        *incidents,
    ):
        for client in (api.anonymous, admin):
            assert (await client.get(path)).status_code == 200, path


async def test_markup_in_words_is_harmless_and_breaks_stay(api, admin, page):
    bodies = {
        "plain & simple 🔥": "plain & simple 🔥",
        "one<br />two": "one<br />two",
        "<script>alert(1)</script>kept": "kept",
        '<a href="javascript:alert(1)">x</a>': "<a>x</a>",
        '<img src=x onerror="alert(1)">after': "after",
        "a < b": "a &lt; b",
    }
    for body, told in bodies.items():
        incident = await open_incident(admin, {}, body=body)
        found = (await read(api.anonymous, "incidents/unresolved"))["incidents"]
        (mine,) = (item for item in found if item["id"] == incident["id"])
        assert mine["incident_updates"][0]["body"] == told
