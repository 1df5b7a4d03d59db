"""Outputs as rendered bytes: made once, kept as long as nothing changes, and never older than the view is."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from hub.auth.permissions import ANONYMOUS, SYSTEM, Principal
from hub.clock import SystemClock
from hub.embedded import Valkey
from hub.engine.redis_client import make_client
from hub.errors import NotFound
from hub.services import components, pages
from hub.services.database import Sessions
from hub.services.rendered import Moment, Output, RenderCache
from hub.settings import Settings

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
NAMES = Output("names")
SIGNED_IN = Principal(account_id="somebody", is_verified=True)


async def names_of(moment: Moment) -> bytes:
    """The output of these tests: the names of the components, and which view they are for."""
    return json.dumps([moment.sight.view.key, *(item["name"] for item in moment.snapshot["components"])]).encode()


async def add(sessions: Sessions, name: str, audience: str | None = None) -> None:
    async with sessions.begin() as session:
        new = components.NewComponent(name=name, audience=audience)
        await components.create(session, "acme", new, by=SYSTEM, now=datetime.now(UTC))


def make_cache(sessions: Sessions, redis_url: str) -> RenderCache:
    return RenderCache(sessions, make_client(redis_url, timeout_s=0.5), SystemClock())


@pytest.fixture
async def cache(sessions: Sessions, settings: Settings) -> AsyncIterator[RenderCache]:
    async with sessions.begin() as session:
        await pages.create(session, pages.NewPage("acme", "Acme"), by=SYSTEM, now=NOW)
    cache = make_cache(sessions, settings.redis_dsn)
    yield cache
    await cache.close()


async def shown(cache: RenderCache, principal: Principal = ANONYMOUS, output: Output = NAMES) -> list[str]:
    found: list[str] = json.loads((await cache.get("acme", principal, output, names_of)).body)
    return found


async def test_many_who_ask_at_once_cost_one_run(cache: RenderCache, sessions: Sessions) -> None:
    await add(sessions, "API")
    assert await asyncio.gather(*(shown(cache) for _ in range(20))) == [["public", "API"]] * 20
    assert cache.builds == 1
    assert await shown(cache) == ["public", "API"]
    assert cache.builds == 1


async def test_whoever_asks_after_a_change_sees_it(cache: RenderCache, sessions: Sessions) -> None:
    for count in range(1, 6):
        await add(sessions, f"API {count}")
        assert len(await shown(cache)) == 1 + count
    assert cache.builds == 5


async def test_another_argument_is_another_output(cache: RenderCache, sessions: Sessions) -> None:
    await shown(cache)
    await shown(cache, output=Output("names", ("de",)))
    await shown(cache, output=Output("names", ("fr",)))
    assert cache.builds == 3


async def test_each_view_has_its_own_and_a_hidden_page_has_none(cache: RenderCache, sessions: Sessions) -> None:
    await add(sessions, "API")
    await add(sessions, "Ledger", "verified")
    assert await shown(cache) == ["public", "API"]
    assert await shown(cache, SIGNED_IN) == ["verified", "API", "Ledger"]
    assert await shown(cache, SYSTEM) == ["all", "API", "Ledger"]
    async with sessions.begin() as session:
        await pages.update(session, "acme", {"audience": "verified"}, by=SYSTEM, now=NOW)
    with pytest.raises(NotFound):
        await shown(cache)
    assert await shown(cache, SIGNED_IN) == ["verified", "API", "Ledger"]
    with pytest.raises(NotFound):
        await cache.get("nothing", ANONYMOUS, NAMES, names_of)


async def test_another_node_takes_it_from_redis(cache: RenderCache, sessions: Sessions, settings: Settings) -> None:
    await shown(cache)
    other = make_cache(sessions, settings.redis_dsn)
    assert await shown(other) == ["public"]
    assert other.builds == 0
    await other.close()


@pytest.mark.parametrize("damage", ["cut short", "of another", "of the outputs before", "empty", "no text"])
async def test_what_redis_holds_is_served_only_if_it_was_put_there_for_this(
    cache: RenderCache, sessions: Sessions, settings: Settings, damage: str
) -> None:
    """Cut short, swapped with what another view has, or no bytes at all: it is made anew, and mended."""
    await add(sessions, "Ledger", "verified")
    redis = make_client(settings.redis_dsn)
    await shown(cache, SIGNED_IN)
    [of_members] = await redis.keys("hub:rendered:*")
    await shown(cache)
    [name] = set(await redis.keys("hub:rendered:*")) - {of_members}
    whole = await redis.get(name)
    await redis.delete(name)
    match damage:
        case "cut short":
            await redis.set(name, whole[:-3])
        case "of another":
            await redis.copy(of_members, name)
        case "of the outputs before":
            await redis.set(name, b'["public", "Ledger"]')
        case "empty":
            await redis.set(name, b"")
        case "no text":
            await redis.rpush(name, "x")
    other = make_cache(sessions, settings.redis_dsn)
    assert await shown(other) == ["public"]
    assert other.builds == 1
    assert damage == "no text" or await redis.get(name) == whole
    await other.close()
    await redis.aclose()


async def test_without_redis_each_node_makes_its_own(cache: RenderCache, sessions: Sessions) -> None:
    alone = make_cache(sessions, "redis://127.0.0.1:1/0")
    assert await shown(alone) == await shown(alone) == ["public"]
    assert alone.builds == 1
    await alone.close()


async def test_a_redis_that_hangs_holds_up_a_making_for_a_moment_and_what_is_kept_not_at_all(
    cache: RenderCache, sessions: Sessions, own_valkey: Valkey
) -> None:
    hanging = make_cache(sessions, own_valkey.url)
    own_valkey.pause()
    try:
        await asyncio.wait_for(shown(hanging), timeout=20)
        await asyncio.gather(*(shown(hanging) for _ in range(20)))
        await add(sessions, "API")
        assert await shown(hanging) == ["public", "API"]
    finally:
        own_valkey.resume()
    assert hanging.builds == 2
    await add(sessions, "Web")
    assert await shown(hanging) == ["public", "API", "Web"]
    await hanging.close()


async def test_what_fails_is_not_kept_and_fails_for_all_who_asked(cache: RenderCache) -> None:
    async def fail(_: Moment) -> bytes:
        raise ValueError("no")

    results = await asyncio.gather(
        *(cache.get("acme", ANONYMOUS, NAMES, fail) for _ in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [ValueError] * 3
    assert await shown(cache) == ["public"]


async def test_one_who_goes_away_takes_it_from_nobody(cache: RenderCache) -> None:
    first = asyncio.create_task(shown(cache))
    second = asyncio.create_task(shown(cache))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == ["public"]


async def test_reads_and_writes_at_once_never_show_less_than_was_committed(
    cache: RenderCache, sessions: Sessions
) -> None:
    committed = 0

    async def write() -> None:
        nonlocal committed
        for count in range(15):
            await add(sessions, f"c{count:02}")
            committed += 1

    async def read() -> None:
        while committed < 15:
            before = committed
            assert len(await shown(cache)) - 1 >= before

    await asyncio.gather(write(), read(), read(), read())
