"""W13: whatever text is taken in goes out again in every encoding, and comes back out of it as it was.

Incidents, components and the like pass `refuse_hidden_traps` and a page's event; custom publications `one_line` and the
envelope between nodes; names and infos of clients a token. What is refused there never gets this far.
"""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from hub.api.body import refuse_hidden_traps
from hub.auth.client_tokens import ClientTokens
from hub.engine.broker import Message, decode_message, encode_message
from hub.engine.envelope import pack, pack_client, unpack_client, unpacked
from hub.engine.fanout import Encoding, Fanout, Member
from hub.errors import HubError
from hub.protocol import schema
from hub.protocol.delta import apply
from hub.protocol.json_text import one_line
from hub.protocol.stream import ClientInfo, Publication
from hub.transport.encodings import EVENTS, LINES, SOCKET_JSON, SOCKET_PROTOBUF
from hub.transport.sse import PAGE_EVENTS
from hub.transport.uni import UNI_EVENTS, UNI_LINES, UNI_SOCKET
from tests.support.client_tokens import client_token

NASTY = (
    "\ud800",
    "\udfff",
    "\0",
    "\u2028",
    "\u2029",
    "\x85",
    "\x1b",
    "\r\n",
    "\n\n",
    "data: x",
    "\ufeff",
    "𝄞",
    '"',
    "\\",
)
NOW = datetime(2026, 11, 25, tzinfo=UTC)

chars = st.characters(exclude_categories=[])
texts = st.text(chars, max_size=8) | st.lists(st.sampled_from(NASTY), max_size=4).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
raw_json = st.builds(
    lambda value, is_ascii, indent: json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode(
        errors="surrogatepass"
    ),
    values,
    st.booleans(),
    st.none() | st.just(1),
)
raw = raw_json | st.binary(max_size=30) | st.builds(lambda text, cut: text[cut:], raw_json, st.integers(0, 3))


class Reader:
    """A wire that reads what it is sent, in one of the encodings."""

    def __init__(self, encoding: Encoding, *, is_delta: bool = False) -> None:
        self.encoding = encoding
        self.member = Member(self, "room:1", encoding, lambda _: None, wants_delta=is_delta, wants_joins=True)
        self.is_delta = is_delta
        self.base = b""
        self.data: list[Any] = []
        self.infos: list[Any] = []

    def write(self, frame: bytes) -> None:
        for message in messages_of(self.encoding, frame):
            self.take(message)

    def buffered_bytes(self) -> int:
        return 0

    def abort(self) -> None:
        raise AssertionError

    def take(self, message: bytes) -> None:
        if self.encoding is PAGE_EVENTS:
            self.data.append(json.loads(message))
        elif self.encoding is SOCKET_PROTOBUF:
            push = schema.Reply.FromString(message).push
            if push.HasField("pub"):
                self.publication(push.pub.data, is_delta=push.pub.delta)
            else:
                self.infos.append((push.join.info.user, push.join.info.conn_info))
        else:
            push = json.loads(message)
            push = push.get("push", push)
            if "pub" in push:
                data = push["pub"]["data"]
                text = data.encode() if self.is_delta else json.dumps(data).encode()
                self.publication(text, is_delta=push["pub"].get("delta", False))
            else:
                info = push["join"]["info"]
                self.infos.append((info["user"], json.dumps(info["conn_info"]).encode()))

    def publication(self, data: bytes, *, is_delta: bool) -> None:
        assert self.is_delta or not is_delta
        self.base = apply(self.base, data) if is_delta else data
        self.data.append(json.loads(self.base))


