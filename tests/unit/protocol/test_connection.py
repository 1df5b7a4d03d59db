"""One connection by tables: what comes in, what must be done, and when it ends."""

import math
from dataclasses import replace

import pytest

from hub.protocol.codec import SubscribeResult
from hub.protocol.codes import CloseCode, ErrorCode, UnsubscribeCode
from hub.protocol.connection import Connection
from hub.protocol.effects import (
    Authenticate,
    Authenticated,
    Call,
    Close,
    Failed,
    HistoryRead,
    Join,
    Joined,
    Leave,
    ReadHistory,
    Recalled,
    Refused,
    Release,
    Send,
)
from hub.protocol.limits import Limits
from hub.protocol.state import State
from hub.protocol.stream import Publication, StreamPosition
from tests.support.connections import error, new_connection, ready_connection, sent

POSITION = StreamPosition("e1", 17)
SNAPSHOT = SubscribeResult(POSITION, is_recoverable=True, is_positioned=True, data=b"{}")


def subscribed_connection(channel: str = "page:a") -> Connection:
    connection = ready_connection()
    connection.receive(f'{{"id":2,"subscribe":{{"channel":"{channel}"}}}}', 0.0)
    connection.answer(Joined(2, channel, SNAPSHOT), 0.0)
    return connection


# connect


def test_connect_first_then_its_reply():
    connection = new_connection()
    assert connection.receive('{"id":1,"connect":{"token":"t"}}', 0.0) == [Authenticate("t")]
    assert sent(connection.answer(Authenticated("u1", None, True), 0.0)) == [
        {"id": 1, "connect": {"client": "client-1", "version": "hub 1", "ping": 25, "pong": True}}
    ]
    assert connection.user == "u1"


@pytest.mark.parametrize(
    "frame",
    [
        '{"id":1,"subscribe":{"channel":"page:a"}}',
        '{"id":1,"ping":{}}',
        "{}",
        '{"connect":{}}',
        "not json",
        "",
    ],
)
def test_anything_else_before_connect_ends_the_connection(frame):
    connection = new_connection()
    assert connection.receive(frame, 0.0) == [Close(CloseCode.BAD_REQUEST)]
    assert connection.is_closed
    assert connection.receive('{"id":1,"connect":{}}', 0.0) == []


def test_commands_sent_with_connect_wait_for_it():
    connection = new_connection()
    frame = '{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"page:a"}}\n{"id":3,"rpc":{}}'
    assert connection.receive(frame, 0.0) == [Authenticate("")]
    assert connection.receive('{"id":4,"subscribe":{"channel":"page:b"}}', 0.0) == []
    effects = connection.answer(Authenticated("", None, False), 0.0)
    assert sent(effects)[0]["id"] == 1
    assert effects[1:] == [
        Release(),
        Join(2, "page:a", None, False),
        Call(3, "", b""),
        Join(4, "page:b", None, False),
    ]


@pytest.mark.parametrize("state", ["authenticating", "ready"])
def test_a_second_connect_ends_the_connection(state):
    connection = ready_connection() if state == "ready" else new_connection()
    if state == "authenticating":
        connection.receive('{"id":1,"connect":{}}', 0.0)
    assert connection.receive('{"id":2,"connect":{}}', 0.0) == [Close(CloseCode.BAD_REQUEST)]


def test_an_expired_token_is_an_error_so_that_the_client_fetches_another():
    connection = new_connection()
    connection.receive('{"id":1,"connect":{"token":"old"}}\n{"id":2,"subscribe":{"channel":"page:a"}}', 0.0)
    effects = connection.answer(Refused(ErrorCode.TOKEN_EXPIRED), 0.0)
    assert sent(effects) == [error(1, ErrorCode.TOKEN_EXPIRED)], "the rest of the frame is forgotten"
    assert len(effects) == 1
    assert connection.receive('{"id":3,"connect":{}}', 0.0) == [Close(CloseCode.BAD_REQUEST)]


def test_a_bad_token_closes_for_good():
    connection = new_connection()
    connection.receive('{"id":1,"connect":{"token":"bad"}}', 0.0)
    assert connection.answer(Refused(CloseCode.INVALID_TOKEN), 0.0) == [Close(CloseCode.INVALID_TOKEN)]


@pytest.mark.parametrize("has_begun", [False, True])
def test_who_does_not_get_through_connect_in_time_is_stale(has_begun):
    connection = new_connection()
    if has_begun:
        connection.receive('{"id":1,"connect":{}}', 0.0)
    assert connection.deadline == 10.0
    assert connection.tick(9.9) == []
    assert connection.tick(10.0) == [Close(CloseCode.STALE)]


def test_a_refused_client_that_stays_is_closed():
    connection = new_connection()
    connection.receive('{"id":1,"connect":{}}', 0.0)
    connection.answer(Refused(ErrorCode.INTERNAL), 1.0)
    assert connection.tick(10.0) == [Close(CloseCode.STALE)]


# subscribe


