"""Who is in the custom channels that tell: an entry for each connection in Redis, one hash per channel.

Field: client id. Value: `<unix milliseconds until which it holds>|<the client as JSON>`. A node refreshes the
entries of its connections long before they end, so those of a node that died are gone within `TTL_S`.
"""

import logging
import time
from collections.abc import Awaitable, Mapping
from typing import Any, cast

from hub.engine.envelope import pack_client, unpack_client
from hub.engine.redis_client import Client
from hub.protocol.stream import ClientInfo

TTL_S = 60.0
REFRESH_S = 25.0

log = logging.getLogger(__name__)


class Roster:
    """Raises what the Redis client raises."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._here: dict[str, dict[str, bytes]] = {}  # channel → client id → the client as JSON

    async def add(self, channel: str, info: ClientInfo) -> None:
        packed = self._here.setdefault(channel, {})[info.client] = pack_client(info)
        await self._write(channel, {info.client: packed})

    async def remove(self, channel: str, client: str) -> None:
        here = self._here.get(channel, {})
        here.pop(client, None)
        if not here:
            self._here.pop(channel, None)
        await _answer(self._client.hdel(_key(channel), client))

    async def read(self, channel: str) -> dict[str, ClientInfo]:
        """Client id → who it is."""
        fields: Mapping[bytes, bytes] = await _answer(self._client.hgetall(_key(channel)))
        now_ms = _now_ms()
        found: dict[str, ClientInfo] = {}
        for value in fields.values():
            until_ms, _, packed = value.partition(b"|")
            if int(until_ms) > now_ms:
                info = unpack_client(packed)
                found[info.client] = info
        if len(found) < len(fields):
            gone = [name for name in fields if name.decode() not in found]
            await _answer(self._client.hdel(_key(channel), *gone))
        return found

    async def refresh(self) -> None:
        """Say again that everybody of this node is here; one command to a channel."""
        for channel, clients in list(self._here.items()):
            await self._write(channel, dict(clients))

    async def leave(self) -> None:
        """Take everybody of this node out."""
        for channel, clients in list(self._here.items()):
            await _answer(self._client.hdel(_key(channel), *clients))
        self._here.clear()

    async def _write(self, channel: str, clients: Mapping[str, bytes]) -> None:
        until_ms = _now_ms() + round(TTL_S * 1000)
        fields = {client: b"%d|%s" % (until_ms, packed) for client, packed in clients.items()}
        await _answer(self._client.hset(_key(channel), mapping=cast("Any", fields)))
        await _answer(self._client.expire(_key(channel), round(TTL_S)))


def _key(channel: str) -> str:
    return f"hub:{{{channel}}}:clients"


def _now_ms() -> int:
    """Wall time, as entries are compared between nodes."""
    return round(time.time() * 1000)


async def _answer(answer: object) -> Any:
    """redis-py types its commands for clients with and without a loop at once."""
    return await cast("Awaitable[Any]", answer)
