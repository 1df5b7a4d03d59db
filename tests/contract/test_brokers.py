"""One suite for every broker: what a node may lean on, on memory, on one Redis and on a Cluster alike."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from hub.clock import SystemClock
from hub.engine.broker import Broker, Message
from hub.engine.broker_memory import Exchange, MemoryBroker
from hub.engine.broker_redis import RedisBroker
from tests.support.waiting import wait_until


class Ear:
    """One node's broker and what it was told."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.messages: list[Message] = []
        self.suspicions: list[str] = []

    def offsets(self, channel: str) -> list[int]:
        return [message.offset for message in self.messages if message.channel == channel]


MakeEar = Callable[[], Awaitable[Ear]]


@pytest.fixture(params=["memory", "redis", "cluster"])
async def make_ear(request: pytest.FixtureRequest) -> AsyncIterator[MakeEar]:
    ears: list[Ear] = []
    exchange = Exchange()
    name = {"memory": "", "redis": "redis_url", "cluster": "cluster_url"}[request.param]
    redis_url = request.getfixturevalue(name) if name else ""

    async def make() -> Ear:
        ear = Ear(RedisBroker(redis_url, SystemClock()) if redis_url else MemoryBroker(exchange))
        await ear.broker.start(ear.messages.append, ear.suspicions.append)
        await wait_until(lambda: ear.broker.is_healthy)
        ears.append(ear)
        return ear

    yield make
    for ear in ears:
        await ear.broker.close()


def messages(channel: str, first: int, last: int, payload: bytes = b'{"a":1}') -> list[Message]:
    return [Message(channel, "e1", offset, 1, 7, 5, payload) for offset in range(first, last + 1)]


async def test_messages_arrive_whole_and_in_order_at_every_node(make_ear):
    one, two, writer = await make_ear(), await make_ear(), await make_ear()
    for ear in (one, two):
        await ear.broker.subscribe("page:a")
    sent = messages("page:a", 1, 50, b'{"text":"\xc3\xa9\\n"}\n')
    await writer.broker.publish(sent)
    for ear in (one, two):
        await wait_until(lambda ear=ear: len(ear.messages) >= 50)
        assert ear.messages == sent
        assert ear.suspicions == []


async def test_only_what_was_subscribed_arrives(make_ear):
    ear = await make_ear()
    await ear.broker.subscribe("page:a@all")
    await ear.broker.publish([*messages("page:a", 1, 3), *messages("page:a@all", 1, 1)])
    await wait_until(lambda: ear.offsets("page:a@all") == [1])
    assert ear.offsets("page:a") == []


async def test_once_subscribe_has_returned_nothing_published_is_missed(make_ear):
    ear, writer = await make_ear(), await make_ear()
    for n in range(50):
        await ear.broker.subscribe(f"page:{n}")
        await writer.broker.publish(messages(f"page:{n}", 1, 1))
    await wait_until(lambda: len(ear.messages) == 50)


async def test_after_unsubscribe_it_is_quiet_and_one_can_come_back(make_ear):
    ear = await make_ear()
    await ear.broker.subscribe("page:a")
    await ear.broker.unsubscribe("page:a")
    await ear.broker.subscribe("page:b")
    await ear.broker.publish([*messages("page:a", 1, 1), *messages("page:b", 1, 1)])
    await wait_until(lambda: ear.offsets("page:b") == [1])
    assert ear.offsets("page:a") == []
    await ear.broker.subscribe("page:a")
    await ear.broker.publish(messages("page:a", 2, 2))
    await wait_until(lambda: ear.offsets("page:a") == [2])
    assert ear.suspicions == []


async def test_a_payload_too_large_to_travel_arrives_as_a_header(make_ear):
    ear = await make_ear()
    await ear.broker.subscribe("page:a")
    await ear.broker.publish(messages("page:a", 1, 1, b"x" * 70_000))
    await wait_until(lambda: ear.messages)
    assert ear.messages[0].payload is None


async def test_nothing_arrives_after_close(make_ear):
    ear, writer = await make_ear(), await make_ear()
    await ear.broker.subscribe("page:a")
    await writer.broker.subscribe("page:a")
    await ear.broker.close()
    assert not ear.broker.is_healthy
    await writer.broker.publish(messages("page:a", 1, 1))
    await wait_until(lambda: writer.messages)
    assert ear.messages == []
