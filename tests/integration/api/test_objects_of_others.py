"""An operator of one page meets ids of another, and fields that are not his to set (R9)."""

import httpx2
import pytest

from tests.support.api import Api, data_of, error_of
from tests.support.groups import account_id

OURS, THEIRS = "/api/v1/pages/ours", "/api/v1/pages/theirs"
INCIDENT = {"name": "I", "status": "investigating", "body": "B"}
WINDOW = {"scheduled_for": "2100-01-01T00:00:00Z", "scheduled_until": "2100-01-01T02:00:00Z"}
MAINTENANCE = {"name": "M", "body": "B", **WINDOW}
NOT_HIS_TO_SET = {
    "id": "0" * 12, "page_id": "0" * 12, "version_": 1, "head": 7, "floor": 0, "epoch": "x", "role": "owner",
    "owner": "x", "is_admin": True, "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z",
    "external_id": "x", "deleted_at": None, "created_by": "x",
}  # fmt: skip


@pytest.fixture
async def ids(admin: httpx2.AsyncClient) -> dict[str, dict[str, str]]:
    """Two pages with one of everything: page → kind → id."""
    found: dict[str, dict[str, str]] = {}
    for slug in ("ours", "theirs"):
        page = data_of(await admin.post("/api/v1/pages", json={"slug": slug, "title": slug}), 201)
        path = f"/api/v1/pages/{slug}"
        incident = data_of(await admin.post(f"{path}/incidents", json=INCIDENT), 201)
        maintenance = data_of(await admin.post(f"{path}/maintenances", json=MAINTENANCE), 201)
        found[slug] = {
            "page": page["id"],
            "group": data_of(await admin.post(f"{path}/groups", json={"name": "G"}), 201)["id"],
            "component": data_of(await admin.post(f"{path}/components", json={"name": "C"}), 201)["id"],
            "incident": incident["id"],
            "incident update": incident["updates"][0]["id"],
            "maintenance": maintenance["id"],
            "maintenance update": maintenance["updates"][0]["id"],
        }
    return found


@pytest.fixture(params=["owner", "editor", "key"])
async def operator(
    request: pytest.FixtureRequest, api: Api, admin: httpx2.AsyncClient, ids: dict
) -> httpx2.AsyncClient:
    """Somebody who may write all over `ours`, and only there."""
    if request.param == "key":
        body = {"name": "robot", "pages": ["ours"], "scopes": ["admin"]}
        key = data_of(await admin.post("/api/v1/keys", json=body), 201)["key"]
        return api.client({"Authorization": f"Bearer {key}"})
    return await api.client_of("operator@example.test", roles={ids["ours"]["page"]: request.param})


def things(page: str, ids: dict[str, str]) -> list[tuple[str, dict]]:
    """(path, a change) of everything on a page."""
    incident, maintenance = f"{page}/incidents/{ids['incident']}", f"{page}/maintenances/{ids['maintenance']}"
    return [
        (f"{page}/groups/{ids['group']}", {"name": "X"}),
        (f"{page}/components/{ids['component']}", {"name": "X"}),
        (incident, {"name": "X"}),
        (f"{incident}/updates/{ids['incident update']}", {"body": "X"}),
        (maintenance, {"name": "X"}),
        (f"{maintenance}/updates/{ids['maintenance update']}", {"body": "X"}),
    ]


async def test_ids_of_another_page_are_absent_in_paths(api, ids, operator):
    ours, theirs = ids["ours"], ids["theirs"]
    mixed = {**theirs, "incident": ours["incident"], "maintenance": ours["maintenance"]}
    foreign = things(OURS, theirs) + [item for item in things(OURS, mixed) if "/updates/" in item[0]]
    before = await api.fingerprint()
    for path, change in foreign:
        error_of(await operator.patch(path, json=change), 404, "not_found")
        error_of(await operator.get(path), 404, "not_found")
        if "/updates/" not in path:
            error_of(await operator.delete(path), 404, "not_found")
    for path, body in (
        (f"{OURS}/incidents/{theirs['incident']}/updates", {"status": "resolved", "body": "X"}),
        (f"{OURS}/maintenances/{theirs['maintenance']}/updates", {"status": "completed", "body": "X"}),
    ):
        error_of(await operator.post(path, json=body), 404, "not_found")
    # On the other page itself he is a visitor: it is public, so he may look and not write.
    for path, change in [*things(THEIRS, theirs), (THEIRS, {"title": "X"})]:
        error_of(await operator.patch(path, json=change), 403, "forbidden")
    assert await api.fingerprint() == before


async def test_ids_of_another_page_are_refused_in_bodies(api, ids, operator):
    ours, theirs = ids["ours"], ids["theirs"]
    words = {theirs["component"]: "major_outage"}
    before = await api.fingerprint()
    for method, path, body in [
        ("POST", f"{OURS}/components", {"name": "C", "group_id": theirs["group"]}),
        ("PATCH", f"{OURS}/components/{ours['component']}", {"group_id": theirs["group"]}),
        ("POST", f"{OURS}/incidents", {**INCIDENT, "components": words}),
        (
            "POST",
            f"{OURS}/incidents/{ours['incident']}/updates",
            {"status": "identified", "body": "X", "components": words},
        ),
        ("POST", f"{OURS}/maintenances", {**MAINTENANCE, "components": [theirs["component"]]}),
        ("PATCH", f"{OURS}/maintenances/{ours['maintenance']}", {"components": [theirs["component"]]}),
    ]:
        error_of(await operator.request(method, path, json=body), 422, "invalid")
    assert await api.fingerprint() == before


async def test_fields_that_are_not_anybodys_to_set_are_refused(api, ids, operator):
    """Mass assignment."""
    creating = [
        (f"{OURS}/groups", {"name": "G"}),
        (f"{OURS}/components", {"name": "C"}),
        (f"{OURS}/incidents", INCIDENT),
        (f"{OURS}/maintenances", MAINTENANCE),
    ]
    changing = [*things(OURS, ids["ours"]), (OURS, {"title": "X"})]
    before = await api.fingerprint()
    for method, path, body in [("POST", *item) for item in creating] + [("PATCH", *item) for item in changing]:
        answer = await operator.request(method, path, json={**body, **NOT_HIS_TO_SET})
        assert error_of(answer, 422, "invalid")["fields"].keys() == NOT_HIS_TO_SET.keys(), path
    assert await api.fingerprint() == before


async def test_an_account_cannot_make_itself_more_than_it_is(api, ids):
    client = await api.client_of("climber@example.test", is_verified=False)
    me = await account_id(client)
    before = await api.fingerprint()
    for path, body in (
        ("/api/v1/auth/register", {"email": "x@example.test", "password": "long enough here", "is_admin": True}),
        ("/api/v1/groups", {"slug": "g", "name": "G", "role": "owner"}),
        ("/api/v1/invitations/accept", {"token": "x", "role": "owner"}),
        ("/api/v1/invitations/accept", {"token": "x", "account_id": me}),
    ):
        error_of(await client.post(path, json=body), 422, "invalid")
    assert not (await client.patch(f"/api/v1/accounts/{me}", json={"verified": True})).is_success
    assert await api.fingerprint() == before
