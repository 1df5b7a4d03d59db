"""The channels of this node: first join, last leave, position check, slow members, drain.

`docs/guarantees.md` names the rules; `hub.engine.channel` holds those about one channel.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from hub.clock import Clock
from hub.engine.broker import Broker, Log, Message, Snapshots, Top
from hub.engine.channel import Channel
from hub.engine.fanout import Fanout, Member
from hub.engine.live import Accept, LiveChannel, Unrecoverable
from hub.engine.reads import Reads
from hub.errors import HubError, NotFound, Unavailable
from hub.protocol.codes import UnsubscribeCode
from hub.protocol.stream import Publication, StreamPosition

CHECK_INTERVAL_S = 2.0
CHECK_PATIENCE_S = 0.2
SUSPECT_DELAY_S = 0.5
RECALL_SPREAD_S = 2.0
SWEEP_INTERVAL_S = 0.25
LINGER_S = (30.0, 60.0)
MAX_DRAIN_PAUSE_S = 0.05
LOG_SILENCE_LIMIT_S = 15.0
MAX_HISTORY = 300
OPENING_BUFFER = 256

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NodeLimits:
    """What a slow member may hold, how long publications of a busy channel are collected, how long leaving may take."""

    buffer_bytes: int = 262_144
    tick_s: float = 0.005
    stall_deadline_s: float = 10.0
    drain_s: float = 10.0


class Node:
    """One per process. `rng` spreads what must not happen to all members at once."""

    def __init__(
        self,
        broker: Broker,
        source: Log,
        snapshots: Snapshots,
        *,
        clock: Clock,
        limits: NodeLimits,
        rng: random.Random | None = None,
    ) -> None:
        self._broker = broker
        self._reads = Reads(source, snapshots)
        self._clock = clock
        self._limits = limits
        self._rng = rng or random.SystemRandom()
        self._channels: dict[str, LiveChannel] = {}
        self._opening: dict[str, list[Message]] = {}
        self._sessions: dict[Callable[[], None], None] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._log_answered_at = float("-inf")
        self._is_suspect = False
        self._is_draining = False

    async def start(self) -> None:
        """Begin to listen; returns before the broker's link stands."""
        await self._broker.start(self._receive, self._suspect)
        self._log_answered_at = self._clock.monotonic()
        self._spawn(self._check_forever)
        self._spawn(self._sweep_forever)

    async def close(self) -> None:
        """Stop everything; members are not told."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._reads.close()
        await self._broker.close()

    @property
    def is_ready(self) -> bool:
        """Whether new viewers can be served: link alive, log asked lately, not leaving."""
        is_log_fresh = self._clock.monotonic() - self._log_answered_at < LOG_SILENCE_LIMIT_S
        return self._broker.is_healthy and is_log_fresh and not self._is_draining

    @property
    def is_draining(self) -> bool:
        return self._is_draining

    def has(self, channel: str) -> bool:
        """Whether the channel is live on this node."""
        return channel in self._channels

    def member_counts(self) -> Mapping[str, int]:
        """Channel → members on this node."""
        return {name: len(live.fanout) for name, live in self._channels.items() if len(live.fanout)}

    async def shared(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """The answer of `read`, run once for all who ask the same at the same time."""
        return await self._reads.shared(key, read)

    # Members

    async def join(
        self, channel: str, member: Member, since: StreamPosition | None, *, must_recover: bool, accept: Accept
    ) -> None:
        """Add `member`; `accept` writes the answer, and what follows on the wire continues it without a gap.

        Raises NotFound (no such channel), Unavailable (try again) or hub.engine.live.Unrecoverable.
        """
        if self._is_draining:
            raise Unavailable
        live = self._channels.get(channel)
        if live is None:
            await self._reads.shared(("open", channel), lambda: self._open(channel))
            live = self._channels.get(channel)
            if live is None:
                raise Unavailable
        await live.enter(member, since, must_recover, accept)
        self._linger_if_idle(live)

    def leave(self, channel: str, member: Member) -> None:
        """Take `member` out; unknown ones are none of our business."""
        live = self._channels.get(channel)
        if live is not None and live.fanout.remove(member):
            self._linger_if_idle(live)

    async def history(
        self, channel: str, since: StreamPosition | None, limit: int, *, is_reverse: bool
    ) -> tuple[StreamPosition, Sequence[Publication]]:
        """The top position and past publications, at most 300; `limit` below 0 means all, 0 none.

        Forward: above `since`; reverse: below it, newest first. Raises NotFound, Unavailable, or
        hub.engine.live.Unrecoverable when `since` is of another epoch.
        """
        top = await self._top(channel)
        if since is not None and since.epoch not in ("", top.epoch):
            raise Unrecoverable
        position = StreamPosition(top.epoch, top.head)
        count = MAX_HISTORY if limit < 0 else min(limit, MAX_HISTORY)
        if not count:
            return position, ()
        if is_reverse:
            end = top.head + 1 if since is None else min(since.offset, top.head + 1)
            publications, _ = await self._reads.after(channel, max(top.floor, end - 1 - count), count)
            return position, [item for item in reversed(publications) if item.offset < end]
        after = top.floor if since is None else max(top.floor, since.offset)
        publications, _ = await self._reads.after(channel, after, count)
        return position, publications

    # Leaving

    def attach(self, on_drain: Callable[[], None]) -> None:
        """Have `on_drain` called, once, when this node leaves; `detach` when the connection has ended."""
        self._sessions[on_drain] = None

    def detach(self, on_drain: Callable[[], None]) -> None:
        self._sessions.pop(on_drain, None)

    async def drain(self) -> None:
        """Send everybody away in random order, spread over the drain time; refuse whoever comes."""
        self._is_draining = True
        sessions = list(self._sessions)
        self._rng.shuffle(sessions)
        pause_s = min(MAX_DRAIN_PAUSE_S, self._limits.drain_s / max(1, len(sessions)))
        for on_drain in sessions:
            self._send_away(on_drain)
            await asyncio.sleep(pause_s)
        for on_drain in list(self._sessions):  # came in while we were leaving
            self._send_away(on_drain)

    def _send_away(self, on_drain: Callable[[], None]) -> None:
        if on_drain in self._sessions:
            self.detach(on_drain)
            on_drain()

    # Channels

    async def _open(self, channel: str) -> None:
        """Confirmation first, position second: what is published in between is in the log or in the buffer."""
        early = self._opening[channel] = []
        try:
            await self._broker.subscribe(channel)
            live = LiveChannel(
                Channel(channel, await self._top(channel)),
                fanout=Fanout(self._limits.buffer_bytes, self._limits.stall_deadline_s),
                reads=self._reads,
                clock=self._clock,
                spawn=self._spawn,
                recall=self._recall,
                forget=self._forget,
            )
            self._channels[channel] = live
            for message in early:
                live.receive(message)
        except Exception:
            await self._broker.unsubscribe(channel)
            raise
        finally:
            del self._opening[channel]

    async def _top(self, channel: str) -> Top:
        top = await self._reads.top(channel)
        if top is None:
            raise NotFound
        return top

    def _receive(self, message: Message) -> None:
        live = self._channels.get(message.channel)
        if live is not None:
            live.receive(message)
        elif (early := self._opening.get(message.channel)) is not None and len(early) < OPENING_BUFFER:
            early.append(message)

    def _recall(self, members: Iterable[Member]) -> None:
        """Tell members that were taken out to come back, spread so that they do not come at once."""
        loop = asyncio.get_running_loop()
        for member in members:
            delay_s = self._rng.uniform(0, RECALL_SPREAD_S)
            loop.call_later(delay_s, member.on_recall, UnsubscribeCode.INSUFFICIENT_STATE)

    def _linger_if_idle(self, live: LiveChannel) -> None:
        """Keep an empty channel for a while: reloads and flapping networks come back soon."""
        if live.is_idle:
            delay_s = self._rng.uniform(*LINGER_S)
            asyncio.get_running_loop().call_later(delay_s, self._forget_if_idle, live)

    def _forget_if_idle(self, live: LiveChannel) -> None:
        if live.is_idle:
            self._forget(live)

    def _forget(self, live: LiveChannel) -> None:
        if self._channels.get(live.name) is live:
            del self._channels[live.name]
            # Runs before any later `_open`: tasks start in order.
            self._spawn(partial(self._broker.unsubscribe, live.name))

    # Watching

    def _suspect(self, reason: str) -> None:
        if not self._is_suspect:
            self._is_suspect = True
            log.info("messages may have been lost (%s): comparing every channel with the log", reason)
            self._spawn(self._check_all)

    async def _check_all(self) -> None:
        await asyncio.sleep(self._rng.uniform(0, SUSPECT_DELAY_S))
        self._is_suspect = False
        await self._check(list(self._channels.values()), patience_s=0.0)

    async def _check_forever(self) -> None:
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            silent = [live for live in self._channels.values() if live.is_silent]
            for live in self._channels.values():
                live.is_silent = True
            await self._check(silent, CHECK_PATIENCE_S)

    async def _check(self, channels: Sequence[LiveChannel], patience_s: float) -> None:
        """Compare positions with the log in one query; a lag alone gets `patience_s` to heal by itself."""
        asked_at = {live: live.state.position for live in channels}
        try:
            tops = await self._reads.tops([live.name for live in channels]) if channels else {}
        except HubError as error:
            log.warning("positions cannot be checked: %s", error.code)
            return
        self._log_answered_at = self._clock.monotonic()
        late = []
        for live, position in asked_at.items():
            top = tops.get(live.name)
            if patience_s and top is not None and live.state.is_lagging(top):
                late.append(live)
            else:
                live.perform(live.state.checked(top, position))
        if late:
            await asyncio.sleep(patience_s)
            await self._check(late, 0.0)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = self._clock.monotonic()
            for live in list(self._channels.values()):
                if live.fanout.has_behind:
                    for member in live.fanout.sweep(now):
                        member.on_recall(UnsubscribeCode.INSUFFICIENT_STATE)
                    self._linger_if_idle(live)

    def _spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = asyncio.get_running_loop().create_task(_guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _guard(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await work()
    except Exception:
        log.exception("work of the node failed")
