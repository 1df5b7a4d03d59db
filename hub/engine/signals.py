"""What nodes tell each other besides publications: orders of back ends to all, frames for a session to one."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from redis.exceptions import RedisError

from hub.engine.broker_redis import RedisBroker
from hub.engine.orders import Order, decode_order, encode_order
from hub.engine.redis_client import Client
from hub.errors import Unavailable

ORDERS_CHANNEL = "hub:orders"
NODE_CHANNEL_PREFIX = "hub:node:"

log = logging.getLogger(__name__)


class Signals:
    """Raises Unavailable when Redis does not answer. Nothing is told twice, and what is lost is lost."""

    def __init__(self, broker: RedisBroker, client: Client) -> None:
        self._broker = broker
        self._client = client

    def listen(self, node: str, on_order: Callable[[Order], None], on_frame: Callable[[str, bytes], None]) -> None:
        """`on_frame(session, frame)`: for a session of this `node`."""

        def order(data: bytes) -> None:
            try:
                on_order(decode_order(data))
            except ValueError as error:
                log.warning("unreadable order: %s", error)

        def frame(data: bytes) -> None:
            session, _, rest = data.partition(b"\n")
            on_frame(session.decode(errors="replace"), rest)

        self._broker.listen(ORDERS_CHANNEL, order)
        self._broker.listen(NODE_CHANNEL_PREFIX + node, frame)

    async def tell(self, order: Order) -> None:
        """To every node, this one too."""
        await self._publish(ORDERS_CHANNEL, encode_order(order))

    async def forward(self, node: str, session: str, frame: bytes) -> bool:
        """Whether there is such a node."""
        return await self._publish(NODE_CHANNEL_PREFIX + node, session.encode() + b"\n" + frame) > 0

    async def _publish(self, channel: str, data: bytes) -> int:
        command = "SPUBLISH" if self._broker.is_sharded else "PUBLISH"
        try:
            return int(await cast("Awaitable[Any]", self._client.execute_command(command, channel, data)))
        except (RedisError, OSError) as error:
            log.warning("redis does not answer: %s", str(error) or type(error).__name__)
            raise Unavailable from error
