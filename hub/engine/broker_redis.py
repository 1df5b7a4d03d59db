"""Redis pub/sub between nodes: one listening link per node that heals itself and says when it may have lost something.

Pub/sub is at most once. So every lost link, every rebuild and every unexpected confirmation is reported as suspect, and
a link on which not even the beat is heard is thrown away (docs/guarantees.md). Publishing has connections of its own,
without retries: a retry would publish twice, and could hold the relay for a minute.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from hub.clock import Clock
from hub.engine.broker import BEAT_CHANNEL, CHANNEL_PREFIX, Message, decode_message, encode_message
from hub.engine.redis_link import RedisLink, open_link
from hub.errors import Unavailable

BEAT_INTERVAL_S = 1.0
SILENCE_LIMIT_S = 3.0
CONFIRMATION_TIMEOUT_S = 3.0
PUBLISH_TIMEOUT_S = 1.0
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.05, 2.0
_PREFIX = CHANNEL_PREFIX.encode()

log = logging.getLogger(__name__)
_rng = random.SystemRandom()


class RedisBroker:
    """Implements `hub.engine.broker.Broker` over any Redis-compatible server."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._publisher = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=PUBLISH_TIMEOUT_S,
            socket_connect_timeout=PUBLISH_TIMEOUT_S,
        )
        self._on_message: Callable[[Message], None] = _ignore
        self._on_suspect: Callable[[str], None] = _ignore
        self._link: RedisLink | None = None
        self._lost = asyncio.Event()
        self._heard_at = 0.0
        self._wanted: set[str] = set()
        self._confirmed: set[str] = set()
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, on_message: Callable[[Message], None], on_suspect: Callable[[str], None]) -> None:
        self._on_message, self._on_suspect = on_message, on_suspect
        self._tasks = [asyncio.create_task(self._keep_link()), asyncio.create_task(self._beat())]

    async def subscribe(self, channel: str) -> None:
        if channel in self._confirmed:
            return
        self._wanted.add(channel)
        if channel not in self._waiting:
            self._waiting[channel] = asyncio.get_running_loop().create_future()
            if self._link is not None:
                self._link.send("SUBSCRIBE", CHANNEL_PREFIX + channel)
        try:
            async with asyncio.timeout(CONFIRMATION_TIMEOUT_S):
                await asyncio.shield(self._waiting[channel])
        except TimeoutError:
            await self.unsubscribe(channel)
            raise Unavailable from None

    async def unsubscribe(self, channel: str) -> None:
        self._wanted.discard(channel)
        self._confirmed.discard(channel)
        if (waiting := self._waiting.pop(channel, None)) is not None:
            waiting.cancel()
        if self._link is not None:
            self._link.send("UNSUBSCRIBE", CHANNEL_PREFIX + channel)

    async def publish(self, messages: Sequence[Message]) -> None:
        async with self._publisher.pipeline(transaction=False) as pipeline:
            for message in messages:
                pipeline.publish(CHANNEL_PREFIX + message.channel, encode_message(message))
            await pipeline.execute()

    @property
    def is_healthy(self) -> bool:
        return self._link is not None and self._clock.monotonic() - self._heard_at < SILENCE_LIMIT_S

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._link is not None:
            self._link.abort()
        for waiting in self._waiting.values():
            waiting.cancel()
        await self._publisher.aclose()

    async def _keep_link(self) -> None:
        delay_s, is_first = _FIRST_DELAY_S, True
        while True:
            try:
                await self._connect()
            except (OSError, TimeoutError) as error:
                log.warning("no link to redis: %s", str(error) or "timed out")
            else:
                if not is_first:
                    self._on_suspect("link rebuilt")
                is_first = False
                if await self._listen():
                    delay_s = _FIRST_DELAY_S
                self._on_suspect("link lost")
            await asyncio.sleep(delay_s * _rng.uniform(0.5, 1.0))
            delay_s = min(delay_s * 2, _LONGEST_DELAY_S)

    async def _connect(self) -> None:
        self._lost.clear()
        self._confirmed.clear()
        link = await open_link(self._url, self._on_push, self._on_lost)
        self._heard_at = self._clock.monotonic()
        self._link = link
        link.send("SUBSCRIBE", BEAT_CHANNEL, *(CHANNEL_PREFIX + channel for channel in sorted(self._wanted)))

    async def _listen(self) -> bool:
        """Until the link is lost or silent for too long; whether anything was heard on it."""
        connected_at = self._heard_at
        while not self._lost.is_set():
            left_s = self._heard_at + SILENCE_LIMIT_S - self._clock.monotonic()
            if left_s <= 0:
                log.warning("redis is silent for %.0f s: building a new link", SILENCE_LIMIT_S)
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._lost.wait()
        link, self._link = self._link, None
        if link is not None:
            link.abort()
        return self._heard_at > connected_at

    def _on_lost(self, error: Exception | None) -> None:
        if not self._lost.is_set():
            log.warning("lost the link to redis: %s", error or "closed")
        self._link = None
        self._lost.set()

    def _on_push(self, kind: bytes, channel: bytes, data: bytes | int) -> None:
        self._heard_at = self._clock.monotonic()
        if not channel.startswith(_PREFIX):
            return
        name = channel[len(_PREFIX) :].decode()
        if kind == b"message" and isinstance(data, bytes):
            self._hand_over(name, data)
        elif kind == b"subscribe":
            self._confirm(name)

    def _hand_over(self, name: str, raw: bytes) -> None:
        if name not in self._wanted:
            return  # on its way when we left
        try:
            message = decode_message(raw)
        except ValueError as error:
            log.warning("unreadable message on %s: %s", name, error)
            self._on_suspect("unreadable message")
            return
        if message.channel == name:
            self._on_message(message)

    def _confirm(self, name: str) -> None:
        if name not in self._wanted:
            return
        is_second = name in self._confirmed
        self._confirmed.add(name)
        waiting = self._waiting.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        elif is_second:
            self._on_suspect("confirmed twice")

    async def _beat(self) -> None:
        while True:
            try:
                await self._publisher.publish(BEAT_CHANNEL, b"")
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("beat not sent: %s", error)
            await asyncio.sleep(BEAT_INTERVAL_S)


def _ignore(_: object) -> None:
    """What is heard before `start`."""
