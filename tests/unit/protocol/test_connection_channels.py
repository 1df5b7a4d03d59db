"""What a connection does in custom channels: server-side subscriptions, tokens, publishing, presence, one-way use."""

import json

import pytest

from hub.protocol.codec import SubscribeResult
from hub.protocol.codec_json import JSON
from hub.protocol.codes import CloseCode, ErrorCode, UnsubscribeCode
from hub.protocol.commands import Command, Connect, Subscribe
from hub.protocol.connection import Connection
from hub.protocol.effects import (
    Authenticate,
    Authenticated,
    Call,
    Called,
    Close,
    Failed,
    Join,
    Joined,
    Leave,
    PresenceRead,
    Publish,
    Published,
    ReadPresence,
    Recalled,
    Refused,
    Release,
    Renewed,
    RenewSubscription,
    Send,
    SubscriptionRenewed,
    SubscriptionRenewRefused,
)
from hub.protocol.limits import TWO_WAY, Limits, Manner
from hub.protocol.state import State
from hub.protocol.stream import ClientInfo, Publication, StreamPosition

LIMITS = Limits(channels=3, expiry_grace_s=5.0, ping_interval_s=1_000.0)
TOP = StreamPosition("e", 3)


def connecting(frame: str = '{"id":1,"connect":{}}', manner: Manner = TWO_WAY, limits: Limits = LIMITS) -> Connection:
    connection = Connection("c1", "hub 1", limits, now=0.0, jitter=0.0, codec=JSON, manner=manner)
    connection.receive(frame.encode(), 0.0)
    assert connection.state is State.AUTHENTICATING
    return connection


def connected(*server_subs: str) -> Connection:
    connection = connecting()
    connection.answer(Authenticated("u1", None, False, server_subs), 0.0)
    for channel in server_subs:
        connection.answer(Joined(0, channel, SubscribeResult()), 0.0)
    assert connection.state is State.READY
    return connection


def subscribed(channel: str = "news", expires_in_s: float | None = None) -> Connection:
    connection = connected()
    do(connection, f'{{"id":2,"subscribe":{{"channel":"{channel}"}}}}')
    connection.answer(Joined(2, channel, SubscribeResult(), expires_in_s), 0.0)
    return connection


def do(connection: Connection, frame: str, now: float = 0.0):
    return connection.receive(frame.encode(), now)


def sent(effects) -> list[dict]:
    return [json.loads(effect.message) for effect in effects if isinstance(effect, Send)]


# server-side subscriptions


def test_the_connect_reply_waits_for_the_server_side_subscriptions_and_tells_of_them():
    connection = connecting('{"id":1,"connect":{"subs":{"#u1":{"recover":true,"epoch":"e","offset":2},"old":{}}}}')
    effects = connection.answer(Authenticated("u1", None, False, ("#u1", "news")), 0.0)
    assert effects == [Join(0, "#u1", StreamPosition("e", 2)), Join(0, "news")]
    assert do(connection, '{"id":2,"rpc":{"method":"m"}}') == []
    missed = [Publication(3, b"1", 0)]
    result = SubscribeResult(StreamPosition("e", 2), was_recovering=True, recovered=True, publications=missed)
    assert connection.answer(Joined(0, "#u1", result), 0.0) == []
    reply, *rest = connection.answer(Joined(0, "news", SubscribeResult()), 0.0)
    assert json.loads(reply.message)["connect"]["subs"] == {
        "#u1": {
            "was_recovering": True,
            "recovered": True,
            "epoch": "e",
            "offset": 2,
            "publications": [{"data": 1, "offset": 3}],
        },
        "news": {},
    }
    assert rest == [Release(), Call(2, "m", b"")]
    assert connection.is_subscribed("#u1")


def test_a_server_side_channel_that_may_not_be_joined_is_left_out():
    connection = connecting()
    connection.answer(Authenticated("u1", None, False, ("gone",)), 0.0)
    (reply,) = sent(connection.answer(Failed(0, ErrorCode.UNKNOWN_CHANNEL, "gone"), 0.0))
    assert "subs" not in reply["connect"]


def test_a_server_side_channel_that_cannot_be_joined_for_now_puts_the_client_off():
    connection = connecting()
    connection.answer(Authenticated("u1", None, False, ("a", "b")), 0.0)
    connection.answer(Joined(0, "a", SubscribeResult()), 0.0)
    leave, reply = connection.answer(Failed(0, ErrorCode.INTERNAL, "b"), 0.0)
    assert leave == Leave("a")
    assert json.loads(reply.message)["error"]["temporary"] is True
    assert connection.state is State.REFUSED
    assert do(connection, '{"id":2,"rpc":{}}') == [Close(CloseCode.BAD_REQUEST)]


def test_a_client_that_stays_silent_while_joining_ends_with_the_connect_deadline():
    connection = connecting()
    connection.answer(Authenticated("u1", None, False, ("a",)), 0.0)
    assert connection.tick(10.0) == [Close(CloseCode.STALE)]


