"""Groups of people over REST, for tests: making them, letting people in."""

import httpx2

from tests.support.api import data_of

GROUPS = "/api/v1/groups"
ACCEPT = "/api/v1/invitations/accept"


async def account_id(client: httpx2.AsyncClient) -> str:
    found: str = data_of(await client.get("/api/v1/me"))["id"]
    return found


async def make_group(client: httpx2.AsyncClient, slug: str = "ops", name: str = "Operations") -> None:
    data_of(await client.post(GROUPS, json={"slug": slug, "name": name}), 201)


async def invite(client: httpx2.AsyncClient, slug: str = "ops", **body: object) -> dict[str, str]:
    made: dict[str, str] = data_of(await client.post(f"{GROUPS}/{slug}/invitations", json=body), 201)
    return made


async def accept(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await client.post(ACCEPT, json={"token": token})


async def let_in(owner: httpx2.AsyncClient, client: httpx2.AsyncClient, slug: str = "ops", role: str = "member") -> str:
    """Make `client` a member by an open invitation; the id of its account."""
    data_of(await accept(client, (await invite(owner, slug))["token"]))
    member = await account_id(client)
    if role != "member":
        data_of(await owner.patch(f"{GROUPS}/{slug}/members/{member}", json={"role": role}))
    return member
