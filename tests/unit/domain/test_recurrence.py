"""Which recurrence rules are taken, and when a window comes again."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st
from icalendar import vRecur

from hub.domain.recurrence import comes_again, next_window, recurrence_problem, series_problem

START, END = datetime(2026, 11, 25, 10, tzinfo=UTC), datetime(2026, 11, 25, 11, tzinfo=UTC)
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
PARTS = {
    "INTERVAL": ["1", "2", "3", "4"],
    "BYDAY": ["MO", "SU,WE", "1MO", "-1FR", "MO,TU,WE,TH,FR"],
    "BYMONTH": ["1", "2,11"],
    "BYMONTHDAY": ["1", "31", "-1", "15,29"],
    "BYYEARDAY": ["100,200"],
    "BYWEEKNO": ["20", "53"],
    "BYSETPOS": ["1", "2", "-1"],
    "WKST": DAYS,
}


@pytest.mark.parametrize(
    "rule",
    [
        "", "nonsense", "FREQ=SECONDLY", "FREQ=HOURLY", "FREQ=WEEKLY;BYHOUR=3", "FREQ=WEEKLY;BYDAY=XX",
        "DTSTART=20260101T000000;FREQ=DAILY", "FREQ=DAILY;COUNT=x", "FREQ=DAILY\nFREQ=DAILY", "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;COUNT=3;COUNT=5", "FREQ=DAILY;INTERVAL=2;INTERVAL=3", "FREQ=DAILY;COUNT=3;UNTIL=20300101T000000Z",
        "FREQ=DAILY;COUNT=\u0663", "FREQ=DA\u0131LY", "FREQ=YEARLY;BYEASTER=0", "FREQ=DAILY;BYWEEKDAY=MO",
        "FREQ=DAILY;BYDAY=MO(+1)", "FREQ=WEEKLY;BYDAY=2MO", "FREQ=MONTHLY;BYDAY=54MO", "FREQ=DAILY;BYDAY=",
        "FREQ=DAILY;", "FREQ=DAILY;BYDAY",
        "FREQ=DAILY;UNTIL=2027-01-01", "FREQ=DAILY;UNTIL=20270230", "FREQ=DAILY;UNTIL=99991231T235959",
        "FREQ=DAILY;EXDATE=20270101", "FREQ=DAILY;BYMONTH=13", "FREQ=DAILY;BYMONTHDAY=0", "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=DAILY;BYYEARDAY=1", "FREQ=MONTHLY;BYWEEKNO=1", "FREQ=MONTHLY;BYSETPOS=1", "FREQ=DAILY;COUNT=99999999999",
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


def test_a_window_comes_again_to_the_millisecond():
    start = START + timedelta(milliseconds=390)
    found = list(windows("FREQ=DAILY;COUNT=3", ZoneInfo("Europe/Berlin"), start, END - START))
    assert [begins for begins, _, _ in found] == [start + timedelta(days=day) for day in range(3)]
    assert {ends - begins for begins, ends, _ in found} == {END - START}


def test_a_day_in_until_is_the_last_on_which_there_may_be_a_window():
    """RFC 5545 §3.3.10: UNTIL bounds a rule inclusively."""
    found = [
        start.day for start, _, _ in windows("FREQ=DAILY;UNTIL=20261128", ZoneInfo("Asia/Tokyo"), START, END - START)
    ]
    assert found == [25, 26, 27, 28]


def test_the_time_of_day_leaves_the_rule_again_once_a_window_is_back_at_it():
    zone = ZoneInfo("Europe/Berlin")
    found = list(windows("FREQ=DAILY;COUNT=3", zone, datetime(2027, 3, 27, 1, 30, tzinfo=UTC), END - START))
    assert [rule for _, _, rule in found] == [
        "FREQ=DAILY;COUNT=3", "FREQ=DAILY;COUNT=2;BYHOUR=2;BYMINUTE=30", "FREQ=DAILY;COUNT=1",
    ]  # fmt: skip
    assert recurrence_problem(found[1][2]) is not None
    assert recurrence_problem(found[1][2], is_stored=True) is None


@st.composite
def rules(draw) -> str:
    names = draw(st.lists(st.sampled_from(sorted(PARTS)), unique=True, max_size=4))
    freq = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    return ";".join([f"FREQ={freq}", *(f"{name}={draw(st.sampled_from(PARTS[name]))}" for name in names)])


@given(rule=rules(), day=st.integers(0, 364))
def test_windows_one_after_the_other_are_the_dates_of_the_rule_and_a_calendar_can_hold_it(rule, day):
    before = datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=day)
    if series_problem(rule, before) is not None:
        return
    first = rrulestr(rule, dtstart=before).after(before)
    expected = list(islice(rrulestr(rule, dtstart=first), 8))
    found = [start for start, _, _ in islice(windows(rule, ZoneInfo("Etc/UTC"), first, END - START), 8)]
    assert found == expected
    assert vRecur.from_ical(rule).to_ical()
