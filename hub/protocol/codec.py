"""The port of the encodings: frames in → commands, results out → messages. `codec_json`, `codec_protobuf` fill it.

A *message* is one complete reply or push in the encoding's own framing inside a transport frame: a JSON object without
a line break, or a protobuf message behind its length. A transport puts it into a WebSocket frame, a line or an event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hub.protocol.codes import ErrorCode, UnsubscribeCode
from hub.protocol.commands import Command
from hub.protocol.stream import ClientInfo, Publication, StreamPosition


@dataclass(frozen=True, slots=True)
class SubscribeResult:
    """The answer to a subscribe, and a value of the connect result's `subs`.

    `position` is where the client starts: the snapshot's, the channel's top, or, when recovered, the one it named.
    """

    position: StreamPosition | None = None  # None: a channel without history
    is_recoverable: bool = False
    is_positioned: bool = False
    was_recovering: bool = False
    recovered: bool = False
    publications: Sequence[Publication] = ()
    data: bytes | None = None  # JSON text
    is_delta: bool = False
    ttl_s: int | None = None  # None: does not expire


@dataclass(frozen=True, slots=True)
class ConnectResult:
    """`subs`: server-side subscriptions. `session`, `node`: only for transports with emulation."""

    client: str
    version: str
    ping_s: int
    is_pong_wanted: bool = True
    ttl_s: int | None = None
    subs: Mapping[str, SubscribeResult] = field(default_factory=dict)
    data: bytes | None = None
    session: str = ""
    node: str = ""
    time_ms: int = 0


class Codec(Protocol):
    """Absent values are left out, never null: the strictest client stops for good on a null."""

    @property
    def ping(self) -> bytes:
        """The server's ping."""

    def decode(self, frame: bytes, limit_bytes: int) -> list[Command]:
        """The commands of one frame in order; raises `hub.protocol.commands.FrameError` and nothing else."""

    def error(self, id: int, code: ErrorCode) -> bytes: ...

    def empty(self, id: int, method: str) -> bytes:
        """`{}` as the result of `method`."""

    def connect(self, id: int, result: ConnectResult) -> bytes: ...

    def subscribe(self, id: int, result: SubscribeResult) -> bytes: ...

    def expiry(self, id: int, method: str, ttl_s: int | None) -> bytes:
        """The result of `refresh` or `sub_refresh`; None: it expires no more."""

    def history(self, id: int, position: StreamPosition, publications: Sequence[Publication]) -> bytes: ...

    def presence(self, id: int, clients: Mapping[str, ClientInfo]) -> bytes:
        """`clients`: client id → who it is."""

    def presence_stats(self, id: int, *, clients: int, users: int) -> bytes: ...

    def rpc(self, id: int, data: bytes) -> bytes: ...

    def publication_push(self, channel: str, item: Publication) -> bytes: ...

    def join_push(self, channel: str, info: ClientInfo) -> bytes: ...

    def leave_push(self, channel: str, info: ClientInfo) -> bytes: ...

    def subscribe_push(self, channel: str, result: SubscribeResult) -> bytes:
        """The server subscribed the client to `channel`."""

    def unsubscribe_push(self, channel: str, code: UnsubscribeCode) -> bytes: ...

    def disconnect_push(self, code: int, reason: str) -> bytes:
        """Only for transports that have no close code of their own."""
