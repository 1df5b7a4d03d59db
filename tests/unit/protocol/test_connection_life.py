"""How long a connection lives: pings that are answered, tokens that end and are refreshed."""

import pytest

from hub.protocol.codes import CloseCode, ErrorCode
from hub.protocol.effects import Authenticated, Close, Renew, Renewed, RenewRefused, Send
from hub.protocol.limits import Limits
from hub.protocol.state import State
from tests.support.connections import new_connection, ready_connection, sent

# pings


def test_pings_begin_after_a_quarter_of_an_interval_and_need_pongs():
    connection = ready_connection()
    assert connection.deadline == 6.25
    assert connection.tick(6.25) == [Send(b"{}")]
    assert connection.deadline == 6.25 + 8
    assert connection.receive("{}", 13.0) == []
    assert connection.deadline == 31.25
    assert connection.tick(31.25) == [Send(b"{}")]
    assert connection.tick(39.25) == [Close(CloseCode.NO_PONG)]


def test_a_pong_nobody_asked_for_is_ignored():
    connection = ready_connection()
    assert connection.receive("{}", 1.0) == []
    assert connection.state is State.READY


def test_other_traffic_is_no_pong():
    connection = ready_connection()
    connection.tick(6.25)
    connection.receive('{"id":2,"rpc":{}}', 13.0)
    assert connection.tick(20.5) == [Close(CloseCode.NO_PONG)]


# tokens


def test_an_expiring_token_is_announced_and_ends_the_connection_after_the_grace():
    connection = new_connection(Limits(ping_interval_s=1_000, expiry_grace_s=25))
    connection.receive('{"id":1,"connect":{"token":"t"}}', 0.0)
    (reply,) = sent(connection.answer(Authenticated("u1", 60.9, True), 0.0))
    assert reply["connect"]["expires"] is True
    assert reply["connect"]["ttl"] == 60
    assert connection.tick(85.0) == []
    assert connection.tick(85.9) == [Close(CloseCode.EXPIRED)]


def test_a_cookies_end_is_not_announced_because_the_client_cannot_refresh_it():
    connection = new_connection(Limits(ping_interval_s=1_000))
    connection.receive('{"id":1,"connect":{}}', 0.0)
    (reply,) = sent(connection.answer(Authenticated("u1", 60.0, False), 0.0))
    assert "expires" not in reply["connect"]
    assert connection.tick(85.0) == [Close(CloseCode.EXPIRED)]


def test_refresh_moves_the_end():
    connection = ready_connection(Limits(ping_interval_s=10_000), Authenticated("u1", 60.0, True))
    assert connection.receive('{"id":2,"refresh":{"token":"t2"}}', 50.0) == [Renew(2, "t2")]
    assert sent(connection.answer(Renewed(2, "u1", 600.0), 50.0)) == [
        {"id": 2, "refresh": {"expires": True, "ttl": 600}}
    ]
    assert connection.tick(100.0) == []
    assert connection.deadline > 600


@pytest.mark.parametrize(
    ("answer", "effects"),
    [
        (Renewed(2, "someone else", 600.0), [Close(CloseCode.INVALID_TOKEN)]),
        (RenewRefused(2, CloseCode.EXPIRED), [Close(CloseCode.EXPIRED)]),
        (RenewRefused(2, CloseCode.INVALID_TOKEN), [Close(CloseCode.INVALID_TOKEN)]),
        (
            RenewRefused(2, ErrorCode.INTERNAL),
            [Send(b'{"id":2,"error":{"code":100,"message":"internal server error","temporary":true}}')],
        ),
    ],
)
def test_a_refresh_that_fails(answer, effects):
    connection = ready_connection(answer=Authenticated("u1", 60.0, True))
    connection.receive('{"id":2,"refresh":{"token":"t2"}}', 1.0)
    assert connection.answer(answer, 1.0) == effects