def test_a_subscription_starts_with_the_snapshot():
    connection = ready_connection()
    assert connection.receive('{"id":2,"subscribe":{"channel":"page:a","flag":1}}', 0.0) == [
        Join(2, "page:a", None, False)
    ]
    assert connection.is_awaiting("page:a", 2)
    effects = connection.answer(Joined(2, "page:a", replace(SNAPSHOT, data=b'{"x":1}')), 0.0)
    assert sent(effects) == [
        {
            "id": 2,
            "subscribe": {"recoverable": True, "positioned": True, "epoch": "e1", "offset": 17, "data": {"x": 1}},
        }
    ]
    assert not connection.is_awaiting("page:a", 2)


def test_a_recovered_subscription_keeps_the_clients_offset():
    connection = ready_connection()
    frame = '{"id":2,"subscribe":{"channel":"page:a","recover":true,"epoch":"e1","offset":17,"flag":3}}'
    assert connection.receive(frame, 0.0) == [Join(2, "page:a", POSITION, True)]
    missed = [Publication(18, b'"x"', 5)]
    recovered = SubscribeResult(POSITION, was_recovering=True, recovered=True, publications=missed)
    (reply,) = sent(connection.answer(Joined(2, "page:a", recovered), 0.0))
    assert reply["subscribe"]["offset"] == 17
    assert reply["subscribe"]["recovered"] is True
    assert reply["subscribe"]["was_recovering"] is True
    assert reply["subscribe"]["publications"] == [{"data": "x", "offset": 18, "time": 5}]


def test_an_unrecovered_subscription_gets_the_snapshot_and_no_publications():
    connection = ready_connection()
    connection.receive('{"id":2,"subscribe":{"channel":"page:a","recover":true,"epoch":"x","offset":9}}', 0.0)
    (reply,) = sent(
        connection.answer(Joined(2, "page:a", replace(SNAPSHOT, was_recovering=True, data=b'{"x":1}')), 0.0)
    )
    assert reply["subscribe"]["was_recovering"] is True
    assert "recovered" not in reply["subscribe"]
    assert "publications" not in reply["subscribe"]
    assert reply["subscribe"]["data"] == {"x": 1}


LONG = "page:" + "x" * 251


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"id":5,"subscribe":{"channel":"page:a"}}', ErrorCode.ALREADY_SUBSCRIBED),
        (f'{{"id":5,"subscribe":{{"channel":"{LONG}"}}}}', ErrorCode.BAD_REQUEST),
        ('{"id":5,"subscribe":{"channel":"page:b","tf":{"op":"eq"}}}', ErrorCode.BAD_REQUEST),
        ('{"id":5,"subscribe":{"channel":"page:b","type":1}}', ErrorCode.NOT_AVAILABLE),
        ('{"id":5,"sub_refresh":{"channel":"page:z","token":"t"}}', ErrorCode.PERMISSION_DENIED),
        (f'{{"id":5,"history":{{"channel":"{LONG}"}}}}', ErrorCode.BAD_REQUEST),
        ('{"id":5,"publish":{"channel":"page:a"}}', ErrorCode.BAD_REQUEST),
        ('{"id":5,"get_state":{}}', ErrorCode.METHOD_NOT_FOUND),
    ],
)
def test_refused_commands_leave_the_connection_open(frame, code):
    connection = subscribed_connection()
    assert sent(connection.receive(frame, 0.0)) == [error(5, code)]
    assert connection.state is State.READY


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"id":5,"subscribe":{"channel":""}}', CloseCode.BAD_REQUEST),
        ('{"id":5,"subscribe":{"channel":"page:b","delta":"xor"}}', CloseCode.BAD_REQUEST),
        ('{"id":5,"unsubscribe":{"channel":""}}', CloseCode.BAD_REQUEST),
        ('{"id":5,"history":{}}', CloseCode.BAD_REQUEST),
        ('{"id":5,"refresh":{}}', CloseCode.BAD_REQUEST),
        ('{"id":5,"ping":{}}', CloseCode.BAD_REQUEST),
        ('{"id":5}', CloseCode.BAD_REQUEST),
        ('{"subscribe":{"channel":"page:b"}}', CloseCode.BAD_REQUEST),
        ('{"send":{"data":1}}', CloseCode.NOT_AVAILABLE),
        ("garbage", CloseCode.BAD_REQUEST),
    ],
)
def test_violations_end_the_connection(frame, code):
    connection = subscribed_connection()
    assert connection.receive(frame, 0.0) == [Close(code)]
    assert connection.is_closed
    assert connection.deadline == math.inf


def test_more_channels_than_allowed_are_refused():
    connection = ready_connection()
    for n in range(3):
        connection.receive(f'{{"id":{n + 2},"subscribe":{{"channel":"page:{n}"}}}}', 0.0)
    assert sent(connection.receive('{"id":9,"subscribe":{"channel":"page:x"}}', 0.0)) == [
        error(9, ErrorCode.LIMIT_EXCEEDED)
    ]


