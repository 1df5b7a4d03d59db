"""When a position can be continued, and how history and live publications become one run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.protocol.recovery import MAX_RECOVERED, can_recover, merge, that_fit
from hub.protocol.stream import Publication, StreamPosition


def publication(offset: int) -> Publication:
    return Publication(offset, b"{}", 0)


@given(top=st.integers(0, 60), data=st.data())
def test_recovery_shows_every_offset_once_and_in_order(top, data):
    since = data.draw(st.integers(0, top))
    read_to = data.draw(st.integers(since, top))  # where the history read ended
    live_from = data.draw(st.integers(since, read_to))  # buffering of live ones began earlier
    history = [publication(n) for n in range(1, top + 1)]
    merged = merge(since, history[since:read_to], history[live_from:])
    assert merged is not None
    assert [item.offset for item in merged] == list(range(since + 1, top + 1))


@given(top=st.integers(2, 60), data=st.data())
def test_a_hole_is_never_merged_over(top, data):
    since = data.draw(st.integers(0, top - 2))
    missing = data.draw(st.integers(since + 1, top - 1))
    run = [publication(n) for n in range(1, top + 1) if n != missing]
    assert merge(since, run, run[len(run) // 2 :]) is None


@pytest.mark.parametrize(
    ("since", "floor", "top", "expected"),
    [
        (StreamPosition("e", 5), 0, 9, True),
        (StreamPosition("e", 9), 0, 9, True),
        (StreamPosition("e", 0), 0, 0, True),
        (StreamPosition("", 5), 0, 9, True),  # an empty epoch counts as any
        (StreamPosition("other", 5), 0, 9, False),
        (StreamPosition("_", 5), 0, 9, False),  # "state invalidated"
        (StreamPosition("e", 10), 0, 9, False),  # from the future: another history
        (StreamPosition("", 10), 0, 9, False),
        (StreamPosition("e", 5), 5, 9, True),
        (StreamPosition("e", 4), 5, 9, False),
        (StreamPosition("e", 0), 0, MAX_RECOVERED, True),
        (StreamPosition("e", 0), 0, MAX_RECOVERED + 1, False),
    ],
)
def test_a_position_can_be_continued_only_within_what_is_held(since, floor, top, expected):
    assert can_recover(since, "e", floor, top) is expected


def test_the_invalidated_epoch_matches_not_even_itself():
    assert not can_recover(StreamPosition("_", 0), "_", 0, 0)


@pytest.mark.parametrize(
    ("sizes", "limit", "kept"),
    [([], 10, 0), ([5, 5], 10, 2), ([5, 6], 10, 1), ([11], 10, 1), ([11, 1], 10, 1), ([1] * 20, 10, 10)],
)
def test_an_answer_holds_what_fits_and_at_least_one(sizes, limit, kept):
    publications = [Publication(n, b"x" * size, 0) for n, size in enumerate(sizes, start=1)]
    assert that_fit(publications, limit) == publications[:kept]
