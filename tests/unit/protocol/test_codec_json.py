"""JSON: what is read, what is refused, and the exact bytes that go out."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.protocol.codec import ConnectResult, SubscribeResult
from hub.protocol.codec_json import JSON
from hub.protocol.codes import ErrorCode, UnsubscribeCode
from hub.protocol.commands import METHODS, Command, Connect, FrameError, History, Since, Subscribe
from hub.protocol.stream import ClientInfo, Form, Publication, StreamPosition

LIMIT = 65_536


def decode(frame: str | bytes, limit: int = LIMIT) -> list[Command]:
    return JSON.decode(frame.encode() if isinstance(frame, str) else frame, limit)


@pytest.mark.parametrize(
    ("frame", "commands"),
    [
        ('{"id":1,"connect":{}}', [Command(1, "connect", Connect())]),
        ('{"connect":{"token":"t","name":"js"},"id":1}', [Command(1, "connect", Connect("t", name="js"))]),
        ('{"id":1,"connect":{"headers":{"a":"b"},"flag":7,"profile":null}}', [Command(1, "connect", Connect())]),
        (
            '{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"page:acme","flag":1}}',
            [Command(1, "connect", Connect()), Command(2, "subscribe", Subscribe("page:acme", flag=1))],
        ),
        ('\n\n{"id":1,"connect":{}}\n', [Command(1, "connect", Connect())]),
        (b'{"id":1,"connect":{}}\r\n', [Command(1, "connect", Connect())]),
        (
            '{"id":3,"history":{"channel":"c","since":{"offset":4,"epoch":"e"},"limit":-1,"reverse":true}}',
            [Command(3, "history", History("c", -1, Since(4, "e"), True))],
        ),
        (
            '{"id":4,"subscribe":{"channel":"c","recover":true,"offset":18446744073709551615}}',
            [Command(4, "subscribe", Subscribe("c", recover=True, offset=2**64 - 1))],
        ),
        ("{}", [Command(0, "", None)]),
        ('{"id":5,"get_state":{}}', [Command(5, "get_state", None)]),
        ('{"id":6}', [Command(6, "", None)]),
    ],
)
def test_reads_commands_in_order(frame, commands):
    assert decode(frame, LIMIT) == commands


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "\n",
        " ",
        "null",
        "[]",
        '"text"',
        "<html>502</html>",
        '{"id":1,"connect":{}',
        '{"id":1,"connect":{}} {"id":2,"connect":{}}',
        '{"id":1,"connect":{}}\n\n{"id":2,"unsubscribe":{"channel":"c"}}',  # an empty line between two objects
        '{"id":-1,"connect":{}}',
        '{"id":4294967296,"connect":{}}',
        '{"id":1.5,"connect":{}}',
        '{"id":"1","connect":{}}',
        '{"id":true,"connect":{}}',
        '{"id":1e999,"connect":{}}',
        '{"id":' + "9" * 5_000 + ',"connect":{}}',
        '{"id":1,"connect":null}',
        '{"id":1,"connect":[]}',
        '{"id":1,"connect":{"token":5}}',
        '{"id":1,"connect":{},"subscribe":{"channel":"c"}}',
        '{"id":1,"subscribe":{"channel":"c","offset":-1}}',
        '{"id":1,"subscribe":{"channel":"c","offset":18446744073709551616}}',
        '{"id":1,"subscribe":{"channel":"c","offset":NaN}}',
        '{"id":1,"subscribe":{"channel":"a\\u0000b"}}',
        '{"id":1,"subscribe":{"channel":"c","epoch":"\\u0000"}}',
        '{"id":1,"history":{"channel":"c","since":{"offset":1,"epoch":"\\u0000"}}}',
        '{"id":1,"unsubscribe":{"channel":"\\u0000"}}',
        '{"id":1,"subscribe":{"channel":"\\ud800"}}',
        '{"id":1,"rpc":{"data":' + "[" * 20_000 + "]" * 20_000 + "}}",
        '{"id":1,"rpc":' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "}",
        '{"unknown":{}}',
        b'{"id":1,"connect":{"token":"\xff"}}',
        b'"\xed\xa0\x80"',
        '{"id":1,"connect":{"token":"' + "x" * LIMIT + '"}}',
    ],
    ids=lambda frame: repr(frame[:60]),
)
def test_refuses_what_is_not_a_frame(frame):
    with pytest.raises(FrameError):
        decode(frame, LIMIT)


@given(st.one_of(st.text(), st.binary()))
def test_whatever_the_bytes_are_nothing_but_frame_error_is_raised(frame):
    with contextlib.suppress(FrameError):
        decode(frame, LIMIT)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(METHODS)), VALUES, VALUES)
def test_whatever_a_body_holds_nothing_but_frame_error_is_raised(method, body, command_id):
    with contextlib.suppress(FrameError):
        decode(json.dumps({"id": command_id, method: body}), LIMIT)


PUBLICATION = Publication(18, b'{"a": "\xc3\xa9"}', 1_700)
POSITION = StreamPosition("e", 17)
ALICE = ClientInfo("c1", "u1", b'{"n":1}', b"2")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            JSON.error(3, ErrorCode.PERMISSION_DENIED),
            '{"id":3,"error":{"code":103,"message":"permission denied"}}',
        ),
        (
            JSON.error(3, ErrorCode.INTERNAL),
            '{"id":3,"error":{"code":100,"message":"internal server error","temporary":true}}',
        ),
        (
            JSON.connect(1, ConnectResult("c1", "v", 25)),
            '{"id":1,"connect":{"client":"c1","version":"v","ping":25,"pong":true}}',
        ),
        (
            JSON.connect(1, ConnectResult("c1", "v", 25, ttl_s=9, subs={"#u": SubscribeResult()}, data=b"[1]")),
            (
                '{"id":1,"connect":{"client":"c1","version":"v","expires":true,"ttl":9,"data":[1],"subs":{"#u":{}},'
                '"ping":25,"pong":true}}'
            ),
        ),
        (
            JSON.connect(1, ConnectResult("c1", "v", 25, is_pong_wanted=False, session="s", node="n", time_ms=7)),
            '{"id":1,"connect":{"client":"c1","version":"v","ping":25,"session":"s","node":"n","time":7}}',
        ),
        (JSON.expiry(4, "refresh", 60), '{"id":4,"refresh":{"expires":true,"ttl":60}}'),
        (JSON.expiry(4, "sub_refresh", None), '{"id":4,"sub_refresh":{}}'),
        (JSON.empty(5, "unsubscribe"), '{"id":5,"unsubscribe":{}}'),
        (JSON.subscribe(6, SubscribeResult()), '{"id":6,"subscribe":{}}'),
        (
            JSON.subscribe(
                7, SubscribeResult(POSITION, is_recoverable=True, is_positioned=True, data=b'{\n"x": 1}', ttl_s=3)
            ),
            (
                '{"id":7,"subscribe":{"recoverable":true,"positioned":true,"epoch":"e","offset":17,'
                '"expires":true,"ttl":3,"data":{ "x": 1}}}'
            ),
        ),
        (
            JSON.subscribe(
                7,
                SubscribeResult(
                    POSITION, is_positioned=True, was_recovering=True, recovered=True, publications=[PUBLICATION]
                ),
            ),
            (
                '{"id":7,"subscribe":{"positioned":true,"was_recovering":true,"recovered":true,'
                '"epoch":"e","offset":17,"publications":[{"data":{"a": "é"},"offset":18,"time":1700}]}}'
            ),
        ),
        (
            JSON.history(8, StreamPosition("e", 18), [PUBLICATION]),
            '{"id":8,"history":{"publications":[{"data":{"a": "é"},"offset":18,"time":1700}],"epoch":"e","offset":18}}',
        ),
        (
            JSON.presence(9, {"c1": ALICE, "c2": ClientInfo("c2", "")}),
            (
                '{"id":9,"presence":{"presence":{"c1":{"user":"u1","client":"c1","conn_info":{"n":1},"chan_info":2},'
                '"c2":{"user":"","client":"c2"}}}}'
            ),
        ),
        (
            JSON.presence_stats(9, clients=2, users=1),
            '{"id":9,"presence_stats":{"num_clients":2,"num_users":1}}',
        ),
        (JSON.rpc(9, b'"x"'), '{"id":9,"rpc":{"data":"x"}}'),
        (
            JSON.publication_push('page:"a"', PUBLICATION),
            '{"push":{"channel":"page:\\"a\\"","pub":{"data":{"a": "é"},"offset":18,"time":1700}}}',
        ),
        (
            JSON.publication_push("c", Publication(0, b"1", 0, info=ClientInfo("c1", "u"), tags={"a": "b"})),
            '{"push":{"channel":"c","pub":{"data":1,"info":{"user":"u","client":"c1"},"tags":{"a":"b"}}}}',
        ),
        (
            JSON.publication_push("c", Publication(1, b'{"a":1}', 0, form=Form.FULL)),
            '{"push":{"channel":"c","pub":{"data":"{\\"a\\":1}","offset":1}}}',
        ),
        (
            JSON.publication_push("c", Publication(2, b"4\n4@0,1;", 0, form=Form.DELTA)),
            '{"push":{"channel":"c","pub":{"data":"4\\n4@0,1;","offset":2,"delta":true}}}',
        ),
        (
            JSON.join_push("c", ClientInfo("c1", "u1")),
            '{"push":{"channel":"c","join":{"info":{"user":"u1","client":"c1"}}}}',
        ),
        (
            JSON.leave_push("c", ClientInfo("c1", "u1")),
            '{"push":{"channel":"c","leave":{"info":{"user":"u1","client":"c1"}}}}',
        ),
        (
            JSON.subscribe_push("c", SubscribeResult(POSITION)),
            '{"push":{"channel":"c","subscribe":{"epoch":"e","offset":17}}}',
        ),
        (
            JSON.unsubscribe_push("page:a", UnsubscribeCode.INSUFFICIENT_STATE),
            '{"push":{"channel":"page:a","unsubscribe":{"code":2500,"reason":"insufficient state"}}}',
        ),
        (
            JSON.disconnect_push(4001, 'so says "app"'),
            r'{"push":{"disconnect":{"code":4001,"reason":"so says \"app\""}}}',
        ),
    ],
)
def test_writes_exactly_this(message, text):
    assert message.decode() == text
    json.loads(message)
    assert b"\n" not in message
