"""The counts of one process, by tables and by laws."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.api.local_counts import LocalCounts, Policy


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(params=[True, False], ids=["exact", "windows"])
def policy(request: pytest.FixtureRequest) -> Policy:
    return Policy("try", 3, 60, is_exact=request.param)


def test_the_hit_beyond_the_limit_is_refused_and_not_counted(policy):
    counts = LocalCounts(Clock())
    standings = [counts.hit(policy, "ada") for _ in range(5)]
    assert [standing.is_over for standing in standings] == [False, False, False, True, True]
    assert [standing.remaining for standing in standings] == [2, 1, 0, 0, 0]
    assert all(0 < standing.reset_s <= 60 for standing in standings)


def test_keys_and_policies_are_counted_apart(policy):
    counts = LocalCounts(Clock())
    for _ in range(3):
        counts.hit(policy, "ada")
    assert counts.standing(policy, "ada").is_over
    assert not counts.standing(policy, "eve").is_over
    assert not counts.standing(Policy("other", 3, 60, policy.is_exact), "ada").is_over


def test_looking_counts_nothing(policy):
    counts = LocalCounts(Clock())
    for _ in range(9):
        assert counts.standing(policy, "ada").remaining == 3


def test_time_gives_everything_back(policy):
    clock = Clock()
    counts = LocalCounts(clock)
    for _ in range(3):
        counts.hit(policy, "ada")
    clock.now_s += counts.standing(policy, "ada").reset_s + 0.001
    assert not counts.hit(policy, "ada").is_over


def test_an_exact_limit_gives_back_one_hit_after_the_other():
    clock = Clock()
    policy, counts = Policy("try", 2, 60, is_exact=True), LocalCounts(clock)
    counts.hit(policy, "ada")
    clock.now_s += 50
    counts.hit(policy, "ada")
    assert counts.standing(policy, "ada").reset_s == pytest.approx(10)
    clock.now_s += 11
    assert counts.standing(policy, "ada").remaining == 1
    assert counts.hit(policy, "ada").remaining == 0


def test_what_was_refused_elsewhere_is_taken_back():
    policy, counts = Policy("try", 2, 60, is_exact=True), LocalCounts(Clock())
    counts.hit(policy, "ada")
    counts.hit(policy, "ada")
    counts.take_back(policy, "ada")
    counts.take_back(policy, "eve")
    assert counts.standing(policy, "ada").remaining == 1


def test_a_forgotten_key_begins_anew(policy):
    counts = LocalCounts(Clock())
    for _ in range(3):
        counts.hit(policy, "ada")
    counts.forget(policy, "ada")
    assert counts.standing(policy, "ada").remaining == 3


def test_a_flood_of_keys_costs_bounded_memory(policy):
    counts = LocalCounts(Clock(), keys_limit=100)
    for number in range(1_000):
        counts.hit(policy, f"{number}")
        counts.hit(policy, "ada")
    assert len(counts._hits) + len(counts._windows) == 100
    assert counts.standing(policy, "ada").is_over, "the busiest key is the last to be forgotten"


def test_windows_of_many_keys_do_not_end_at_once():
    policy = Policy("try", 3, 60)
    ends = {round(policy.window_at(f"key {number}", 1_000_000.0)[1]) for number in range(500)}
    assert len(ends) > 40


@given(st.lists(st.floats(0, 30), max_size=80), st.integers(1, 5))
def test_no_span_of_an_exact_window_holds_more_than_the_limit(pauses, amount):
    clock = Clock()
    policy, counts = Policy("try", amount, 60, is_exact=True), LocalCounts(clock)
    passed: deque[float] = deque()
    for pause in pauses:
        clock.now_s += pause
        if not counts.hit(policy, "ada").is_over:
            passed.append(clock.now_s)
    for first, beyond in zip(passed, list(passed)[amount:], strict=False):
        assert beyond - first >= 60
