"""The document is valid, complete, and true of what the API answers."""

import re

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from hub.api.routes import API_ROUTES
from tests.support.api import data_of

PAGE = "/api/v1/pages/acme"


@pytest.fixture
async def document(api):
    return (await api.anonymous.get("/api/openapi.json")).json()


async def test_the_document_is_valid_and_covers_every_route(document):
    validate(document)
    assert document["openapi"].startswith("3.1")
    described = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    assert described == {(route.path, method) for route in API_ROUTES for method in route.endpoint.views}
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] for operation in operations)


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