def test_subscribing_to_a_server_side_channel_is_refused():
    (reply,) = sent(do(connected("news"), '{"id":2,"subscribe":{"channel":"news"}}'))
    assert reply["error"]["code"] == ErrorCode.ALREADY_SUBSCRIBED


def test_the_server_can_bring_a_client_into_a_channel_and_out_again():
    connection = connected()
    assert connection.subscribe("news") == [Join(0, "news")]
    assert connection.subscribe("news") == []
    push, release = connection.answer(Joined(0, "news", SubscribeResult(TOP)), 0.0)
    assert json.loads(push.message) == {"push": {"channel": "news", "subscribe": {"epoch": "e", "offset": 3}}}
    assert release == Release()
    (push,) = sent(connection.answer(Recalled("news", UnsubscribeCode.SERVER), 0.0))
    assert push["push"]["unsubscribe"]["code"] == 2000
    assert connection.subscribe("gone") == [Join(0, "gone")]
    assert connection.answer(Failed(0, ErrorCode.INTERNAL, "gone"), 0.0) == []
    assert not connection.is_subscribed("gone")


def test_a_hole_in_a_server_side_subscription_ends_the_connection_for_it_cannot_come_back_alone():
    assert connected("news").answer(Recalled("news", UnsubscribeCode.INSUFFICIENT_STATE), 0.0) == [
        Close(CloseCode.INSUFFICIENT_STATE)
    ]


def test_a_fresh_token_with_other_server_side_channels_makes_the_client_reconnect():
    connection = connected()
    assert connection.answer(Renewed(2, "u1", 60.0, must_reconnect=True), 0.0) == [Close(CloseCode.INSUFFICIENT_STATE)]


# subscriptions that end


def test_a_subscription_ends_after_its_time_and_the_grace_unless_renewed():
    connection = subscribed(expires_in_s=10.0)
    assert connection.deadline == 15.0
    assert do(connection, '{"id":3,"sub_refresh":{"channel":"news","token":"t"}}') == [
        RenewSubscription(3, "news", "t")
    ]
    (reply,) = sent(connection.answer(SubscriptionRenewed(3, "news", 20.5), 4.0))
    assert reply == {"id": 3, "sub_refresh": {"expires": True, "ttl": 20}}
    assert connection.tick(29.0) == []
    leave, push = connection.tick(29.5)
    assert leave == Leave("news")
    assert json.loads(push.message)["push"]["unsubscribe"]["code"] == 2501
    assert connection.state is State.READY


def test_an_expired_subscription_token_sends_the_client_for_another_one():
    connection = subscribed(expires_in_s=10.0)
    refused = SubscriptionRenewRefused(3, "news", ErrorCode.TOKEN_EXPIRED, is_expired=True)
    leave, push = connection.answer(refused, 0.0)
    assert leave == Leave("news")
    assert json.loads(push.message)["push"]["unsubscribe"]["code"] == 2501


def test_a_bad_subscription_token_is_an_error():
    connection = subscribed()
    refused = SubscriptionRenewRefused(3, "news", ErrorCode.PERMISSION_DENIED, is_expired=False)
    (reply,) = sent(connection.answer(refused, 0.0))
    assert reply["error"]["code"] == 103
    assert connection.is_subscribed("news")


@pytest.mark.parametrize("body", ['{"channel":"news"}', '{"token":"t"}'])
def test_a_renewal_without_channel_or_token_is_a_broken_client(body):
    assert do(subscribed(), f'{{"id":3,"sub_refresh":{body}}}') == [Close(CloseCode.BAD_REQUEST)]


def test_a_server_side_subscription_that_expires_ends_the_connection():
    connection = connecting()
    connection.answer(Authenticated("u1", None, False, ("news",)), 0.0)
    connection.answer(Joined(0, "news", SubscribeResult(), 10.0), 0.0)
    assert connection.tick(15.0) == [Close(CloseCode.SUBSCRIPTION_EXPIRED)]


# publishing and presence


def test_publishing_asks_and_answers():
    connection = subscribed()
    assert do(connection, '{"id":3,"publish":{"channel":"news","data":{"a":[1]}}}') == [
        Publish(3, "news", b'{"a":[1]}')
    ]
    assert sent(connection.answer(Published(3), 0.0)) == [{"id": 3, "publish": {}}]


def test_presence_and_its_count():
    connection = subscribed()
    clients = {name: ClientInfo(name, user) for name, user in (("c1", "u1"), ("c2", "u1"), ("c3", ""))}
    assert do(connection, '{"id":3,"presence":{"channel":"news"}}') == [ReadPresence(3, "news", is_count=False)]
    assert do(connection, '{"id":4,"presence_stats":{"channel":"news"}}') == [ReadPresence(4, "news", is_count=True)]
    (reply,) = sent(connection.answer(PresenceRead(3, clients, is_count=False), 0.0))
    assert reply["presence"]["presence"]["c3"] == {"user": "", "client": "c3"}
    (reply,) = sent(connection.answer(PresenceRead(4, clients, is_count=True), 0.0))
    assert reply == {"id": 4, "presence_stats": {"num_clients": 3, "num_users": 2}}


