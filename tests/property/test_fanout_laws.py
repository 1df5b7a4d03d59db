"""Whatever comes, goes, stalls and ticks: each member gets what it lacks, once and in order, in whichever form.

The same happens to two fan-outs, one that collects and one that does not; who never stalled must see the same of both.
"""

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.engine.fanout import Fanout, Member
from hub.protocol.delta import apply
from hub.protocol.stream import ClientInfo, Form, Publication

LIMIT = 1_000
TEXTS = ("", "operational " * 8, "operational " * 7 + "down ", "x" * 40_000, "x" * 20_000 + "y" + "x" * 20_000)
NAMES = ("a", "b")


class Lines:
    """Encodes as lines: form, offset and data; or who came or went."""

    def publication(self, channel: str, item: Publication) -> bytes:  # noqa: ARG002
        return b"%s %d %s\n" % (item.form.name.encode(), item.offset, item.data.hex().encode())

    def join(self, channel: str, info: ClientInfo) -> bytes:  # noqa: ARG002
        return b"+ %s\n" % info.client.encode()

    def leave(self, channel: str, info: ClientInfo) -> bytes:  # noqa: ARG002
        return b"- %s\n" % info.client.encode()


ENCODINGS = (Lines(), Lines())


def payload(serial: int, text: str) -> bytes:
    return b"%d:%s" % (serial, text.encode())


class Viewer:
    """A wire that reads what it is sent, and knows what may come next."""

    def __init__(self, encoding: Lines, name: str, *, wants_delta: bool, wants_joins: bool) -> None:
        self.member = Member(
            self,
            name,
            encoding,
            lambda code: None,  # noqa: ARG005
            wants_delta=wants_delta,
            wants_joins=wants_joins,
        )
        self.seen: list[bytes] = []
        self.serial = 0  # of the last publication that it has
        self.base: bytes | None = None
        self.is_stalled = self.has_ever_stalled = self.is_aborted = False

    def write(self, frame: bytes) -> None:
        assert not self.is_stalled
        for line in frame.splitlines():
            word, *rest = line.split(b" ")
            if word in {b"+", b"-"}:
                assert self.member.wants_joins
                self.seen.append(line)
            else:
                self._take(Form[word.decode()], bytes.fromhex(rest[1].decode()))

    def _take(self, form: Form, data: bytes) -> None:
        assert (form is Form.PLAIN) is not self.member.wants_delta
        if form is Form.DELTA:
            assert self.base is not None, "a delta for whoever has nothing to apply it to"
            data = apply(self.base, data)
        self.base = data
        serial = int(data.partition(b":")[0])
        assert serial == self.serial + 1, f"{serial} after {self.serial}"
        self.serial = serial
        self.seen.append(data)

    def buffered_bytes(self) -> int:
        return LIMIT + 1 if self.is_stalled else 0

    def abort(self) -> None:
        self.is_aborted = True


class Side:
    """One of the two fan-outs, with viewers of its own; `viewers[n]` of both are the same person."""

    def __init__(self, *, has_offsets: bool, ticks: bool) -> None:
        self.has_offsets = has_offsets
        self.timers: list[Callable[[], None]] = []
        self.viewers: dict[int, Viewer] = {}
        later = (lambda _delay_s, callback: self.timers.append(callback)) if ticks else None
        self.fanout = Fanout(LIMIT, 10.0, tick_s=0.005, call_later=later, now=lambda: 0.0)

    def add(self, person: int, viewer: Viewer, serial: int, base: bytes | None) -> None:
        """As a channel does it: what the answer holds has gone out to the others before."""
        self.fanout.flush()
        viewer.serial, viewer.base = serial, base
        self.viewers[person] = viewer
        self.fanout.add(viewer.member, serial if self.has_offsets else 0, base=base)

    def check(self) -> None:
        assert set(self.fanout) == {viewer.member for viewer in self.viewers.values()}
        assert len(self.fanout) == len(self.viewers)
        for viewer in self.viewers.values():
            assert viewer.member.last == (viewer.serial if self.has_offsets else 0)


