"""Deltas: first the whole payload, then what changed, made once for all who have the same base."""

import pytest

from hub.engine import runs
from hub.engine.fanout import Fanout, Member
from hub.protocol.delta import apply, as_deltas
from hub.protocol.stream import ClientInfo, Form, Publication

LIMIT = 1_000
WORDS = b'{"text":"the same long beginning of every payload, and then number %d"}'


class Items:
    """Encodes a publication as nothing and keeps the item that it was asked for."""

    def __init__(self) -> None:
        self.items: list[Publication] = []

    def publication(self, channel: str, item: Publication) -> bytes:  # noqa: ARG002
        self.items.append(item)
        return b"%s %d;" % (item.form.name.encode(), item.offset)

    def join(self, channel: str, info: ClientInfo) -> bytes:  # noqa: ARG002
        return b""

    leave = join


class Wire:
    def __init__(self) -> None:
        self.text = b""
        self.waiting = 0

    def write(self, frame: bytes) -> None:
        self.text += frame

    def buffered_bytes(self) -> int:
        return self.waiting

    def abort(self) -> None:
        pass


class Stage:
    def __init__(self) -> None:
        self.encoding = Items()
        self.fanout = Fanout(LIMIT, 10.0)

    def viewer(self, last: int = 0, base: bytes | None = None, *, wants_delta: bool = True) -> tuple[Member, Wire]:
        wire = Wire()
        member = Member(wire, "a", self.encoding, lambda code: None, wants_delta=wants_delta)  # noqa: ARG005
        self.fanout.add(member, last, base=base)
        return member, wire

    def send(self, *offsets: int) -> None:
        self.fanout.send([Publication(offset, WORDS % offset, 0) for offset in offsets], now=0.0)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_first_is_full_and_the_next_are_deltas_of_their_predecessors(stage):
    _, wire = stage.viewer()
    _, plain = stage.viewer(wants_delta=False)
    stage.send(1)
    stage.send(2, 3)
    assert wire.text == b"FULL 1;DELTA 2;DELTA 3;"
    assert plain.text == b"PLAIN 1;PLAIN 2;PLAIN 3;"
    full, second, third = (item for item in stage.encoding.items if item.form is not Form.PLAIN)
    assert full.data == WORDS % 1
    assert apply(WORDS % 1, second.data) == WORDS % 2
    assert apply(WORDS % 2, third.data) == WORDS % 3


def test_several_at_once_are_deltas_of_each_other_for_a_new_member_too(stage):
    _, wire = stage.viewer()
    stage.send(1, 2, 3)
    assert wire.text == b"FULL 1;DELTA 2;DELTA 3;"


def test_a_new_member_gets_a_full_one_while_the_others_get_deltas(stage):
    _, early = stage.viewer()
    stage.send(1)
    late_member, late = stage.viewer(last=1)
    stage.send(2)
    stage.send(3)
    assert early.text == b"FULL 1;DELTA 2;DELTA 3;"
    assert late.text == b"FULL 2;DELTA 3;"
    assert late_member.last == 3
    assert len(stage.fanout) == 2
    assert stage.fanout.remove(late_member)
    assert len(stage.fanout) == 1


@pytest.mark.parametrize(("base", "first"), [(WORDS % 1, b"DELTA"), (WORDS % 0, b"FULL"), (None, b"FULL")])
def test_a_member_whose_answer_ended_with_the_last_payload_starts_with_a_delta(stage, base, first):
    stage.viewer()
    stage.send(1)
    _, wire = stage.viewer(last=1, base=base)
    stage.send(2)
    assert wire.text == first + b" 2;"


def test_a_delta_that_is_not_shorter_is_sent_in_full(stage):
    _, wire = stage.viewer()
    stage.fanout.send([Publication(1, b'"a"', 0), Publication(2, b'"something else"', 0)], now=0.0)
    assert wire.text == b"FULL 1;FULL 2;"


def test_a_slow_member_comes_back_without_a_base(stage):
    member, wire = stage.viewer()
    stage.send(1)
    wire.waiting = LIMIT + 1
    stage.send(2)
    wire.waiting = 0
    assert stage.fanout.sweep(now=0.0) == [member]
    stage.fanout.add(member, last=2)
    stage.send(3)
    assert wire.text == b"FULL 1;FULL 3;"


def test_no_delta_spans_two_lives_of_a_channel(stage):
    member, wire = stage.viewer()
    stage.send(1)
    stage.fanout.take_all()
    stage.fanout.add(member, last=0, base=WORDS % 1)
    stage.send(1)
    assert wire.text == b"FULL 1;FULL 1;"


def test_a_delta_is_made_once_for_all_and_not_at_all_for_nobody(stage, monkeypatch):
    asked = []

    def counting(publications, base=None):
        asked.extend(item.offset for item in publications)
        return as_deltas(publications, base)

    monkeypatch.setattr(runs, "as_deltas", counting)
    stage.viewer(wants_delta=False)
    stage.send(1)
    assert asked == []
    other = Items()
    for encoding in (stage.encoding, other):
        stage.fanout.add(Member(Wire(), "a", encoding, lambda code: None, wants_delta=True), 1)  # noqa: ARG005
    stage.send(2)
    assert asked == []
    stage.send(3, 4)
    assert sorted(asked) == [3, 4]
    assert [item.form for item in other.items] == [Form.FULL, Form.DELTA, Form.DELTA]
