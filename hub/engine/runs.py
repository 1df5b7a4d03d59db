"""Publications that go out in one write, in each form that some member takes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from hub.protocol.delta import as_deltas
from hub.protocol.stream import Form, Publication

MAX_RUN_BYTES = 65_536
"""More payload than this is not kept back to be joined, nor joined: a member's buffer is looked at in between."""


class Run:
    """At least one publication, in order; `before` is the payload of the one that went out before them.

    A delta is made once, and only if somebody takes it: of texts of 64 KiB it costs milliseconds.
    """

    def __init__(self, publications: Sequence[Publication], before: bytes | None) -> None:
        self._publications = publications
        self._before = before

    def in_form(self, form: Form) -> Sequence[Publication]:
        """PLAIN: as they are. DELTA: for whoever has `before`. FULL: for a receiver of deltas that has nothing."""
        if form is Form.PLAIN:
            return self._publications
        return self._for_based if form is Form.DELTA else self._for_new

    @cached_property
    def _for_based(self) -> Sequence[Publication]:
        return [*as_deltas(self._publications[:1], self._before), *self._rest]

    @cached_property
    def _for_new(self) -> Sequence[Publication]:
        return [replace(self._publications[0], form=Form.FULL), *self._rest]

    @cached_property
    def _rest(self) -> Sequence[Publication]:
        return as_deltas(self._publications[1:], self._publications[0].data)


def above(position: int, publications: Iterable[Publication]) -> list[Publication]:
    """Those that are news to whoever is at `position`; without an offset, all are."""
    news = []
    for item in publications:
        if not item.offset or item.offset > position:
            news.append(item)
            position = item.offset or position
    return news


def parts_of(publications: Iterable[Publication]) -> Iterator[list[Publication]]:
    """Cut after every `MAX_RUN_BYTES`."""
    part: list[Publication] = []
    size = 0
    for item in publications:
        part.append(item)
        size += len(item.data)
        if size >= MAX_RUN_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
