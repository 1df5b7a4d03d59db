"""Where a session's messages go, and where it is a member."""

from typing import Protocol

from hub.engine.fanout import Member, Wire


class Outlet(Wire, Protocol):
    """The sending side of a transport, with its end."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye after what is queued; nothing can be written any more."""


class Held:
    """Keeps what is published in server-side subscriptions until the client knows of them."""

    __slots__ = ("_outlet", "frames")

    def __init__(self, outlet: Wire) -> None:
        self._outlet = outlet
        self.frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def buffered_bytes(self) -> int:
        return sum(map(len, self.frames))

    def abort(self) -> None:
        self._outlet.abort()


class Place:
    """Where a connection is a member: the channel behind a name on the wire."""

    __slots__ = ("channel", "member")

    def __init__(self, channel: str, member: Member) -> None:
        self.channel = channel
        self.member = member
