"""The channels of this node: first join, last leave, position check, slow members, drain.

`docs/guarantees.md` names the rules; `hub.engine.channel` holds those about one channel.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from hub.clock import Clock
from hub.domain.channel import is_private_channel
from hub.domain.control import CONTROL_CHANNEL, AccountNews, AudienceChanged, ControlEvent
from hub.engine.broker import ACCOUNT_PREFIX, Broker, Log, Message, Snapshots
from hub.engine.channel import RING_LENGTH, AskTop, Channel, publication_of
from hub.engine.control import Control
from hub.engine.custom import NO_POSITION, PAGE_PREFIX, CustomChannels
from hub.engine.envelope import unpacked
from hub.engine.fanout import Fanout, Member
from hub.engine.live import Accept, Entry, LiveChannel
from hub.engine.options import ChannelOptions
from hub.engine.past import Past
from hub.engine.plain import PlainChannel
from hub.engine.position_check import PositionCheck
from hub.engine.reads import Reads
from hub.engine.sessions import Sessions
from hub.engine.tally import Tally
from hub.engine.work import Tasks
from hub.errors import NotFound, Unavailable
from hub.protocol.codes import UnsubscribeCode
from hub.protocol.stream import ClientInfo, Publication, StreamPosition

RECALL_SPREAD_S = 2.0
SWEEP_INTERVAL_S = 0.25
LINGER_S = (30.0, 60.0)
LOG_SILENCE_LIMIT_S = 15.0
OPENING_BUFFER = 256

_PAGE = ChannelOptions(history_size=RING_LENGTH)

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NodeLimits:
    """What a slow member may hold, how long leaving may take, and how long rights count as known."""

    buffer_bytes: int = 262_144
    stall_deadline_s: float = 10.0
    drain_s: float = 10.0
    tick_s: float = 0.005  # what is published to one channel within it goes out as one write
    trust_s: float = 15.0  # without a word from the log about the control stream; then only public views go on


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
        custom: CustomChannels | None = None,
    ) -> None:
        self._broker = broker
        self._reads = Reads(source, snapshots)
        self._custom = custom
        self._custom_reads = self._reads if custom is None else Reads(custom.streams, snapshots)
        self._clock = clock
        self._limits = limits
        self._rng = rng or random.SystemRandom()
        self._channels: dict[str, LiveChannel | PlainChannel] = {}
        self._opening: dict[str, list[Message]] = {}
        self.sessions = Sessions(self._rng)
        self.tally = Tally()
        self._tasks = Tasks()
        self._spawn = self._tasks.spawn
        self._control = Control(
            broker,
            Reads(source, snapshots),
            clock=clock,
            spawn=self._spawn,
            apply=self._heed,
            recheck_all=self.sessions.recheck_all,
            trust_s=limits.trust_s,
        )
        self._check = PositionCheck(self._positioned, self._reads, clock=clock, rng=self._rng, tally=self.tally)
        self._is_draining = False

    async def start(self) -> None:
        """Begin to listen; returns before the broker's link stands."""
        await self._broker.start(self._receive, self._suspect)
        if self._custom is not None:
            self._custom.start()
        self._control.start()
        self._check.begin()
        self._spawn(self._check.run_forever)
        self._spawn(self._sweep_forever)

    async def close(self) -> None:
        """Stop everything; members are not told."""
        await self._tasks.close()
        if self._custom is not None:
            await self._custom.close()
        await self._control.close()
        await self._reads.close()
        await self._custom_reads.close()
        await self._broker.close()

    @property
    def is_ready(self) -> bool:
        """Whether new viewers can be served: link alive, log asked lately, not leaving."""
        is_log_fresh = self._clock.monotonic() - self._check.answered_at < LOG_SILENCE_LIMIT_S
        return self._broker.is_healthy and is_log_fresh and not self._is_draining

    @property
    def has_broker(self) -> bool:
        """Whether the broker's link has lately shown a sign of life."""
        return self._broker.is_healthy

    @property
    def knows_rights(self) -> bool:
        """Whether views that not everybody may see are served: the log has lately confirmed what rights are known."""
        return self._control.is_trusted

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
        control = self._control_of(channel)
        if control is not None:
            await control.confirm()
        if self._custom is None or member.info is None:
            await self._enter(channel, member, since, must_recover, accept)
        else:
            await self._enter_seen(self._custom, channel, member, member.info, since, must_recover, accept)

    async def _enter(
        self,
        channel: str,
        member: Member,
        since: StreamPosition | None,
        must_recover: bool,
        accept: Accept,
        before: Awaitable[None] | None = None,
    ) -> None:
        """`before`: what has to be done as well until the member comes in."""
        live = self._channels.get(channel)
        if live is None:
            await self._reads.shared(("open", channel), lambda: self._open(channel))
            live = self._channels.get(channel)
            if live is None:
                raise Unavailable
        live.joining += 1
        try:
            if before is not None:
                await before
            await live.enter(member, since, must_recover, accept)
        finally:
            live.joining -= 1
            self._linger_if_idle(live)

    async def _enter_seen(
        self,
        custom: CustomChannels,
        channel: str,
        member: Member,
        info: ClientInfo,
        since: StreamPosition | None,
        must_recover: bool,
        accept: Accept,
    ) -> None:
        """With the others told: present before the client knows that it is in, joined after it.

        Presence is written while the channel is opened: a first subscriber waits for the longer of the two.
        """
        is_in = False

        def accept_once(entry: Entry) -> bool:
            nonlocal is_in
            is_in = accept(entry)
            return is_in

        entering = asyncio.ensure_future(custom.entering(channel, info))
        try:
            await self._enter(channel, member, since, must_recover, accept_once, before=entering)
        finally:
            if is_in:
                custom.entered(channel, info)
            else:
                entering.cancel()
                await asyncio.gather(entering, return_exceptions=True)
                custom.left(channel, info, was_in=False)

    def leave(self, channel: str, member: Member) -> None:
        """Take `member` out; unknown ones are none of our business."""
        live = self._channels.get(channel)
        if live is not None and live.fanout.remove(member):
            self._linger_if_idle(live)
        if self._custom is not None and member.info is not None:
            self._custom.left(channel, member.info)

    async def history(
        self, channel: str, since: StreamPosition | None, limit: int, *, is_reverse: bool
    ) -> tuple[StreamPosition, Sequence[Publication]]:
        """The top position and past publications, at most 300 and 1 MiB; `limit` below 0 means all, 0 none.

        Forward: above `since`; reverse: below it, newest first. Raises NotFound, Unavailable, or
        hub.engine.live.Unrecoverable when `since` is of another epoch.
        """
        if not self._options(channel).history_size:
            return NO_POSITION, ()
        past = Past(channel, self._reads_of(channel), self._control_of(channel))
        return await past.read(since, limit, is_reverse=is_reverse)

    @property
    def custom(self) -> CustomChannels:
        """Raises NotFound on a node that has none."""
        if self._custom is None:
            raise NotFound
        return self._custom

    # Leaving

    async def drain(self) -> None:
        """Send everybody away, spread over the drain time; refuse whoever comes."""
        self._is_draining = True
        await self.sessions.drain(self._limits.drain_s)

    # Channels

    async def _open(self, channel: str) -> None:
        """Confirmation first, position second: what is published in between is in the log or in the buffer."""
        early = self._opening[channel] = []
        try:
            await self._broker.subscribe(channel)
            live = await self._make(channel)
            self._channels[channel] = live
            for message in early:
                live.receive(message)
            self._linger_if_idle(live)  # whoever wanted it may have gone meanwhile
        except Exception:
            await self._broker.unsubscribe(channel)
            raise
        finally:
            del self._opening[channel]

    async def _make(self, channel: str) -> LiveChannel | PlainChannel:
        fanout = Fanout(
            self._limits.buffer_bytes,
            self._limits.stall_deadline_s,
            tick_s=self._limits.tick_s,
            call_later=asyncio.get_running_loop().call_later,
            now=self._clock.monotonic,
            tally=self.tally,
            on_written=self._observe,
        )
        is_page, options, reads = channel.startswith(PAGE_PREFIX), self._options(channel), self._reads_of(channel)
        if not options.history_size:
            return PlainChannel(channel, fanout, self._clock)
        return LiveChannel(
            Channel(
                channel,
                await reads.known_top(channel),
                publication_of if is_page else unpacked,
                min(options.history_size, RING_LENGTH),
            ),
            fanout=fanout,
            reads=reads,
            clock=self._clock,
            spawn=self._spawn,
            recall=self._recall,
            forget=self._forget,
            has_snapshots=is_page,
            is_cache=options.is_cache,
            control=self._control_of(channel),
            tally=self.tally,
        )

    def _observe(self, publications: Sequence[Publication]) -> None:
        now_ms = self._clock.now().timestamp() * 1000
        for publication in publications:
            self.tally.latency.observe(max(0.0, now_ms - publication.time_ms) / 1000)

    def _options(self, channel: str) -> ChannelOptions:
        return _PAGE if channel.startswith(PAGE_PREFIX) else self.custom.options(channel)

    def _reads_of(self, channel: str) -> Reads:
        return self._reads if channel.startswith(PAGE_PREFIX) else self._custom_reads

    def _control_of(self, channel: str) -> Control | None:
        return self._control if is_private_channel(channel) else None

    def _receive(self, message: Message) -> None:
        if message.channel == CONTROL_CHANNEL:
            self._control.receive(message)
            return
        live = self._channels.get(message.channel)
        if live is not None:
            live.receive(message)
        elif (early := self._opening.get(message.channel)) is not None and len(early) < OPENING_BUFFER:
            early.append(message)

    def _heed(self, event: ControlEvent, time_ms: int) -> None:
        """What the control stream says, whatever else it may set off, is done when this returns."""
        self.sessions.apply(event)
        if isinstance(event, AccountNews):
            own = self._channels.get(ACCOUNT_PREFIX + event.account)
            if isinstance(own, PlainChannel):
                own.tell(bytes(event.data), time_ms)
        elif isinstance(event, AudienceChanged):
            for live in self._positioned():
                if live.name.partition("@")[0] == PAGE_PREFIX + event.slug:
                    live.perform([AskTop()])  # what was cut there must not wait for a message that may be lost

    def _recall(self, members: Iterable[Member]) -> None:
        """Tell members that were taken out to come back, spread so that they do not come at once."""
        call_later = asyncio.get_running_loop().call_later
        for member in members:
            self.tally.recalls += 1
            call_later(self._rng.uniform(0, RECALL_SPREAD_S), member.on_recall, UnsubscribeCode.INSUFFICIENT_STATE)

    def _linger_if_idle(self, live: LiveChannel | PlainChannel) -> None:
        """Keep an empty channel for a while: reloads and flapping networks come back soon."""
        if live.is_idle:
            delay_s = self._rng.uniform(*LINGER_S)
            asyncio.get_running_loop().call_later(delay_s, self._forget_if_idle, live)

    def _forget_if_idle(self, live: LiveChannel | PlainChannel) -> None:
        if live.is_idle:
            self._forget(live)

    def _forget(self, live: LiveChannel | PlainChannel) -> None:
        if self._channels.get(live.name) is live:
            del self._channels[live.name]
            # Runs before any later `_open`: tasks start in order.
            self._spawn(partial(self._broker.unsubscribe, live.name))

    # Watching

    def _suspect(self, reason: str) -> None:
        self._control.suspect()
        if self._check.suspect(reason):
            self._spawn(self._check.run_soon)

    def _positioned(self) -> list[LiveChannel]:
        return [live for live in self._channels.values() if isinstance(live, LiveChannel)]

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = self._clock.monotonic()
            self._fail_closed()
            for live in list(self._channels.values()):
                if live.fanout.has_behind:
                    for member in live.fanout.sweep(now):
                        member.on_recall(UnsubscribeCode.INSUFFICIENT_STATE)
                    self._linger_if_idle(live)

    def _fail_closed(self) -> None:
        if self._control.is_trusted:
            return
        for live in self._positioned():
            if live.is_private and len(live.fanout):
                log.warning("rights have not been confirmed for %g s: nobody sees %s", self._limits.trust_s, live.name)
                live.put_off()
                self._linger_if_idle(live)
