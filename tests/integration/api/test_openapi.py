"""The document is valid, complete, and true of what the API answers."""

import asyncio
import itertools
import json
import re

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from starlette.applications import Starlette

from hub.api.routes import API_ROUTES
from tests.support.api import data_of
from tests.support.bodies import example_body
from tests.support.route_walk import ways_of

PAGE = "/api/v1/pages/acme"
ODD_VALUES = [
    None, True, 0, -1, 2**63, 1.5, "", " ", "x" * 20_001, "a\x00b", "\ud800", "\U0001f525 \u200f\u05e2",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999-14:00", "2026-02-30T00:00:00Z", "2026-11-30", "2199-12-31T00:00:00Z", "zzzzzzzzzzzz",
    "FREQ=DAILY;UNTIL=99991231", "FREQ=WEEKLY;INTERVAL=999999999", "group:nobody", "postmortem", "completed",
    "resolved", [], ["zzzzzzzzzzzz"] * 2, {}, {"": {}}, {"zzzzzzzzzzzz": "major_outage"}, [[]],
]  # fmt: skip
ODD_AT_ONCE = 2  # in each field of each body, the next ones of `ODD_VALUES`
OTHER_PARTS = {"people", "transfer", "links"}
ODD_TAGS = ['"1"', '"0"', '"1", "2"', "1", "*"]


@pytest.fixture
async def document(api):
    return (await api.anonymous.get("/api/openapi.json")).json()


async def test_the_document_is_valid_and_covers_every_route(document):
    await asyncio.to_thread(validate, document)  # seconds, in which the loop would stand still
    assert document["openapi"].startswith("3.1")
    described = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    assert described == {(route.path, method) for route in API_ROUTES for method in route.endpoint.views}
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] for operation in operations)
    assert all({"429", "503"} <= operation["responses"].keys() for operation in operations)
    assert all("408" in operation["responses"] for operation in operations if "requestBody" in operation)


