"""The document of what is pushed is whole, and true of what is pushed."""

import json

import pytest
from openapi_schema_validator import OAS31Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from hub.domain.event import EVENT_TYPES
from tests.support.api import data_of

PAGE = "/api/v1/pages/acme"


@pytest.fixture
async def document(api):
    answer = await api.anonymous.get("/api/asyncapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def references(value):
    if isinstance(value, dict):
        yield from ([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


async def test_every_event_is_described_and_every_reference_leads_somewhere(document):
    assert document["asyncapi"] == "3.0.0"
    assert set(document["components"]["messages"]) == {"snapshot", *EVENT_TYPES}
    for channel in ("page", "events"):
        assert set(document["channels"][channel]["messages"]) == {"snapshot", *EVENT_TYPES}
    for reference in set(references(document)):
        target = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


async def test_what_is_pushed_is_as_the_document_says(api, admin, page, document):
    registry = Registry().with_resource("", Resource(contents=document, specification=DRAFT202012))

    def check(name, payload):
        schema = document["components"]["messages"][name]["payload"]
        OAS31Validator(schema, registry=registry, _resolver=registry.resolver("")).validate(payload)

    check("snapshot", data_of(await admin.get(f"{PAGE}/snapshot")))
    component = data_of(await admin.post(f"{PAGE}/components", json={"name": "C"}), 201)
    words = {component["id"]: "major_outage"}
    body = {"name": "I", "status": "investigating", "body": "B", "components": words}
    incident = data_of(await admin.post(f"{PAGE}/incidents", json=body), 201)
    update = {"status": "resolved", "body": "B"}
    data_of(await admin.post(f"{PAGE}/incidents/{incident['id']}/updates", json=update), 201)
    window = {"scheduled_for": "2100-01-01T00:00:00Z", "scheduled_until": "2100-01-01T02:00:00Z"}
    body = {"name": "M", "body": "B", **window, "components": [component["id"]]}
    maintenance = data_of(await admin.post(f"{PAGE}/maintenances", json=body), 201)
    data_of(await admin.delete(f"{PAGE}/maintenances/{maintenance['id']}"))
    data_of(await admin.patch(PAGE, json={"title": "Another"}))
    publications = data_of(await admin.get(f"{PAGE}/history"))["publications"]
    seen = set()
    for publication in publications:
        seen.add(publication["data"]["type"])
        check(publication["data"]["type"], json.loads(json.dumps(publication["data"])))
    assert {
        "component.created",
        "incident.opened",
        "incident.resolved",
        "maintenance.scheduled",
        "page.updated",
    } <= seen
