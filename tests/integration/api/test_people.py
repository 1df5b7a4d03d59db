"""Groups of people over REST: who sees them, who changes them, and that a refusal changes nothing (R5, R9, R10)."""


import pytest

from tests.support.api import data_of

GROUPS = "/api/v1/groups"
OPS = f"{GROUPS}/ops"


async def account_id(client):
    return data_of(await client.get("/api/v1/me"))["id"]


async def let_in(owner, client, slug="ops", role="member"):
    """Make `client` a member by an open invitation; its account's id."""
    token = data_of(await owner.post(f"{GROUPS}/{slug}/invitations", json={}), 201)["token"]
    data_of(await client.post("/api/v1/invitations/accept", json={"token": token}))
    member = await account_id(client)
    if role != "member":
        data_of(await owner.patch(f"{GROUPS}/{slug}/members/{member}", json={"role": role}))
    return member


@pytest.fixture
async def owner(api):
    """A client whose account owns the group `ops`."""
    client = await api.client_of("owner@example.test")
    data_of(await client.post(GROUPS, json={"slug": "ops", "name": "Operations"}), 201)
    return client


async def test_whoever_makes_a_group_owns_it(api, owner):
    shown = await owner.get(OPS)
    group = data_of(shown)
    assert (group["slug"], group["name"], group["role"], group["version"]) == ("ops", "Operations", "owner", 1)
    assert shown.headers["etag"] == '"1"'
    assert data_of(await owner.get(GROUPS)) == [group]
    members = data_of(await owner.get(f"{OPS}/members"))
    assert [(item["email"], item["role"]) for item in members] == [("owner@example.test", "owner")]
