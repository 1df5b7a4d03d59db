"""The binary encoding: what is read, what is refused, and that clients know the same field numbers."""

import contextlib

import pytest
from centrifuge.protocol import client_pb2
from google.protobuf.descriptor import Descriptor
from hypothesis import given
from hypothesis import strategies as st

from hub.protocol import schema
from hub.protocol.codec_protobuf import PROTOBUF
from hub.protocol.codes import UnsubscribeCode
from hub.protocol.commands import Command, Connect, FrameError, History, Send, Since, Subscribe
from hub.protocol.stream import Form, Publication

LIMIT = 65_536


def delimited(message: bytes) -> bytes:
    assert len(message) < 128
    return bytes([len(message)]) + message


def frame(**fields) -> bytes:
    return delimited(client_pb2.Command(**fields).SerializeToString())


def test_clients_know_every_field_by_the_same_number_and_type():
    seen = set()

    def compare(ours: Descriptor, theirs: Descriptor) -> None:
        for field in ours.fields:
            other = theirs.fields_by_name[field.name]
            assert (field.number, field.type, field.is_repeated) == (other.number, other.type, other.is_repeated)
            if field.message_type is not None and field.full_name not in seen:
                seen.add(field.full_name)
                compare(field.message_type, other.message_type)

    compare(schema.Command.DESCRIPTOR, client_pb2.Command.DESCRIPTOR)
    compare(schema.Reply.DESCRIPTOR, client_pb2.Reply.DESCRIPTOR)
    assert len(seen) > 20


@pytest.mark.parametrize(
    ("received", "commands"),
    [
        (frame(id=1, connect={}), [Command(1, "connect", Connect())]),
        (frame(id=1, connect={"token": "t", "name": "js"}), [Command(1, "connect", Connect("t", name="js"))]),
        (frame(id=1, connect={"headers": {"a": "b"}, "flag": 7}), [Command(1, "connect", Connect())]),
        (
            frame(id=1, connect={"subs": {"c": {"recover": True, "offset": 4}}}),
            [Command(1, "connect", Connect(subs={"c": Subscribe(recover=True, offset=4)}))],
        ),
        (
            frame(id=1, connect={}) + frame(id=2, subscribe={"channel": "page:acme", "flag": 1}),
            [Command(1, "connect", Connect()), Command(2, "subscribe", Subscribe("page:acme", flag=1))],
        ),
        (
            frame(id=3, history={"channel": "c", "since": {"offset": 4, "epoch": "e"}, "limit": -1, "reverse": True}),
            [Command(3, "history", History("c", -1, Since(4, "e"), True))],
        ),
        (frame(id=3, history={"since": {}}), [Command(3, "history", History(since=Since()))]),
        (
            frame(id=2**32 - 1, subscribe={"recover": True, "offset": 2**64 - 1}),
            [Command(2**32 - 1, "subscribe", Subscribe(recover=True, offset=2**64 - 1))],
        ),
        (frame(id=4, subscribe={"channel": "c", "tf": {}}), [Command(4, "subscribe", Subscribe("c", tf=True))]),
        (frame(send={"data": b"\xff"}), [Command(0, "send", Send())]),
        (b"\0", [Command(0, "", None)]),  # a pong
        (b"\0\0", [Command(0, "", None)] * 2),
        (b"\2\x08\0", [Command(0, "", None)]),  # a zero that need not have been sent
        (delimited(b"\x08\x05\x82\x01\0"), [Command(5, "", None)]),  # a method from the future: field 16
        (b"\x80\0", [Command(0, "", None)]),  # a length with a digit too many
    ],
)
def test_reads_commands_in_order(received, commands):
    assert PROTOBUF.decode(received, LIMIT) == commands


def test_data_is_handed_on_byte_for_byte():
    [command] = PROTOBUF.decode(frame(id=1, publish={"channel": "c", "data": b"\xff\0{"}), LIMIT)
    assert bytes(command.request.data) == b"\xff\0{"


GOOD = frame(id=1, connect={"token": "t"})