def test_a_call_and_its_answer():
    connection = connected()
    assert do(connection, '{"id":3,"rpc":{"method":"m","data":[1]}}') == [Call(3, "m", b"[1]")]
    assert sent(connection.answer(Called(3, b"2"), 0.0)) == [{"id": 3, "rpc": {"data": 2}}]
    (reply,) = sent(connection.answer(Failed(3, ErrorCode.NOT_AVAILABLE), 0.0))
    assert reply["error"]["code"] == 108


@pytest.mark.parametrize("method", ["presence", "presence_stats", "publish"])
def test_a_command_without_a_channel_is_a_broken_client(method):
    frame = f'{{"id":3,"{method}":{{"data":1}}}}'
    assert do(subscribed(), frame) == [Close(CloseCode.BAD_REQUEST)]


def test_wishes_of_a_subscriber_are_passed_on():
    frame = '{"id":2,"subscribe":{"channel":"news","token":"t","delta":"fossil","join_leave":true}}'
    assert do(connected(), frame) == [Join(2, "news", token="t", wants_delta=True, wants_joins=True)]


# transports that differ


def test_a_client_with_emulation_is_told_its_session_and_asked_for_no_pongs():
    limits = Limits(ping_interval_s=10.0, pong_timeout_s=1.0)
    connection = connecting(manner=Manner("secret", "n1"), limits=limits)
    (reply,) = sent(connection.answer(Authenticated("", None, False), 0.0))
    assert reply["connect"] == {
        "client": "c1", "version": "hub 1", "ping": 10, "session": "secret", "node": "n1"
    }  # fmt: skip
    assert sent(connection.tick(5.0)) == [{}]
    assert connection.deadline == 15.0


def test_a_one_way_client_is_brought_into_the_channels_it_wishes_and_may():
    connection = Connection("c1", "v", LIMITS, now=0.0, jitter=0.0, codec=JSON, manner=Manner(is_one_way=True))
    wish = Connect(subs={"news": Subscribe(recover=True, epoch="e", offset=1), "secret": Subscribe(), "": Subscribe()})
    assert connection.command(Command(1, "connect", wish), 0.0) == [Authenticate("")]
    effects = connection.answer(Authenticated("", None, False), 0.0)
    assert effects == [Join(0, "news", StreamPosition("e", 1)), Join(0, "secret")]
    connection.answer(Joined(0, "news", SubscribeResult()), 0.0)
    (reply,) = sent(connection.answer(Failed(0, ErrorCode.PERMISSION_DENIED, "secret"), 0.0))
    assert reply["connect"]["subs"] == {"news": {}}
    assert "pong" not in reply["connect"]


@pytest.mark.parametrize(
    ("code", "close"),
    [
        (ErrorCode.TOKEN_EXPIRED, CloseCode.EXPIRED),
        (ErrorCode.TOO_MANY_REQUESTS, CloseCode.TOO_MANY_REQUESTS),
        (ErrorCode.PERMISSION_DENIED, CloseCode.PERMISSION_DENIED),
        (ErrorCode.INTERNAL, CloseCode.SERVER_ERROR),
        (CloseCode.INVALID_TOKEN, CloseCode.INVALID_TOKEN),
    ],
)
def test_a_refused_connect_ends_a_one_way_client(code, close):
    connection = connecting(manner=Manner(is_one_way=True))
    assert connection.answer(Refused(code), 0.0) == [Close(close)]


def test_a_server_side_subscription_taken_back_before_the_connect_reply_is_not_told_of():
    connection = connecting()
    connection.answer(Authenticated("u1", None, False, ("a", "b")), 0.0)
    connection.answer(Joined(0, "a", SubscribeResult()), 0.0)
    assert connection.answer(Recalled("a", UnsubscribeCode.SERVER), 0.0) == []
    sent, _ = connection.answer(Joined(0, "b", SubscribeResult()), 0.0)
    assert json.loads(sent.message)["connect"]["subs"].keys() == {"b"}


def test_a_late_failure_of_the_servers_wish_leaves_the_clients_own_subscription_alone():
    connection = connected()
    connection.subscribe("a")
    connection.receive(b'{"id":2,"unsubscribe":{"channel":"a"}}', 0.0)
    connection.receive(b'{"id":3,"subscribe":{"channel":"a"}}', 0.0)
    connection.answer(Joined(3, "a", SubscribeResult()), 0.0)
    assert connection.answer(Failed(0, ErrorCode.INTERNAL, "a"), 0.0) == []
    assert connection.is_subscribed("a")
