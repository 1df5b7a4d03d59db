"""One listening link to one Redis server, kept alive: dialled again when it is lost, thrown away when it is silent.

Whatever may have been lost is reported as suspect, and only once every channel is confirmed again: a position that is
compared earlier would not cover what is published until then (docs/guarantees.md).
"""

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from hub.clock import Clock
from hub.engine.redis_link import RedisLink, Server, open_link
from hub.engine.work import end

SILENCE_LIMIT_S = 3.0
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.05, 2.0

log = logging.getLogger(__name__)
_rng = random.SystemRandom()


class Listener(Protocol):
    """Who has the ears."""

    def heard(self, channel: str, data: bytes) -> None:
        """A message."""

    def confirmed(self, channel: str) -> bool:
        """The server listens for us on `channel`; returns whether it has said so before, here or elsewhere."""

    def suspect(self, reason: str) -> None:
        """Messages may have been lost."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The commands of ordinary and of sharded pub/sub, and what the server calls its replies."""

    subscribe: str
    unsubscribe: str
    message: bytes

    @property
    def confirmation(self) -> bytes:
        return self.subscribe.lower().encode()

    @property
    def farewell(self) -> bytes:
        return self.unsubscribe.lower().encode()


ORDINARY = Dialect("SUBSCRIBE", "UNSUBSCRIBE", b"message")
SHARDED = Dialect("SSUBSCRIBE", "SUNSUBSCRIBE", b"smessage")


def _no_refusal_is_expected(_: str) -> bool:
    return False


def _ignore(_: str) -> None:
    pass


class Ear:
    """`beat`: the channel on which something must be heard all the time."""

    def __init__(
        self,
        find: Callable[[], Awaitable[Server]],
        listener: Listener,
        clock: Clock,
        *,
        beat: str,
        dialect: Dialect = ORDINARY,
        on_refusal: Callable[[str], bool] = _no_refusal_is_expected,
        on_sent_away: Callable[[str], None] = _ignore,
        on_trouble: Callable[[str], None] = _ignore,
    ) -> None:
        self._find = find
        self._listener = listener
        self._clock = clock
        self._dialect = dialect
        self._on_refusal = on_refusal
        self._on_sent_away = on_sent_away
        self._on_trouble = on_trouble
        self._link: RedisLink | None = None
        self._lost = asyncio.Event()
        self._heard_at = 0.0
        self.beat = beat
        self.channels: set[str] = set()
        self._unconfirmed: set[str] = set()  # on this link
        self._leaving: Counter[str] = Counter()  # farewells that we asked for and have not read
        self._is_again = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_link(), name="redis-ear")

    @property
    def is_healthy(self) -> bool:
        return self._link is not None and self._clock.monotonic() - self._heard_at < SILENCE_LIMIT_S

    @property
    def beats(self) -> Sequence[str]:
        return (self.beat,)

    @property
    def unconfirmed(self) -> Iterable[str]:
        """What was asked for on this link and not granted yet."""
        return self._unconfirmed

    def is_confirmed(self, channel: str) -> bool:
        return self._link is not None and channel in self.channels and channel not in self._unconfirmed

    def subscribe(self, channel: str) -> None:
        """Listen from now on; `Listener.confirmed` follows when the server has said so."""
        self.channels.add(channel)
        self._unconfirmed.add(channel)
        if self._link is not None:
            self._link.send(self._dialect.subscribe, channel)

    def unsubscribe(self, channel: str) -> None:
        if channel not in self.channels:
            return
        self.channels.discard(channel)
        self._settle(channel)
        if self._link is not None:
            self._leaving[channel] += 1
            self._link.send(self._dialect.unsubscribe, channel)

    def forget(self, channel: str) -> None:
        """Expect nothing more on it here: the server has dropped it, or is gone."""
        self.channels.discard(channel)
        self._settle(channel)

    def forget_farewells(self, is_meant: Callable[[str], bool]) -> None:
        """The server refused to say goodbye for these."""
        for channel in [one for one in self._leaving if is_meant(one)]:
            del self._leaving[channel]

    def change_beat(self, channel: str) -> None:
        self.beat = channel
        if self._link is not None:
            self._link.send(self._dialect.subscribe, channel)

    async def close(self) -> None:
        if self._task is not None:
            await end(self._task)
        self._drop()

    async def _keep_link(self) -> None:
        delay_s = _FIRST_DELAY_S
        while True:
            try:
                await self._connect()
            except (OSError, TimeoutError) as error:
                log.warning("no link to redis: %s", str(error) or "timed out")
                self._on_trouble("no link")
            else:
                if await self._listen():
                    delay_s = _FIRST_DELAY_S
                self._listener.suspect("link lost")
                self._on_trouble("link lost")
            await asyncio.sleep(delay_s * _rng.uniform(0.5, 1.0))
            delay_s = min(delay_s * 2, _LONGEST_DELAY_S)

    async def _connect(self) -> None:
        self._lost = lost = asyncio.Event()
        link = await open_link(await self._find(), self._on_push, partial(self._on_lost, lost), self._on_refusal)
        self._heard_at = self._clock.monotonic()
        self._leaving.clear()
        self._unconfirmed = set(self.channels)
        self._link = link
        for channel in (self.beat, *sorted(self.channels)):  # one command each: those of a shard must share a slot
            link.send(self._dialect.subscribe, channel)

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
        self._drop()
        return self._heard_at > connected_at

    def _drop(self) -> None:
        link, self._link = self._link, None
        self._unconfirmed = set(self.channels)
        if link is not None:
            link.abort()

    def _on_lost(self, lost: asyncio.Event, error: Exception | None) -> None:
        if lost is self._lost and not lost.is_set():
            if self._link is not None:
                log.warning("lost the link to redis: %s", error or "closed")
            self._link = None
        lost.set()

    def _on_push(self, kind: bytes, raw_channel: bytes, data: bytes | int) -> None:
        self._heard_at = self._clock.monotonic()
        channel = raw_channel.decode()
        if kind == self._dialect.message and isinstance(data, bytes):
            if channel in self.channels:  # else it was on its way when we left
                self._listener.heard(channel, data)
        elif kind == self._dialect.confirmation:
            self._on_confirmation(channel)
        elif kind == self._dialect.farewell:
            self._on_farewell(channel)

    def _on_confirmation(self, channel: str) -> None:
        if channel not in self.channels:
            return
        if channel not in self._unconfirmed:
            self._listener.suspect("confirmed twice")
            return
        self._is_again |= self._listener.confirmed(channel)
        self._settle(channel)

    def _settle(self, channel: str) -> None:
        self._unconfirmed.discard(channel)
        if self._is_again and not self._unconfirmed:
            self._is_again = False
            self._listener.suspect("link rebuilt")

    def _on_farewell(self, channel: str) -> None:
        if self._leaving[channel] > 0:
            self._leaving[channel] -= 1
            return
        if channel in self.channels:
            self._unconfirmed.add(channel)
            self._on_sent_away(channel)