@pytest.mark.parametrize(
    "received",
    [
        b"",
        b"\x80",  # lengths that do not end
        b"\xff" * 5,
        b"\xff" * 9 + b"\1",
        b"\xff\xff\xff\xff\x0f",  # longer than the frame
        b"\x05",
        GOOD[:-1],
        GOOD + b"\1",
        delimited(b"\x08"),  # a field without its value
        delimited(b"\x08" + b"\xff" * 11),
        delimited(b"\x0f"),  # wire types 6 and 7
        delimited(b"\x0e"),
        delimited(b"\x0c"),  # a group that ends without having begun
        delimited(b"\x22\x05\x0a"),  # a body longer than its command
        delimited(b"\x22\x03\x0a\x05t"),
        delimited(b"\x22\x03\x0a\x01\xff"),  # not UTF-8
        delimited(b"\x2a\x05\x0a\x03\xed\xa0\x80"),  # half of a character
        b"\xc8\x01" + b"\x0b" * 200,  # groups in groups
        frame(id=1, connect={}, subscribe={"channel": "c"}),
        frame(id=1, subscribe={"channel": "a\0b"}),
        frame(id=1, subscribe={"channel": "c", "epoch": "\0"}),
        frame(id=1, connect={"subs": {"\0": {}}}),
        delimited(b"\x82\x01\0"),  # a method from the future that could not be answered
        b'{"id":1,"connect":{}}',
        b"\0" * (LIMIT + 1),
    ],
    ids=lambda received: received[:20].hex(),
)
def test_refuses_what_is_not_a_frame(received):
    with pytest.raises(FrameError):
        PROTOBUF.decode(received, LIMIT)


def test_a_filter_that_contains_itself_without_end_is_not_followed():
    nested = b""
    for _ in range(5_000):
        nested = b"\x32" + _varint(len(nested)) + nested
    body = b"\x6a" + _varint(len(nested)) + nested
    message = b"\x08\x01\x2a" + _varint(len(body)) + body
    [command] = PROTOBUF.decode(_varint(len(message)) + message, LIMIT)
    assert command.request == Subscribe(tf=True)


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + _varint(number >> 7)


@given(st.binary())
def test_whatever_the_bytes_are_nothing_but_frame_error_is_raised(received):
    with contextlib.suppress(FrameError):
        PROTOBUF.decode(received, LIMIT)


@given(st.binary(max_size=127))
def test_whatever_a_message_holds_nothing_but_frame_error_is_raised(message):
    with contextlib.suppress(FrameError):
        PROTOBUF.decode(delimited(message), LIMIT)


@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.sampled_from((0, 1, 2, 3, 4, 5, 6, 7)), st.binary(max_size=12)), max_size=5
    )
)
def test_whatever_fields_come_nothing_but_frame_error_is_raised(fields):
    message = b"".join(
        _varint(number << 3 | kind) + (value if kind != 2 else delimited(value)) for number, kind, value in fields
    )
    with contextlib.suppress(FrameError):
        PROTOBUF.decode(delimited(message), LIMIT)


@given(at=st.integers(0, 200), bit=st.integers(0, 7), cut=st.integers(0, 40))
def test_a_damaged_frame_is_read_or_refused(at, bit, cut):
    received = bytearray(
        frame(id=1, connect={"token": "token", "data": b"{}", "subs": {"page:acme": {"recover": True, "offset": 9}}})
        + frame(id=2, history={"channel": "page:acme", "since": {"offset": 300, "epoch": "e"}, "limit": -1})
    )
    received[at % len(received)] ^= 1 << bit
    with contextlib.suppress(FrameError):
        PROTOBUF.decode(bytes(received[: len(received) - cut]), LIMIT)


def replies(messages: bytes) -> list[client_pb2.Reply]:
    """As a client takes a frame apart."""
    found, at = [], 0
    while at < len(messages):
        size = shift = 0
        while True:
            byte = messages[at]
            size |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                break
        found.append(client_pb2.Reply.FromString(messages[at : at + size]))
        at += size
    return found


def test_messages_behind_each_other_are_one_frame():
    large = Publication(1, b"x" * 20_000, 0)
    frame_ = (
        PROTOBUF.ping
        + PROTOBUF.publication_push("c", large)
        + PROTOBUF.empty(3, "unsubscribe")
        + PROTOBUF.unsubscribe_push("c", UnsubscribeCode.SERVER)
    )
    ping, push, reply, end = replies(frame_)
    assert ping == client_pb2.Reply()
    assert push.push.pub.data == large.data
    assert reply.id == 3
    assert reply.HasField("unsubscribe")
    assert (end.push.unsubscribe.code, end.push.unsubscribe.reason) == (2000, "server unsubscribe")


@pytest.mark.parametrize("form", Form)
def test_a_payload_is_raw_bytes_in_every_form(form):
    [reply] = replies(PROTOBUF.publication_push("c", Publication(7, b'{"a":\n"\xc3\xa9"}', 9, form=form)))
    assert reply.push.pub.data == b'{"a":\n"\xc3\xa9"}'
    assert reply.push.pub.delta is (form is Form.DELTA)
