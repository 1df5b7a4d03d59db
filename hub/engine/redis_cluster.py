"""Listening in a Redis Cluster: sharded pub/sub, one link to each master that carries channels of ours.

A channel lives where its slot lives. A slot that moves takes its subscriptions away (the server says so), a master
that dies takes the link; either way the map of the slots is read again and the channels are asked for at their new
place, which the listener hears of as a second confirmation: suspect.
"""

import asyncio
import contextlib
import logging
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import RedisError

from hub.clock import Clock
from hub.engine.broker import BEAT_CHANNEL
from hub.engine.redis_address import Host, RedisAddress
from hub.engine.redis_ear import SHARDED, Ear, Listener
from hub.engine.redis_link import Server, credentials_of, tls_of
from hub.engine.work import end

MAP_MAX_AGE_S = 30.0
MAP_TIMEOUT_S = 1.0
_PAUSE_S = 0.25  # between two looks at the map
_ELSEWHERE = re.compile(r"MOVED (\d+) |(?:CLUSTERDOWN|TRYAGAIN|ASK|LOADING)\b")

log = logging.getLogger(__name__)
_rng = random.SystemRandom()


def slot_of(name: str) -> int:
    return key_slot(name.encode())


def key_beside(channel: str, suffix: str) -> str:
    """A key in the slot of Redis' channel `channel`: the two can be used in one script."""
    tag = re.search(r"\{([^}]+)\}", channel[channel.find("{") :]) if "{" in channel else None
    found = f"{{{tag[1] if tag and channel.find('{') == channel.find(tag[0]) else channel}}}{suffix}"
    if slot_of(found) != slot_of(channel):
        raise ValueError(f"no key can be made to lie beside {channel}")
    return found


@dataclass(frozen=True, slots=True)
class SlotMap:
    """Who serves which slots, as (first, last, master)."""

    ranges: tuple[tuple[int, int, Host], ...] = ()

    def owner(self, slot: int) -> Host | None:
        return next((host for first, last, host in self.ranges if first <= slot <= last), None)

    @property
    def hosts(self) -> set[Host]:
        return {host for _, _, host in self.ranges}


class ClusterEars:
    """The same surface as one `Ear`, over as many as it takes."""

    def __init__(self, address: RedisAddress, listener: Listener, clock: Clock) -> None:
        self._address = address
        self._listener = listener
        self._clock = clock
        self._tls = tls_of(address.tls) if address.tls else None
        self._map = SlotMap()
        self._ears: dict[Host, Ear] = {}
        self._places: dict[str, Host | None] = {BEAT_CHANNEL: None}  # what we want to hear, and where we asked for it
        self._astray: set[str] = set()  # asked for where it is not, or sent away
        self._is_stale = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_map(), name="redis-cluster-map")

    @property
    def is_healthy(self) -> bool:
        is_complete = all(host in self._ears for host in self._places.values())
        return is_complete and all(ear.is_healthy for ear in self._ears.values())

    @property
    def beats(self) -> Sequence[str]:
        return [ear.beat for ear in self._ears.values()]

    def is_confirmed(self, channel: str) -> bool:
        ear = self._ear_of(channel)
        return ear is not None and ear.is_confirmed(channel)

    def subscribe(self, channel: str) -> None:
        self._places.setdefault(channel, None)
        self._place(channel)

    def unsubscribe(self, channel: str) -> None:
        ear = self._ear_of(channel)
        self._places.pop(channel, None)
        self._astray.discard(channel)
        if ear is not None:
            ear.unsubscribe(channel)
            self._close_idle()

    async def close(self) -> None:
        if self._task is not None:
            await end(self._task)
        await asyncio.gather(*(ear.close() for ear in self._ears.values()), *self._closing, return_exceptions=True)
        self._ears.clear()

    def _ear_of(self, channel: str) -> Ear | None:
        host = self._places.get(channel)
        return None if host is None else self._ears.get(host)

    def _place(self, channel: str) -> None:
        """Ask for the channel where its slot is, unless we have."""
        host, before = self._map.owner(slot_of(channel)), self._places[channel]
        if host is None:
            self._is_stale.set()
            return
        if host == before and channel not in self._astray:
            return
        if (ear := self._ear_of(channel)) is not None and host != before:
            ear.forget(channel)
        self._places[channel] = host
        self._astray.discard(channel)
        if host not in self._ears:
            self._ears[host] = self._open(host, channel)
        self._ears[host].subscribe(channel)

    def _open(self, host: Host, channel: str) -> Ear:
        server = Server(host[0], host[1], credentials=credentials_of(self._address.credentials), tls=self._tls)

        async def find() -> Server:
            return server

        ear = Ear(
            find,
            self._listener,
            self._clock,
            beat=key_beside(channel, BEAT_CHANNEL),
            dialect=SHARDED,
            on_refusal=partial(self._on_refusal, host),
            on_sent_away=self._on_sent_away,
            on_trouble=lambda _: self._is_stale.set(),
        )
        ear.start()
        return ear

    def _close_idle(self) -> None:
        for host, ear in list(self._ears.items()):
            if not ear.channels:
                del self._ears[host]
                closing = asyncio.create_task(ear.close())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    def _on_refusal(self, host: Host, text: str) -> bool:
        """An error reply from `host`; whether it only says that something is elsewhere, or not there at present."""
        found = _ELSEWHERE.match(text)
        if found is None or (ear := self._ears.get(host)) is None:
            return False
        slot = int(found[1]) if found[1] else None
        self._astray.update(one for one in ear.unconfirmed if slot is None or slot_of(one) == slot)
        ear.forget_farewells(lambda channel: slot is None or slot_of(channel) == slot)
        self._is_stale.set()
        return True

    def _on_sent_away(self, channel: str) -> None:
        self._listener.suspect("slot moved")
        self._astray.add(channel)
        self._is_stale.set()

    async def _keep_map(self) -> None:
        while True:
            self._is_stale.clear()
            found = await self._read_map()
            if found is not None:
                self._map = found
                self._place_all()
            else:
                self._is_stale.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MAP_MAX_AGE_S):
                    await self._is_stale.wait()
            await asyncio.sleep(_PAUSE_S * _rng.uniform(0.5, 1.0))

    def _place_all(self) -> None:
        for channel in list(self._places):
            self._place(channel)
        self._close_idle()
        for host, ear in self._ears.items():
            if self._map.owner(slot_of(ear.beat)) != host:
                ear.change_beat(key_beside(min(ear.channels), BEAT_CHANNEL))

    async def _read_map(self) -> SlotMap | None:
        """From any node that finds its cluster whole; one that is cut off from the others may tell an old tale."""
        hosts = list({*self._address.hosts, *self._map.hosts})
        _rng.shuffle(hosts)
        for host in hosts:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                found = await self._ask(host)
                if found is not None:
                    return found
        log.warning("no node of the redis cluster says that it is whole")
        return None

    async def _ask(self, host: Host) -> SlotMap | None:
        options: dict[str, Any] = {**self._address.credentials, **self._address.tls}
        async with redis.asyncio.Redis(
            host=host[0],
            port=host[1],
            socket_timeout=MAP_TIMEOUT_S,
            socket_connect_timeout=MAP_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            **options,
        ) as node:
            # As two words each: redis-py reshapes the answers of the commands that it knows.
            if b"cluster_state:ok" not in await node.execute_command("CLUSTER", "INFO"):  # type: ignore[no-untyped-call]
                return None
            rows = await node.execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]
        ranges = [
            (int(first), int(last), (master[0].decode() or host[0], int(master[1]))) for first, last, master, *_ in rows
        ]
        return SlotMap(tuple(ranges))
