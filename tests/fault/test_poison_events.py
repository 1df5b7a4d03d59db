"""W13: one bad event never stops a channel. Nothing that is accepted can be one: they are put into Redis here."""

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from hub.engine.broker import MAX_CARRIED_BYTES, Message, carrier_of, encode_message
from hub.engine.options import ChannelOptions
from hub.engine.redis_client import make_client
from hub.engine.streams_redis import RedisStreams
from tests.support.arena import Arena, Watched, open_arena, watched
from tests.support.servers import Servers

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

KEPT = ChannelOptions(history_size=20, history_ttl_s=60.0, has_recovery=True)
UNREADABLE = [b"", b"{", b'{"data":}', b"[1]", b'{"data":1,"info":{}}', b'{"info":1}', b"\xff", b'{"data":1,"tags":1}']
UNREADABLE += [b'{"data":"\xed\xa0\x80"}', b'{"data":NaN}', b'{"data":' + b"[" * 5_000 + b"}"]


@pytest.fixture(scope="module")
def arena(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with open_arena(servers, tmp_path_factory.mktemp("hub")) as arena:
        yield arena


@pytest.fixture(params=["kept", "plain"])
async def channel(request: pytest.FixtureRequest, arena: Arena) -> AsyncIterator[Watched]:
    async with watched(arena, request.param) as found:
        yield found


@pytest.fixture
async def redis(servers: Servers) -> AsyncIterator[Redis]:
    async with Redis.from_url(servers.valkey.url) as redis:
        yield redis


async def test_w13_messages_that_cannot_be_read_are_passed_over(channel: Watched, redis: Redis) -> None:
    carrier = carrier_of(channel.channel)
    broken = [
        b"",
        b"x",
        b"1 a b",
        b"1 x e 1 0 0 0 +\n",
        b"\xff" * 100,
        b"2 " + channel.channel.encode() + b" e 1 0 0 0 +\n1",
    ]
    for raw in broken:
        await redis.publish(carrier, raw)
    for offset in (0, 1, 2, 2**62):
        for payload in UNREADABLE:
            for flags in (0, 4, 8, 255):
                message = Message(channel.channel, "e", offset, flags, 0, 0, payload)
                await redis.publish(carrier, encode_message(message))
    await channel.expect_unharmed()


async def test_w13_a_history_with_unreadable_entries_goes_on(arena: Arena, servers: Servers) -> None:
    """As another version of the hub might have written them."""
    redis = make_client(servers.valkey.url)
    async with watched(arena, "kept") as channel:
        streams = RedisStreams(redis, is_sharded=False)
        written = UNREADABLE[2:]  # all of it is still in the history in the end
        for payload in written:
            await redis.eval(  # what `publish` does, without its envelope
                """local n = redis.call('HINCRBY', KEYS[1], 'offset', 1)
                redis.call('XADD', KEYS[2], n .. '-0', 't', 0, 'p', ARGV[1])""",
                2,
                *(f"hub:{{{carrier_of(channel.channel)}}}:{kind}" for kind in ("top", "log")),
                payload,
            )
            await streams.publish(channel.channel, b'"good"', KEPT, time_ms=0)
        await channel.expect_unharmed()
        offsets = [reply["push"]["pub"]["offset"] for reply in channel.text_viewer.replies if "push" in reply]
        assert offsets == list(range(1, 2 * len(written) + 2)), "each is there, whatever could be read of it"
        await streams.publish(channel.channel, b'"' + b"x" * MAX_CARRIED_BYTES + b'"', KEPT, time_ms=0)
        await channel.expect_unharmed()
    await redis.aclose()