def test_a_failed_subscription_can_be_tried_again():
    connection = ready_connection()
    connection.receive('{"id":2,"subscribe":{"channel":"page:a"}}', 0.0)
    assert sent(connection.answer(Failed(2, ErrorCode.INTERNAL), 0.0)) == [error(2, ErrorCode.INTERNAL)]
    assert connection.receive('{"id":3,"subscribe":{"channel":"page:a"}}', 0.0) == [Join(3, "page:a", None, False)]


def test_unsubscribe_leaves_and_is_idempotent():
    connection = subscribed_connection()
    ok = Send(b'{"id":3,"unsubscribe":{}}')
    assert connection.receive('{"id":3,"unsubscribe":{"channel":"page:a"}}', 0.0) == [Leave("page:a"), ok]
    assert connection.receive('{"id":3,"unsubscribe":{"channel":"page:a"}}', 0.0) == [ok]
    assert connection.receive('{"id":3,"unsubscribe":{"channel":"never"}}', 0.0) == [ok]


def test_a_subscription_taken_back_before_its_answer_does_not_come_into_being():
    connection = ready_connection()
    connection.receive('{"id":2,"subscribe":{"channel":"page:a"}}', 0.0)
    effects = connection.receive('{"id":3,"unsubscribe":{"channel":"page:a"}}', 0.0)
    assert sent(effects) == [error(2, ErrorCode.BAD_REQUEST), {"id": 3, "unsubscribe": {}}]
    connection.receive('{"id":4,"subscribe":{"channel":"page:a"}}', 0.0)
    assert not connection.is_awaiting("page:a", 2)
    assert connection.answer(Joined(2, "page:a", SNAPSHOT), 0.0) == []
    assert connection.is_awaiting("page:a", 4)


def test_a_recalled_subscription_is_told_and_may_come_back():
    connection = subscribed_connection()
    recalled = Recalled("page:a", UnsubscribeCode.INSUFFICIENT_STATE)
    assert sent(connection.answer(recalled, 0.0))[0]["push"]["unsubscribe"]["code"] == 2500
    assert connection.answer(recalled, 0.0) == [], "once"
    assert connection.receive('{"id":3,"subscribe":{"channel":"page:a"}}', 0.0) == [Join(3, "page:a", None, False)]
    assert connection.answer(recalled, 0.0) == [], "a pending subscription is not what was recalled"


def test_history():
    connection = ready_connection()
    frame = '{"id":2,"history":{"channel":"page:a","limit":5,"since":{"offset":3,"epoch":"e1"},"reverse":true}}'
    assert connection.receive(frame, 0.0) == [ReadHistory(2, "page:a", StreamPosition("e1", 3), 5, True)]
    assert sent(connection.answer(HistoryRead(2, POSITION, ()), 0.0)) == [
        {"id": 2, "history": {"publications": [], "epoch": "e1", "offset": 17}}
    ]
    assert sent(connection.answer(Failed(2, ErrorCode.UNRECOVERABLE_POSITION), 0.0)) == [
        error(2, ErrorCode.UNRECOVERABLE_POSITION)
    ]


# limits


def test_too_many_commands_are_put_off_and_in_the_end_refused():
    connection = ready_connection(Limits(channels=0, command_burst=5, commands_per_s=1, refused_commands=2))
    for n in range(5):
        assert connection.receive(f'{{"id":{n + 2},"rpc":{{}}}}', 0.0) == [Call(n + 2, "", b"")]
    assert sent(connection.receive('{"id":8,"rpc":{}}', 0.0)) == [error(8, ErrorCode.TOO_MANY_REQUESTS)]
    assert connection.receive('{"id":9,"rpc":{}}', 1.0) == [Call(9, "", b"")]
    assert sent(connection.receive('{"id":10,"rpc":{}}', 1.0)) == [error(10, ErrorCode.TOO_MANY_REQUESTS)]
    assert connection.receive('{"id":11,"rpc":{}}', 1.0) == [Close(CloseCode.TOO_MANY_ERRORS)]


def test_a_client_may_open_all_its_channels_at_once():
    connection = new_connection(Limits())
    lines = ['{"id":1,"connect":{}}', *(f'{{"id":{n},"subscribe":{{"channel":"page:{n}"}}}}' for n in range(2, 130))]
    connection.receive("\n".join(lines), 0.0)
    effects = connection.answer(Authenticated("", None, False), 0.0)
    assert sum(isinstance(effect, Join) for effect in effects) == 128


def test_a_frame_over_the_limit_ends_the_connection():
    connection = ready_connection(Limits(frame_bytes=100))
    assert connection.receive('{"id":2,"rpc":{"data":"' + "x" * 100 + '"}}', 0.0) == [Close(CloseCode.BAD_REQUEST)]


def test_after_the_end_nothing_happens():
    connection = subscribed_connection()
    assert connection.close(CloseCode.SHUTDOWN) == [Close(CloseCode.SHUTDOWN)]
    assert connection.close(CloseCode.SHUTDOWN) == []
    assert connection.receive('{"id":3,"rpc":{}}', 0.0) == []
    assert connection.tick(1_000.0) == []
    assert connection.answer(HistoryRead(3, POSITION, ()), 0.0) == []
