"""Frames: what is read, what is refused, and the exact bytes that go out."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.protocol import frames
from hub.protocol.codes import ErrorCode, UnsubscribeCode
from hub.protocol.frames import Command, Connect, FrameError, History, Since, Subscribe, decode
from hub.protocol.stream import Publication, StreamPosition

LIMIT = 65_536


@pytest.mark.parametrize(
    ("frame", "commands"),
    [
        ('{"id":1,"connect":{}}', [Command(1, "connect", Connect())]),
        ('{"connect":{"token":"t","name":"js"},"id":1}', [Command(1, "connect", Connect("t", "js"))]),
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
        "\ud800",
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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(frames.METHODS)), JSON, JSON)
def test_whatever_a_body_holds_nothing_but_frame_error_is_raised(method, body, command_id):
    with contextlib.suppress(FrameError):
        decode(json.dumps({"id": command_id, method: body}), LIMIT)


PUBLICATION = Publication(18, b'{"a": "\xc3\xa9"}', 1_700)


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (
            frames.error_reply(3, ErrorCode.PERMISSION_DENIED),
            '{"id":3,"error":{"code":103,"message":"permission denied"}}',
        ),
        (
            frames.error_reply(3, ErrorCode.INTERNAL),
            '{"id":3,"error":{"code":100,"message":"internal server error","temporary":true}}',
        ),
        (
            frames.connect_reply(1, client="c1", version="v", ping_s=25, ttl_s=None),
            '{"id":1,"connect":{"client":"c1","version":"v","ping":25,"pong":true}}',
        ),
        (
            frames.connect_reply(1, client="c1", version="v", ping_s=25, ttl_s=9),
            '{"id":1,"connect":{"client":"c1","version":"v","ping":25,"pong":true,"expires":true,"ttl":9}}',
        ),
        (frames.refresh_reply(4, 60), '{"id":4,"refresh":{"expires":true,"ttl":60}}'),
        (frames.refresh_reply(4, None), '{"id":4,"refresh":{}}'),
        (frames.empty_reply(5, "unsubscribe"), '{"id":5,"unsubscribe":{}}'),
        (
            frames.subscribe_reply(
                7, StreamPosition("e", 17), was_recovering=False, recovered=False, data=b'{\n"x": 1}'
            ),
            '{"id":7,"subscribe":{"recoverable":true,"positioned":true,"epoch":"e","offset":17,"data":{ "x": 1}}}',
        ),
        (
            frames.subscribe_reply(
                7, StreamPosition("e", 17), was_recovering=True, recovered=True, publications=[PUBLICATION]
            ),
            (
                '{"id":7,"subscribe":{"recoverable":true,"positioned":true,"epoch":"e","offset":17,'
                '"was_recovering":true,"recovered":true,'
                '"publications":[{"data":{"a": "é"},"offset":18,"time":1700}]}}'
            ),
        ),
        (
            frames.history_reply(8, StreamPosition("e", 18), [PUBLICATION]),
            '{"id":8,"history":{"publications":[{"data":{"a": "é"},"offset":18,"time":1700}],"epoch":"e","offset":18}}',
        ),
        (
            frames.publication_push('page:"a"', PUBLICATION),
            '{"push":{"channel":"page:\\"a\\"","pub":{"data":{"a": "é"},"offset":18,"time":1700}}}',
        ),
        (
            frames.unsubscribe_push("page:a", UnsubscribeCode.INSUFFICIENT_STATE),
            '{"push":{"channel":"page:a","unsubscribe":{"code":2500,"reason":"insufficient state"}}}',
        ),
    ],
)
def test_writes_exactly_this(frame, text):
    assert frame.decode() == text
    json.loads(frame)
    assert b"\n" not in frame