async def test_the_docs_are_one_page_without_anything_from_elsewhere(api, document):
    answer = await api.anonymous.get("/api/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script" not in answer.text
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", answer.text)
    for path in document["paths"]:
        assert path in answer.text


async def test_answers_are_as_the_document_says(api, admin, page, document):
    """One of everything, read by an operator and by a visitor, each answer held against its schema."""
    registry = Registry().with_resource("", Resource(contents=document, specification=DRAFT202012))
    group = data_of(await admin.post(f"{PAGE}/groups", json={"name": "G"}), 201)
    body = {"name": "C", "group_id": group["id"], "start_date": "2026-01-01"}
    component = data_of(await admin.post(f"{PAGE}/components", json=body), 201)
    words = {component["id"]: "major_outage"}
    body = {"name": "I", "status": "investigating", "body": "B", "components": words}
    incident = data_of(await admin.post(f"{PAGE}/incidents", json=body), 201)
    ended = {"name": "I", "status": "resolved", "body": "B", "components": words}
    data_of(await admin.post(f"{PAGE}/incidents", json=ended), 201)
    window = {"scheduled_for": "2100-01-01T00:00:00Z", "scheduled_until": "2100-01-01T02:00:00Z"}
    body = {"name": "M", "body": "B", **window, "components": [component["id"]], "rrule": "FREQ=WEEKLY"}
    maintenance = data_of(await admin.post(f"{PAGE}/maintenances", json=body), 201)
    ids = {"slug": "acme", "group_id": group["id"], "component_id": component["id"], "incident_id": incident["id"]}
    ids["maintenance_id"] = maintenance["id"]
    body = {"kind": "incident", "name": "T", "title": "I", "body": "B", "components": words}
    ids["template_id"] = data_of(await admin.post(f"{PAGE}/templates", json=body), 201)["id"]
    for subject in (f"incidents/{incident['id']}", f"maintenances/{maintenance['id']}"):
        data_of(await admin.post(f"{PAGE}/{subject}/notes", json={"body": "N"}), 201)
    checked = set()
    for template, operations in document["paths"].items():
        if "get" not in operations:
            continue
        owner = maintenance if "/maintenances/" in template else incident
        path = template.format(**ids, update_id=owner["updates"][0]["id"])
        if template.endswith(("/uptime/days", "/uptime/hours")):
            path += f"?component={component['id']}&date={incident['started_at'][:10]}"
        for client in (admin, api.anonymous):
            answer = await client.get(path)
            responses = operations["get"]["responses"]
            schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
            OAS31Validator(schema, registry=registry, _resolver=registry.resolver("")).validate(answer.json())
            is_for_everybody = {} in operations["get"].get("security", [{}])
            if template.startswith("/api/v1/pages"):
                checked.add((client is admin or is_for_everybody, answer.status_code))
    assert checked == {(True, 200), (False, 401)}


async def test_writes_answer_as_the_document_says_whatever_is_sent(api, admin, page, document):
    """Every body with an odd value in each of its fields, and every ETag that is none: all answers are described."""
    registry = Registry().with_resource("", Resource(contents=document, specification=DRAFT202012))
    named = {"page": "acme"}
    for kind, path in (("component", "components"), ("group", "groups")):
        named[kind] = data_of(await admin.post(f"{PAGE}/{path}", json={"name": "Some"}), 201)["id"]
    words = {"name": "I", "body": "B", "status": "investigating", "components": {named["component"]: "major_outage"}}
    window = {"scheduled_for": "2100-01-01T00:00:00Z", "scheduled_until": "2100-01-01T02:00:00Z"}
    body = {"kind": "incident", "name": "T", "title": "I", "body": "B"}
    named["template"] = data_of(await admin.post(f"{PAGE}/templates", json=body), 201)["id"]
    made = {
        "incidents": data_of(await admin.post(f"{PAGE}/incidents", json=words), 201),
        "maintenances": data_of(
            await admin.post(f"{PAGE}/maintenances", json={"name": "M", "body": "B", **window}), 201
        ),
    }
    notes = {
        kind: data_of(await admin.post(f"{PAGE}/{kind}/{item['id']}/notes", json={"body": "N"}), 201)["id"]
        for kind, item in made.items()
    }
    ids = {f"{kind}_id": key for kind, key in named.items()}
    ids |= {f"{kind.removesuffix('s')}_id": item["id"] for kind, item in made.items()}
    met, odd_values = set(), itertools.cycle(ODD_VALUES)
    for way in ways_of(Starlette(routes=API_ROUTES), "POST", "PUT", "PATCH"):
        parts = way.path.split("/")
        if not way.path.startswith("/api/v1/pages/{slug}/") or way.operation.body is None or parts[5] in OTHER_PARTS:
            continue
        kind = parts[5]
        owner = {"update_id": made[kind]["updates"][0]["id"], "note_id": notes[kind]} if kind in made else {}
        path = way.path.format(slug="acme", **ids, **owner)
        responses = document["paths"][way.path][way.method.lower()]["responses"]
        good, validators = example_body(way, named), {}
        bodies = [
            ({**good, name: value}, {})
            for name in way.operation.body.model_fields
            for value in itertools.islice(odd_values, ODD_AT_ONCE)
        ]
        bodies += [(good, {"If-Match": tag}) for tag in ODD_TAGS]
        for sent, headers in bodies:
            answer = await admin.request(
                way.method, path, content=json.dumps(sent), headers={"Content-Type": "application/json", **headers}
            )
            assert str(answer.status_code) in responses, (way.name, sent, answer.text)
            if answer.status_code not in validators:
                schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
                validators[answer.status_code] = OAS31Validator(
                    schema, registry=registry, _resolver=registry.resolver("")
                )
            validators[answer.status_code].validate(answer.json())
            met.add(answer.status_code)
    assert met == {200, 201, 400, 409, 422}
