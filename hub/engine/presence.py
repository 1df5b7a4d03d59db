"""Tells the others how many members this node serves: one Redis hash, a field per node and channel.

Field `<node id>|<channel>`, value `<count>|<unix seconds>`; readers ignore what is older than a minute, and each node
clears away its own fields when it leaves. A lost write only makes a count late.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping

from redis.exceptions import RedisError

from hub.engine.redis_client import make_client

KEY = "hub:viewers"
INTERVAL_S = 5.0

log = logging.getLogger(__name__)


class Presence:
    """Writes `counts()` of one node every few seconds until cancelled."""

    def __init__(self, url: str, node_id: str, counts: Callable[[], Mapping[str, int]]) -> None:
        self._redis = make_client(url, decode_responses=True)
        self._node_id = node_id
        self._counts = counts
        self._written: set[str] = set()

    async def run(self) -> None:
        try:
            while True:
                with contextlib.suppress(RedisError, OSError):  # Redis away: the next round writes everything again
                    await self._write(self._counts())
                await asyncio.sleep(INTERVAL_S)
        finally:
            with contextlib.suppress(RedisError, OSError):
                await self._write({})
            await self._redis.aclose()

    async def _write(self, counts: Mapping[str, int]) -> None:
        now_s = int(time.time())
        fields = {f"{self._node_id}|{channel}": f"{count}|{now_s}" for channel, count in counts.items()}
        gone = self._written - fields.keys()
        if fields:
            await self._redis.hset(KEY, items=[part for pair in fields.items() for part in pair])
        if gone:
            await self._redis.hdel(KEY, *gone)
        self._written = set(fields)
