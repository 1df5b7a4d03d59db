"""What travels and is kept of a publication in a custom channel: its payload with who published it and its tags.

Read once per node, never per member. Payloads stay the text they are.
"""

from collections.abc import Mapping

import msgspec

from hub.engine.broker import Message
from hub.protocol.stream import ClientInfo, Publication

_NOTHING = msgspec.Raw(b"null")


class _Client(msgspec.Struct, omit_defaults=True):
    client: str
    user: str
    conn_info: msgspec.Raw = _NOTHING
    chan_info: msgspec.Raw = _NOTHING


class _Envelope(msgspec.Struct, omit_defaults=True):
    data: msgspec.Raw
    info: _Client | None = None
    tags: dict[str, str] = {}


_envelope = msgspec.json.Decoder(_Envelope).decode
_client = msgspec.json.Decoder(_Client).decode
_text = msgspec.json.Encoder().encode


def pack(data: bytes, info: ClientInfo | None, tags: Mapping[str, str]) -> bytes:
    return _text(_Envelope(msgspec.Raw(data), None if info is None else _packed(info), dict(tags)))


def unpack(raw: bytes, *, offset: int, time_ms: int) -> Publication:
    """Raises ValueError on anything that `pack` has not made."""
    try:
        found = _envelope(raw)
        raw.decode()  # what is passed on as it is was only skipped over
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError("not an envelope") from error
    info = None if found.info is None else _unpacked(found.info)
    return Publication(offset, bytes(found.data), time_ms, info=info, tags=found.tags)


def unpacked(message: Message) -> Publication:
    """Of what travels between nodes; raises ValueError."""
    return unpack(message.payload or b"", offset=message.offset, time_ms=message.created_at_ms)


def pack_client(info: ClientInfo) -> bytes:
    return _text(_packed(info))


def unpack_client(raw: bytes) -> ClientInfo:
    """Raises ValueError on anything that `pack_client` has not made."""
    try:
        raw.decode()
        return _unpacked(_client(raw))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError("not a client") from error


def _packed(info: ClientInfo) -> _Client:
    return _Client(info.client, info.user, _raw(info.conn_info), _raw(info.chan_info))


def _unpacked(found: _Client) -> ClientInfo:
    return ClientInfo(found.client, found.user, _bytes(found.conn_info), _bytes(found.chan_info))


def _raw(text: bytes | None) -> msgspec.Raw:
    return _NOTHING if text is None else msgspec.Raw(text)


def _bytes(raw: msgspec.Raw) -> bytes | None:
    text = bytes(raw)
    return None if text == b"null" else text
