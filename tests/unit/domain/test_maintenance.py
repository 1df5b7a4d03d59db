"""Which transition a maintenance's schedule asks for, which updates may follow, and when a window comes again."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from hub.domain.maintenance import (
    MaintenanceStatus,
    comes_again,
    due_status,
    may_follow,
    next_window,
    recurrence_problem,
)

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


@pytest.mark.parametrize(
    "rule",
    [
        "", "nonsense", "FREQ=SECONDLY", "FREQ=HOURLY", "FREQ=WEEKLY;BYHOUR=3", "FREQ=WEEKLY;BYDAY=XX",
        "DTSTART=20260101T000000;FREQ=DAILY", "FREQ=DAILY;COUNT=x", "FREQ=DAILY\nFREQ=DAILY", "FREQ=DAILY;INTERVAL=-1",
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_used_is_refused_in_words(rule):
    assert recurrence_problem(rule)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", False),
        ("FREQ=DAILY;BYMONTHDAY=31;BYMONTH=2", False),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", False),  # from a Wednesday
        ("FREQ=DAILY;INTERVAL=999999999", False),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SA", True),  # once in 28 years
        ("FREQ=MONTHLY;BYMONTHDAY=31", True),
        ("FREQ=DAILY;COUNT=1", True),  # how often is another question
    ],
)
def test_whether_a_rule_has_any_date_is_known_at_once(rule, expected):
    assert comes_again(rule, START) is expected


def test_one_that_was_begun_after_its_window_waits_for_its_operator():
    times = {"scheduled_for": START, "scheduled_until": END, "auto_start": True, "auto_complete": True}
    assert due_status(I, **times, now=END + MS, started_at=END) is None
    assert due_status(I, **times, now=END + MS, started_at=END - MS) is C


def windows(rule, zone, start, length):
    window = (start, start + length, rule)
    while window is not None:
        yield window
        window = next_window(window[2], zone, window[0], window[1])


def test_a_weekly_window_keeps_its_local_time_across_the_end_of_summer_time():
    zone = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 18, 3, tzinfo=zone).astimezone(UTC)
    found = list(windows("FREQ=WEEKLY;BYDAY=SU;COUNT=3", zone, first, timedelta(hours=1)))
    assert [start.astimezone(zone).isoformat() for start, _, _ in found] == [
        "2026-10-18T03:00:00+02:00",
        "2026-10-25T03:00:00+01:00",
        "2026-11-01T03:00:00+01:00",
    ]


def test_a_local_time_that_does_not_exist_moves_forward_and_one_that_comes_twice_runs_once():
    zone = ZoneInfo("Europe/Berlin")
    spring = [
        start
        for start, _, _ in windows("FREQ=DAILY;COUNT=3", zone, datetime(2027, 3, 27, 1, 30, tzinfo=UTC), END - START)
    ]
    assert [start.astimezone(zone).strftime("%d %H:%M") for start in spring] == ["27 02:30", "28 03:30", "29 02:30"]
    autumn = [
        start
        for start, _, _ in windows("FREQ=DAILY;COUNT=3", zone, datetime(2026, 10, 24, 0, 30, tzinfo=UTC), END - START)
    ]
    assert [start.astimezone(zone).strftime("%d %H:%M") for start in autumn] == ["24 02:30", "25 02:30", "26 02:30"]


@pytest.mark.parametrize(
    ("rule", "count"), [("FREQ=DAILY;COUNT=3", 3), ("FREQ=DAILY;COUNT=1", 1), ("FREQ=DAILY;UNTIL=20261127T120000Z", 3)]
)
def test_a_rule_runs_out(rule, count):
    found = list(windows(rule, ZoneInfo("Etc/UTC"), START, END - START))
    assert len(found) == count
    assert all(b[0] - a[0] == timedelta(days=1) for a, b in pairwise(found))
