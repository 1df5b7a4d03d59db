"""G1. Redis as a Cluster or behind Sentinels: slots move, masters die, and no publication is lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.exceptions import RedisError

from hub.children import Guard
from hub.clock import SystemClock
from hub.engine.broker_redis import RedisBroker
from hub.engine.node import Node, NodeLimits
from hub.engine.redis_client import make_blocking_client, make_client
from hub.engine.redis_cluster import slot_of
from hub.preflight import check_redis
from tests.support.engine import MemoryLog, Viewer
from tests.support.redis_sets import Cluster, redis_cluster, sentinel_set
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(120)]

PAGES = [f"page:{name}" for name in ("acme", "bravo", "chess", "delta", "eagle", "fjord")]


class Stage:
    """A node with a viewer on every page; the log is in memory, so that only Redis is at fault."""

    def __init__(self, url: str) -> None:
        self.log = MemoryLog()
        for page in PAGES:
            self.log.create(page)
        self.broker = RedisBroker(url, SystemClock())
        self.publisher = RedisBroker(url, SystemClock())
        self.node = Node(self.broker, self.log, self.log, clock=SystemClock(), limits=NodeLimits())
        self.viewers = {page: Viewer(self.node, page) for page in PAGES}

    async def change(self) -> int:
        """One change of each page, published once; returns how many of those were known to arrive."""
        arrived = 0
        for page in PAGES:
            message = self.log.commit(page)
            with contextlib.suppress(RedisError, OSError):
                await self.publisher.publish([message])
                arrived += 1
        return arrived

    async def expect_all(self, within_s: float) -> None:
        for page, viewer in self.viewers.items():
            wanted = list(range(1, len(self.log.channels[page]) + 1))
            await wait_until(lambda viewer=viewer, wanted=wanted: viewer.offsets == wanted, within_s=within_s)
            assert viewer.recalls == [], "healed inside the node; its members notice nothing"

    async def has_published_everything(self) -> bool:
        return await self.change() == len(PAGES)


@contextlib.asynccontextmanager
async def staged(url: str) -> AsyncIterator[Stage]:
    stage = Stage(url)
    await stage.node.start()
    try:
        await wait_until(lambda: stage.broker.is_healthy, within_s=20)
        for viewer in stage.viewers.values():
            await viewer.join()
        yield stage
    finally:
        await stage.node.close()
        await stage.publisher.close()


@pytest.fixture
async def cluster(tmp_path: Path, guard: Guard) -> AsyncIterator[Cluster]:
    async with redis_cluster(tmp_path, guard, masters=3, replicas=1) as cluster:
        yield cluster


async def test_f17_a_cluster_whose_slots_move_and_whose_master_dies_loses_nothing(cluster: Cluster) -> None:
    async with staged(cluster.url) as stage:
        assert await stage.change() == len(PAGES)
        await stage.expect_all(within_s=20)

        slot = slot_of(f"hub:view:{PAGES[0]}")
        owner = await cluster.owner_of(slot)
        target = next(one for one in cluster.members[1:3] if one is not owner)
        await cluster.move_slot(slot, target)
        assert await stage.change() == len(PAGES)
        await stage.expect_all(within_s=20)
        await wait_until(lambda: stage.broker.is_healthy, within_s=20)

        dead = cluster.members[0]  # the one that has a replica
        dead.kill()
        await stage.change()
        await wait_until(lambda: not stage.broker.is_healthy, within_s=20)
        await wait_until(lambda: stage.broker.is_healthy, within_s=40)
        assert await cluster.is_whole(without=[dead])
        await wait_until(stage.has_published_everything, within_s=20, every_s=0.2)
        await stage.expect_all(within_s=20)


async def test_every_client_works_on_a_cluster(cluster: Cluster) -> None:
    async with make_client(cluster.url, decode_responses=True) as client:
        for number in range(10):
            await client.set(f"key-{number}", number)
    blocking = make_blocking_client(cluster.url, decode_responses=True)
    assert await asyncio.to_thread(lambda: [blocking.get(f"key-{number}") for number in range(10)]) == list(
        "0123456789"
    )
    blocking.close()
    assert (await check_redis(cluster.url)).startswith("Valkey 9")


async def test_f17_after_a_fail_over_by_sentinels_the_new_master_is_found(tmp_path: Path, guard: Guard) -> None:
    async with sentinel_set(tmp_path, guard, sentinels=1) as redis, staged(redis.url) as stage:
        assert (await check_redis(redis.url)).startswith("Valkey 9")
        assert await stage.change() == len(PAGES)
        await stage.expect_all(within_s=20)

        first = await redis.master()
        first.kill()
        await stage.change()
        await wait_until(lambda: not stage.broker.is_healthy, within_s=20)
        await wait_until(lambda: stage.broker.is_healthy, within_s=60)
        assert await redis.master() is not first
        await wait_until(stage.has_published_everything, within_s=20, every_s=0.2)
        await stage.expect_all(within_s=20)

        # The old one comes back as a replica; nobody listens to it.
        await first.start(guard)
        assert await stage.change() == len(PAGES)
        await stage.expect_all(within_s=20)


async def test_f17_a_master_that_is_demoted_while_it_lives_is_left(tmp_path: Path, guard: Guard) -> None:
    async with sentinel_set(tmp_path, guard, sentinels=1) as redis, staged(redis.url) as stage:
        first = await redis.master()
        await redis.sentinels[0].ask("SENTINEL", "FAILOVER", "hub")

        async def has_changed() -> bool:
            return await redis.master() is not first

        await wait_until(has_changed, within_s=30, every_s=0.2)
        await wait_until(stage.has_published_everything, within_s=20, every_s=0.2)
        await stage.expect_all(within_s=20)
        await wait_until(lambda: stage.broker.is_healthy, within_s=20)
