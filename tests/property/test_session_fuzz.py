"""W21: whatever a client says and however the answers come, a connection stays in order.

Commands made by a grammar, in both encodings, whole and broken, mixed with answers in any order, orders of the server
and time. A model of its own checks every effect.
"""

import json
import math
from collections import Counter
from typing import Any

from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.protocol import schema
from hub.protocol.codec import Codec, SubscribeResult
from hub.protocol.codec_json import JSON
from hub.protocol.codec_protobuf import PROTOBUF
from hub.protocol.codes import CloseCode, ErrorCode, UnsubscribeCode
from hub.protocol.connection import Connection
from hub.protocol.effects import (
    Answer,
    Authenticate,
    Authenticated,
    Call,
    Called,
    Close,
    Effect,
    Failed,
    HistoryRead,
    Join,
    Joined,
    Leave,
    PresenceRead,
    Publish,
    Published,
    ReadHistory,
    ReadPresence,
    Recalled,
    Refused,
    Release,
    Renew,
    Renewed,
    RenewRefused,
    RenewSubscription,
    Send,
    SubscriptionRenewed,
    SubscriptionRenewRefused,
)
from hub.protocol.limits import Limits, Manner
from hub.protocol.state import State
from hub.protocol.stream import ClientInfo, Publication, StreamPosition

LIMITS = Limits(
    frame_bytes=4_096,
    connect_deadline_s=10.0,
    ping_interval_s=25.0,
    expiry_grace_s=5.0,
    channels=3,
    command_burst=15,
    refused_commands=5,
)
TOP = StreamPosition("e", 3)
CHANNELS = ("a", "b", "c", "d")

channels = st.sampled_from(CHANNELS) | st.sampled_from(("a", "", "x" * 255, "y" * 256, "nul\0", "ü ", "#u1"))
tokens = st.sampled_from(("", "t"))
payloads = st.sampled_from(("1", '{"a":[1,2]}', '"ü"', "null"))
offsets = st.sampled_from((0, 1, 3, 2**63, 2**64 - 1))
positions = {"recover": st.booleans(), "epoch": st.sampled_from(("", "e", "_")), "offset": offsets}
subscribes = st.fixed_dictionaries(
    {"channel": channels},
    optional={
        **positions,
        "token": tokens,
        "flag": st.integers(0, 3),
        "delta": st.sampled_from(("", "fossil", "zip")),
        "join_leave": st.booleans(),
    },
)
BODIES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "connect": st.fixed_dictionaries(
        {}, optional={"token": tokens, "subs": st.dictionaries(channels, st.fixed_dictionaries(positions), max_size=2)}
    ),
    "subscribe": subscribes,
    "unsubscribe": st.fixed_dictionaries({"channel": channels}),
    "history": st.fixed_dictionaries(
        {"channel": channels},
        optional={
            "limit": st.integers(-2, 400),
            "reverse": st.booleans(),
            "since": st.fixed_dictionaries({"offset": offsets, "epoch": st.just("e")}),
        },
    ),
    "publish": st.fixed_dictionaries({"channel": channels}, optional={"data": payloads}),
    "presence": st.fixed_dictionaries({"channel": channels}),
    "presence_stats": st.fixed_dictionaries({"channel": channels}),
    "refresh": st.fixed_dictionaries({"token": tokens}),
    "sub_refresh": st.fixed_dictionaries({"channel": channels, "token": tokens}),
    "rpc": st.fixed_dictionaries({"method": tokens}, optional={"data": payloads}),
    "send": st.just({}),
    "ping": st.just({}),
}
usual = st.sampled_from(("subscribe", "subscribe", "unsubscribe", "history", "publish", "presence", "sub_refresh"))
methods = usual | usual | st.sampled_from(sorted(BODIES))
commands = methods.flatmap(lambda method: st.tuples(st.just(method), BODIES[method]))
errors = st.sampled_from(ErrorCode)
lives = st.none() | st.sampled_from((-1.0, 0.5, 20.0, 1_000.0))
infos = st.builds(ClientInfo, st.just("c2"), st.just("u2"), st.none() | st.just(b'{"n":1}'))
publications = st.builds(
    Publication, st.integers(1, 5), st.just(b'{"x":1}'), st.just(0), info=st.none() | infos, tags=st.just({"t": "v"})
)
results = st.builds(
    SubscribeResult,
    position=st.none() | st.just(TOP),
    is_recoverable=st.booleans(),
    is_positioned=st.booleans(),
    was_recovering=st.booleans(),
    recovered=st.booleans(),
    publications=st.lists(publications, max_size=2),
    data=st.none() | st.just(b"[]"),
    ttl_s=st.none() | st.just(5),
)


