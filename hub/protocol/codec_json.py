"""The JSON encoding: lines of text in → commands, results out → text with payload bytes passed through undecoded."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from hub.protocol.codec import ConnectResult, SubscribeResult
from hub.protocol.codes import ErrorCode, UnsubscribeCode
from hub.protocol.commands import METHODS, Command, FrameError, check
from hub.protocol.stream import ClientInfo, Form, Publication, StreamPosition

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ID = msgspec.json.Decoder(int)
_REQUESTS = {name: msgspec.json.Decoder(kind) for name, kind in METHODS.items()}
_text = msgspec.json.Encoder().encode


class JsonCodec:
    """Implements `hub.protocol.codec.Codec`; holds nothing."""

    ping = b"{}"
    _push_form = b'{"push":{%s"%s":%s}}'  # channel, kind, body; other JSON forms have their own

    def decode(self, frame: bytes, limit_bytes: int) -> list[Command]:
        """Newlines before and after the objects are fine, an empty line between two of them is not."""
        if len(frame) > limit_bytes:
            raise FrameError("frame too large")
        return [_command(line) for line in frame.strip(b"\r\n").split(b"\n")]

    # Every result object and every code and reason is there, because the strictest client stops for good without them.

    def error(self, id: int, code: ErrorCode) -> bytes:
        temporary = b',"temporary":true' if code.is_temporary else b""
        return b'{"id":%d,"error":{"code":%d,"message":"%s"%s}}' % (id, code, code.text.encode(), temporary)

    def empty(self, id: int, method: str) -> bytes:
        return self._reply(id, method, b"{}")

    def connect(self, id: int, result: ConnectResult) -> bytes:
        return self._reply(id, "connect", connect_body(result))

    def subscribe(self, id: int, result: SubscribeResult) -> bytes:
        return self._reply(id, "subscribe", _subscribe_body(result))

    def expiry(self, id: int, method: str, ttl_s: int | None) -> bytes:
        return self._reply(id, method, b"{}" if ttl_s is None else b'{"expires":true,"ttl":%d}' % ttl_s)

    def history(self, id: int, position: StreamPosition, publications: Sequence[Publication]) -> bytes:
        items = b",".join(map(publication_body, publications))
        body = b'{"publications":[%s],"epoch":%s,"offset":%d}' % (items, _text(position.epoch), position.offset)
        return self._reply(id, "history", body)

    def presence(self, id: int, clients: Mapping[str, ClientInfo]) -> bytes:
        items = b",".join(_text(client) + b":" + client_body(info) for client, info in clients.items())
        return self._reply(id, "presence", b'{"presence":{%s}}' % items)

    def presence_stats(self, id: int, *, clients: int, users: int) -> bytes:
        return self._reply(id, "presence_stats", b'{"num_clients":%d,"num_users":%d}' % (clients, users))

    def rpc(self, id: int, data: bytes) -> bytes:
        return self._reply(id, "rpc", b'{"data":%s}' % one_line(data))

    def publication_push(self, channel: str, item: Publication) -> bytes:
        return self._push(channel, b"pub", publication_body(item))

    def join_push(self, channel: str, info: ClientInfo) -> bytes:
        return self._push(channel, b"join", b'{"info":%s}' % client_body(info))

    def leave_push(self, channel: str, info: ClientInfo) -> bytes:
        return self._push(channel, b"leave", b'{"info":%s}' % client_body(info))

    def subscribe_push(self, channel: str, result: SubscribeResult) -> bytes:
        return self._push(channel, b"subscribe", _subscribe_body(result))

    def unsubscribe_push(self, channel: str, code: UnsubscribeCode) -> bytes:
        return self._push(channel, b"unsubscribe", _code_body(code, code.reason))

    def disconnect_push(self, code: int, reason: str) -> bytes:
        return self._push("", b"disconnect", _code_body(code, reason))

    def _reply(self, id: int, method: str, body: bytes) -> bytes:
        return b'{"id":%d,"%s":%s}' % (id, method.encode(), body)

    def _push(self, channel: str, kind: bytes, body: bytes) -> bytes:
        name = b'"channel":%s,' % _text(channel) if channel else b""
        return self._push_form % (name, kind, body)


JSON = JsonCodec()


def _command(line: bytes) -> Command:
    try:
        fields = _OBJECT.decode(line)
        raw_id = fields.pop("id", None)
        command_id = 0 if raw_id is None else _ID.decode(raw_id)
        names = [name for name in fields if name in METHODS]
        if len(names) > 1 or (not names and fields and command_id == 0):
            raise FrameError("not a command")
        if not names:
            return check(Command(command_id, next(iter(fields), ""), None))
        return check(Command(command_id, names[0], _REQUESTS[names[0]].decode(fields[names[0]])))
    except (msgspec.MsgspecError, RecursionError, UnicodeError, OverflowError) as error:
        raise FrameError("not a command") from error


def connect_body(result: ConnectResult) -> bytes:
    parts = [b'{"client":%s,"version":%s' % (_text(result.client), _text(result.version))]
    if result.ttl_s is not None:
        parts.append(b',"expires":true,"ttl":%d' % result.ttl_s)
    if result.data is not None:
        parts.append(b',"data":%s' % one_line(result.data))
    if result.subs:
        subs = (_text(name) + b":" + _subscribe_body(sub) for name, sub in result.subs.items())
        parts.append(b',"subs":{%s}' % b",".join(subs))
    if result.ping_s:
        parts.append(b',"ping":%d' % result.ping_s)
    if result.is_pong_wanted:
        parts.append(b',"pong":true')
    if result.session:
        parts.append(b',"session":%s' % _text(result.session))
    if result.node:
        parts.append(b',"node":%s' % _text(result.node))
    if result.time_ms:
        parts.append(b',"time":%d' % result.time_ms)
    return b"".join(parts) + b"}"


def _subscribe_body(result: SubscribeResult) -> bytes:
    flags = (
        ("recoverable", result.is_recoverable),
        ("positioned", result.is_positioned),
        ("was_recovering", result.was_recovering),
        ("recovered", result.recovered),
        ("delta", result.is_delta),
    )
    parts = [b'"%s":true' % name.encode() for name, is_set in flags if is_set]
    if result.position is not None:
        parts.append(b'"epoch":%s,"offset":%d' % (_text(result.position.epoch), result.position.offset))
    if result.recovered:
        parts.append(b'"publications":[%s]' % b",".join(map(publication_body, result.publications)))
    if result.ttl_s is not None:
        parts.append(b'"expires":true,"ttl":%d' % result.ttl_s)
    if result.data is not None:
        parts.append(b'"data":%s' % one_line(result.data))
    return b"{%s}" % b",".join(parts)


def publication_body(item: Publication) -> bytes:
    data = one_line(item.data) if item.form is Form.PLAIN else _text(item.data.decode())
    parts = [b'{"data":%s' % data]
    if item.offset:
        parts.append(b'"offset":%d' % item.offset)
    if item.info is not None:
        parts.append(b'"info":%s' % client_body(item.info))
    if item.tags:
        parts.append(b'"tags":%s' % _text(dict(item.tags)))
    if item.form is Form.DELTA:
        parts.append(b'"delta":true')
    if item.time_ms:
        parts.append(b'"time":%d' % item.time_ms)
    return b",".join(parts) + b"}"


def client_body(info: ClientInfo) -> bytes:
    parts = [b'{"user":%s,"client":%s' % (_text(info.user), _text(info.client))]
    parts += _infos((b"conn_info", info.conn_info), (b"chan_info", info.chan_info))
    return b",".join(parts) + b"}"


def _infos(*named: tuple[bytes, bytes | None]) -> Iterable[bytes]:
    return (b'"%s":%s' % (name, one_line(info)) for name, info in named if info is not None)


def _code_body(code: int, reason: str) -> bytes:
    return b'{"code":%d,"reason":%s}' % (code, _text(reason))


def one_line(data: bytes) -> bytes:
    """JSON text without raw line breaks, which can stand between tokens only; they would end the frame's line."""
    if b"\n" in data or b"\r" in data:
        return data.replace(b"\r", b" ").replace(b"\n", b" ")
    return data
