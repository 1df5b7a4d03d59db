"""G1. The link to Redis breaks in every way it can: it heals by itself, says so, and never stops the loop."""

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from hub.clock import SystemClock
from hub.embedded import Valkey
from hub.engine.broker import Message
from hub.engine.broker_redis import RedisBroker
from hub.engine.node import Node, NodeLimits
from hub.errors import Unavailable
from hub.protocol.stream import StreamPosition
from tests.support.engine import MemoryLog, Viewer
from tests.support.hub import free_port
from tests.support.proxy import tcp_proxy
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault

PAGE = "page:acme"


class Stage:
    """A node with one viewer over a real Redis; the log is in memory, so that only the link is at fault."""

    def __init__(self, url: str, publish_url: str | None = None) -> None:
        self.log = MemoryLog()
        self.log.create(PAGE)
        self.broker = RedisBroker(url, SystemClock())
        self.publisher = RedisBroker(publish_url or url, SystemClock())
        self.node = Node(self.broker, self.log, self.log, clock=SystemClock(), limits=NodeLimits())
        self.viewer = Viewer(self.node, PAGE)

    async def start(self) -> None:
        await self.node.start()
        await self.viewer.join()

    async def close(self) -> None:
        await self.node.close()
        await self.publisher.close()

    async def change(self) -> None:
        """Commit, then publish once as the relay does: an error means unknown, and is not repeated here."""
        message = self.log.commit(PAGE)
        with contextlib.suppress(RedisError, OSError):
            await self.publisher.publish([message])

    async def expect_all(self, within_s: float) -> None:
        wanted = list(range(1, len(self.log.channels[PAGE]) + 1))
        await wait_until(lambda: self.viewer.offsets == wanted, within_s=within_s)
        assert self.viewer.recalls == [], "healed inside the node; its members notice nothing"


@pytest.fixture
async def redis_tcp_port(own_valkey: Valkey) -> int:
    """A Redis that listens where a proxy can stand in front of it."""
    async with Redis.from_url(own_valkey.url) as admin:

        async def listened_on() -> int | None:
            port = free_port()
            with contextlib.suppress(ResponseError):  # somebody else was faster
                await admin.config_set("port", port)
                return port
            return None

        return await wait_until(listened_on)


@pytest.fixture
async def stage(redis_url: str) -> AsyncIterator[Stage]:
    stage = Stage(redis_url)
    await stage.start()
    yield stage
    await stage.close()


async def test_a_lost_link_costs_delay_but_no_publication(stage: Stage, redis_url: str) -> None:
    async with Redis.from_url(redis_url) as admin:
        for number in range(30):
            await stage.change()
            if number % 10 == 3:
                await admin.client_kill_filter(_type="pubsub")
    await stage.expect_all(within_s=20)


async def test_a_lost_last_publication_is_found_in_silence(stage: Stage) -> None:
    await stage.change()
    stage.log.commit(PAGE)  # never published
    await stage.expect_all(within_s=20)


async def test_a_redis_killed_and_back_empty_costs_nothing(own_valkey: Valkey, guard, tmp_path) -> None:
    stage = Stage(own_valkey.url)
    await stage.start()
    try:
        await stage.change()
        own_valkey.kill()
        for _ in range(5):
            await stage.change()
        await wait_until(lambda: not stage.broker.is_healthy, within_s=20)
        with (tmp_path / "valkey-again.log").open("wb") as log:
            own_valkey.start(output=log, guard=guard)
        await wait_until(lambda: stage.broker.is_healthy, within_s=20)
        await stage.change()
        await stage.expect_all(within_s=20)
    finally:
        await stage.close()


async def test_a_link_that_falls_silent_is_thrown_away_within_seconds(redis_tcp_port: int) -> None:
    """Half open: no error ever comes, only the beat is missing."""
    async with tcp_proxy(redis_tcp_port) as proxy:
        stage = Stage(f"redis://127.0.0.1:{proxy.port}", f"redis://127.0.0.1:{redis_tcp_port}")
        await stage.start()
        try:
            await stage.change()
            await stage.expect_all(within_s=20)
            accepted = proxy.accepted
            proxy.black_hole()
            await stage.change()
            await wait_until(lambda: not stage.broker.is_healthy, within_s=20)
            assert not stage.node.is_ready
            proxy.pass_on()
            await stage.expect_all(within_s=20)
            await wait_until(lambda: stage.broker.is_healthy, within_s=20)
            assert proxy.accepted > accepted
        finally:
            await stage.close()


async def test_a_timed_out_socket_neither_stops_the_loop_nor_the_stream(stage: Stage) -> None:
    """ETIMEDOUT is a TimeoutError, which redis-py's reader takes for "no message yet" and spins on for ever."""
    link = stage.broker._ears._link
    transport = link._transport
    link.connection_lost(TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)))
    transport.abort()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    counting = asyncio.create_task(count())
    await stage.change()
    await stage.expect_all(within_s=20)
    await wait_until(lambda: stage.broker.is_healthy and turns > 20, within_s=20)
    counting.cancel()


async def test_without_redis_newcomers_are_put_off_and_then_served(redis_tcp_port: int) -> None:
    async with tcp_proxy(redis_tcp_port) as proxy:
        proxy.refuse()
        stage = Stage(f"redis://127.0.0.1:{proxy.port}")
        await stage.node.start()
        try:
            with pytest.raises(Unavailable):
                await stage.viewer.join()
            proxy.pass_on()
            await wait_until(lambda: stage.broker.is_healthy, within_s=20)
            assert (await stage.viewer.join()).position == StreamPosition("e1", 0)
        finally:
            await stage.close()


async def test_an_unreadable_message_makes_the_node_compare_and_hurts_nobody(stage: Stage, redis_url: str) -> None:
    stage.log.commit(PAGE)
    async with Redis.from_url(redis_url) as admin:
        await admin.publish("hub:view:" + PAGE, b"{}")
    await wait_until(lambda: stage.node.tally.suspicions, within_s=20)
    await stage.expect_all(within_s=20)


async def test_publishing_to_a_paused_redis_gives_up_in_about_a_second(redis_tcp_port: int) -> None:
    async with tcp_proxy(redis_tcp_port) as proxy:
        publisher = RedisBroker(f"redis://127.0.0.1:{proxy.port}", SystemClock())
        message = Message(PAGE, "e1", 1, 0, 0, 5, b"{}")
        await publisher.publish([message])
        proxy.black_hole()
        started = asyncio.get_running_loop().time()
        with pytest.raises((RedisError, OSError)):
            await publisher.publish([message])
        assert asyncio.get_running_loop().time() - started < 10  # and not for ever
        await publisher.close()
