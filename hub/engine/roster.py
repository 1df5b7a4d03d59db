"""Who is in the custom channels that tell: an entry for each connection in Redis, one hash per channel.

Field: client id. Value: `<unix milliseconds until which it holds>|<the client as JSON>`. A node refreshes the
entries of its connections long before they end, so those of a node that died are gone within `TTL_S`.
"""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from typing import Any, cast

from redis.asyncio import RedisCluster

from hub.engine.envelope import pack_client, unpack_client
from hub.engine.redis_client import Client
from hub.engine.streams_redis import CALLS_AT_ONCE, key_of
from hub.protocol.stream import ClientInfo

TTL_S = 60.0

Changes = Mapping[str, Mapping[str, ClientInfo | None]]
"""Channel → client id → who it is, None for one who has gone."""


class Roster:
    """Raises what the Redis client raises."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, channel: str) -> dict[str, ClientInfo]:
        """Client id → who it is."""
        key = key_of(channel, "clients")
        fields: Mapping[bytes, bytes] = await _answer(self._client.hgetall(key))
        now_ms = _now_ms()
        found: dict[str, ClientInfo] = {}
        gone: list[bytes] = []
        for name, value in fields.items():
            until_ms, _, packed = value.partition(b"|")
            if int(until_ms) > now_ms:
                found[name.decode()] = unpack_client(packed)
            else:
                gone.append(name)
        if gone:
            await _answer(self._client.hdel(key, *cast("Any", gone)))
        return found

    async def write(self, changes: Changes) -> None:
        """All in one round trip; in a Cluster one for each channel, some at a time."""
        until_ms = _now_ms() + round(TTL_S * 1000)
        if isinstance(self._client, RedisCluster):
            slots = asyncio.Semaphore(CALLS_AT_ONCE)

            async def one(channel: str, clients: Mapping[str, ClientInfo | None]) -> None:
                async with slots:
                    for command in _commands(channel, clients, until_ms):
                        await _answer(self._client.execute_command(*command))

            await asyncio.gather(*(one(channel, clients) for channel, clients in changes.items()))
            return
        async with self._client.pipeline(transaction=False) as pipeline:
            for channel, clients in changes.items():
                for command in _commands(channel, clients, until_ms):
                    pipeline.execute_command(*command)
            await pipeline.execute()


def _commands(channel: str, clients: Mapping[str, ClientInfo | None], until_ms: int) -> list[tuple[Any, ...]]:
    key = key_of(channel, "clients")
    here: list[Any] = []
    gone: list[str] = []
    for client, info in clients.items():
        if info is None:
            gone.append(client)
        else:
            here += [client, b"%d|%s" % (until_ms, pack_client(info))]
    commands: list[tuple[Any, ...]] = []
    if here:
        commands += [("HSET", key, *here), ("PEXPIRE", key, round(TTL_S * 1000))]
    if gone:
        commands.append(("HDEL", key, *gone))
    return commands


def _now_ms() -> int:
    """Wall time, as entries are compared between nodes."""
    return round(time.time() * 1000)


async def _answer(answer: object) -> Any:
    """redis-py types its commands for clients with and without a loop at once."""
    return await cast("Awaitable[Any]", answer)
