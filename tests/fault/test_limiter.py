"""F10: limits are counted in Redis, and no request waits for it or fails because of it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from hub.api.rate_limits import PATIENCE_S, Limiter, Policy
from hub.embedded import Valkey
from hub.errors import TooMany
from tests.support.proxy import tcp_proxy
from tests.support.redis_sets import redis_cluster, sentinel_set
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault

POLICY = Policy("read.account", 1_000_000, 3_600)
EXACT = Policy("login.account", 10, 900, is_exact=True)
POLICIES = {policy.name: policy for policy in (POLICY, EXACT)}


@pytest.fixture
async def limiter(own_valkey: Valkey) -> AsyncIterator[Limiter]:
    limiter = Limiter(POLICIES, own_valkey.url)
    yield limiter
    await limiter.close()


async def shared_count(url: str) -> int:
    """What another node would know of the key."""
    other = Limiter(POLICIES, url, patience_s=10)
    try:
        return POLICY.amount - await other.remaining(POLICY.name, "ada")
    finally:
        await other.close()


async def seconds_of(limiter: Limiter, times: int) -> list[float]:
    found = []
    for _ in range(times):
        began = time.monotonic()
        await limiter.hit(POLICY.name, "ada")
        found.append(time.monotonic() - began)
        await asyncio.sleep(0.005)
    return found


async def test_a_frozen_redis_costs_each_second_one_short_wait_and_comes_back_by_itself(limiter, own_valkey):
    """F10."""
    await limiter.hit(POLICY.name, "ada")
    own_valkey.pause()
    try:
        seconds = sorted(await seconds_of(limiter, 200))
    finally:
        own_valkey.resume()
    # One in each second finds out whether Redis is back; the loop itself may be late on a busy machine.
    assert seconds[len(seconds) // 2] < PATIENCE_S / 2
    assert seconds[int(len(seconds) * 0.9)] < 4 * PATIENCE_S
    before = await shared_count(own_valkey.url)

    async def is_counted_again() -> bool:
        await limiter.hit(POLICY.name, "ada")
        return await shared_count(own_valkey.url) > before

    await wait_until(is_counted_again, within_s=30)


@pytest.mark.slow
async def test_writes_go_on_while_redis_is_frozen(own_valkey, database_url, make_hub):
    """F10. Through the whole hub: each write counts, none fails, and few wait at all."""
    hub = make_hub(database_url=database_url, redis_url=own_valkey.url)
    await hub.start()
    async with await hub.admin_client() as admin:
        made = await admin.post("/api/v1/pages", json={"slug": "acme", "title": "Acme"})
        assert made.status_code == 201
        seconds = []
        own_valkey.pause()
        try:
            for number in range(60):
                began = time.monotonic()
                answer = await admin.patch("/api/v1/pages/acme", json={"title": f"Acme {number}"})
                seconds.append(time.monotonic() - began)
                assert answer.status_code == 200, answer.text
                assert answer.headers["ratelimit"]
        finally:
            own_valkey.resume()
        seconds.sort()
        assert seconds[int(len(seconds) * 0.9)] < 1.0  # 0.2 s on a quiet machine


async def test_a_redis_that_is_gone_fails_nobody_and_guessing_stays_bounded(limiter, own_valkey):
    """F10, T12. The count goes on across the loss of Redis: nobody gets ten tries more out of it."""
    for _ in range(4):
        await limiter.hit(EXACT.name, "ada")
    own_valkey.kill()
    passed = 4
    for _ in range(20):
        with contextlib.suppress(TooMany):
            await limiter.hit(EXACT.name, "ada")
            passed += 1
    assert passed == 10
    assert await limiter.remaining(EXACT.name, "ada") == 0
    await limiter.hit(POLICY.name, "eve")
    await limiter.forget(EXACT.name, "ada")
    await limiter.hit(EXACT.name, "ada")


async def test_an_answer_that_comes_too_late_is_nobodys(own_valkey):
    """Consistency: a command that is given up is not cancelled, and its answer is never taken for another's."""
    async with tcp_proxy(target_path=own_valkey.socket_path) as proxy:
        limiter = Limiter(POLICIES, f"redis://127.0.0.1:{proxy.port}/0")
        try:
            await limiter.hit(POLICY.name, "ada")
            proxy.delay_s = 0.2
            await asyncio.gather(*(limiter.hit(POLICY.name, f"key {n}") for n in range(20)))
            proxy.delay_s = 0.0

            async def is_back() -> bool:
                await limiter.hit(POLICY.name, "ada")
                return await shared_count(own_valkey.url) > 1

            await wait_until(is_back, within_s=30)
            standing = await limiter.hit(POLICY.name, "a new one")
            assert standing.remaining == POLICY.amount - 1
        finally:
            await limiter.close()


@pytest.mark.slow
@pytest.mark.parametrize("form", ["cluster", "sentinel"])
async def test_limits_are_shared_through_a_cluster_and_through_sentinels(form, tmp_path, guard):
    async with (redis_cluster if form == "cluster" else sentinel_set)(tmp_path, guard) as servers:
        nodes = [Limiter(POLICIES, servers.url, patience_s=20) for _ in range(2)]
        try:
            for _ in range(5):
                for node in nodes:
                    await node.hit(EXACT.name, "ada")
                    await node.hit(POLICY.name, "ada")
            for node in nodes:
                assert await node.remaining(EXACT.name, "ada") == 0
                assert await node.remaining(POLICY.name, "ada") == POLICY.amount - 10
            await nodes[0].forget(EXACT.name, "ada")
            assert await nodes[0].remaining(EXACT.name, "ada") == 10
        finally:
            for node in nodes:
                await node.close()
