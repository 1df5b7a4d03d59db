"""One publication → many transports: encoded once per wire name and encoding, the same bytes object for every member.

Nothing here waits for a client. A member's transport buffer is its queue; over the limit the member is skipped and
marked behind, told to come back once it has drained, and dropped when it does not drain.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from hub.protocol.codes import UnsubscribeCode
from hub.protocol.stream import ClientInfo, Publication

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
    """The sending side of one transport."""

    def write(self, frame: bytes, /) -> object:
        """Queue bytes without waiting; a no-op once closing."""

    def buffered_bytes(self) -> int:
        """What has been written and not yet been taken by the kernel."""

    def abort(self) -> None:
        """Drop the connection now."""


class Member:
    """One connection in one channel. `on_recall` tells the client, after the engine took the member out."""

    __slots__ = (
        "behind_since",
        "encoding",
        "info",
        "last",
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
        self.last = 0  # offset up to which it has everything; its snapshot may be ahead of the node
        self.behind_since: float | None = None


class Fanout:
    """The members of one channel, in lanes that share their bytes."""

    def __init__(self, buffer_limit_bytes: int, stall_deadline_s: float) -> None:
        self._limit = buffer_limit_bytes
        self._low_mark = int(buffer_limit_bytes * LOW_MARK_RATIO)
        self._stall_deadline_s = stall_deadline_s
        self._lanes: dict[tuple[Encoding, str], dict[Member, None]] = {}
        self._behind: dict[Member, None] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values())) + len(self._behind)

    def __iter__(self) -> Iterator[Member]:
        for lane in self._lanes.values():
            yield from lane
        yield from self._behind

    @property
    def has_behind(self) -> bool:
        return bool(self._behind)

    def add(self, member: Member, last: int) -> None:
        """From now on `member` gets every publication above `last`."""
        member.last = last
        self._lanes.setdefault((member.encoding, member.wire_name), {})[member] = None

    def remove(self, member: Member) -> bool:
        """Whether it was here."""
        if member in self._behind:
            del self._behind[member]
            return True
        key = (member.encoding, member.wire_name)
        lane = self._lanes.get(key)
        if lane is None or member not in lane:
            return False
        del lane[member]
        if not lane:
            del self._lanes[key]
        return True

    def take_all(self) -> list[Member]:
        """All members, taken out at once: none of them gets another byte from here."""
        members = list(self)
        self._lanes.clear()
        self._behind.clear()
        return members

    def send(self, publications: Iterable[Publication], now: float) -> None:
        """Write each publication to every member that does not have it; `now` is monotonic seconds."""
        slow: list[Member] = []
        for publication in publications:
            offset = publication.offset
            for (encoding, wire_name), lane in self._lanes.items():
                frame = encoding.publication(wire_name, publication)
                for member in lane:
                    if self._has(member, offset):
                        continue
                    if member.wire.buffered_bytes() > self._limit:
                        slow.append(member)
                        continue
                    member.wire.write(frame)
                    member.last = offset
            if slow:
                self._set_behind(slow, now)
                slow.clear()

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

    def _has(self, member: Member, offset: int) -> bool:
        return offset <= member.last

    def _set_behind(self, members: Iterable[Member], now: float) -> None:
        for member in members:
            self.remove(member)
            member.behind_since = now
            self._behind[member] = None
