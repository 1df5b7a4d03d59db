"""What clients ask: the body of each command, and what makes one malformed whatever encoding it came in.

The field names are those of the protocol's schema, so that both codecs fill the same structs (docs/protocol.md).
"""

from dataclasses import dataclass

import msgspec

from hub.protocol.stream import StreamPosition

MAX_ID = 2**32 - 1
MAX_OFFSET = 2**64 - 1


class FrameError(ValueError):
    """The client broke the protocol: close 3501."""


class Request(msgspec.Struct):
    """Body of one command; unknown fields are ignored, as newer clients send them."""


class Subscribe(Request):
    channel: str = ""
    token: str = ""
    data: msgspec.Raw = msgspec.Raw()
    recover: bool = False
    epoch: str = ""
    offset: int = 0
    flag: int = 0
    delta: str = ""
    join_leave: bool = False
    type: int = 0
    phase: int = 0
    tf: object = None  # only whether it is there matters

    @property
    def since(self) -> StreamPosition | None:
        """Where the client was; None when it does not ask to recover."""
        return StreamPosition(self.epoch, self.offset) if self.recover else None


class Connect(Request):
    token: str = ""
    data: msgspec.Raw = msgspec.Raw()
    name: str = ""
    version: str = ""
    subs: dict[str, Subscribe] = {}
    """Server-side subscriptions known from before, each with `recover`, `epoch`, `offset`."""


class Unsubscribe(Request):
    channel: str = ""


class Since(msgspec.Struct):
    offset: int = 0
    epoch: str = ""


class History(Request):
    channel: str = ""
    limit: int = 0
    since: Since | None = None
    reverse: bool = False


class Refresh(Request):
    token: str = ""


class SubRefresh(Request):
    channel: str = ""
    token: str = ""


class Publish(Request):
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw()


class Presence(Request):
    channel: str = ""


class PresenceStats(Request):
    channel: str = ""


class Rpc(Request):
    method: str = ""
    data: msgspec.Raw = msgspec.Raw()


class Send(Request):
    """A message without an answer."""


class Ping(Request):
    """In the schema, but sent by no client."""


METHODS: dict[str, type[Request]] = {
    "connect": Connect,
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "history": History,
    "refresh": Refresh,
    "sub_refresh": SubRefresh,
    "publish": Publish,
    "presence": Presence,
    "presence_stats": PresenceStats,
    "rpc": Rpc,
    "send": Send,
    "ping": Ping,
}


@dataclass(frozen=True, slots=True)
class Command:
    """One object of a frame. `request` None: a pong if `id` is 0, else a method nobody knows."""

    id: int
    method: str
    request: Request | None

    @property
    def is_pong(self) -> bool:
        return self.id == 0 and self.request is None and not self.method


def check(command: Command) -> Command:
    """The same; raises FrameError for what no encoding may carry.

    NUL breaks Postgres text, ids and offsets are unsigned numbers of 32 and 64 bits.
    """
    if not 0 <= command.id <= MAX_ID:
        raise FrameError("not a command")
    match command.request:
        case Subscribe() as request:
            _check_position(request.channel, request.epoch, request.offset)
        case History(channel=channel, since=Since(epoch=epoch, offset=offset)):
            _check_position(channel, epoch, offset)
        case Connect(subs=subs):
            for channel, sub in subs.items():
                _check_position(channel, sub.epoch, sub.offset)
        case (
            Unsubscribe(channel=channel)
            | History(channel=channel)
            | Publish(channel=channel)
            | Presence(channel=channel)
            | PresenceStats(channel=channel)
            | SubRefresh(channel=channel)
        ):
            _check_position(channel, "", 0)
        case _:
            pass
    return command


def _check_position(channel: str, epoch: str, offset: int) -> None:
    if "\0" in channel or "\0" in epoch or not 0 <= offset <= MAX_OFFSET:
        raise FrameError("not a command")
