"""History and live publications → one run without a gap, or "start again"."""

from collections.abc import Iterable, Sequence

from hub.protocol.stream import Publication, StreamPosition

MAX_RECOVERED = 300
"""More missed publications than this are dearer than a snapshot."""

MAX_REPLY_BYTES = 1_048_576
"""Of payloads in one answer, for a client that may read slowly: more is a snapshot, or another page of history."""

INVALIDATED_EPOCH = "_"
"""What clients send on purpose after "state invalidated": it must match nothing."""


def is_consecutive(after: int, publications: Sequence[Publication]) -> bool:
    """Whether `publications` are exactly `after + 1`, `after + 2`, … without a hole."""
    return all(item.offset == after + n for n, item in enumerate(publications, start=1))


def merge(after: int, history: Iterable[Publication], live: Iterable[Publication]) -> list[Publication] | None:
    """All publications above `after`, each once and ascending; None when there is a hole."""
    by_offset = {item.offset: item for run in (history, live) for item in run if item.offset > after}
    merged = [by_offset[offset] for offset in sorted(by_offset)]
    return merged if is_consecutive(after, merged) else None


def can_recover(since: StreamPosition, epoch: str, floor: int, top: int) -> bool:
    """Whether everything in (since, top] may still be held: same history, not too old, not too far.

    An empty epoch counts as any. A position above `top` is another history, not "up to date".
    """
    same_history = since.epoch in ("", epoch) and since.epoch != INVALIDATED_EPOCH
    return same_history and floor <= since.offset <= top and top - since.offset <= MAX_RECOVERED


def that_fit(publications: Sequence[Publication], limit_bytes: int = MAX_REPLY_BYTES) -> Sequence[Publication]:
    """The first of `publications`, as many as fit into one answer; at least one, so that readers get on."""
    size = 0
    for n, item in enumerate(publications):
        size += len(item.data)
        if size > limit_bytes:
            return publications[: max(1, n)]
    return publications