def encoded(codec: Codec, sent: list[tuple[int, str, dict[str, Any]]]) -> bytes:
    """A frame of commands (id, method, body)."""
    if codec is JSON:
        lines = []
        for number, method, body in sent:
            data = body.pop("data", None)
            text = json.dumps({"id": number, method: body} if number else {method: body})
            if data is not None:  # payloads are JSON already
                separator = "," if body else ""
                text = text[:-2] + f'{separator}"data":{data}' + "}}"
            lines.append(text)
        return "\n".join(lines).encode()
    frame = b""
    for number, method, body in sent:
        if "data" in body:
            body["data"] = body["data"].encode()
        message = schema.Command(**{"id": number, method: body}).SerializeToString()
        frame += length_of(len(message)) + message
    return frame


def length_of(size: int) -> bytes:
    return bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])


def read(codec: Codec, message: bytes) -> dict[str, Any]:
    """A message as {field: value}; for a binary one the values are messages."""
    if codec is JSON:
        found: dict[str, Any] = json.loads(message)
        return found
    size, at = message[0], 1
    if size > 127:
        size, at = size & 127 | message[1] << 7, 2
    assert len(message) == at + size
    return {field.name: value for field, value in schema.Reply.FromString(message[at:]).ListFields()}


class AnyConnection(RuleBasedStateMachine):
    @initialize(
        codec=st.sampled_from((JSON, PROTOBUF)),
        manner=st.sampled_from(
            (Manner(), Manner(), Manner(session="s", node="n"), Manner(session="s", is_one_way=True))
        ),
        connects=st.sampled_from((True, True, True, False)),
        server_subs=st.lists(st.sampled_from(CHANNELS), max_size=2, unique=True),
    )
    def begin(self, codec: Codec, manner: Manner, connects: bool, server_subs: list[str]) -> None:
        self.now = 100.0
        self.codec = codec
        self.connection = Connection("c1", "hub 1", LIMITS, self.now, 0.5, codec, manner)
        self.last_id = 0
        self.unanswered: Counter[int] = Counter()  # ids that wait for a reply
        self.asked: list[Effect] = []  # effects that wait for an answer
        self.joined: set[str] = set()
        self.is_told = False  # the connect reply has been sent
        self.is_closed = False
        if connects:
            self.say([("connect", {})])
            (asked,) = self.asked
            assert isinstance(asked, Authenticate)
            if server_subs:
                self.answer(asked, Authenticated("u1", None, True, tuple(server_subs)))

    # What happens to it

    @rule(sent=st.lists(commands, min_size=1, max_size=4))
    def say(self, sent: list[tuple[str, dict[str, Any]]]) -> None:
        frame = []
        for method, body in sent:
            self.last_id += 1
            frame.append((0 if method == "send" else self.last_id, method, dict(body)))
        # Those behind one that ends the connection are never looked at; their ids stay open, and nobody minds.
        self.unanswered.update(number for number, _, _ in frame if number)
        self.do(self.connection.receive(encoded(self.codec, frame), self.now))

    @rule(frame=st.binary(max_size=40) | st.binary(min_size=4_097, max_size=4_100))
    def say_nonsense(self, frame: bytes) -> None:
        known = self.unanswered.copy()
        self.unanswered.update(dict.fromkeys(range(300), 100))  # it may have an id by chance
        self.do(self.connection.receive(frame, self.now))
        self.unanswered = known
        if len(frame) > LIMITS.frame_bytes:
            assert self.is_closed

    @rule(sent=commands, pick=st.randoms(use_true_random=False))
    def say_it_damaged(self, sent: tuple[str, dict[str, Any]], pick: Any) -> None:
        """One byte changed or the end cut off: refused, or a command like another."""
        method, body = sent
        self.last_id += 1
        frame = bytearray(encoded(self.codec, [(self.last_id, method, dict(body))]))
        at = pick.randrange(len(frame))
        damaged = (
            bytes(frame[:at]) if pick.random() < 0.5 else bytes([*frame[:at], pick.randrange(256), *frame[at + 1 :]])
        )
        try:
            understood = self.codec.decode(damaged, LIMITS.frame_bytes)
        except ValueError:
            understood = []
        self.unanswered.update(command.id for command in understood if command.id)
        self.do(self.connection.receive(damaged, self.now))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def answer_something(self, data: Any) -> None:
        asked = self.asked[data.draw(st.integers(0, len(self.asked) - 1))]
        self.answer(asked, data.draw(answers_to(asked)))

    @rule(channel=st.sampled_from(CHANNELS), code=st.sampled_from(UnsubscribeCode))
    def recall(self, channel: str, code: UnsubscribeCode) -> None:
        self.joined.discard(channel)
        self.do(self.connection.answer(Recalled(channel, code), self.now))

    @rule(channel=st.sampled_from(CHANNELS))
    def subscribe_from_the_server(self, channel: str) -> None:
        self.do(self.connection.subscribe(channel))

    @rule(left_s=lives)
    def end_in(self, left_s: float | None) -> None:
        self.do(self.connection.end_in(left_s, self.now))

    @rule(passed_s=st.sampled_from((0.1, 1.0, 9.0, 30.0)))
    def wait(self, passed_s: float) -> None:
        """As the wheel does it: a tick at each deadline that passes."""
        until = self.now + passed_s
        while (deadline := self.connection.deadline) <= until:
            self.now = max(self.now, deadline)
            self.do(self.connection.tick(self.now))
            assert self.connection.deadline > self.now, "it would be asked again and again"
        self.now = until
        assert self.connection.tick(self.now) == []

    @rule()
    def pong(self) -> None:
        frame = b"{}" if self.codec is JSON else b"\0"
        self.do(self.connection.receive(frame, self.now))

    # What it does

    def answer(self, asked: Effect, answer: Answer) -> None:
        self.asked.remove(asked)
        note(f"{asked} -> {answer}")
        if isinstance(answer, Joined) and self.connection.is_awaiting(answer.channel, answer.id):
            self.joined.add(answer.channel)
        self.do(self.connection.answer(answer, self.now))

    def do(self, effects: list[Effect]) -> None:
        note(f"{self.connection.state}: {effects}")
        for effect in effects:
            assert not self.is_closed, "a closed connection says nothing"
            match effect:
                case Send(message):
                    self.sent(read(self.codec, message))
                case Close(code):
                    assert isinstance(code, CloseCode)
                    self.is_closed = True
                    self.joined.clear()
                case Leave(channel):
                    assert channel in self.joined
                    self.joined.discard(channel)
                case Release():
                    assert self.is_told
                case Join(channel=channel):
                    assert channel not in self.joined
                    self.asked.append(effect)
                case _:
                    self.asked.append(effect)

    def sent(self, reply: dict[str, Any]) -> None:
        if "push" in reply:
            assert self.is_told, "a push before the connect reply"
        elif reply:
            number = reply["id"]
            assert self.unanswered[number] > 0, f"nobody waits for {number}"
            self.unanswered[number] -= 1
            assert len(reply) == 2, "one result or one error"
            if "connect" in reply:
                assert not self.is_told
                self.is_told = True

    @invariant()
    def books_agree(self) -> None:
        if not hasattr(self, "connection"):
            return
        state = self.connection.state
        assert self.is_closed is self.connection.is_closed is (state is State.CLOSED)
        assert self.is_told or state is not State.READY
        assert {channel for channel in CHANNELS if self.connection.is_subscribed(channel)} == self.joined & {*CHANNELS}
        assert (self.connection.deadline == math.inf) is self.is_closed
        if self.is_closed:
            assert self.connection.close(CloseCode.SHUTDOWN) == []

    def teardown(self) -> None:
        """In the end every command of a connection that lives has its one answer."""
        if not hasattr(self, "connection"):
            return
        while self.asked:
            asked = self.asked[0]
            self.answer(asked, plain_answer_to(asked))
        if self.connection.state is State.READY:
            assert not +self.unanswered, "somebody still waits"


