"""A real page, imported and read back through the v2 documents, is the page it was."""

import json
from typing import Any

import pytest

from hub.auth.permissions import SYSTEM
from hub.services.importer import import_statuspage
from tests.support.api import Api, open_api

Json = dict[str, Any]
ADDED_SINCE = {"start_date", "reminder_intervals"}  # fields that older documents lack: null here
OURS = {"url", "shortlink"}


@pytest.fixture
async def api(settings):
    async with open_api(settings) as api:
        yield api


async def imported(api: Api, *documents: Json) -> Json:
    """`summary.json` of a page made of the documents."""
    async with api.state["db"].begin() as session:
        await import_statuspage(session, list(documents), page="copy", by=SYSTEM, now=api.state["clock"].now())
    return (await api.anonymous.get("/p/copy/api/v2/summary.json")).json()


def by_name(document: Json) -> Json:
    """The document without ids and addresses: each id is what it stands for, lists without an order are sorted."""
    rows = {row["id"]: row for row in document["components"]}

    def full(key: str | None) -> str | None:
        row = rows.get(key or "")
        return key and (f"{full(row['group_id'])} / {row['name']} / {row['created_at']}" if row else "?")

    def since(item: Json) -> Json:
        return {key: item.get(key) for key in ADDED_SINCE}

    def plain(row: Json) -> Json:
        kept = {key: value for key, value in row.items() if key not in OURS} | since(row)
        kept |= {"id": full(row["id"]), "group_id": full(row["group_id"]), "page_id": None}
        if "components" in row:
            kept["components"] = sorted(full(key) or "" for key in row["components"])
        return kept

    def event(item: Json) -> Json:
        kept = {key: value for key, value in item.items() if key not in OURS} | since(item)
        kept |= {"id": None, "page_id": None, "components": [full(row["id"]) for row in item["components"]]}
        kept["incident_updates"] = [
            {
                **update,
                "id": None,
                "incident_id": None,
                "affected_components": update["affected_components"]
                and [
                    (full(word["code"]), word["name"], word["old_status"], word["new_status"])
                    for word in update["affected_components"]
                ],
            }
            for update in item["incident_updates"]
        ]
        return kept

    def sorted_events(name: str) -> list[Json]:
        return sorted(map(event, document[name]), key=lambda item: (item["created_at"], item["name"]))

    return {
        "page": {key: value for key, value in document["page"].items() if key not in OURS | {"id"}},
        "status": document["status"],
        "components": sorted(map(plain, document["components"]), key=lambda row: row["id"]),
        "incidents": sorted_events("incidents"),
        "scheduled_maintenances": sorted_events("scheduled_maintenances"),
    }


@pytest.mark.parametrize("name", ["twilio-summary.json", "cloudamqp-summary.json"])
async def test_a_capture_comes_back_field_by_field(api, captures, name):
    capture = json.loads((captures / name).read_text())
    summary = await imported(api, capture)
    assert by_name(summary) == by_name(capture)
    again = await imported(api, capture)
    assert again == summary


async def test_what_was_said_of_a_component_before_it_moved_or_had_another_name_comes_back_as_it_was(api, captures):
    """Names of groups are those of then: of a group that is there still, of one that is gone, or none."""
    capture = json.loads((captures / "twilio-summary.json").read_text())
    rows = {row["id"]: row for row in capture["components"]}
    *_, first, last = next(item for item in capture["incidents"] if len(item["components"]) > 1)["incident_updates"]
    assert last["affected_components"] is None
    moved, lost, single, renamed = first["affected_components"]
    other = next(row for row in capture["components"] if row["group"] and row["id"] != rows[moved["code"]]["group_id"])
    moved["name"] = f"{other['name']} - {rows[moved['code']]['name']}"
    lost["name"] = f"A GROUP THAT IS GONE - {rows[lost['code']]['name']}"
    single["name"] = rows[single["code"]]["name"]
    renamed["name"] = f"{rows[rows[renamed['code']]['group_id']]['name']} - Its old name"
    last["affected_components"] = []
    summary = await imported(api, capture)
    assert by_name(summary) == by_name(capture)
    assert await imported(api, capture) == summary
    alone = {"page": capture["page"], "incidents": capture["incidents"]}
    assert by_name(await imported(api, alone)) == by_name(capture)


async def test_breaks_links_and_names_in_groups_come_back(api):
    at = "2031-03-09T14:05:00.000Z"
    row = {"status": "operational", "created_at": at, "updated_at": at, "description": None, "showcase": True}
    rows = [
        {**row, "id": "g1", "name": "Core", "position": 1, "group": True, "group_id": None, "components": ["c1"]},
        {**row, "id": "c1", "name": "API", "position": 1, "group": False, "group_id": "g1"},
    ]
    rows[0] |= {"description": "What all else needs", "showcase": False}
    for one in rows:
        one |= {
            "page_id": "p1",
            "only_show_if_degraded": False,
            "start_date": "2030-01-02" if one["id"] == "c1" else None,
        }
    body = 'One.<br />Two, <a href="https://example.test/x?a=1">here</a>.'
    word = {"code": "c1", "name": "Core - API", "old_status": "operational", "new_status": "operational"}
    update = {"id": "u1", "incident_id": "i1", "status": "investigating", "body": body, "affected_components": [word]}
    update |= {"deliver_notifications": False, "custom_tweet": None, "tweet_id": None}
    update |= dict.fromkeys(("created_at", "updated_at", "display_at"), at)
    incident = {"id": "i1", "name": "Odd", "status": "investigating", "impact": "none", "page_id": "p1"}
    incident |= dict.fromkeys(("created_at", "updated_at", "started_at"), at) | {"shortlink": "http://x.test"}
    incident |= {"monitoring_at": None, "resolved_at": None, "components": [rows[1]], "incident_updates": [update]}
    document = {
        "page": {"id": "p1", "name": "P", "url": "http://x.test", "time_zone": "Etc/UTC", "updated_at": at},
        "components": rows,
        "incidents": [incident],
        "scheduled_maintenances": [],
        "status": {"indicator": "none", "description": "All Systems Operational"},
    }
    assert by_name(await imported(api, document)) == by_name(document)
    html = (await api.anonymous.get("/p/copy")).text
    assert "One.<br>" in html
    assert "&lt;br" not in html.partition('<script type="application/json"')[0]
