"""What goes in and out of `hub.protocol.connection.Connection` besides frames: effects to do, answers to give back."""

from collections.abc import Sequence
from dataclasses import dataclass

from hub.protocol.codes import CloseCode, ErrorCode, UnsubscribeCode
from hub.protocol.stream import Publication, StreamPosition


@dataclass(frozen=True, slots=True)
class Send:
    """Write one text frame; before the next effect, and without waiting."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection with this code; nothing may be sent after it."""

    code: CloseCode


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Find out who this is. Answer: `Authenticated` or `Refused`."""

    token: str | None


@dataclass(frozen=True, slots=True)
class Renew:
    """Check a fresh token. Answer: `Renewed` or `RenewRefused`."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Join:
    """Bring the connection into a channel. Answer: `Joined` or `Failed`, the former in one step with joining."""

    id: int
    channel: str
    since: StreamPosition | None
    must_recover: bool


@dataclass(frozen=True, slots=True)
class Leave:
    """Take the connection out of a channel it had joined."""

    channel: str


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """Read past publications. Answer: `HistoryRead` or `Failed`. `limit` below 0 means all, 0 the position alone."""

    id: int
    channel: str
    since: StreamPosition | None
    limit: int
    is_reverse: bool


Effect = Send | Close | Authenticate | Renew | Join | Leave | ReadHistory


@dataclass(frozen=True, slots=True)
class Authenticated:
    """`expires_in_s` None: for as long as the socket lives. `can_refresh`: the client holds the token itself."""

    user: str | None
    expires_in_s: float | None
    can_refresh: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The connect command failed: an error leaves the client a second try, a close code decides by its range."""

    code: ErrorCode | CloseCode


@dataclass(frozen=True, slots=True)
class Renewed:
    id: int
    user: str | None
    expires_in_s: float | None


@dataclass(frozen=True, slots=True)
class RenewRefused:
    id: int
    code: ErrorCode | CloseCode


@dataclass(frozen=True, slots=True)
class Joined:
    """`snapshot` is the state at `position`; None when `publications` bring the client from `position` to now."""

    id: int
    channel: str
    position: StreamPosition
    was_recovering: bool
    snapshot: bytes | None
    publications: Sequence[Publication]


@dataclass(frozen=True, slots=True)
class HistoryRead:
    id: int
    position: StreamPosition
    publications: Sequence[Publication]


@dataclass(frozen=True, slots=True)
class Failed:
    """The command `id` could not be done."""

    id: int
    code: ErrorCode


@dataclass(frozen=True, slots=True)
class Recalled:
    """The engine took the connection out of `channel`."""

    channel: str
    code: UnsubscribeCode


Answer = Authenticated | Refused | Renewed | RenewRefused | Joined | HistoryRead | Failed | Recalled
