"""Relays that die, freeze or double, and servers that go away under them: late perhaps, lost or out of order never."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from hub.embedded import Postgres, Valkey
from hub.migrate import upgrade
from tests.support.relaying import Stage, relay_process, stage
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault


@pytest.fixture
async def here(database_url: str, redis_url: str) -> AsyncIterator[Stage]:
    async with stage(database_url, redis_url) as here:
        yield here


@pytest.mark.parametrize("dies", ["before_publish", "mid_batch", "after_publish"])
async def test_f6_a_relay_killed_at_any_point_loses_nothing(here: Stage, dies: str) -> None:
    for _ in range(10):
        await here.append("page:a", "page:b")
    async with relay_process(here, dies=dies) as first:
        assert await asyncio.wait_for(first.wait(), 20) == -signal.SIGKILL
    assert await here.waiting() == 20
    here.relay()
    await wait_until(here.has_all_arrived, within_s=20)
    assert here.consumer.holes == []
    assert here.consumer.duplicates == {"before_publish": 0, "mid_batch": 10, "after_publish": 20}[dies]


async def test_f7_a_relay_frozen_with_the_lease_is_replaced_and_does_no_harm_when_it_wakes(here: Stage) -> None:
    async with relay_process(here) as frozen:
        await here.append("page:a")
        await wait_until(here.has_all_arrived, within_s=20)
        os.kill(frozen.pid, signal.SIGSTOP)
        here.relay()
        for _ in range(10):
            await here.append("page:a", "page:c")
        await wait_until(here.has_all_arrived, within_s=20)
        os.kill(frozen.pid, signal.SIGCONT)
        for _ in range(10):
            await here.append("page:a", "page:c")
        await wait_until(here.has_all_arrived, within_s=20)
        assert here.consumer.holes == []


async def test_f8_two_relays_at_once_publish_twice_and_lose_no_order(here: Stage) -> None:
    relays = [here.relay(), here.relay()]
    for turn in range(40):
        if turn % 4 == 0:  # no lease holds: both take it in turn and both believe to be active
            async with here.sessions.begin() as session:
                await session.execute(text("DELETE FROM relay_lease"))
            for relay in relays:
                relay._renew_at = 0.0
        await here.append("page:a", "page:b", "page:c")
    await wait_until(here.has_all_arrived, within_s=20)
    assert here.consumer.holes == []
    assert here.consumer.positions(here.channels) == dict.fromkeys(here.channels, 40)


async def test_f9_events_wait_while_redis_is_gone_and_flow_when_it_is_back(
    database_url: str, own_valkey: Valkey
) -> None:
    async with stage(database_url, own_valkey.url) as here:
        relay = here.relay()
        await here.append("page:a")
        await wait_until(here.has_all_arrived, within_s=20)
        own_valkey.kill()
        for _ in range(5):
            await here.append("page:a", "page:b")
        await wait_until(lambda: relay.status.failures >= 1, within_s=20)
        assert await here.waiting() == 10
        await asyncio.to_thread(own_valkey.start)
        await wait_until(here.is_outbox_empty, within_s=20)
        # Events published before the ear was back are the node's to fetch: it was told to be suspicious.
        await wait_until(lambda: here.consumer.suspicions, within_s=20)


async def test_f10_a_frozen_redis_holds_neither_transactions_nor_writers(database_url: str, own_valkey: Valkey) -> None:
    async with stage(database_url, own_valkey.url) as here:
        here.relay()
        await here.append("page:a")
        await wait_until(here.has_all_arrived, within_s=20)
        own_valkey.pause()
        try:
            for _ in range(10):
                await asyncio.wait_for(here.append("page:a"), 20)
                assert await here.idle_transactions() == 0
        finally:
            own_valkey.resume()
        await wait_until(here.is_outbox_empty, within_s=20)


async def test_f19_a_restarted_database_is_found_again(own_postgres: Postgres, redis_url: str) -> None:
    database_url = own_postgres.url.replace("postgresql:", "postgresql+asyncpg:", 1)
    await asyncio.to_thread(upgrade, database_url)
    async with stage(database_url, redis_url) as here:
        relay = here.relay()
        await here.append("page:a")
        await wait_until(here.has_all_arrived, within_s=20)
        await asyncio.to_thread(own_postgres.kill)
        await wait_until(lambda: relay.status.failures >= 1, within_s=20)
        await asyncio.to_thread(own_postgres.start)
        await here.append("page:a", "page:b")
        await wait_until(here.has_all_arrived, within_s=20)
        assert here.consumer.holes == []
