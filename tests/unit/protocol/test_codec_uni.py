"""The one-way JSON form: bare pushes out, one connect body in."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.protocol.codec import ConnectResult, SubscribeResult
from hub.protocol.codec_uni import UNI_JSON
from hub.protocol.codes import UnsubscribeCode
from hub.protocol.commands import Command, Connect, FrameError, Subscribe
from hub.protocol.stream import ClientInfo, Publication, StreamPosition

LIMIT = 1_000
POSITION = StreamPosition("e", 17)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (UNI_JSON.ping, "{}"),
        (
            UNI_JSON.connect(
                1,
                ConnectResult(
                    "c1", "v", 25, is_pong_wanted=False, session="s", subs={"page:acme": SubscribeResult(POSITION)}
                ),
            ),
            (
                '{"connect":{"client":"c1","version":"v","subs":{"page:acme":{"epoch":"e","offset":17}},'
                '"ping":25,"session":"s"}}'
            ),
        ),
        (
            UNI_JSON.publication_push("page:acme", Publication(18, b'{"push":{}}', 0)),
            '{"channel":"page:acme","pub":{"data":{"push":{}},"offset":18}}',
        ),
        (
            UNI_JSON.join_push("c", ClientInfo("c1", "u1")),
            '{"channel":"c","join":{"info":{"user":"u1","client":"c1"}}}',
        ),
        (
            UNI_JSON.leave_push("c", ClientInfo("c1", "u1")),
            '{"channel":"c","leave":{"info":{"user":"u1","client":"c1"}}}',
        ),
        (
            UNI_JSON.subscribe_push("c", SubscribeResult(POSITION)),
            '{"channel":"c","subscribe":{"epoch":"e","offset":17}}',
        ),
        (
            UNI_JSON.unsubscribe_push("c", UnsubscribeCode.SERVER),
            '{"channel":"c","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}',
        ),
        (UNI_JSON.disconnect_push(3001, "shutdown"), '{"disconnect":{"code":3001,"reason":"shutdown"}}'),
    ],
)
def test_writes_exactly_this(message, text):
    assert message.decode() == text


@pytest.mark.parametrize(
    ("frame", "connect"),
    [
        (b"{}", Connect()),
        (b'{\n  "token": "t"\n}\n', Connect("t")),
        (
            b'{"token":"t","subs":{"page:acme":{"recover":true,"epoch":"e","offset":4}},"headers":{}}',
            Connect("t", subs={"page:acme": Subscribe(recover=True, epoch="e", offset=4)}),
        ),
    ],
)
def test_reads_the_body_of_a_connect(frame, connect):
    assert UNI_JSON.decode(frame, LIMIT) == [Command(1, "connect", connect)]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"[]",
        b"null",
        b'{"token":5}',
        b'{"token":"t"}\n{}',
        b'{},"subscribe":{}',
        b'{"token":"\xff"}',
        b'{"subs":{"\\u0000":{}}}',
        b'{"subs":{"c":{"offset":-1}}}',
        b'{"data":' + b"[" * 10_000,
        b" " * LIMIT + b"{}",
    ],
    ids=lambda frame: repr(frame[:30]),
)
def test_refuses_what_is_no_connect(frame):
    with pytest.raises(FrameError):
        UNI_JSON.decode(frame, 100_000 if frame.startswith(b'{"data"') else LIMIT)


@given(st.one_of(st.text().map(str.encode), st.binary()))
def test_whatever_the_bytes_are_nothing_but_frame_error_is_raised(frame):
    with contextlib.suppress(FrameError):
        UNI_JSON.decode(frame, LIMIT)