class TwoFanouts(RuleBasedStateMachine):
    @initialize(has_offsets=st.booleans(), head=st.integers(0, 5))
    def begin(self, has_offsets: bool, head: int) -> None:
        self.has_offsets = has_offsets
        self.head = head
        self.newest: bytes | None = None
        self.people = 0
        self.news = 0
        self.sides = [Side(has_offsets=has_offsets, ticks=ticks) for ticks in (True, False)]

    @rule(texts=st.lists(st.integers(0, len(TEXTS) - 1), min_size=1, max_size=4))
    def publish(self, texts: list[int]) -> None:
        publications = []
        for text in texts:
            self.head += 1
            self.newest = payload(self.head, TEXTS[text])
            publications.append(Publication(self.head if self.has_offsets else 0, self.newest, 0))
        for side in self.sides:
            side.fanout.send(publications, now=0.0)

    @rule()
    def end_tick(self) -> None:
        for side in self.sides:
            timers, side.timers = side.timers, []
            assert len(timers) <= 1
            for callback in timers:
                callback()

    @rule()
    def flush(self) -> None:
        for side in self.sides:
            side.fanout.flush()

    @rule(
        encoding=st.integers(0, len(ENCODINGS) - 1),
        name=st.sampled_from(NAMES),
        wants_delta=st.booleans(),
        wants_joins=st.booleans(),
        ahead=st.sampled_from((0, 0, 0, 1, 3)),
        has_base=st.booleans(),
    )
    def join(self, encoding: int, name: str, wants_delta: bool, wants_joins: bool, ahead: int, has_base: bool) -> None:
        if not self.has_offsets:
            ahead = 0
        base = self.newest if has_base and not ahead else None
        self.people += 1
        for side in self.sides:
            viewer = Viewer(ENCODINGS[encoding], name, wants_delta=wants_delta, wants_joins=wants_joins)
            side.add(self.people, viewer, self.head + ahead, base)

    @rule(pick=st.randoms(use_true_random=False))
    def leave(self, pick) -> None:
        person = pick.randint(1, max(1, self.people))
        for side in self.sides:
            viewer = side.viewers.pop(person, None)
            if viewer is not None:
                seen = len(viewer.seen)
                assert side.fanout.remove(viewer.member)
                assert not side.fanout.remove(viewer.member)
                side.fanout.flush()
                assert len(viewer.seen) == seen, "it got something after it had left"

    @rule(pick=st.randoms(use_true_random=False), is_stalled=st.booleans())
    def stall(self, pick, is_stalled: bool) -> None:
        person = pick.randint(1, max(1, self.people))
        for side in self.sides:
            if (viewer := side.viewers.get(person)) is not None:
                viewer.is_stalled = is_stalled
                viewer.has_ever_stalled = viewer.has_ever_stalled or is_stalled

    @rule(now=st.sampled_from((0.0, 10.0)))
    def sweep(self, now: float) -> None:
        """Who has drained comes back with what it was given in the meantime; who has not is gone."""
        for side in self.sides:
            drained = side.fanout.sweep(now)
            for person, viewer in list(side.viewers.items()):
                if viewer.is_aborted:
                    assert viewer.is_stalled
                    del side.viewers[person]
                elif viewer.member in drained:
                    assert not viewer.is_stalled
                    side.add(person, viewer, max(self.head, viewer.serial), None)

    @precondition(lambda self: self.people)
    @rule(is_new_life=st.booleans())
    def recall(self, is_new_life: bool) -> None:
        """The members come back later; the channel's next life may count from less."""
        if is_new_life:
            self.head, self.newest = self.head // 2, None
        for side in self.sides:
            taken = side.fanout.take_all()
            assert set(taken) == {viewer.member for viewer in side.viewers.values()}
            side.viewers, before = {}, side.viewers
            for viewer in before.values():
                assert viewer.member.last == (viewer.serial if self.has_offsets else 0)

    @rule(has_come=st.booleans())
    def tell(self, has_come: bool) -> None:
        self.news += 1
        info = ClientInfo(f"c{self.news}", "u")
        for side in self.sides:
            (side.fanout.tell_joined if has_come else side.fanout.tell_left)(info)
            line = f"{'+' if has_come else '-'} c{self.news}".encode()
            for viewer in side.viewers.values():
                if viewer.member.wants_joins and not viewer.has_ever_stalled:
                    assert viewer.seen[-1] == line

    @invariant()
    def is_accounted_for(self) -> None:
        for side in getattr(self, "sides", ()):
            side.check()

    def teardown(self) -> None:
        if not hasattr(self, "sides"):
            return
        collecting, immediate = self.sides
        collecting.fanout.flush()
        assert all(len(side.timers) <= 1 for side in self.sides)
        for person in collecting.viewers.keys() & immediate.viewers.keys():
            one, other = collecting.viewers[person], immediate.viewers[person]
            if not one.has_ever_stalled:
                assert one.seen == other.seen
                assert one.serial == other.serial >= self.head


TestTwoFanouts = TwoFanouts.TestCase
TestTwoFanouts.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
