"""One channel on one node as a state machine: messages, log reads and checks in, actions out. Pure.

Keeps the position up to which this node has everything, the last publications (ring) and what came too early (pending).
The rules are those of docs/guarantees.md; each has a method of its own because a test deletes it and must then fail.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub.engine.broker import FLAG_CUT, FLAG_REMAP, Message, Top
from hub.protocol.recovery import is_consecutive
from hub.protocol.stream import Publication, StreamPosition

RING_LENGTH = 512
PENDING_LENGTH = 256
MAX_GAP = 1_000
"""A longer gap is dearer to replay than to send snapshots."""
REORDER_WAIT_S = 0.02
"""Messages that overtook each other heal within this; only then is the log asked."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """Fan these out, in order."""

    publications: Sequence[Publication]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Read the log above the position, after a wait; answer with `fetched`. One at a time is enough."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class AskTop:
    """Ask the log where the channel stands; answer with `checked`."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Take every member out and tell it to come back: its next position cannot be reached from its last."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The channel does not exist any more: recall every member and forget it."""


Action = Deliver | Fetch | AskTop | Recall | Gone


def publication_of(message: Message) -> Publication:
    """A page's: the payload is its data."""
    payload = message.payload or b"null"
    return Publication(message.offset, payload, message.created_at_ms, message.flags, rights=message.rights)


