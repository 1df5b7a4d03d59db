"""Which transition a maintenance's schedule asks for, and which updates may follow."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.domain.maintenance import MaintenanceStatus, due_status, may_follow

S, I, V, C = MaintenanceStatus  # noqa: E741  scheduled, in progress, verifying, completed
START, END = datetime(2026, 11, 25, 10, tzinfo=UTC), datetime(2026, 11, 25, 11, tzinfo=UTC)
MS = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("status", "auto_start", "auto_complete", "now", "expected"),
    [
        (S, True, True, START - MS, None),
        (S, True, True, START, I),
        (S, True, True, END - MS, I),
        (S, True, True, END, C),  # nobody was there for the whole window: one transition, not two
        (S, False, True, END, None),
        (S, True, False, END, I),
        (I, True, True, END - MS, None),
        (I, True, True, END, C),
        (V, True, True, END, C),
        (I, False, True, END, C),
        (I, True, False, END + timedelta(days=1), None),  # an overrun stays in progress
        (C, True, True, END, None),
    ],
)
def test_the_schedule_asks_for_one_transition_at_most(status, auto_start, auto_complete, now, expected):
    found = due_status(
        status, scheduled_for=START, scheduled_until=END, auto_start=auto_start, auto_complete=auto_complete, now=now
    )
    assert found is expected


@pytest.mark.parametrize(
    ("previous", "following", "allowed"),
    [
        (S, S, True), (S, I, True), (S, V, True), (S, C, True),
        (I, S, False), (I, I, True), (I, V, True), (I, C, True),
        (V, S, False), (V, I, True), (V, V, True), (V, C, True),
        (C, S, False), (C, I, False), (C, V, False), (C, C, True),
    ],
)  # fmt: skip
def test_a_maintenance_moves_forward(previous, following, allowed):
    assert may_follow(previous, following) is allowed


def test_one_that_was_begun_after_its_window_waits_for_its_operator():
    times = {"scheduled_for": START, "scheduled_until": END, "auto_start": True, "auto_complete": True}
    assert due_status(I, **times, now=END + MS, started_at=END) is None
    assert due_status(I, **times, now=END + MS, started_at=END - MS) is C
