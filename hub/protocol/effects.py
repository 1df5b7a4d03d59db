"""What goes in and out of `hub.protocol.connection.Connection` besides frames: effects to do, answers to give back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.protocol.codec import SubscribeResult
from hub.protocol.codes import CloseCode, ErrorCode, UnsubscribeCode
from hub.protocol.stream import ClientInfo, Publication, StreamPosition


@dataclass(frozen=True, slots=True)
class Send:
    """Write one message; before the next effect, and without waiting."""

    message: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection with this code; nothing may be sent after it."""

    code: CloseCode


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Find out who this is. Answer: `Authenticated` or `Refused`."""

    token: str


@dataclass(frozen=True, slots=True)
class Renew:
    """Check a fresh token. Answer: `Renewed` or `RenewRefused`."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Join:
    """Bring the connection into a channel. Answer: `Joined` or `Failed`, the former in one step with joining.

    `id` 0: a server-side subscription; what is published there is held back until `Release`.
    """

    id: int
    channel: str
    since: StreamPosition | None = None
    must_recover: bool = False
    token: str = ""
    wants_delta: bool = False
    wants_joins: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """The connect reply has been sent: what was held back for server-side subscriptions may follow."""


@dataclass(frozen=True, slots=True)
class RenewSubscription:
    """Check a fresh subscription token. Answer: `SubscriptionRenewed` or `SubscriptionRenewRefused`."""

    id: int
    channel: str
    token: str


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


@dataclass(frozen=True, slots=True)
class ReadPresence:
    """Who is in the channel. Answer: `PresenceRead` or `Failed`."""

    id: int
    channel: str
    is_count: bool


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish for the client. Answer: `Published` or `Failed`."""

    id: int
    channel: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A remote procedure of the application. Answer: `Called` or `Failed`."""

    id: int
    method: str
    data: bytes


Effect = (
    Send
    | Close
    | Authenticate
    | Renew
    | Join
    | Release
    | RenewSubscription
    | Leave
    | ReadHistory
    | ReadPresence
    | Publish
    | Call
)


@dataclass(frozen=True, slots=True)
class Authenticated:
    """`user` "": anonymous. `expires_in_s` None: for as long as the socket lives.

    `can_refresh`: the client holds the token itself. `server_subs`: the channels that the server brings it into.
    """

    user: str
    expires_in_s: float | None
    can_refresh: bool
    server_subs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The connect command failed: an error leaves the client a second try, a close code decides by its range."""

    code: ErrorCode | CloseCode


@dataclass(frozen=True, slots=True)
class Renewed:
    """`must_reconnect`: the fresh token names other server-side subscriptions."""

    id: int
    user: str
    expires_in_s: float | None
    must_reconnect: bool = False


@dataclass(frozen=True, slots=True)
class RenewRefused:
    id: int
    code: ErrorCode | CloseCode


@dataclass(frozen=True, slots=True)
class Joined:
    """`id` 0 for a server-side subscription. `expires_in_s` None: for as long as the connection."""

    id: int
    channel: str
    result: SubscribeResult
    expires_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionRenewed:
    id: int
    channel: str
    expires_in_s: float | None


@dataclass(frozen=True, slots=True)
class SubscriptionRenewRefused:
    """`is_expired`: the client is to fetch another token; otherwise `code` is the final answer."""

    id: int
    channel: str
    code: ErrorCode
    is_expired: bool


@dataclass(frozen=True, slots=True)
class HistoryRead:
    id: int
    position: StreamPosition
    publications: Sequence[Publication]


@dataclass(frozen=True, slots=True)
class PresenceRead:
    id: int
    clients: Mapping[str, ClientInfo]
    is_count: bool


@dataclass(frozen=True, slots=True)
class Published:
    id: int


@dataclass(frozen=True, slots=True)
class Called:
    id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The command `id` could not be done; `id` 0: the server-side subscription to `channel`."""

    id: int
    code: ErrorCode
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Recalled:
    """The engine, or the server's application, took the connection out of `channel`."""

    channel: str
    code: UnsubscribeCode


Answer = (
    Authenticated
    | Refused
    | Renewed
    | RenewRefused
    | Joined
    | SubscriptionRenewed
    | SubscriptionRenewRefused
    | HistoryRead
    | PresenceRead
    | Published
    | Called
    | Failed
    | Recalled
)
