"""Both encodings say the same: commands as they come in, results as a foreign client's schema reads them."""

import base64
import json
from typing import Any

from centrifuge.codecs import _ProtobufCodec
from centrifuge.protocol import client_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from hub.protocol.codec import Codec, ConnectResult, SubscribeResult
from hub.protocol.codec_json import JSON
from hub.protocol.codec_protobuf import PROTOBUF
from hub.protocol.codes import ErrorCode, UnsubscribeCode
from hub.protocol.commands import METHODS
from hub.protocol.stream import ClientInfo, Form, Publication, StreamPosition

LIMIT = 1_000_000

texts = st.text(max_size=8)
names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
channels = st.text(min_size=1, max_size=8)
ids = st.integers(1, 2**32 - 1)
counts = st.integers(0, 2**31)
offsets = st.integers(0, 2**64 - 1)
seconds = st.integers(1, 10_000)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
payloads = values.map(lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
clients = st.builds(ClientInfo, texts, texts, st.none() | payloads, st.none() | payloads)
publications = st.builds(
    Publication,
    offset=offsets,
    data=payloads,
    time_ms=counts,
    info=st.none() | clients,
    tags=st.dictionaries(texts, texts, max_size=2),
    form=st.sampled_from(Form),
)
positions = st.builds(StreamPosition, texts, offsets)
starts = {
    "position": st.none() | positions,
    "is_recoverable": st.booleans(),
    "is_positioned": st.booleans(),
    "data": st.none() | payloads,
}
subscriptions = st.builds(
    SubscribeResult,
    **starts,
    was_recovering=st.booleans(),
    recovered=st.booleans(),
    publications=st.lists(publications, max_size=3),
    is_delta=st.booleans(),
    ttl_s=st.none() | seconds,
)
connections = st.builds(
    ConnectResult,
    client=texts,
    version=texts,
    ping_s=st.integers(0, 60),
    is_pong_wanted=st.booleans(),
    ttl_s=st.none() | seconds,
    subs=st.dictionaries(channels, subscriptions, max_size=2),
    data=st.none() | payloads,
    session=texts,
    node=texts,
    time_ms=counts,
)

# Every message that a codec can write, with what it may be made of.
MESSAGES: dict[str, st.SearchStrategy[Any]] = {
    "error": st.tuples(ids, st.sampled_from(ErrorCode)),
    "empty": st.tuples(ids, st.sampled_from(sorted(METHODS.keys() - {"send"}))),
    "connect": st.tuples(ids, connections),
    "subscribe": st.tuples(ids, subscriptions),
    "expiry": st.tuples(ids, st.sampled_from(("refresh", "sub_refresh")), st.none() | seconds),
    "history": st.tuples(ids, positions, st.lists(publications, max_size=3)),
    "presence": st.tuples(ids, st.dictionaries(texts, clients, max_size=3)),
    "presence_stats": st.fixed_dictionaries({"id": ids, "clients": counts, "users": counts}),
    "rpc": st.tuples(ids, payloads),
    "publication_push": st.tuples(channels, publications),
    "join_push": st.tuples(channels, clients),
    "leave_push": st.tuples(channels, clients),
    "subscribe_push": st.tuples(channels, st.builds(SubscribeResult, **starts)),
    "unsubscribe_push": st.tuples(channels, st.sampled_from(UnsubscribeCode)),
    "disconnect_push": st.tuples(st.integers(3000, 4999), texts),
}


def test_every_message_of_the_port_is_compared():
    assert MESSAGES.keys() | {"decode", "ping"} == {name for name in vars(Codec) if not name.startswith("_")}


@given(data=st.data())
def test_both_encodings_write_the_same_message(data):
    name = data.draw(st.sampled_from(sorted(MESSAGES)))
    drawn = data.draw(MESSAGES[name])
    args, kwargs = ((), drawn) if isinstance(drawn, dict) else (drawn, {})
    text = getattr(JSON, name)(*args, **kwargs)
    binary = getattr(PROTOBUF, name)(*args, **kwargs)
    assert b"\n" not in text
    assert_same(reply_of(binary), json.loads(text))


def reply_of(binary: bytes) -> client_pb2.Reply:
    size = at = 0
    while True:
        size |= (binary[at] & 127) << 7 * at
        at += 1
        if binary[at - 1] < 128:
            break
    assert len(binary) == at + size
    return client_pb2.Reply.FromString(binary[at:])


def assert_same(message: Message, body: dict[str, Any]) -> None:
    """Absent in text is absent, or the type's zero, in binary; a field that one side does not know fails."""
    fields = message.DESCRIPTOR.fields_by_name
    assert body.keys() <= set(fields)
    for name, field in fields.items():
        value = getattr(message, name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            assert_same_map(value, body.get(name, {}))
        elif field.is_repeated:
            assert len(value) == len(body.get(name, []))
            for item, expected in zip(value, body.get(name, []), strict=True):
                assert_same(item, expected)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            assert message.HasField(name) == (name in body)
            if name in body:
                assert_same(value, body[name])
        elif field.type == FieldDescriptor.TYPE_BYTES:
            assert bool(value) == (name in body)
            # A payload in a delta's channel is a text that holds the bytes; any other is JSON itself.
            assert not value or value.decode() == body[name] or json.loads(value) == body[name]
        else:
            assert value == body.get(name, field.default_value)


def assert_same_map(found: Any, expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, str):
            assert found[key] == value
        else:
            assert_same(found[key], value)


optional = {"channel": names, "token": texts, "epoch": names, "offset": offsets, "recover": st.booleans()}
subscribes = st.fixed_dictionaries(
    {},
    optional={
        **optional,
        "data": payloads,
        "flag": st.integers(0, 7),
        "delta": texts,
        "join_leave": st.booleans(),
        "positioned": st.booleans(),
        "recoverable": st.booleans(),
    },
)
BODIES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "connect": st.fixed_dictionaries(
        {},
        optional={
            "token": texts,
            "data": payloads,
            "name": texts,
            "version": texts,
            "headers": st.dictionaries(texts, texts, max_size=2),
            "subs": st.dictionaries(names, subscribes, max_size=2),
        },
    ),
    "subscribe": subscribes,
    "history": st.fixed_dictionaries(
        {},
        optional={
            "channel": names,
            "limit": st.integers(-(2**31), 2**31 - 1),
            "reverse": st.booleans(),
            "since": st.fixed_dictionaries({}, optional={"offset": offsets, "epoch": names}),
        },
    ),
    "publish": st.fixed_dictionaries({}, optional={"channel": names, "data": payloads}),
    "rpc": st.fixed_dictionaries({}, optional={"method": texts, "data": payloads}),
    "send": st.fixed_dictionaries({}, optional={"data": payloads}),
    "refresh": st.fixed_dictionaries({}, optional={"token": texts}),
    "sub_refresh": st.fixed_dictionaries({}, optional={"channel": names, "token": texts}),
    "unsubscribe": st.fixed_dictionaries({}, optional={"channel": names}),
    "presence": st.fixed_dictionaries({}, optional={"channel": names}),
    "presence_stats": st.fixed_dictionaries({}, optional={"channel": names}),
    "ping": st.just({}),
}
commands = st.sampled_from(sorted(BODIES)).flatmap(
    lambda method: st.fixed_dictionaries({"id": ids, method: BODIES[method]})
)


def test_every_command_is_compared():
    assert BODIES.keys() == METHODS.keys()


@given(st.lists(commands, min_size=1, max_size=3))
def test_both_encodings_are_read_as_the_same_commands(sent):
    lines = b"\n".join(json.dumps(with_data(command, as_value)).encode() for command in sent)
    binary = _ProtobufCodec.encode_commands([with_data(command, as_base64) for command in sent])
    assert list(map(plain, JSON.decode(lines, LIMIT))) == list(map(plain, PROTOBUF.decode(binary, LIMIT)))


def as_value(payload: bytes) -> Any:
    return json.loads(payload)


def as_base64(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


def with_data(value: Any, convert: Any) -> Any:
    """`value` with each payload in it as `convert` makes it."""
    if isinstance(value, dict):
        return {key: with_data(inner, convert) for key, inner in value.items()}
    return convert(value) if isinstance(value, bytes) else value


def plain(value: Any) -> Any:
    """Something that compares by content: payloads as values, structs as their fields."""
    if hasattr(value, "__struct_fields__"):
        return type(value).__name__, {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if hasattr(value, "request"):
        return value.id, value.method, plain(value.request)
    if type(value).__name__ == "Raw":
        return json.loads(bytes(value) or b'"absent"')
    return value
