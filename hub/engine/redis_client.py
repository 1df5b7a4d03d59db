"""Redis clients for commands, made in one place: for one server, for the master that Sentinels know, for a Cluster.

None of them repeats a command by itself: a repeated PUBLISH arrives twice and can hold its caller for a minute. In a
Cluster, answers that only say where to ask (MOVED) are followed.
"""

from collections.abc import Sequence
from typing import Any, cast

import redis
import redis.asyncio
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode as BlockingClusterNode
from redis.exceptions import RedisError
from redis.retry import Retry as BlockingRetry
from redis.sentinel import Sentinel as BlockingSentinel
from redis.sentinel import SentinelConnectionPool as BlockingSentinelConnectionPool

from hub.engine.redis_address import Form, Host, RedisAddress, parse_address

SENTINEL_TIMEOUT_S = 1.0

Client = redis.asyncio.Redis | redis.asyncio.RedisCluster
BlockingClient = redis.Redis | redis.RedisCluster


class _ThroughSentinels(redis.asyncio.Redis):
    """Closes its connections to the Sentinels as well, which redis-py leaves open."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        for sentinel in cast("SentinelConnectionPool", self.connection_pool).sentinel_manager.sentinels:
            await sentinel.aclose()


class _BlockingThroughSentinels(redis.Redis):
    """The same without a loop."""

    def close(self) -> None:
        super().close()
        for sentinel in cast("BlockingSentinelConnectionPool", self.connection_pool).sentinel_manager.sentinels:
            sentinel.close()


def make_client(url: str, *, timeout_s: float = 2.0, decode_responses: bool = False) -> Client:
    """A client that connects when it is first used; close it with `aclose()`. Raises ValueError for a wrong URL."""
    address = parse_address(url)
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "decode_responses": decode_responses,
        "retry": Retry(NoBackoff(), 0),
    }
    if address.form is Form.ONE:
        return redis.asyncio.Redis.from_url(url, **options)
    options |= {**address.credentials, **address.tls}
    if address.form is Form.CLUSTER:
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        return redis.asyncio.RedisCluster(startup_nodes=nodes, require_full_coverage=False, **options)
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        address.hosts, sentinel_kwargs=_sentinel_options(address), db=address.db, **options
    )
    client: Client = sentinel.master_for(address.master, redis_class=_ThroughSentinels)
    return client


def make_blocking_client(url: str, *, timeout_s: float = 2.0, decode_responses: bool = False) -> BlockingClient:
    """`make_client` for programs without an event loop."""
    address = parse_address(url)
    options: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "decode_responses": decode_responses,
        "retry": BlockingRetry(NoBackoff(), 0),
    }
    if address.form is Form.ONE:
        return redis.Redis.from_url(url, **options)
    options |= {**address.credentials, **address.tls}
    if address.form is Form.CLUSTER:
        nodes = [BlockingClusterNode(*host) for host in address.hosts]  # type: ignore[no-untyped-call]
        return redis.RedisCluster(startup_nodes=nodes, require_full_coverage=False, **options)
    sentinel = BlockingSentinel(  # type: ignore[no-untyped-call]
        address.hosts, sentinel_kwargs=_sentinel_options(address), db=address.db, **options
    )
    client: BlockingClient = sentinel.master_for(  # type: ignore[no-untyped-call]
        address.master, redis_class=_BlockingThroughSentinels
    )
    return client


async def find_master(address: RedisAddress) -> Host:
    """Where the Sentinels say the master is now. Raises OSError when none of them knows."""
    options = _sentinel_options(address) | {"retry": Retry(NoBackoff(), 0)}
    for host, port in address.hosts:
        async with redis.asyncio.Redis(host=host, port=port, decode_responses=True, **options) as sentinel:
            try:
                found: Sequence[str] | None = await sentinel.execute_command(  # type: ignore[no-untyped-call]
                    "SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.master
                )
            except (RedisError, OSError):
                continue
        if found:
            return found[0], int(found[1])
    raise OSError(f"no Sentinel knows where {address.master} is")


def _sentinel_options(address: RedisAddress) -> dict[str, Any]:
    timeouts = {"socket_timeout": SENTINEL_TIMEOUT_S, "socket_connect_timeout": SENTINEL_TIMEOUT_S}
    return {**timeouts, **address.sentinel_credentials, **address.tls}
