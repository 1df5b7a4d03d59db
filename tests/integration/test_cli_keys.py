"""Keys by the command line: of machines, and the one that signs."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2
import jwt
import pytest

from hub.auth.permissions import SYSTEM
from hub.services.database import Sessions
from hub.services.pages import NewPage, create
from tests.support.api import data_of, error_of
from tests.support.hub import HubProcess
from tests.support.waiting import wait_until


@pytest.mark.slow
async def test_a_key_is_printed_alone_listed_without_itself_and_revoked(
    database_url: str, redis_url: str, make_hub: Callable[..., HubProcess], sessions: Sessions
) -> None:
    hub = make_hub(database_url=database_url, redis_url=redis_url)
    async with sessions.begin() as session:
        await create(session, NewPage("acme", "Acme", audience="verified"), by=SYSTEM, now=datetime.now(UTC))
    made = await hub.run("key", "create", "--page", "acme", "--scope", "read", "--scope", "status:write")
    assert re.fullmatch(r"hub_[A-Za-z0-9_-]{43}\n", made.stdout), made.stderr
    listed = await hub.run("key", "list")
    assert made.stdout.strip() not in listed.stdout
    key_id, scopes, pages, *_ = listed.stdout.split()
    assert (scopes, pages) == ("read,status:write", "acme")
    await hub.start()
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    async with httpx2.AsyncClient(base_url=hub.base_url, headers=headers, timeout=20) as client:
        data_of(await client.get("/api/v1/pages/acme"))
        revoked = await hub.run("key", "revoke", key_id)
        assert revoked.returncode == 0, revoked.stderr
        error_of(await client.get("/api/v1/pages/acme"), 401)
    for command in (
        ("key", "revoke", key_id),
        ("key", "create", "--page", "nowhere", "--scope", "read"),
        ("key", "create", "--page", "acme", "--scope", "everything"),
    ):
        done = await hub.run(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("hub: ")
        assert done.stderr.count("\n") == 1


@pytest.mark.slow
async def test_a_command_signs_with_the_key_of_the_moment(hub: HubProcess) -> None:
    """T11. A running hub believes what a command signs, before and after an emergency."""
    email = await hub.create_user("ada@example.test")

    async def status_of(token: str) -> int:
        async with httpx2.AsyncClient(base_url=hub.base_url, timeout=20) as client:
            return (await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})).status_code

    before = await hub.token(email)
    quiet = await hub.run("key", "rotate-signing")
    assert re.fullmatch(r"hs-[0-9a-f]{12} signs from \S+Z on\n", quiet.stdout), quiet.stderr
    assert jwt.get_unverified_header(await hub.token(email)) == jwt.get_unverified_header(before)
    assert await status_of(before) == 200
    urgent = await hub.run("key", "rotate-signing", "--emergency")
    after = await hub.token(email)
    assert jwt.get_unverified_header(after)["kid"] == urgent.stdout.split()[0]

    async def is_known() -> bool:
        return await status_of(after) == 200 and await status_of(before) == 401

    await wait_until(is_known, within_s=30, every_s=0.2)