def answers_to(asked: Effect) -> st.SearchStrategy[Answer]:
    """Every way in which what was asked may end."""
    plain = st.just(plain_answer_to(asked))
    match asked:
        case Authenticate():
            subs = st.lists(channels, max_size=4, unique=True)
            refused: st.SearchStrategy[Any] = errors | st.sampled_from(CloseCode)
            return (
                plain
                | st.builds(Authenticated, st.sampled_from(("", "u1")), lives, st.booleans(), subs)
                | st.builds(Refused, refused)
            )
        case Renew(id):
            return (
                st.builds(Renewed, st.just(id), st.sampled_from(("", "u1")), lives, st.booleans())
                | st.builds(RenewRefused, st.just(id), errors)
                | st.builds(RenewRefused, st.just(id), st.sampled_from(CloseCode))
            )
        case Join(id=id, channel=channel):
            failed = st.builds(Failed, st.just(id), errors, st.just(channel))
            return plain | st.builds(Joined, st.just(id), st.just(channel), results, lives) | failed
        case RenewSubscription(id, channel):
            renewed = st.builds(SubscriptionRenewed, st.just(id), st.just(channel), lives)
            return renewed | st.builds(SubscriptionRenewRefused, st.just(id), st.just(channel), errors, st.just(False))
        case ReadHistory(id, channel) | ReadPresence(id, channel) | Publish(id, channel):
            return plain | st.builds(Failed, st.just(id), errors, st.just(channel))
        case Call(id):
            return plain | st.builds(Failed, st.just(id), errors)
    raise AssertionError(asked)


def plain_answer_to(asked: Effect) -> Answer:
    match asked:
        case Authenticate():
            return Authenticated("u1", None, False)
        case Renew(id):
            return Renewed(id, "u1", None)
        case Join(id=id, channel=channel):
            return Joined(id, channel, SubscribeResult())
        case RenewSubscription(id, channel):
            return SubscriptionRenewed(id, channel, None)
        case ReadHistory(id):
            return HistoryRead(id, TOP, [Publication(1, b"1", 0)])
        case ReadPresence(id, _, is_count):
            return PresenceRead(id, {"c2": ClientInfo("c2", "u2")}, is_count)
        case Publish(id):
            return Published(id)
        case Call(id):
            return Called(id, b"1")
    raise AssertionError(asked)


TestAnyConnection = AnyConnection.TestCase
TestAnyConnection.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