class Channel:
    """Starts live at `top`: the broker's confirmation came before `top` was read. `read` takes a payload apart.

    The ring holds no more than the log keeps: what is forgotten there is nowhere to be had.
    """

    def __init__(
        self,
        name: str,
        top: Top,
        read: Callable[[Message], Publication] = publication_of,
        ring_length: int = RING_LENGTH,
    ) -> None:
        self.name = name
        self._read = read
        self.epoch = top.epoch
        self.pos = top.head
        self.floor = top.floor  # positions before this cannot be brought up to date
        self.snapshot_floor = 0  # snapshots before this may show what has been hidden since
        self.ring: deque[Publication] = deque(maxlen=ring_length)
        self._pending: dict[int, Publication] = {}
        self.known_head = top.head  # some message, snapshot or check spoke of this offset

    @property
    def position(self) -> StreamPosition:
        return StreamPosition(self.epoch, self.pos)

    @property
    def ring_floor(self) -> int:
        """Everything in (ring_floor, pos] is in the ring."""
        return self.pos - len(self.ring)

    @property
    def has_gap(self) -> bool:
        """Whether publications are known to exist that are not here yet."""
        return self.known_head > self.pos

    def is_lagging(self, top: Top) -> bool:
        """Whether all that is wrong, if anything, is that messages have not come yet."""
        return not self._is_other_epoch(top.epoch) and self._is_behind(top)

    def tail(self, after: int) -> list[Publication] | None:
        """Publications in (after, pos], or None when the ring does not reach back that far or `after` is ahead."""
        if not self.ring_floor <= after <= self.pos:
            return None
        skipped = after - self.ring_floor
        return [item for n, item in enumerate(self.ring) if n >= skipped]

    def received(self, message: Message) -> list[Action]:
        """A message from the broker: the next, a duplicate, one too early, or one of another history."""
        if self._is_other_epoch(message.epoch):
            return [AskTop()]
        if self._is_duplicate(message.offset):
            return []
        self.known_head = max(self.known_head, message.offset)
        if message.payload is None:  # too large to travel
            return [Fetch(0.0)]
        try:
            publication = self._read(message)
        except ValueError:  # the log will tell what it was
            return [Fetch(0.0)]
        if self._is_next(message.offset):
            return self._advance([publication])
        return self._out_of_order(publication)

    def fetched(
        self,
        publications: Sequence[Publication],
        top: Top | None,
        asked_at: StreamPosition,
        *,
        known_then: int | None = None,
    ) -> list[Action]:
        """What the log holds above `asked_at`, our position before the read, and where the log stood *after* it.

        `known_then`: the offset that had been spoken of before the read; what was spoken of since may be there by now.
        """
        if self._is_other_epoch(asked_at.epoch):
            return []  # rebased since: the publications are of another life
        if top is None or self._is_other_epoch(top.epoch):
            return self.rebase(top)
        fresh = [item for item in publications if item.offset > self.pos]
        if not self._continues(fresh, top):
            return self.rebase(top)
        if not publications and top.head > self.pos:
            return self.rebase(top)  # we knew of more before the read: it has been pruned
        if not fresh and top.head <= self.pos:
            if known_then is None or self.known_head <= known_then:
                self._pending.clear()  # what waits there is not in the log; if it comes, it comes again
                self.known_head = self.pos
            return []
        self.known_head = max(self.known_head, top.head)
        return self._advance(fresh)

    def noticed(self, head: int) -> list[Action]:
        """A snapshot of our epoch at `head`: if it is ahead of us, so is the log."""
        self.known_head = max(self.known_head, head)
        return [Fetch(REORDER_WAIT_S)] if self.has_gap else []

    def checked(self, top: Top | None, asked_at: StreamPosition) -> list[Action]:
        """Where the log stood when it was asked; `asked_at` is our position before the question."""
        if self._is_other_epoch(asked_at.epoch):
            return []  # rebased since: the answer is about another life
        if top is None or self._is_other_epoch(top.epoch) or top.head < asked_at.offset:
            return self.rebase(top)
        if not self._is_behind(top):
            return []
        self.known_head = max(self.known_head, top.head)
        return [Fetch(0.0)]

    def rebase(self, top: Top | None) -> list[Action]:
        """Start anew where the log stands; None: the channel is gone, members come back to be refused."""
        self.ring.clear()
        self._pending.clear()
        if top is None:
            self.known_head = self.pos
            return [Gone()]
        self.epoch, self.floor = top.epoch, top.floor
        self.pos = self.snapshot_floor = self.known_head = top.head
        return [Recall()]

    # The rules, each deleted by a test.

    def _is_duplicate(self, offset: int) -> bool:
        return offset <= self.pos

    def _is_next(self, offset: int) -> bool:
        return offset == self.pos + 1

    def _is_other_epoch(self, epoch: str) -> bool:
        return epoch != self.epoch

    def _is_behind(self, top: Top) -> bool:
        return top.head > self.pos

    def _continues(self, fresh: Sequence[Publication], top: Top) -> bool:
        """The read is trusted for itself, not for a floor known earlier: retention may have run in between."""
        return is_consecutive(self.pos, fresh) and len(fresh) <= MAX_GAP and self.pos >= top.floor

    def _out_of_order(self, publication: Publication) -> list[Action]:
        if len(self._pending) < PENDING_LENGTH:
            self._pending[publication.offset] = publication
        return [Fetch(REORDER_WAIT_S)]

    def _advance(self, publications: Sequence[Publication]) -> list[Action]:
        run = list(publications)
        for item in run:
            self._append(item)
        while (item_or_none := self._pending.pop(self.pos + 1, None)) is not None:
            self._append(item_or_none)
            run.append(item_or_none)
        for offset in [offset for offset in self._pending if offset <= self.pos]:
            del self._pending[offset]
        actions: list[Action] = [Deliver(run)] if run else []
        if self.has_gap:
            actions.append(Fetch(REORDER_WAIT_S))
        if any(item.flags & FLAG_REMAP for item in run):
            actions.append(Recall())
        return actions

    def _append(self, item: Publication) -> None:
        if item.flags & FLAG_CUT:
            self._cut(item.offset)
        self.ring.append(item)
        self.pos = item.offset

    def _cut(self, offset: int) -> None:
        """What was said before may tell of something that is hidden now."""
        self.ring.clear()
        self.floor, self.snapshot_floor = offset - 1, offset
