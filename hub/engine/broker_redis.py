"""Redis pub/sub between nodes: a listening link that heals itself and says when it may have lost something.

Pub/sub is at most once. So every lost link, every rebuild and every unexpected confirmation is reported as suspect, and
a link on which not even the beat is heard is thrown away (docs/guarantees.md). Publishing has connections of its own,
without retries: a retry would publish twice, and could hold the relay for a minute.

One link to one server, or to the master that the Sentinels name; in a Cluster, sharded pub/sub with one link to each
master that carries channels of ours (`hub.engine.redis_cluster`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from redis.exceptions import RedisError

from hub.clock import Clock
from hub.engine.broker import BEAT_CHANNEL, Message, carrier_of, decode_message, encode_message, is_shared
from hub.engine.redis_address import Form, RedisAddress, parse_address
from hub.engine.redis_client import find_master, make_client
from hub.engine.redis_cluster import ClusterEars
from hub.engine.redis_ear import Ear
from hub.engine.redis_link import Server, credentials_of, tls_of
from hub.engine.work import end
from hub.errors import Unavailable

BEAT_INTERVAL_S = 1.0
CONFIRMATION_TIMEOUT_S = 3.0
PUBLISH_TIMEOUT_S = 1.0

log = logging.getLogger(__name__)


class RedisBroker:
    """Implements `hub.engine.broker.Broker` over any Redis-compatible server; `url` as REDIS_URL says it."""

    def __init__(self, url: str, clock: Clock) -> None:
        address = parse_address(url)
        self.is_sharded = address.form is Form.CLUSTER
        self._publisher = make_client(url, timeout_s=PUBLISH_TIMEOUT_S)
        self._on_message: Callable[[Message], None] = _ignore
        self._on_suspect: Callable[[str], None] = _ignore
        self._ears: Ear | ClusterEars = (
            ClusterEars(address, self, clock)
            if self.is_sharded
            else Ear(_finder(address), self, clock, beat=BEAT_CHANNEL)
        )
        self._raw: dict[str, Callable[[bytes], None]] = {}
        self._known: set[str] = set()  # confirmed once, perhaps on an earlier link
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._beating: asyncio.Task[None] | None = None

    async def start(self, on_message: Callable[[Message], None], on_suspect: Callable[[str], None]) -> None:
        self._on_message, self._on_suspect = on_message, on_suspect
        self._ears.start()
        self._beating = asyncio.create_task(self._beat(), name="redis-beat")

    async def subscribe(self, channel: str) -> None:
        name = carrier_of(channel)
        if self._ears.is_confirmed(name):
            return
        if name not in self._waiting:
            self._waiting[name] = asyncio.get_running_loop().create_future()
            self._ears.subscribe(name)
        try:
            async with asyncio.timeout(CONFIRMATION_TIMEOUT_S):
                await asyncio.shield(self._waiting[name])
        except TimeoutError:
            await self.unsubscribe(channel)
            raise Unavailable from None

    async def unsubscribe(self, channel: str) -> None:
        if is_shared(channel):
            return
        name = carrier_of(channel)
        self._known.discard(name)
        if (waiting := self._waiting.pop(name, None)) is not None:
            waiting.cancel()
        self._ears.unsubscribe(name)

    def listen(self, name: str, on_data: Callable[[bytes], None]) -> None:
        """Hear what is published to Redis' own channel `name`, whenever a link stands; at most once, for ever."""
        self._raw[name] = on_data
        self._ears.subscribe(name)

    async def publish(self, messages: Sequence[Message]) -> None:
        await self.publish_raw([(carrier_of(message.channel), encode_message(message)) for message in messages])

    async def publish_raw(self, items: Sequence[tuple[str, bytes]]) -> None:
        """Send (Redis' own channel, bytes) in order, without retry; an exception means "unknown"."""
        if self.is_sharded:
            # One by one: redis-py's cluster pipeline never notices that a slot's master has died.
            for name, data in items:
                await self._publisher.execute_command("SPUBLISH", name, data)
            return
        async with self._publisher.pipeline(transaction=False) as pipeline:
            for name, data in items:
                pipeline.publish(name, data)
            await pipeline.execute()

    @property
    def is_healthy(self) -> bool:
        return self._beating is not None and self._ears.is_healthy

    async def close(self) -> None:
        if self._beating is not None:
            await end(self._beating)
            self._beating = None
        await self._ears.close()
        for waiting in self._waiting.values():
            waiting.cancel()
        await self._publisher.aclose()

    # What the ears hear

    def heard(self, channel: str, data: bytes) -> None:
        if (on_data := self._raw.get(channel)) is not None:
            on_data(data)
            return
        try:
            message = decode_message(data)
        except ValueError as error:
            log.warning("unreadable message on %s: %s", channel, error)
            self._on_suspect("unreadable message")
            return
        if carrier_of(message.channel) == channel:
            self._on_message(message)

    def confirmed(self, channel: str) -> bool:
        is_again = channel in self._known
        self._known.add(channel)
        waiting = self._waiting.pop(channel, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        return is_again

    def suspect(self, reason: str) -> None:
        self._on_suspect(reason)

    async def _beat(self) -> None:
        while True:
            await asyncio.gather(*(self._send_beat(name) for name in self._ears.beats))
            await asyncio.sleep(BEAT_INTERVAL_S)

    async def _send_beat(self, name: str) -> None:
        try:
            await self.publish_raw([(name, b"")])
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("beat not sent: %s", error)


def _finder(address: RedisAddress) -> Callable[[], Awaitable[Server]]:
    """Where to listen, asked anew for each link."""
    if address.form is Form.ONE:
        server = Server.of_url(address.url)

        async def known() -> Server:
            return server

        return known
    credentials, tls = credentials_of(address.credentials), tls_of(address.tls) if address.tls else None

    async def ask() -> Server:
        host, port = await find_master(address)
        return Server(host, port, credentials=credentials, tls=tls, must_be_master=True)

    return ask


def _ignore(_: object) -> None:
    """What is heard before `start`."""
