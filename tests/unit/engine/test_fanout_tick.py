"""The tick: the first publication in its turn of the loop, what follows in one write, and nobody sees more of it."""

import pytest

from hub.engine.fanout import Fanout, Member
from hub.engine.runs import MAX_RUN_BYTES
from hub.protocol.stream import ClientInfo, Publication

TICK_S = 0.005


class Line:
    """Encodes a publication as its offset and a space."""

    def publication(self, channel: str, item: Publication) -> bytes:  # noqa: ARG002
        return b"%d " % item.offset

    def join(self, channel: str, info: ClientInfo) -> bytes:  # noqa: ARG002
        return b"join "

    def leave(self, channel: str, info: ClientInfo) -> bytes:  # noqa: ARG002
        return b"leave "


LINE = Line()


class Recorder:
    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.waiting = 0
        self.member = Member(self, "page:a", LINE, lambda code: None, wants_joins=True)  # noqa: ARG005

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def buffered_bytes(self) -> int:
        return self.waiting

    def abort(self) -> None:
        pass


class Stage:
    """A fan-out whose timers the test lets run out."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, object]] = []
        self.fanout = Fanout(
            1_000, 10.0, tick_s=TICK_S, call_later=lambda *timer: self.timers.append(timer), now=lambda: 50.0
        )

    def viewer(self, last: int = 0) -> Recorder:
        recorder = Recorder()
        self.fanout.add(recorder.member, last)
        return recorder

    def receive(self, *offsets: int, data: bytes = b"{}") -> None:
        self.fanout.send([Publication(offset, data, 0) for offset in offsets], now=50.0)

    def send(self, *offsets: int, data: bytes = b"{}") -> None:
        """Alone in its turn of the loop."""
        self.receive(*offsets, data=data)
        self.turn()

    def turn(self) -> None:
        """What was to be done at once is done."""
        if self.timers and self.timers[0][0] == 0.0:
            [(_, callback)] = self.timers
            self.timers.clear()
            callback()

    def end_tick(self) -> None:
        [(delay_s, callback)] = self.timers
        assert delay_s == TICK_S
        self.timers.clear()
        callback()


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_publication_on_a_quiet_channel_is_written_at_once(stage):
    viewer = stage.viewer()
    stage.send(1)
    assert viewer.frames == [b"1 "]
    stage.end_tick()
    assert not stage.timers, "quiet again"
    stage.send(2)
    assert viewer.frames == [b"1 ", b"2 "]


def test_what_comes_in_one_read_is_one_write(stage):
    viewer = stage.viewer()
    for offset in (1, 2, 3):
        stage.receive(offset)
    assert viewer.frames == []
    stage.turn()
    assert viewer.frames == [b"1 2 3 "]


def test_what_comes_during_a_tick_is_one_write_at_its_end(stage):
    first, second = stage.viewer(), stage.viewer()
    stage.send(1)
    stage.send(2)
    stage.send(3, 4)
    assert first.frames == [b"1 "]
    assert first.member.last == 1
    stage.end_tick()
    assert first.frames == [b"1 ", b"2 3 4 "]
    assert first.frames[1] is second.frames[1]
    assert first.member.last == 4
    stage.send(5)
    assert len(first.frames) == 2, "a busy channel ticks on"
    stage.end_tick()
    assert first.frames[2:] == [b"5 "]


def test_a_lot_is_not_kept_back(stage):
    viewer = stage.viewer()
    stage.send(1)
    stage.send(2, data=b"x" * (MAX_RUN_BYTES // 2))
    assert len(viewer.frames) == 1
    stage.send(3, data=b"x" * (MAX_RUN_BYTES // 2))
    assert viewer.frames == [b"1 ", b"2 3 "]
    stage.end_tick()
    assert not stage.timers


def test_flush_writes_now_and_the_tick_goes_on(stage):
    viewer = stage.viewer()
    stage.send(1)
    stage.send(2)
    stage.fanout.flush()
    stage.fanout.flush()
    assert viewer.frames == [b"1 ", b"2 "]
    stage.send(3)
    assert len(viewer.frames) == 2
    stage.end_tick()
    assert viewer.frames[2:] == [b"3 "]


def test_who_comes_during_a_tick_gets_what_is_above_its_answer(stage):
    early = stage.viewer()
    stage.send(1)
    stage.send(2)
    late, ahead = stage.viewer(last=2), stage.viewer(last=4)
    assert early.frames == [b"1 ", b"2 "], "what its answer holds has gone out to the others"
    stage.send(3)
    stage.send(4)
    stage.send(5)
    stage.end_tick()
    assert b"".join(late.frames) == b"3 4 5 "
    assert ahead.frames == [b"5 "]


def test_who_leaves_during_a_tick_gets_nothing_more(stage):
    viewer, _ = stage.viewer(), stage.viewer()
    stage.send(1)
    stage.send(2)
    assert stage.fanout.remove(viewer.member)
    stage.end_tick()
    assert viewer.frames == [b"1 "]
    assert viewer.member.last == 1


def test_a_recall_comes_after_what_was_published_before_it(stage):
    viewer = stage.viewer()
    stage.send(1)
    stage.send(2)
    assert stage.fanout.take_all() == [viewer.member]
    assert viewer.frames == [b"1 ", b"2 "]
    assert viewer.member.last == 2
    stage.end_tick()
    assert not stage.timers
    assert len(viewer.frames) == 2


def test_a_member_that_is_slow_when_the_tick_ends_gets_none_of_it(stage):
    viewer = stage.viewer()
    stage.send(1)
    stage.send(2, 3)
    viewer.waiting = 1_001
    stage.end_tick()
    assert viewer.frames == [b"1 "]
    assert viewer.member.last == 1
    assert viewer.member.behind_since == 50.0
    assert stage.fanout.has_behind


def test_joins_come_after_what_was_published_before_them(stage):
    viewer = stage.viewer()
    stage.send(1)
    stage.send(2)
    stage.fanout.tell_joined(ClientInfo("c1", "u1"))
    stage.send(3)
    stage.fanout.tell_left(ClientInfo("c1", "u1"))
    assert b"".join(viewer.frames) == b"1 2 join 3 leave "


def test_a_channel_without_members_does_not_tick(stage):
    stage.send(1)
    assert not stage.timers
    viewer = stage.viewer(last=1)
    stage.send(2)
    stage.fanout.remove(viewer.member)
    stage.send(3)
    stage.end_tick()
    assert not stage.timers
