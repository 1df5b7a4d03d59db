"""JSON frames both ways: text in → commands, answers out → text with payload bytes passed through undecoded.

Everything that is not a well-formed frame raises `FrameError` and nothing else, whatever the bytes are.
The field names are those of the protocol's schema, so that another codec can fill the same structs (docs/protocol.md).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from hub.protocol.codes import ErrorCode, UnsubscribeCode
from hub.protocol.stream import Publication, StreamPosition

MAX_ID = 2**32 - 1
MAX_OFFSET = 2**64 - 1

PING = b"{}"


class FrameError(ValueError):
    """The client broke the protocol: close 3501."""


class Request(msgspec.Struct):
    """Body of one command; unknown fields are ignored, as newer clients send them."""


class Connect(Request):
    token: str = ""
    name: str = ""
    version: str = ""


class Subscribe(Request):
    channel: str = ""
    recover: bool = False
    epoch: str = ""
    offset: int = 0
    flag: int = 0
    delta: str = ""
    type: int = 0
    phase: int = 0
    tf: object = None


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


class Presence(Request):
    channel: str = ""


class PresenceStats(Request):
    channel: str = ""


class Rpc(Request):
    method: str = ""


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


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ID = msgspec.json.Decoder(int)
_REQUESTS = {name: msgspec.json.Decoder(kind) for name, kind in METHODS.items()}
_TEXT = msgspec.json.Encoder()


def decode(frame: str | bytes, limit_bytes: int) -> list[Command]:
    """The commands of one text frame, in order; raises FrameError.

    Newlines before and after are fine, an empty line between two objects is not.
    """
    if isinstance(frame, str):
        try:
            frame = frame.encode()
        except UnicodeEncodeError as error:
            raise FrameError("not Unicode text") from error
    if len(frame) > limit_bytes:
        raise FrameError("frame too large")
    lines = frame.strip(b"\r\n").split(b"\n")
    return [_command(line) for line in lines]


def _command(line: bytes) -> Command:
    try:
        fields = _OBJECT.decode(line)
        raw_id = fields.pop("id", None)
        command_id = 0 if raw_id is None else _ID.decode(raw_id)
        names = [name for name in fields if name in METHODS]
        if not 0 <= command_id <= MAX_ID or len(names) > 1:
            raise FrameError("not a command")
        if not names:
            if fields and command_id == 0:
                raise FrameError("not a command")
            return Command(command_id, next(iter(fields), ""), None)
        request = _REQUESTS[names[0]].decode(fields[names[0]])
    except (msgspec.MsgspecError, RecursionError, UnicodeError, OverflowError) as error:
        raise FrameError("not a command") from error
    _refuse_odd(request)
    return Command(command_id, names[0], request)


def _refuse_odd(request: Request) -> None:
    """NUL breaks Postgres text, and an offset is an unsigned 64-bit number."""
    match request:
        case Subscribe(channel=channel, epoch=epoch, offset=offset):
            texts, offsets = (channel, epoch), (offset,)
        case History(channel=channel, since=Since(epoch=epoch, offset=offset)):
            texts, offsets = (channel, epoch), (offset,)
        case Unsubscribe(channel=channel) | History(channel=channel):
            texts, offsets = (channel, ""), (0,)
        case _:
            return
    if any("\0" in text for text in texts) or not all(0 <= offset <= MAX_OFFSET for offset in offsets):
        raise FrameError("not a command")


# Out. Absent fields are left out, never null; every result object and every code and reason is there, because the
# strictest client stops for good without them.


def error_reply(command_id: int, code: ErrorCode) -> bytes:
    temporary = b',"temporary":true' if code.is_temporary else b""
    return b'{"id":%d,"error":{"code":%d,"message":"%s"%s}}' % (command_id, code, code.text.encode(), temporary)


def empty_reply(command_id: int, method: str) -> bytes:
    return b'{"id":%d,"%s":{}}' % (command_id, method.encode())


def connect_reply(command_id: int, *, client: str, version: str, ping_s: int, ttl_s: int | None) -> bytes:
    expires = b"" if ttl_s is None else b',"expires":true,"ttl":%d' % ttl_s
    return b'{"id":%d,"connect":{"client":%s,"version":%s,"ping":%d,"pong":true%s}}' % (
        command_id,
        _TEXT.encode(client),
        _TEXT.encode(version),
        ping_s,
        expires,
    )


def refresh_reply(command_id: int, ttl_s: int | None) -> bytes:
    if ttl_s is None:
        return empty_reply(command_id, "refresh")
    return b'{"id":%d,"refresh":{"expires":true,"ttl":%d}}' % (command_id, ttl_s)


def subscribe_reply(
    command_id: int,
    position: StreamPosition,
    *,
    was_recovering: bool,
    recovered: bool,
    publications: Iterable[Publication] = (),
    data: bytes | None = None,
) -> bytes:
    """`position` is where the client starts: the snapshot's, or, when recovered, the one the client named itself."""
    parts = [
        b'{"id":%d,"subscribe":{"recoverable":true,"positioned":true,"epoch":%s,"offset":%d'
        % (command_id, _TEXT.encode(position.epoch), position.offset)
    ]
    if was_recovering:
        parts.append(b',"was_recovering":true')
    if recovered:
        parts.append(b',"recovered":true,"publications":[%s]' % b",".join(map(publication, publications)))
    if data is not None:
        parts.append(b',"data":%s' % one_line(data))
    parts.append(b"}}")
    return b"".join(parts)


def history_reply(command_id: int, position: StreamPosition, publications: Iterable[Publication]) -> bytes:
    return b'{"id":%d,"history":{"publications":[%s],"epoch":%s,"offset":%d}}' % (
        command_id,
        b",".join(map(publication, publications)),
        _TEXT.encode(position.epoch),
        position.offset,
    )


def publication(item: Publication) -> bytes:
    return b'{"data":%s,"offset":%d,"time":%d}' % (one_line(item.data), item.offset, item.time_ms)


def publication_push(channel: str, item: Publication) -> bytes:
    return b'{"push":{"channel":%s,"pub":%s}}' % (_TEXT.encode(channel), publication(item))


def unsubscribe_push(channel: str, code: UnsubscribeCode) -> bytes:
    return b'{"push":{"channel":%s,"unsubscribe":{"code":%d,"reason":"%s"}}}' % (
        _TEXT.encode(channel),
        code,
        code.reason.encode(),
    )


def one_line(data: bytes) -> bytes:
    """JSON text without raw line breaks, which can stand between tokens only; they would end the frame's line."""
    if b"\n" in data or b"\r" in data:
        return data.replace(b"\r", b" ").replace(b"\n", b" ")
    return data
