"""Fan-out: the same bytes to all, nobody waits for anybody, and who is slow is told to come back."""

import random

import pytest

from hub.engine.fanout import Fanout, Member
from hub.engine.runs import MAX_RUN_BYTES
from hub.protocol.stream import ClientInfo, Publication

LIMIT = 1_000


class RecordingWire:
    """Stands at the port: a transport whose buffer the test fills and drains."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.waiting = 0
        self.is_aborted = False

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def buffered_bytes(self) -> int:
        return self.waiting

    def abort(self) -> None:
        self.is_aborted = True


class Words:
    """Counts how often it is asked."""

    def __init__(self, word: str | None = None) -> None:
        self.word = word
        self.calls = 0

    def publication(self, channel: str, item: Publication) -> bytes:
        self.calls += 1
        return f"{self.word or channel}:{item.offset}".encode()

    def join(self, channel: str, info: ClientInfo) -> bytes:
        return f"{channel}+{info.client}".encode()

    def leave(self, channel: str, info: ClientInfo) -> bytes:
        return f"{channel}-{info.client}".encode()


as_is, other = Words(), Words("other")


SOMEBODY = ClientInfo("c1", "u1")


def new_member(name: str = "page:a", encoding=as_is, **options) -> tuple[Member, RecordingWire]:
    wire = RecordingWire()
    return Member(wire, name, encoding, lambda code: None, **options), wire  # noqa: ARG005


def publication(offset: int) -> Publication:
    return Publication(offset, b"{}", 0)


@pytest.fixture
def fanout() -> Fanout:
    as_is.calls = 0
    return Fanout(LIMIT, stall_deadline_s=10.0)


def test_all_members_of_a_name_and_encoding_get_the_same_bytes_object(fanout):
    wires = []
    for name, encoding in (("page:a", as_is),) * 3 + (("page:a@all", as_is), ("page:a", other)):
        member, wire = new_member(name, encoding)
        fanout.add(member, last=0)
        wires.append(wire)
    fanout.send([publication(1)], now=0.0)
    assert as_is.calls == 2, "once per name on the wire"
    assert wires[0].frames[0] is wires[1].frames[0] is wires[2].frames[0]
    assert [wire.frames for wire in wires] == [[b"page:a:1"]] * 3 + [[b"page:a@all:1"], [b"other:1"]]


def test_a_member_does_not_get_what_its_snapshot_had(fanout):
    member, wire = new_member()
    fanout.add(member, last=2)
    fanout.send([publication(1), publication(2), publication(3)], now=0.0)
    assert wire.frames == [b"page:a:3"]


def test_what_is_sent_together_is_one_write(fanout):
    member, wire = new_member()
    fanout.add(member, last=0)
    fanout.send([publication(1), publication(2), publication(3)], now=0.0)
    assert wire.frames == [b"page:a:1page:a:2page:a:3"]


def test_a_long_run_is_cut_so_that_a_slow_member_is_seen_in_between(fanout):
    member, wire = new_member()
    fanout.add(member, last=0)
    big = b"x" * (MAX_RUN_BYTES // 2)
    wire.write = lambda frame: (wire.frames.append(frame), setattr(wire, "waiting", LIMIT + 1))
    fanout.send([Publication(offset, big, 0) for offset in range(1, 6)], now=0.0)
    assert wire.frames == [b"page:a:1page:a:2"]
    assert fanout.has_behind
    assert member.last == 2


def test_what_has_been_sent_is_not_sent_again(fanout):
    member, wire = new_member()
    fanout.add(member, last=0)
    fanout.send([publication(1), publication(1), publication(2)], now=0.0)
    fanout.send([publication(2), publication(3)], now=0.0)
    assert wire.frames == [b"page:a:1page:a:2", b"page:a:3"]


def test_publications_without_an_offset_go_to_everybody_each_time(fanout):
    member, wire = new_member()
    fanout.add(member, last=0)
    for _ in range(2):
        fanout.send([publication(0)], now=0.0)
    assert wire.frames == [b"page:a:0", b"page:a:0"]
    assert member.last == 0


def test_where_a_member_is_can_be_read_at_any_time(fanout):
    early, _ = new_member()
    fanout.add(early, last=100)
    assert early.last == 100
    fanout.send([publication(101)], now=0.0)
    ahead, ahead_wire = new_member()
    fanout.add(ahead, last=103)
    fanout.send([publication(102)], now=0.0)
    assert (early.last, ahead.last) == (102, 103)
    fanout.send([publication(103), publication(104)], now=0.0)
    assert (early.last, ahead.last) == (104, 104)
    assert ahead_wire.frames == [b"page:a:104"]
    fanout.remove(early)
    fanout.send([publication(105)], now=0.0)
    assert fanout.take_all() == [ahead]
    assert (early.last, ahead.last) == (104, 105)


def test_a_member_that_is_slow_at_its_first_publication_stays_where_its_answer_left_it(fanout):
    member, wire = new_member()
    fanout.add(member, last=100)
    wire.waiting = LIMIT + 1
    fanout.send([publication(101)], now=0.0)
    assert fanout.has_behind
    assert member.last == 100


def test_after_all_were_taken_the_channel_may_count_anew(fanout):
    member, wire = new_member()
    fanout.add(member, last=0)
    fanout.send([publication(7)], now=0.0)
    fanout.take_all()
    fanout.add(member, last=2)
    fanout.send([publication(3)], now=0.0)
    assert wire.frames == [b"page:a:7", b"page:a:3"]


def test_joins_and_leaves_are_told_to_those_who_want_to_know(fanout):
    wants, wants_wire = new_member(wants_joins=True)
    ahead, ahead_wire = new_member(wants_joins=True)
    _, other_wire = added = new_member()
    fanout.add(wants, last=0)
    fanout.add(ahead, last=9)
    fanout.add(added[0], last=0)
    fanout.send([publication(1)], now=0.0)
    fanout.tell_joined(SOMEBODY)
    fanout.tell_left(SOMEBODY)
    assert wants_wire.frames == [b"page:a:1", b"page:a+c1", b"page:a-c1"]
    assert wants_wire.frames[1] is ahead_wire.frames[0], "encoded once"
    assert ahead_wire.frames == [b"page:a+c1", b"page:a-c1"]
    assert other_wire.frames == [b"page:a:1"]


def test_a_slow_member_is_not_told_of_joins_but_to_come_back(fanout):
    member, wire = new_member(wants_joins=True)
    fanout.add(member, last=3)
    wire.waiting = LIMIT + 1
    fanout.tell_joined(SOMEBODY)
    wire.waiting = 0
    fanout.tell_joined(SOMEBODY)
    assert wire.frames == []
    assert fanout.sweep(now=1.0) == [member]
    assert member.last == 3


def test_a_member_over_its_buffer_is_skipped_and_comes_back_when_drained(fanout):
    (slow, slow_wire), (quick, quick_wire) = new_member(), new_member()
    fanout.add(slow, last=0)
    fanout.add(quick, last=0)
    slow_wire.waiting = LIMIT + 1
    fanout.send([publication(1)], now=0.0)
    fanout.send([publication(2)], now=0.0)
    assert slow_wire.frames == []
    assert quick_wire.frames == [b"page:a:1", b"page:a:2"]
    assert fanout.has_behind
    assert len(fanout) == 2
    slow_wire.waiting = LIMIT // 2
    assert fanout.sweep(now=1.0) == [], "not drained to the low mark yet"
    fanout.send([publication(3)], now=1.0)
    assert slow_wire.frames == [], "a hole is never skipped over"
    slow_wire.waiting = 0
    assert fanout.sweep(now=2.0) == [slow]
    assert list(fanout) == [quick]
    assert slow.last == 0, "it comes back from where it truly was"


def test_a_member_that_does_not_drain_is_dropped(fanout):
    member, wire = new_member()
    fanout.add(member, last=0)
    wire.waiting = LIMIT + 1
    fanout.send([publication(1)], now=0.0)
    assert fanout.sweep(now=9.9) == []
    assert not wire.is_aborted
    assert fanout.sweep(now=10.0) == []
    assert wire.is_aborted
    assert len(fanout) == 0


@pytest.mark.parametrize("seed", range(20))
def test_members_are_counted_right_whatever_comes_and_goes(seed):
    rng = random.Random(seed)
    fanout = Fanout(LIMIT, stall_deadline_s=10.0)
    inside: dict[Member, RecordingWire] = {}
    outside = [new_member(rng.choice(["page:a", "page:b"]), rng.choice([as_is, other])) for _ in range(10)]
    as_is.calls = 0
    for step in range(300):
        match rng.choice(["add", "remove", "send", "fill", "sweep", "take"]):
            case "add" if outside:
                member, wire = outside.pop()
                wire.waiting = 0
                fanout.add(member, last=step)
                inside[member] = wire
            case "remove" if inside:
                member = rng.choice(list(inside))
                outside.append((member, inside.pop(member)))
                assert fanout.remove(member)
                assert not fanout.remove(member)
            case "send":
                fanout.send([publication(step)], now=step)
            case "fill" if inside:
                rng.choice(list(inside.values())).waiting = rng.choice([0, LIMIT + 1])
            case "sweep":
                drained = fanout.sweep(now=step)
                for member, wire in list(inside.items()):
                    if member in drained or wire.is_aborted:
                        wire.is_aborted = False
                        outside.append((member, inside.pop(member)))
            case "take" if rng.random() < 0.1:
                assert set(fanout.take_all()) == set(inside)
                outside.extend(inside.items())
                inside.clear()
        assert len(fanout) == len(inside)
        assert set(fanout) == set(inside)
