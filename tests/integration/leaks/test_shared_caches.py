"""What a cache between the hub and its visitors may keep is for everybody who gets it from there (R13, case 80)."""

from functools import partial

import httpx2
import pytest

from hub.access import Access
from hub.auth.cookies import ACCESS_COOKIE
from tests.support.caching_proxy import SharedCache
from tests.support.crawl import TRANSPORTS, at_once
from tests.support.leak_world import OPEN, VERIFIED_ONLY, World
from tests.support.route_walk import Ids, addresses, ways_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


async def test_a_shared_cache_gives_nobody_what_was_another_s(world: World):
    """R13. The owner, by cookie and by token, warms a cache with every address; then strangers ask through it."""
    # What a cache may keep depends on the route; of each kind one thing that all see, and some that they do not.
    kinds = world.ids.of_page[OPEN].items()
    few = {kind: [items[0], *items[3:5]] for kind, items in kinds}
    ids = Ids({OPEN: few, VERIFIED_ONLY: {}}, world.ids.elsewhere, world.ids.parents)
    wanted = [
        address
        for way in ways_of(world.hub.app, "GET")
        if way.access in {Access.ANYONE, Access.ACCOUNT}
        and not way.path.startswith(TRANSPORTS)
        and not way.path.endswith("/events")
        for address in addresses(way, ids)
    ]
    owner = world.people["owner"]
    signed_in = ({"Cookie": f"{ACCESS_COOKIE}={owner.token}"}, owner.headers)
    async with httpx2.AsyncClient(base_url=world.hub.base_url, timeout=30) as client:
        cache = SharedCache(client)

        async def warm(address: str) -> None:
            for headers in signed_in:
                await cache.get(address, headers)

        await at_once(wanted, warm)
        for name in ("anonymous", "fake"):
            leaks: set[tuple[str, str]] = set()
            await at_once(wanted, partial(look, world, cache, name, leaks))
            assert not leaks
        shell = await cache.get(f"/p/{OPEN}", {})
        kept = await cache.get("/static/page.js", {})
        assert (await cache.get("/static/page.js", {})) is kept, "the cache can keep things"
        assert shell.status_code == 200


async def look(world: World, cache: SharedCache, name: str, leaks: set[tuple[str, str]], address: str) -> None:
    stranger = world.people[name]
    answer = await cache.get(address, stranger.headers)
    text = f"{answer.headers}\n{answer.text}"
    leaks |= {(secret.what, address) for secret in world.secrets.leaked_to(stranger, text, address)}


async def test_what_a_credential_was_used_for_is_not_for_shared_caches(world: World):
    """R13. Of every answer to somebody signed in, and what it depends on is named."""
    owner = world.people["owner"]
    ids = Ids({OPEN: {kind: items[:1] for kind, items in world.ids.of_page[OPEN].items()}}, {}, world.ids.parents)
    async with world.client(owner) as client:
        for way in ways_of(world.hub.app, "GET"):
            if way.access is not Access.ANYONE or way.path.startswith(TRANSPORTS) or way.path.endswith("/events"):
                continue
            answer = await client.get(addresses(way, ids)[0])
            control, varies = answer.headers.get("cache-control", ""), answer.headers.get("vary", "").lower()
            assert "no-store" in control or "private" in control, way.name
            assert "no-store" in control or {"cookie", "authorization"} <= set(varies.split(", ")), way.name
