"""The binary encoding: messages behind their lengths, with payload bytes as they are (docs/protocol.md#binary)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from google.protobuf.message import DecodeError

from hub.protocol import commands, schema
from hub.protocol.codec import ConnectResult, SubscribeResult
from hub.protocol.codes import ErrorCode, UnsubscribeCode
from hub.protocol.commands import Command, FrameError, check
from hub.protocol.stream import ClientInfo, Form, Publication, StreamPosition

_MAX_LENGTH_BYTES = 5  # a length has 32 bits


class ProtobufCodec:
    """Implements `hub.protocol.codec.Codec`; holds nothing.

    Zero, false and "" are not told apart from absent, neither by clients nor here.
    """

    ping = b"\0"

    def decode(self, frame: bytes, limit_bytes: int) -> list[Command]:
        """Whether `data` is JSON is not looked at here."""
        if len(frame) > limit_bytes:
            raise FrameError("frame too large")
        if not frame:
            raise FrameError("no command")
        return [_command(message) for message in _messages(frame)]

    def error(self, id: int, code: ErrorCode) -> bytes:
        return _reply(id, "error", {"code": code, "message": code.text, "temporary": code.is_temporary})

    def empty(self, id: int, method: str) -> bytes:
        return _reply(id, method, {})

    def connect(self, id: int, result: ConnectResult) -> bytes:
        body = {
            "client": result.client,
            "version": result.version,
            **_expiry(result.ttl_s),
            "data": result.data,
            "subs": {name: _subscription(sub) for name, sub in result.subs.items()},
            "ping": result.ping_s,
            "pong": result.is_pong_wanted,
            "session": result.session,
            "node": result.node,
            "time": result.time_ms,
        }
        return _reply(id, "connect", body)

    def subscribe(self, id: int, result: SubscribeResult) -> bytes:
        return _reply(id, "subscribe", _subscription(result))

    def expiry(self, id: int, method: str, ttl_s: int | None) -> bytes:
        return _reply(id, method, _expiry(ttl_s))

    def history(self, id: int, position: StreamPosition, publications: Sequence[Publication]) -> bytes:
        return _reply(
            id, "history", {"publications": [_publication(item) for item in publications], **_position(position)}
        )

    def presence(self, id: int, clients: Mapping[str, ClientInfo]) -> bytes:
        return _reply(id, "presence", {"presence": {client: _client(info) for client, info in clients.items()}})

    def presence_stats(self, id: int, *, clients: int, users: int) -> bytes:
        return _reply(id, "presence_stats", {"num_clients": clients, "num_users": users})

    def rpc(self, id: int, data: bytes) -> bytes:
        return _reply(id, "rpc", {"data": data})

    def publication_push(self, channel: str, item: Publication) -> bytes:
        return _push(channel, "pub", _publication(item))

    def join_push(self, channel: str, info: ClientInfo) -> bytes:
        return _push(channel, "join", {"info": _client(info)})

    def leave_push(self, channel: str, info: ClientInfo) -> bytes:
        return _push(channel, "leave", {"info": _client(info)})

    def subscribe_push(self, channel: str, result: SubscribeResult) -> bytes:
        """Without publications, delta and expiry: this push has no place for them."""
        return _push(channel, "subscribe", _start(result))

    def unsubscribe_push(self, channel: str, code: UnsubscribeCode) -> bytes:
        return _push(channel, "unsubscribe", {"code": code, "reason": code.reason})

    def disconnect_push(self, code: int, reason: str) -> bytes:
        return _push("", "disconnect", {"code": code, "reason": reason})


PROTOBUF = ProtobufCodec()


# In


def _messages(frame: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(frame):
        size, at = _length(frame, at)
        if size > len(frame) - at:
            raise FrameError("a command is cut off")
        yield frame[at : at + size]
        at += size


def _length(frame: bytes, at: int) -> tuple[int, int]:
    """The base-128 number at `at`, and where it ends."""
    length = 0
    for shift, byte in enumerate(frame[at : at + _MAX_LENGTH_BYTES]):
        length |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return length, at + shift + 1
    raise FrameError("not a length")


def _command(message: bytes) -> Command:
    try:
        command = schema.Command.FromString(message)
    except DecodeError as error:
        raise FrameError("not a command") from error
    bodies = {field.name: body for field, body in command.ListFields()}
    command_id = bodies.pop("id", 0)
    if len(bodies) > 1:
        raise FrameError("more than one method")
    for method, body in bodies.items():
        return check(Command(command_id, method, _REQUESTS[method](body)))
    if command_id == 0 and command.ByteSize():  # neither a pong nor a method that could be answered
        raise FrameError("not a command")
    return Command(command_id, "", None)


def _connect(body: Any) -> commands.Connect:
    subs = {channel: _subscribe(sub) for channel, sub in body.subs.items()}
    return commands.Connect(body.token, msgspec.Raw(body.data), body.name, body.version, subs)


def _subscribe(body: Any) -> commands.Subscribe:
    return commands.Subscribe(
        channel=body.channel,
        token=body.token,
        data=msgspec.Raw(body.data),
        recover=body.recover,
        epoch=body.epoch,
        offset=body.offset,
        flag=body.flag,
        delta=body.delta,
        join_leave=body.join_leave,
        tf=True if body.HasField("tf") else None,
    )


def _history(body: Any) -> commands.History:
    since = commands.Since(body.since.offset, body.since.epoch) if body.HasField("since") else None
    return commands.History(body.channel, body.limit, since, body.reverse)


_REQUESTS: dict[str, Callable[[Any], commands.Request]] = {
    "connect": _connect,
    "subscribe": _subscribe,
    "unsubscribe": lambda body: commands.Unsubscribe(body.channel),
    "history": _history,
    "refresh": lambda body: commands.Refresh(body.token),
    "sub_refresh": lambda body: commands.SubRefresh(body.channel, body.token),
    "publish": lambda body: commands.Publish(body.channel, msgspec.Raw(body.data)),
    "presence": lambda body: commands.Presence(body.channel),
    "presence_stats": lambda body: commands.PresenceStats(body.channel),
    "rpc": lambda body: commands.Rpc(body.method, msgspec.Raw(body.data)),
    "send": lambda _: commands.Send(),
    "ping": lambda _: commands.Ping(),
}


# Out; None stands for an absent field.


def _reply(id: int, kind: str, body: dict[str, Any]) -> bytes:
    return _delimited({"id": id, kind: body})


def _push(channel: str, kind: str, body: dict[str, Any]) -> bytes:
    return _delimited({"push": {"channel": channel, kind: body}})


def _delimited(reply: dict[str, Any]) -> bytes:
    message: bytes = schema.Reply(**reply).SerializeToString()
    length, digits = len(message), bytearray()
    while length > 0x7F:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    digits.append(length)
    return bytes(digits) + message


def _expiry(ttl_s: int | None) -> dict[str, Any]:
    return {} if ttl_s is None else {"expires": True, "ttl": ttl_s}


def _position(position: StreamPosition | None) -> dict[str, Any]:
    return {} if position is None else {"epoch": position.epoch, "offset": position.offset}


def _start(result: SubscribeResult) -> dict[str, Any]:
    return {
        "recoverable": result.is_recoverable,
        "positioned": result.is_positioned,
        **_position(result.position),
        "data": result.data,
    }


def _subscription(result: SubscribeResult) -> dict[str, Any]:
    return {
        **_start(result),
        "was_recovering": result.was_recovering,
        "recovered": result.recovered,
        "publications": [_publication(item) for item in result.publications] if result.recovered else None,
        "delta": result.is_delta,
        **_expiry(result.ttl_s),
    }


def _publication(item: Publication) -> dict[str, Any]:
    return {
        "data": item.data,
        "offset": item.offset,
        "info": None if item.info is None else _client(item.info),
        "tags": item.tags,
        "delta": item.form is Form.DELTA,
        "time": item.time_ms,
    }


def _client(info: ClientInfo) -> dict[str, Any]:
    return {"user": info.user, "client": info.client, "conn_info": info.conn_info, "chan_info": info.chan_info}
