"""How many members each node has in each channel, as `hub.engine.presence` of every node tells it in Redis."""

from collections.abc import Mapping
from typing import cast

from redis.exceptions import RedisError

from hub.engine.presence import KEY
from hub.engine.redis_client import make_client
from hub.errors import Unavailable

MAX_AGE_S = 60  # a node that died leaves its last words behind


class Census:
    """Reads what was last told; at most some seconds old."""

    def __init__(self, url: str) -> None:
        self._redis = make_client(url, decode_responses=True)

    async def read(self, now_s: float) -> Mapping[str, Mapping[str, int]]:
        """Node → channel → members; raises Unavailable."""
        try:
            fields = cast("dict[str, str]", await self._redis.hgetall(KEY))
        except (RedisError, OSError) as error:
            raise Unavailable from error
        return count_by_node(fields, now_s)

    async def close(self) -> None:
        await self._redis.aclose()


def count_by_node(fields: Mapping[str, str], now_s: float) -> dict[str, dict[str, int]]:
    """Members by node and channel; entries that are too old or make no sense are left out. Pure."""
    counts: dict[str, dict[str, int]] = {}
    for field, value in fields.items():
        node, separator, channel = field.partition("|")
        count, _, told_at_s = value.partition("|")
        try:
            is_fresh = now_s - float(told_at_s) <= MAX_AGE_S
            members = int(count)
        except ValueError:
            continue
        if separator and is_fresh and members > 0:
            counts.setdefault(node, {})[channel] = members
    return counts
