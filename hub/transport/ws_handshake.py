"""The opening handshake of RFC 6455 §4.2: the head of a request → what to answer. Pure.

The parsers of single headers are websockets'; its connection objects cost 30 µs and several KiB per socket.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha1
from http import HTTPStatus

from websockets.exceptions import InvalidHeader
from websockets.headers import parse_connection, parse_extension, parse_subprotocol, parse_upgrade

from hub.transport.ws_answers import Headers, Refused, header_lines

LINE_LIMIT_BYTES = 8_190
LIST_LIMIT_BYTES = 1_024  # of a header that holds a list: its parser takes 1 µs for an item

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
is_host = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[-._~%!$&'()*+,;=0-9A-Za-z]+)(:[0-9]{0,5})?").fullmatch


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a good request asks for."""

    accept: bytes  # the value of Sec-WebSocket-Accept
    subprotocols: Sequence[str]  # as the client prefers them


def read_handshake(method: str, http_version: str, headers: Iterable[tuple[bytes, bytes]]) -> Handshake:
    """Check the head of a request, its header names in lower case. Raises Refused."""
    if method != "GET":
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, ((b"allow", b"GET"),))
    found: dict[bytes, list[bytes]] = {}
    for name, raw in headers:
        if len(name) + len(raw) > LINE_LIMIT_BYTES:
            raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        found.setdefault(name, []).append(raw.strip(b" \t"))
    if http_version != "1.1" or _has_body(found):
        raise Refused(HTTPStatus.BAD_REQUEST)
    if not is_host(_only(found, b"host")):
        raise Refused(HTTPStatus.BAD_REQUEST)
    try:
        if not _is_upgrade(found):
            raise Refused(HTTPStatus.UPGRADE_REQUIRED, ((b"upgrade", b"websocket"),))
        if _only(found, b"sec-websocket-version") != b"13":
            raise Refused(HTTPStatus.UPGRADE_REQUIRED, ((b"sec-websocket-version", b"13"),))
        for value in _lists(found, b"sec-websocket-extensions"):  # none is taken, but they must be well formed (§9.1)
            _check_extensions(value)
        offers = [o for value in _lists(found, b"sec-websocket-protocol") for o in parse_subprotocol(value)]
    except InvalidHeader:
        raise Refused(HTTPStatus.BAD_REQUEST) from None
    return Handshake(_accept(_only(found, b"sec-websocket-key")), offers)


def switching_protocols(accept: bytes, subprotocol: str | None, headers: Headers) -> bytes:
    """The 101; frames follow it. Raises ValueError for headers that break the form."""
    fixed = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: "
    extra = [*headers] if subprotocol is None else [(b"sec-websocket-protocol", subprotocol.encode("ascii")), *headers]
    return b"\r\n".join([fixed + accept, *header_lines(extra), b"", b""])


def _only(found: dict[bytes, list[bytes]], name: bytes) -> bytes:
    values = found.get(name, ())
    if len(values) != 1:
        raise Refused(HTTPStatus.BAD_REQUEST)
    return values[0]


def _has_body(found: dict[bytes, list[bytes]]) -> bool:
    return b"transfer-encoding" in found or any(value != b"0" for value in found.get(b"content-length", ()))


def _lists(found: dict[bytes, list[bytes]], name: bytes) -> Iterator[str]:
    for value in found.get(name, ()):
        if len(value) > LIST_LIMIT_BYTES or not value.isascii():
            raise Refused(HTTPStatus.BAD_REQUEST)
        yield value.decode("ascii")


def _is_upgrade(found: dict[bytes, list[bytes]]) -> bool:
    options = [option for value in _lists(found, b"connection") for option in _connection_options(value)]
    protocols = [protocol for value in _lists(found, b"upgrade") for protocol in _upgrade_protocols(value)]
    return "upgrade" in options and protocols == ["websocket"]


# Clients say one of very few things in these three, and reading one of them takes 5 to 15 µs.


@lru_cache(maxsize=128)
def _connection_options(value: str) -> Sequence[str]:
    return [option.lower() for option in parse_connection(value)]


@lru_cache(maxsize=128)
def _upgrade_protocols(value: str) -> Sequence[str]:
    return [protocol.lower() for protocol in parse_upgrade(value)]


@lru_cache(maxsize=128)
def _check_extensions(value: str) -> None:
    parse_extension(value)


def _accept(key: bytes) -> bytes:
    try:
        is_nonce = len(b64decode(key, validate=True)) == 16
    except Base64Error:
        is_nonce = False
    if not is_nonce:
        raise Refused(HTTPStatus.BAD_REQUEST)
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