def messages_of(encoding: Encoding, frame: bytes) -> list[bytes]:
    """What a client of the transport takes out of `frame`."""
    if encoding in {LINES, UNI_LINES}:
        assert frame.endswith(b"\n")
        return frame[:-1].split(b"\n")
    if encoding in {EVENTS, UNI_EVENTS, PAGE_EVENTS}:
        assert frame.endswith(b"\n\n")
        assert b"\r" not in frame, "a line end too"
        events = frame[:-2].split(b"\n\n")
        lines = [line for event in events for line in event.split(b"\n") if line]
        assert all(line.startswith((b"data: ", b"id: ")) for line in lines)
        return [line[6:] for line in lines if line.startswith(b"data: ")]
    found: list[bytes] = []
    while frame:
        size, at = frame[1], 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(frame[2 : 2 + width], "big"), 2 + width
        payload, frame = frame[at : at + size], frame[at + size :]
        found.append(payload[len(payload) - length_after_prefix(payload) :] if encoding is SOCKET_PROTOBUF else payload)
    return found


def length_after_prefix(payload: bytes) -> int:
    size = shift = 0
    for byte in payload:
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return size


def readers() -> list[Reader]:
    plain = (SOCKET_JSON, SOCKET_PROTOBUF, LINES, EVENTS, UNI_SOCKET, UNI_LINES, UNI_EVENTS, PAGE_EVENTS)
    return [Reader(one) for one in plain] + [
        Reader(one, is_delta=True) for one in (SOCKET_JSON, SOCKET_PROTOBUF, LINES)
    ]


def fan_out(publications: list[Publication], readers: list[Reader]) -> None:
    fanout = Fanout(10**9, 10.0)
    for reader in readers:
        fanout.add(reader.member, 0)
    for publication in publications:
        fanout.send([publication], 0.0)


def travelled(offset: int, payload: bytes) -> Message:
    return decode_message(encode_message(Message("room:1", "e", offset, 0, 0, 0, payload)))


@given(st.lists(raw, min_size=1, max_size=4))
@example([b"1", b'"\\ud800"'])
@example([b'"\xed\xa0\x80"', '"\u2028"'.encode(), b" [1,\r\n 2] "])
def test_every_custom_publication_that_is_accepted_reaches_everybody(sent: list[bytes]) -> None:
    accepted: list[bytes] = []
    for text in sent:
        try:
            one_line(text)
        except ValueError:
            continue
        accepted.append(text)
    everybody = readers()
    messages = [travelled(n, pack(text, None, {})) for n, text in enumerate(accepted, start=1)]
    fan_out([unpacked(message) for message in messages], everybody)
    for reader in everybody:
        assert same(reader.data, [json.loads(text) for text in accepted])


@given(st.dictionaries(st.sampled_from(("name", "body", "title", "description")), values, min_size=1))
@example({"name": "\u2028", "body": "a\r\nb\n\ndata: c"})
def test_every_text_of_a_page_that_is_accepted_reaches_everybody(body: dict[str, Any]) -> None:
    sent = json.dumps(body, ensure_ascii=False).encode(errors="surrogatepass")
    try:
        refuse_hidden_traps(sent)
    except HubError:
        return
    event = json.dumps(json.loads(sent), ensure_ascii=False, separators=(",", ":")).encode()
    everybody = readers()
    fan_out([Publication(1, event, 0)], everybody)
    for reader in everybody:
        assert same(reader.data, [body])


@given(texts, raw)
@example("\ud800", b"1")
@example("ann", b'"\\ud800"')
@example("a\u2028b", b"1")
def test_every_client_that_a_token_lets_in_can_be_told_of(user: str, info: bytes) -> None:
    token = client_token("secret", sub=user, b64info=base64.b64encode(info).decode())
    try:
        claims = ClientTokens(b"secret").connection(token, NOW)
    except HubError:
        return
    who = unpack_client(pack_client(ClientInfo("c1", claims.user, claims.info or b"1")))
    everybody = [reader for reader in readers() if reader.encoding is not PAGE_EVENTS]
    fanout = Fanout(10**9, 10.0)
    for reader in everybody:
        fanout.add(reader.member, 0)
    fanout.tell_joined(who)
    for reader in everybody:
        (told,) = reader.infos
        assert told[0] == user
        assert same(json.loads(told[1]), json.loads(claims.info or b"1"))


def same(found: object, expected: object) -> bool:
    """Equal as JSON; numbers compare by value."""
    return json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)
