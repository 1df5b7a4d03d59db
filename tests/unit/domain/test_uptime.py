"""Uptime figures, by tables of the ways in which status pages get them wrong."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from hub.domain.status import Status
from hub.domain.uptime import (
    Figure,
    Interval,
    Window,
    average,
    day_of,
    day_start,
    figure,
    last_days,
    timeline,
    total,
)
from tests.support.plain_days import DEFAULT_WEIGHTS as DEFAULT
from tests.support.plain_days import day_figures

OK, MAINTENANCE, DEGRADED, PARTIAL, MAJOR = Status
BERLIN, KOLKATA, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("UTC")


def at(text: str) -> datetime:
    """An instant, UTC unless the text carries an offset."""
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def window(day: date, zone: ZoneInfo) -> Window:
    return Window(day, day_start(day, zone), day_start(day + timedelta(days=1), zone))


def interval(status: Status, start: str, end: str | None = None) -> Interval:
    return Interval(status, at(start), None if end is None else at(end))


@pytest.mark.parametrize("window", [timedelta(hours=24), timedelta(days=7), timedelta(days=30), timedelta(days=90)])
def test_a_component_without_trouble_is_exactly_one_over_any_window(window: timedelta) -> None:
    now = at("2026-11-25T10:17:31.123")
    spans = timeline([interval(OK, "2026-07-01")], now)
    assert figure(spans, now - window, now).ratio(DEFAULT) == 1.0


@pytest.mark.parametrize(
    ("status", "ratio"),
    [(MAJOR, 1 - 10 / 1440), (PARTIAL, 1 - 3 / 1440), (DEGRADED, 1.0), (MAINTENANCE, 1.0), (OK, 1.0)],
)
def test_ten_minutes_count_by_their_weight_as_soon_as_they_are_over(status: Status, ratio: float) -> None:
    now = at("2026-11-25T12:00")
    spans = timeline(
        [
            interval(OK, "2026-11-01", "2026-11-25T11:49"),
            interval(status, "2026-11-25T11:49", "2026-11-25T11:59"),
            interval(OK, "2026-11-25T11:59"),
        ],
        now,
    )
    assert figure(spans, now - timedelta(hours=24), now).ratio(DEFAULT) == pytest.approx(ratio, abs=1e-12)


@pytest.mark.parametrize(
    ("intervals", "downtime_min", "ratio"),
    [
        pytest.param(
            [
                interval(MAJOR, "2026-11-24T10:00", "2026-11-24T11:00"),
                interval(MAJOR, "2026-11-24T10:30", "2026-11-24T11:30"),
            ],
            90,
            1 - 90 / 1440,
            id="two outages that overlap",
        ),
        pytest.param(
            [
                interval(MAJOR, "2026-11-24T10:00", "2026-11-24T11:00"),
                interval(PARTIAL, "2026-11-24T10:30", "2026-11-24T11:30"),
            ],
            90,
            1 - (60 + 0.3 * 30) / 1440,
            id="the worse of two outages counts",
        ),
        pytest.param(
            [interval(MAJOR, "2026-11-24T10:00", "2026-11-24T11:00")] * 5,
            60,
            1 - 60 / 1440,
            id="one outage recorded five times",
        ),
        pytest.param(
            [
                interval(MAJOR, "2026-11-24T10:00", "2026-11-24T11:00"),
                interval(MAINTENANCE, "2026-11-24T09:00", "2026-11-24T12:00"),
            ],
            60,
            1 - 60 / 1440,
            id="maintenance never hides an outage",
        ),
        pytest.param(
            [interval(MAJOR, "2026-11-24T11:00", "2026-11-24T11:00")], 0, 1.0, id="an interval without length"
        ),
        pytest.param([interval(MAJOR, "2026-11-20", "2026-11-30")], 1440, 0.0, id="down all day"),
    ],
)
def test_overlapping_intervals_are_a_union(intervals: list[Interval], downtime_min: int, ratio: float) -> None:
    now = at("2026-11-25")
    spans = timeline([interval(OK, "2026-11-01"), *intervals], now)
    day = figure(spans, at("2026-11-24"), now)
    assert day.downtime_s == downtime_min * 60
    assert day.ratio(DEFAULT) == pytest.approx(ratio, abs=1e-12)


def test_days_without_a_status_are_no_data_and_not_in_the_denominator() -> None:
    now = at("2026-11-21")
    spans = timeline(
        [
            interval(OK, "2026-11-10", "2026-11-12"),
            interval(MAJOR, "2026-11-12", "2026-11-13"),
            interval(OK, "2026-11-18"),  # nothing known from the 13th to the 18th
        ],
        now,
    )
    days = day_figures(spans, [window(date(2026, 11, d), UTC_ZONE) for d in range(9, 23)])
    drawn = {day.date.day: day.figure.ratio(DEFAULT) for day in days}
    unknown = {9: None, **dict.fromkeys(range(13, 18)), 21: None, 22: None}
    assert drawn == unknown | {10: 1.0, 11: 1.0, 12: 0.0, 18: 1.0, 19: 1.0, 20: 1.0}
    assert all(day.figure.worst is None for day in days if not any(day.figure.spent_us))
    assert total(day.figure for day in days).ratio(DEFAULT) == pytest.approx(5 / 6)


def test_time_before_the_start_date_is_no_data() -> None:
    now = at("2026-11-25")
    since = day_start(date(2026, 11, 23), UTC_ZONE)
    spans = timeline([interval(MAJOR, "2026-11-20", "2026-11-24"), interval(OK, "2026-11-24")], now, since)
    days = day_figures(spans, [window(date(2026, 11, d), UTC_ZONE) for d in (22, 23, 24)])
    assert [day.figure.ratio(DEFAULT) for day in days] == [None, 0.0, 1.0]
    assert total(day.figure for day in days).ratio(DEFAULT) == 0.5


def test_an_outage_across_midnight_is_shared_by_both_days_of_the_page() -> None:
    now = at("2026-11-26T12:00")
    spans = timeline(
        [
            interval(OK, "2026-11-01", "2026-11-24T23:30+01:00"),
            interval(MAJOR, "2026-11-24T23:30+01:00", "2026-11-25T00:30+01:00"),
            interval(OK, "2026-11-25T00:30+01:00"),
        ],
        now,
    )
    days = day_figures(spans, last_days(3, BERLIN, now))
    assert [(day.date.day, day.figure.downtime_s) for day in days] == [(24, 1800), (25, 1800), (26, 0)]


def test_windows_of_a_half_hour_zone_begin_at_its_own_full_hours() -> None:
    spans = timeline(
        [
            interval(OK, "2026-11-01", "2026-11-24T10:30+05:30"),
            interval(MAJOR, "2026-11-24T10:30+05:30", "2026-11-24T11:00+05:30"),
            interval(OK, "2026-11-24T11:00+05:30"),
        ],
        at("2026-11-26"),
    )
    midnight = day_start(date(2026, 11, 24), KOLKATA)
    assert midnight == at("2026-11-23T18:30")
    hours = [midnight + timedelta(hours=n) for n in range(25)]
    downtime = [figure(spans, since, until).downtime_s for since, until in pairwise(hours)]
    assert [hour for hour, spent in enumerate(downtime) if spent] == [10]
    assert downtime[10] == 1800


def test_the_autumn_day_has_25_hours_and_an_hour_told_twice_is_one_hour() -> None:
    first, second = at("2026-10-25T02:30+02:00"), at("2026-10-25T02:30+01:00")  # the same time on the wall
    now = at("2026-11-01")
    spans = timeline([interval(OK, "2026-01-01"), Interval(MAJOR, first, second)], now)
    (day,) = day_figures(spans, [window(date(2026, 10, 25), BERLIN)])
    assert day.figure.known == timedelta(hours=25)
    assert day.figure.downtime_s == 3600
    assert day.figure.ratio(DEFAULT) == pytest.approx(1 - 1 / 25)


def test_the_spring_day_has_23_hours() -> None:
    spans = timeline([interval(OK, "2026-01-01")], at("2026-11-01"))
    (day,) = day_figures(spans, [window(date(2026, 3, 29), BERLIN)])
    assert day.figure.known == timedelta(hours=23)


@pytest.mark.parametrize("now", ["2026-11-25T10:00", "2026-04-01T00:00", "2026-03-29T23:30"])
def test_ninety_bars_across_a_change_of_the_clock_are_ninety_different_days(now: str) -> None:
    windows = last_days(90, BERLIN, at(now))
    days = [window.date for window in windows]
    assert all(left.until == right.since for left, right in pairwise(windows))
    assert windows[-1].since <= at(now) < windows[-1].until
    assert len(set(days)) == 90
    assert days == sorted(days)
    assert days[-1] == day_of(at(now), BERLIN)


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00"),  # midnight is skipped: the day begins at 01:00
        ("Asia/Beirut", date(2026, 3, 29), "2026-03-28T22:00"),
        ("Asia/Beirut", date(2026, 10, 25), "2026-10-24T22:00"),  # 23:00 to 24:00 of the day before comes twice
        ("Pacific/Apia", date(2011, 12, 31), "2011-12-30T10:00"),  # the 30th did not exist
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30T10:00"),
        ("America/Los_Angeles", date(2026, 11, 1), "2026-11-01T07:00"),
    ],
)
def test_a_day_begins_when_its_zone_says_so(zone: str, day: date, start: str) -> None:
    assert day_start(day, ZoneInfo(zone)) == at(start)


def test_today_counts_up_to_now_only() -> None:
    now = at("2026-11-25T06:00")
    spans = timeline([interval(OK, "2026-11-01", "2026-11-25T03:00"), interval(MAJOR, "2026-11-25T03:00")], now)
    (today,) = day_figures(spans, last_days(1, UTC_ZONE, now))
    assert today.figure.known == timedelta(hours=6)
    assert today.figure.ratio(DEFAULT) == 0.5
    assert today.figure.worst is MAJOR


def test_weights_are_the_pages_own() -> None:
    now = at("2026-11-25")
    spans = timeline([interval(OK, "2026-11-01", "2026-11-24T12:00"), interval(PARTIAL, "2026-11-24T12:00")], now)
    day = figure(spans, at("2026-11-24"), now)
    assert day.ratio({**DEFAULT, PARTIAL: 0.5}) == 0.75
    assert day.ratio({**DEFAULT, PARTIAL: 1.0}) == 0.5
    assert day.ratio({**DEFAULT, PARTIAL: 0.0}) == 1.0
    assert day.ratio({}) == 1.0


@pytest.mark.parametrize(
    ("ratios", "mean"),
    [
        ([1.0, 0.9], 0.95),
        ([1 - 1 / 90, 1.0], 1 - 1 / 180),
        ([1.0, None], 1.0),
        ([None, None], None),
        ([], None),
        ([1.0] * 7, 1.0),
    ],
)
def test_a_group_is_the_mean_of_its_components_with_data(ratios: list[float | None], mean: float | None) -> None:
    assert average(ratios) == (None if mean is None else pytest.approx(mean, abs=1e-12))


def test_a_window_without_spans_has_no_data() -> None:
    empty = figure([], at("2026-11-24"), at("2026-11-25"))
    assert empty == Figure()
    assert (empty.ratio(DEFAULT), empty.worst, empty.downtime_s) == (None, None, 0.0)
