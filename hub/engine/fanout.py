"""One publication → many transports: encoded once per wire name and encoding, the same bytes object for every member.

Nothing here waits for a client. A member's transport buffer is its queue; over the limit the member is skipped and
marked behind, told to come back once it has drained, and dropped when it does not drain.

A publication on a quiet channel goes out as soon as all that came with it has been read, and starts a tick; what comes
while that runs goes out at its end, in one write per member. Nothing else depends on the tick: whoever has to know
where a member is flushes first.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from hub.engine.runs import MAX_RUN_BYTES, Run, above, parts_of
from hub.engine.tally import Tally
from hub.protocol.codes import UnsubscribeCode
from hub.protocol.stream import ClientInfo, Form, Publication

LOW_MARK_RATIO = 0.25


class Encoding(Protocol):
    """How publications look on one kind of transport; one shared object per kind, so that its members share bytes.

    Whatever two calls return can be joined and written at once.
    """

    def publication(self, channel: str, item: Publication) -> bytes:
        """`channel` is the name on the wire."""

    def join(self, channel: str, info: ClientInfo) -> bytes: ...

    def leave(self, channel: str, info: ClientInfo) -> bytes: ...


class Wire(Protocol):
    """The sending side of one transport. Its methods may be replaced while it lives: look them up at each use."""

    def write(self, frame: bytes, /) -> object:
        """Queue bytes without waiting; a no-op once closing."""

    def buffered_bytes(self) -> int:
        """What has been written and not yet been taken by the kernel."""

    def abort(self) -> None:
        """Drop the connection now."""


class Member:
    """One connection in one channel. `on_recall` tells the client, after the engine took the member out."""

    __slots__ = (
        "_last",
        "behind_since",
        "encoding",
        "info",
        "lane",
        "on_recall",
        "wants_delta",
        "wants_joins",
        "wire",
        "wire_name",
    )

    def __init__(
        self,
        wire: Wire,
        wire_name: str,
        encoding: Encoding,
        on_recall: Callable[[UnsubscribeCode], None],
        *,
        wants_delta: bool = False,
        wants_joins: bool = False,
        info: ClientInfo | None = None,
    ) -> None:
        self.wants_delta = wants_delta
        self.wants_joins = wants_joins
        self.info = info  # what others may know of it; None: nothing
        self.wire = wire
        self.wire_name = wire_name
        self.encoding = encoding
        self.on_recall = on_recall
        self.lane: Lane | None = None
        self.behind_since: float | None = None
        self._last = 0

    @property
    def last(self) -> int:
        """Offset up to which it has everything; its snapshot may be ahead of the node."""
        return self._last if self.lane is None else self.lane.position

    def leave_lane(self, last: int) -> None:
        """From now on it stays at `last`."""
        self.lane = None
        self._last = last


LaneKey = tuple[Encoding, str, Form]


class Lane:
    """Members that get the same bytes and are at the same position: fan-out writes, and notes nothing per member."""

    __slots__ = ("key", "members", "position")

    def __init__(self, key: LaneKey, position: int) -> None:
        self.key = key
        self.position = position
        self.members: dict[Member, None] = {}

    def frame(self, run: Run) -> bytes:
        encoding, wire_name, form = self.key
        return b"".join([encoding.publication(wire_name, item) for item in run.in_form(form)])


class Fanout:
    """The members of one channel, in lanes that share their bytes. Without `call_later` nothing is collected."""

    __slots__ = (
        "_ahead",
        "_behind",
        "_call_later",
        "_is_ticking",
        "_lanes",
        "_limit",
        "_low_mark",
        "_now",
        "_on_written",
        "_payload",
        "_pending",
        "_pending_bytes",
        "_position",
        "_stall_deadline_s",
        "_tally",
        "_tick_s",
        "_watchers",
    )

    def __init__(
        self,
        buffer_limit_bytes: int,
        stall_deadline_s: float,
        *,
        tick_s: float = 0.0,
        call_later: Callable[[float, Callable[[], None]], object] | None = None,
        now: Callable[[], float] = time.monotonic,
        tally: Tally | None = None,
        on_written: Callable[[Sequence[Publication]], None] | None = None,
    ) -> None:
        self._limit = buffer_limit_bytes
        self._low_mark = int(buffer_limit_bytes * LOW_MARK_RATIO)
        self._stall_deadline_s = stall_deadline_s
        self._tick_s = tick_s
        self._call_later = call_later
        self._now = now
        self._tally = tally or Tally()
        self._on_written = on_written
        self._lanes: dict[LaneKey, Lane] = {}
        self._ahead: dict[Member, None] = {}  # got more with their answer than has been written here; in no lane yet
        self._behind: dict[Member, None] = {}
        self._watchers: dict[Member, None] = {}  # of those in a lane or ahead, who hears of joins and leaves
        self._position = 0  # of all lanes
        self._payload: bytes | None = None  # the last that was written; base of the next delta
        self._pending: list[Publication] = []
        self._pending_bytes = 0
        self._is_ticking = False

    def __len__(self) -> int:
        return sum(len(lane.members) for lane in self._lanes.values()) + len(self._ahead) + len(self._behind)

    def __iter__(self) -> Iterator[Member]:
        for lane in self._lanes.values():
            yield from lane.members
        yield from self._ahead
        yield from self._behind

    @property
    def has_behind(self) -> bool:
        return bool(self._behind)

    # Members

    def add(self, member: Member, last: int, base: bytes | None = None) -> None:
        """From now on `member` gets every publication above `last`, which is not below what has been sent.

        `base`: the payload that a member with deltas was given last, if it was given one.
        """
        self.flush()
        if member.wants_joins:
            self._watchers[member] = None
        if last > self._position:
            member.leave_lane(last)
            self._ahead[member] = None
        else:
            self._enter_lane(member, is_based=base is not None and base == self._payload)

    def remove(self, member: Member) -> bool:
        """Whether it was here. It gets nothing more, not even what has been collected."""
        self._watchers.pop(member, None)
        if self._leave_lane(member):
            return True
        for apart in (self._ahead, self._behind):
            if member in apart:
                del apart[member]
                return True
        return False

    def take_all(self) -> list[Member]:
        """All members, taken out at once: none of them gets another byte from here.

        What has been collected goes out before: it was published before whatever is the reason, as if there had been
        no tick. The next life of the channel may count from a lower offset.
        """
        self.flush()
        members = list(self)
        for lane in self._lanes.values():
            for member in lane.members:
                member.leave_lane(lane.position)
        for place in (self._lanes, self._ahead, self._behind, self._watchers):
            place.clear()
        self._position, self._payload = 0, None
        return members

    def sweep(self, now: float) -> list[Member]:
        """Members that have drained, taken out, to be told to come back; aborts those that did not drain in time."""
        drained: list[Member] = []
        for member in list(self._behind):
            if member.wire.buffered_bytes() <= self._low_mark:
                del self._behind[member]
                drained.append(member)
            elif member.behind_since is not None and now - member.behind_since >= self._stall_deadline_s:
                del self._behind[member]
                member.wire.abort()
        return drained

    # What they get

    def send(self, publications: Iterable[Publication], now: float) -> None:
        """Give each publication to every member that does not have it, soon; `now` is monotonic seconds.

        Offsets ascend without a hole until `take_all`; publications without one go to everybody.
        """
        if self._call_later is None or self._tick_s <= 0 or not (self._lanes or self._ahead):
            self.flush()
            self._deliver(publications, now)
            return
        for publication in publications:
            self._pending.append(publication)
            self._pending_bytes += len(publication.data)
        if self._pending_bytes >= MAX_RUN_BYTES:
            self.flush()
        if not self._is_ticking:
            self._is_ticking = True
            self._call_later(0.0, self._end_tick)  # what came in the same read goes out in the same write

    def flush(self) -> None:
        """Write what has been collected."""
        if self._pending:
            pending, self._pending = self._pending, []
            self._pending_bytes = 0
            self._deliver(pending, self._now())

    def tell_joined(self, info: ClientInfo) -> None:
        """To members that want to know, after all that was published before."""
        self._tell(lambda member: member.encoding.join(member.wire_name, info))

    def tell_left(self, info: ClientInfo) -> None:
        self._tell(lambda member: member.encoding.leave(member.wire_name, info))

    def _tell(self, frame_for: Callable[[Member], bytes]) -> None:
        if not self._watchers:
            return
        self.flush()
        frames: dict[tuple[Encoding, str], bytes] = {}
        slow: list[Member] = []
        for member in self._watchers:
            if member.wire.buffered_bytes() > self._limit:
                slow.append(member)
                continue
            look = member.encoding, member.wire_name
            if look not in frames:
                frames[look] = frame_for(member)
            member.wire.write(frames[look])
        self._set_behind(slow, self._now())

    # The tick

    def _end_tick(self) -> None:
        self._is_ticking = bool(self._pending)
        if not self._pending or self._call_later is None:
            return
        try:
            self.flush()
        finally:
            # Counted from the end of the write, which outlasts a tick when thousands are there: what came meanwhile
            # has to be read before the tick is over.
            self._call_later(self._tick_s, self._end_tick)

    # Writing

    def _deliver(self, publications: Iterable[Publication], now: float) -> None:
        news = above(self._position, publications)
        while self._ahead and news:
            self._let_in(news[0].offset)
            self._write(news[:1], now)
            del news[0]
        for part in parts_of(news):
            self._write(part, now)

    def _write(self, publications: Sequence[Publication], now: float) -> None:
        """In this loop a hub spends its life: beside the write, one look at the buffer is all that a member costs."""
        run = Run(publications, self._payload)
        limit = self._limit
        slow: list[Member] = []
        for lane in list(self._lanes.values()):
            frame = lane.frame(run)
            for member in lane.members:
                wire = member.wire
                if wire.buffered_bytes() > limit:
                    slow.append(member)
                else:
                    wire.write(frame)
            written = len(lane.members) - len(slow)
            self._tally.writes += written
            self._tally.deliveries += written * len(publications)
            self._tally.delivered_bytes += written * len(frame)
            if slow:
                self._set_behind(slow, now)
                slow.clear()
        if self._on_written is not None:
            self._on_written(publications)
        newest = publications[-1]
        self._payload = newest.data
        self._move_to(newest.offset or self._position)
        self._join_based()

    def _move_to(self, position: int) -> None:
        self._position = position
        for lane in self._lanes.values():
            lane.position = position

    def _join_based(self) -> None:
        """Whoever negotiated deltas and got its first publication has the base that the others have."""
        for lane in [lane for lane in self._lanes.values() if lane.key[2] is Form.FULL]:
            del self._lanes[lane.key]
            for member in lane.members:
                self._enter_lane(member, is_based=True)

    # Places

    def _enter_lane(self, member: Member, *, is_based: bool) -> None:
        form = Form.PLAIN if not member.wants_delta else Form.DELTA if is_based else Form.FULL
        key = member.encoding, member.wire_name, form
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, self._position)
        lane.members[member] = None
        member.lane = lane

    def _leave_lane(self, member: Member) -> bool:
        """Whether it was in one of ours."""
        lane = member.lane
        if lane is None or self._lanes.get(lane.key) is not lane:
            return False
        del lane.members[member]
        if not lane.members:
            del self._lanes[lane.key]
        member.leave_lane(lane.position)
        return True

    def _let_in(self, offset: int) -> None:
        """Those that do not have what comes next have all before it, and need no count of their own any more."""
        entering = [member for member in self._ahead if not self._has(member, offset)]
        if entering and offset:
            self._move_to(offset - 1)
        for member in entering:
            del self._ahead[member]
            self._enter_lane(member, is_based=False)

    def _has(self, member: Member, offset: int) -> bool:
        return offset <= member.last

    def _set_behind(self, members: Iterable[Member], now: float) -> None:
        for member in members:
            self.remove(member)
            self._tally.slow += 1
            member.behind_since = now
            self._behind[member] = None
