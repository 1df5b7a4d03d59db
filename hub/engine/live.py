"""A channel that has members on this node: the pure state, and the reads and writes its actions ask for."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hub.clock import Clock
from hub.engine.broker import FLAG_JOIN, FLAG_LEAVE, Message, SnapshotAt, Top
from hub.engine.channel import AskTop, Channel
from hub.engine.control import Control
from hub.engine.envelope import unpack_client
from hub.engine.fanout import Fanout, Member
from hub.engine.follower import Follower
from hub.engine.reads import Reads
from hub.engine.tally import Tally
from hub.engine.work import Spawn
from hub.errors import HubError, Unavailable
from hub.protocol.recovery import MAX_RECOVERED, can_recover, merge, that_fit
from hub.protocol.stream import Publication, StreamPosition

MAX_TRIES = 5
HELD_LENGTH = 256

log = logging.getLogger(__name__)


class Unrecoverable(HubError):
    """The position cannot be continued, and the client asked to be refused rather than to get a snapshot."""

    code, http_status = "unrecoverable_position", 409


@dataclass(frozen=True, slots=True)
class Entry:
    """How a member comes in: `snapshot` is the state at `position`, or None when `publications` continue from there."""

    position: StreamPosition  # with an empty epoch in a channel without history
    snapshot: bytes | None
    publications: Sequence[Publication]
    is_recovered: bool = False


Accept = Callable[[Entry], bool]
"""Writes the answer to the client, at once; False when the client no longer wants it."""


def take_presence(message: Message, fanout: Fanout) -> bool:
    """Whether `message` told of somebody who came or went; whoever wants to know has been told then."""
    if not message.flags & (FLAG_JOIN | FLAG_LEAVE):
        return False
    try:
        info = unpack_client(message.payload or b"")
    except ValueError as error:
        log.warning("unreadable news on %s: %s", message.channel, error)
        return True
    if message.flags & FLAG_JOIN:
        fanout.tell_joined(info)
    else:
        fanout.tell_left(info)
    return True


class LiveChannel(Follower):
    """`control`: of a channel that not everybody may see; nothing enters it that was written under rights unknown here.

    So whatever the ring holds may be delivered, and what is read of log and snapshots waits before it is.
    """

    def __init__(
        self,
        state: Channel,
        *,
        fanout: Fanout,
        reads: Reads,
        clock: Clock,
        spawn: Spawn,
        recall: Callable[[Iterable[Member]], None],
        forget: Callable[[LiveChannel], None],
        has_snapshots: bool = True,
        is_cache: bool = False,
        control: Control | None = None,
        tally: Tally | None = None,
    ) -> None:
        super().__init__(state, reads=reads, spawn=spawn, tally=tally or Tally())
        self.fanout = fanout
        self.is_silent = True  # no message since the last position check
        self.joining = 0
        self._clock = clock
        self._recall = recall
        self._forget = forget
        self._has_snapshots = has_snapshots
        self._is_cache = is_cache
        self._control = control
        self._held: deque[Message] = deque()  # for what they were written under to be known here
        self._is_releasing = False
        self._cached: SnapshotAt | None = None

    @property
    def is_idle(self) -> bool:
        return not len(self.fanout) and not self.joining

    @property
    def is_private(self) -> bool:
        return self._control is not None

    def receive(self, message: Message) -> None:
        if take_presence(message, self.fanout):
            return
        self.is_silent = False
        if self._control is not None and self._must_wait(message, self._control):
            self._hold(message)
        else:
            self.perform(self.state.received(message))

    def put_off(self) -> None:
        """Take every member out and tell it to come back."""
        self._recall(self.fanout.take_all())

    async def enter(self, member: Member, since: StreamPosition | None, must_recover: bool, accept: Accept) -> None:
        """Add `member`, brought up to date; raises Unrecoverable, NotFound or Unavailable."""
        if since is not None and self._is_cache:
            await self._enter_with_newest(member, since, accept)
            return
        if since is not None and await self._enter_recovered(member, since, accept):
            return
        if must_recover and since is not None:
            raise Unrecoverable
        if self._has_snapshots:
            await self._enter_with_snapshot(member, accept)
        else:
            self._admit(member, accept, Entry(self.state.position, None, ()), ())
            self._tally.joined_at_top += 1

    # Joining

    async def _enter_recovered(self, member: Member, since: StreamPosition, accept: Accept) -> bool:
        if since.epoch == self.state.epoch and since.offset > self.state.pos:
            await self.catch_up()  # it was on a node that is ahead of this one
        history: list[Publication] = []
        state = self.state
        for _ in range(MAX_TRIES):
            if not can_recover(since, state.epoch, state.floor, state.pos):
                return False
            missed = state.tail(since.offset)
            is_in_ring = missed is not None
            if missed is None:
                known = [item for item in history if item.offset <= state.pos]  # the rest comes to every member
                missed = merge(since.offset, known, state.ring)
            if missed is not None and len(that_fit(missed)) < len(missed):
                return False
            if missed is not None and self._reaches_top(since, missed):
                position = StreamPosition(state.epoch, since.offset)
                self._admit(member, accept, Entry(position, None, missed, is_recovered=True), ())
                self._tally.recovered_from_ring += is_in_ring
                self._tally.recovered_from_log += not is_in_ring
                return True
            epoch = state.epoch
            history, top = await self.reads.shared(
                ("after", self.name, epoch, since.offset),
                lambda: self.reads.after(self.name, since.offset, MAX_RECOVERED + 1),
            )
            await self._await_rights(history)
            if top is None or not top.epoch == epoch == state.epoch or self._is_cut_off(since, top):
                self._cached = None
                await self.catch_up()  # the log has gone on without us
                return False
        return False

    def _reaches_top(self, since: StreamPosition, missed: Sequence[Publication]) -> bool:
        return since.offset + len(missed) == self.state.pos

    def _is_cut_off(self, since: StreamPosition, top: Top) -> bool:
        return since.offset < top.floor

    async def _enter_with_snapshot(self, member: Member, accept: Accept) -> None:
        for _ in range(MAX_TRIES):
            snapshot = await self._snapshot()
            if snapshot.epoch != self.state.epoch:
                self._cached = None
                await self.catch_up()  # a newer life of the channel is news for the whole node
            if snapshot.epoch != self.state.epoch or self._shows_what_is_cut(snapshot):
                self._cached = None
                continue
            tail = [] if snapshot.offset >= self.state.pos else self.state.tail(snapshot.offset)
            if tail is None:
                self._cached = None
                continue
            entry = Entry(StreamPosition(snapshot.epoch, snapshot.offset), snapshot.data, ())
            self._admit(member, accept, entry, tail)
            self._tally.joined_with_snapshot += 1
            self.perform(self.state.noticed(snapshot.offset))
            return
        raise Unavailable

    def _shows_what_is_cut(self, snapshot: SnapshotAt) -> bool:
        return snapshot.offset < self.state.snapshot_floor

    async def _enter_with_newest(self, member: Member, since: StreamPosition, accept: Accept) -> None:
        """The newest publication is the state: nothing older matters, and whoever has it needs nothing."""
        state = self.state
        newest = state.tail(state.pos - 1) if state.pos else []
        if newest is None:
            history, _ = await self.reads.after(self.name, state.pos - 1, 1)
            newest = state.tail(state.pos - 1) or [item for item in history if item.offset == state.pos]
        is_current = since == state.position
        missed = () if is_current else newest
        entry = Entry(state.position, None, missed, is_recovered=is_current or bool(missed))
        self._admit(member, accept, entry, ())

    async def _snapshot(self) -> SnapshotAt:
        snapshot = self._cached
        if snapshot is None or snapshot.epoch != self.state.epoch or snapshot.offset < self.state.pos:
            snapshot = await self.reads.shared(("snapshot", self.name), lambda: self.reads.snapshot(self.name))
            self._cached = snapshot
        await self._await_rights_of(snapshot)
        return snapshot

    def _admit(self, member: Member, accept: Accept, entry: Entry, tail: Iterable[Publication]) -> None:
        """Answer and add, with nothing in between that could let a publication through."""
        if self._control is not None and not self._control.is_trusted:
            raise Unavailable
        self.fanout.flush()
        if not accept(entry):
            return
        for publication in tail:
            member.wire.write(member.encoding.publication(member.wire_name, publication))
        base = entry.publications[-1].data if entry.publications else None
        self.fanout.add(member, last=max(self.state.pos, entry.position.offset), base=base)

    # Rights

    def _must_wait(self, message: Message, control: Control) -> bool:
        return message.rights > control.position or bool(self._held)

    def _hold(self, message: Message) -> None:
        if len(self._held) < HELD_LENGTH:
            self._held.append(message)
        if not self._is_releasing:
            self._is_releasing = True
            self._spawn(self._release)

    async def _release(self) -> None:
        assert self._control is not None, "nothing is held in a public channel"
        try:
            while self._held:
                await self._control.reach(self._held[0].rights)
                while self._held and self._held[0].rights <= self._control.position:
                    self.perform(self.state.received(self._held.popleft()))
        except HubError as error:
            log.info("publications in %s wait for what is known of rights: %s", self.name, error.code)
        finally:
            self._held.clear()
            self._is_releasing = False
        self.perform([AskTop()])  # what has been dropped is in the log

    async def _await_rights(self, publications: Sequence[Publication]) -> None:
        if self._control is not None and publications:
            await self._control.reach(max(item.rights for item in publications))

    async def _await_rights_of(self, snapshot: SnapshotAt) -> None:
        if self._control is not None:
            await self._control.reach(snapshot.rights)

    # What the log and the broker bring

    def _deliver(self, publications: Sequence[Publication]) -> None:
        self.fanout.send(publications, self._clock.monotonic())

    def _start_anew(self) -> None:
        self._tally.rebases += 1
        self.put_off()

    def _vanish(self) -> None:
        self._forget(self)
        self.put_off()
