"""The report of one period, and what of it a view may see."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.domain.report import (
    ComponentHistory,
    Occurrence,
    Period,
    ReportKind,
    compute,
    due_periods,
    for_view,
    period_of,
)
from hub.domain.status import Status
from hub.domain.uptime import Interval
from tests.support.plain_days import DEFAULT_WEIGHTS

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
DAILY, WEEKLY, MONTHLY = ReportKind
DAY = period_of(DAILY, date(2026, 11, 24))
NOW = datetime(2026, 11, 25, 0, 0, 30, tzinfo=UTC)


def at(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def component(name: str, *outages: tuple[str, str], status: Status = Status.MAJOR_OUTAGE) -> ComponentHistory:
    """A component that has been operational since the 1st, but for `outages`."""
    green = Interval(Status.OPERATIONAL, at("2026-11-01"), None)
    red = [Interval(status, at(start), at(end)) for start, end in outages]
    return ComponentHistory(name, name.title(), [green, *red])


def occurrence(name: str, start: str, end: str | None, *components: str, audience: str | None = None) -> Occurrence:
    return Occurrence(name, components, audience, at(start), at(end) if end else None)


def everything(body: dict[str, Any]) -> dict[str, Any]:
    return for_view(body, sees_component=lambda _: True, sees_audience=lambda _: True)


def report(
    *components: ComponentHistory, incidents: tuple[Occurrence, ...] = (), maintenances: tuple[Occurrence, ...] = ()
) -> dict[str, Any]:
    return compute(
        DAY,
        UTC_ZONE,
        DEFAULT_WEIGHTS,
        components=components,
        incidents=incidents,
        maintenances=maintenances,
        now=NOW,
    )


def test_a_quiet_day_is_exactly_one() -> None:
    assert everything(report(component("api"), component("web"))) == {
        "kind": "daily",
        "period_start": "2026-11-24",
        "period_end": "2026-11-25",
        "computed_at": "2026-11-25T00:00:30.000Z",
        "time_zone": "UTC",
        "weights": {"major_outage": 1.0, "partial_outage": 0.3, "degraded_performance": 0.0},
        "uptime": 1.0,
        "incidents": 0,
        "maintenances": 0,
        "downtime_s": 0,
        "components": [
            {"id": "api", "name": "Api", "uptime": 1.0, "downtime_s": 0},
            {"id": "web", "name": "Web", "uptime": 1.0, "downtime_s": 0},
        ],
    }


def test_page_uptime_is_the_mean_and_page_downtime_the_union() -> None:
    body = report(
        component("api", ("2026-11-24T10:00", "2026-11-24T11:00")),
        component("web", ("2026-11-24T10:30", "2026-11-24T11:30"), status=Status.PARTIAL_OUTAGE),
        component("ftp"),
    )
    seen = everything(body)
    assert seen["downtime_s"] == 90 * 60
    assert [item["downtime_s"] for item in seen["components"]] == [3600, 3600, 0]
    assert seen["uptime"] == pytest.approx((1 - 1 / 24 + 1 - 0.3 / 24 + 1) / 3)


def test_only_the_part_inside_the_period_counts() -> None:
    body = report(
        component("api", ("2026-11-23T23:30", "2026-11-24T00:30"), ("2026-11-24T23:45", "2026-11-25T00:00:20"))
    )
    assert everything(body)["downtime_s"] == 45 * 60


def test_a_component_without_data_has_no_figure_and_does_not_count_in_the_page() -> None:
    new = ComponentHistory("new", "New", [Interval(Status.MAJOR_OUTAGE, at("2026-11-25"), None)])
    seen = everything(report(component("api"), new))
    assert seen["components"][1] == {"id": "new", "name": "New", "uptime": None, "downtime_s": 0}
    assert seen["uptime"] == 1.0


def test_a_component_counts_from_its_start_only() -> None:
    down = Interval(Status.MAJOR_OUTAGE, at("2026-11-24T06:00"), at("2026-11-24T18:00"))
    green = Interval(Status.OPERATIONAL, at("2026-11-24T18:00"), None)
    late = ComponentHistory("late", "Late", [down, green], since=at("2026-11-24T12:00"))
    assert everything(report(late))["components"] == [
        {"id": "late", "name": "Late", "uptime": 0.5, "downtime_s": 6 * 3600}
    ]


@pytest.mark.parametrize(
    ("start", "end", "is_counted"),
    [
        ("2026-11-24T10:00", "2026-11-24T11:00", True),
        ("2026-11-20T10:00", "2026-11-24T00:00:01", True),
        ("2026-11-20T10:00", "2026-11-24T00:00", False),  # ended as the day began
        ("2026-11-24T23:59", None, True),
        ("2026-11-25T00:00", None, False),
        ("2026-11-24T00:00", "2026-11-24T00:00", True),  # opened and resolved at once
        ("2026-11-01T00:00", None, True),
    ],
)
def test_what_was_going_on_within_the_period_is_counted(start: str, end: str | None, is_counted: bool) -> None:
    seen = everything(report(incidents=(occurrence("i", start, end),), maintenances=(occurrence("m", start, end),)))
    assert (seen["incidents"], seen["maintenances"]) == (is_counted, is_counted)


def test_a_view_gets_the_figures_of_what_it_may_see_and_no_trace_of_the_rest() -> None:
    body = report(
        component("open"),
        component("secret", ("2026-11-24T10:00", "2026-11-24T11:00")),
        incidents=(
            occurrence("both", "2026-11-24T10:00", None, "open", "secret"),
            occurrence("hidden", "2026-11-24T10:00", None, "secret"),
            occurrence("page-wide", "2026-11-24T10:00", None),
            occurrence("staff", "2026-11-24T10:00", None, audience="group:ops"),
        ),
        maintenances=(occurrence("quiet", "2026-11-24T10:00", None, "secret"),),
    )
    seen = for_view(
        body,
        sees_component=lambda component_id: component_id == "open",
        sees_audience=lambda audience: audience in {None, "public"},
    )
    assert (seen["uptime"], seen["downtime_s"], seen["incidents"], seen["maintenances"]) == (1.0, 0, 2, 0)
    assert "secret" not in repr(seen)
    assert "outages" not in repr(seen)


def test_a_view_without_components_has_no_figure() -> None:
    seen = for_view(report(component("secret")), sees_component=lambda _: False, sees_audience=lambda _: False)
    assert (seen["uptime"], seen["components"]) == (None, [])


def test_a_report_says_which_weights_it_was_computed_with() -> None:
    assert report()["weights"] == {"major_outage": 1.0, "partial_outage": 0.3, "degraded_performance": 0.0}


def test_a_period_that_has_not_ended_is_refused() -> None:
    with pytest.raises(ValueError, match="has not ended"):
        compute(DAY, BERLIN, {}, components=(), incidents=(), maintenances=(), now=at("2026-11-24T22:59:59.999"))


@pytest.mark.parametrize(
    ("kind", "day", "start", "end"),
    [
        (DAILY, "2026-12-31", "2026-12-31", "2027-01-01"),
        (WEEKLY, "2026-11-23", "2026-11-23", "2026-11-30"),  # a Monday
        (WEEKLY, "2026-11-29", "2026-11-23", "2026-11-30"),  # the Sunday of that week
        (WEEKLY, "2027-01-03", "2026-12-28", "2027-01-04"),  # ISO week 53, in two years
        (WEEKLY, "2024-02-29", "2024-02-26", "2024-03-04"),
        (MONTHLY, "2026-11-01", "2026-11-01", "2026-12-01"),
        (MONTHLY, "2026-11-30", "2026-11-01", "2026-12-01"),
        (MONTHLY, "2026-12-31", "2026-12-01", "2027-01-01"),
        (MONTHLY, "2026-02-28", "2026-02-01", "2026-03-01"),
        (MONTHLY, "2028-02-29", "2028-02-01", "2028-03-01"),
    ],
)
def test_a_day_belongs_to_one_period_of_each_kind(kind: ReportKind, day: str, start: str, end: str) -> None:
    period = period_of(kind, date.fromisoformat(day))
    assert period == Period(kind, date.fromisoformat(start), date.fromisoformat(end))


@pytest.mark.parametrize(
    ("kind", "zone", "day", "length"),
    [
        pytest.param(DAILY, "Europe/Berlin", date(2026, 10, 25), timedelta(hours=25), id="25 hours"),
        pytest.param(DAILY, "Europe/Berlin", date(2027, 3, 28), timedelta(hours=23), id="23 hours"),
        pytest.param(DAILY, "Asia/Kolkata", date(2026, 10, 25), timedelta(hours=24), id="no change of the clock"),
        pytest.param(WEEKLY, "Europe/Berlin", date(2026, 10, 21), timedelta(days=7, hours=1), id="autumn week"),
        pytest.param(WEEKLY, "Europe/Berlin", date(2027, 3, 28), timedelta(days=7, hours=-1), id="spring week"),
        pytest.param(WEEKLY, "Australia/Lord_Howe", date(2026, 10, 4), timedelta(days=7, minutes=-30), id="half hour"),
        pytest.param(WEEKLY, "Asia/Kolkata", date(2026, 10, 25), timedelta(days=7), id="week without a change"),
        pytest.param(MONTHLY, "UTC", date(2026, 2, 10), timedelta(days=28), id="28 days"),
        pytest.param(MONTHLY, "UTC", date(2028, 2, 10), timedelta(days=29), id="29 days"),
        pytest.param(MONTHLY, "UTC", date(2026, 11, 10), timedelta(days=30), id="30 days"),
        pytest.param(MONTHLY, "Europe/Berlin", date(2026, 10, 1), timedelta(days=31, hours=1), id="31 days, autumn"),
        pytest.param(MONTHLY, "Europe/Berlin", date(2026, 3, 1), timedelta(days=31, hours=-1), id="31 days, spring"),
    ],
)
def test_a_period_is_as_long_as_its_days_in_the_pages_zone(
    kind: ReportKind, zone: str, day: date, length: timedelta
) -> None:
    since, until = period_of(kind, day).bounds(ZoneInfo(zone))
    assert until - since == length


@pytest.mark.parametrize(
    ("kind", "day", "hours"),
    [
        (WEEKLY, date(2026, 10, 25), 7 * 24 + 1),
        (WEEKLY, date(2027, 3, 28), 7 * 24 - 1),
        (MONTHLY, date(2026, 10, 25), 31 * 24 + 1),
        (MONTHLY, date(2027, 2, 1), 28 * 24),
    ],
)
def test_uptime_is_of_the_hours_that_the_period_really_had(kind: ReportKind, day: date, hours: int) -> None:
    """An outage over the last midnight of the period: its hour before that counts, of all the period's hours."""
    period = period_of(kind, day)
    since, until = period.bounds(BERLIN)
    history = [
        Interval(Status.OPERATIONAL, since - timedelta(days=9), until - timedelta(hours=1)),
        Interval(Status.MAJOR_OUTAGE, until - timedelta(hours=1), until + timedelta(hours=5)),
    ]
    components = [ComponentHistory("api", "Api", history)]
    now = until + timedelta(hours=6)
    body = compute(period, BERLIN, DEFAULT_WEIGHTS, components=components, incidents=(), maintenances=(), now=now)
    seen = everything(body)
    assert (seen["kind"], seen["period_start"], seen["downtime_s"]) == (kind, period.start.isoformat(), 3600)
    assert seen["uptime"] == pytest.approx(1 - 1 / hours)


@pytest.mark.parametrize(
    ("created", "now", "starts"),
    [
        pytest.param("2026-11-20", "2026-11-23T10:00", [20, 21, 22], id="each day since the page exists"),
        pytest.param("2026-11-22T23:30", "2026-11-23T10:00", [], id="in Berlin the page began today"),
        pytest.param("2026-11-22T12:00", "2026-11-22T22:59:59", [], id="a second before midnight in Berlin"),
        pytest.param("2026-11-22T12:00", "2026-11-22T23:00:00", [22], id="at midnight in Berlin"),
        pytest.param("2026-01-01", "2026-11-23T10:00", [20, 21, 22], id="not further back than the catch-up"),
        pytest.param("2026-11-30", "2026-11-23T10:00", [], id="a page from the future"),
    ],
)
def test_due_days_are_the_ended_days_of_the_pages_zone(created: str, now: str, starts: list[int]) -> None:
    periods = due_periods(DAILY, at(created), BERLIN, at(now), catch_up=3)
    assert [period.start.day for period in periods] == starts


@pytest.mark.parametrize(
    ("kind", "created", "now", "starts"),
    [
        # Berlin is an hour ahead of UTC in winter, two in summer; 2026-11-23 is a Monday.
        pytest.param(WEEKLY, "2026-01-01", "2026-11-22T22:59:59", ["2026-11-09"], id="a second before Monday"),
        pytest.param(WEEKLY, "2026-01-01", "2026-11-22T23:00:00", ["2026-11-16"], id="as Monday begins"),
        pytest.param(WEEKLY, "2026-01-01", "2026-10-25T22:59:59", ["2026-10-12"], id="a week of an hour more"),
        pytest.param(WEEKLY, "2026-01-01", "2026-10-25T23:00:00", ["2026-10-19"], id="its end"),
        pytest.param(WEEKLY, "2026-01-01", "2027-03-28T22:00:00", ["2027-03-22"], id="the end of an hour less"),
        pytest.param(
            WEEKLY, "2026-01-01", "2026-11-29T22:59:59", ["2026-11-16"], id="missed, until the next has ended"
        ),
        pytest.param(WEEKLY, "2026-11-22T22:59:59", "2026-11-25", ["2026-11-16"], id="the page's first second of it"),
        pytest.param(WEEKLY, "2026-11-22T23:00:00", "2026-11-25", [], id="the page came after it"),
        pytest.param(WEEKLY, "2026-12-01", "2026-11-25", [], id="a page from the future"),
        pytest.param(MONTHLY, "2026-01-01", "2026-10-31T22:59:59", ["2026-09-01"], id="a second before November"),
        pytest.param(MONTHLY, "2026-01-01", "2026-10-31T23:00:00", ["2026-10-01"], id="as November begins"),
        pytest.param(MONTHLY, "2026-01-01", "2026-02-28T23:00:00", ["2026-02-01"], id="after 28 days"),
        pytest.param(MONTHLY, "2026-01-01", "2028-02-28T23:00:00", ["2028-01-01"], id="the 29th goes on"),
        pytest.param(MONTHLY, "2026-10-31T22:30", "2026-11-25", ["2026-10-01"], id="the page's first half hour of it"),
        pytest.param(MONTHLY, "2026-10-31T23:00", "2026-11-25", [], id="the month came before the page"),
    ],
)
def test_the_due_week_and_month_are_the_last_that_have_ended(
    kind: ReportKind, created: str, now: str, starts: list[str]
) -> None:
    periods = due_periods(kind, at(created), BERLIN, at(now), catch_up=1)
    assert [period.start.isoformat() for period in periods] == starts


@pytest.mark.parametrize(
    ("kind", "change", "days"),
    [
        (DAILY, date(2026, 10, 25), 4),
        (DAILY, date(2027, 3, 28), 4),
        (WEEKLY, date(2026, 10, 25), 23),
        (WEEKLY, date(2027, 3, 28), 23),
        (MONTHLY, date(2027, 3, 28), 100),
    ],
)
def test_each_period_is_due_once_across_a_change_of_the_clock(kind: ReportKind, change: date, days: int) -> None:
    """Asked every half hour, every period comes up exactly when it has ended, with none left out."""
    first = period_of(kind, change - timedelta(days=1))
    since = first.bounds(BERLIN)[0]
    known: list[Period] = []
    for half_hour in range(days * 48):
        now = since + timedelta(minutes=30 * half_hour)
        for period in due_periods(kind, since, BERLIN, now, catch_up=2):
            if period not in known:
                known.append(period)
                assert now == period.bounds(BERLIN)[1]
    assert len(known) >= 2
    assert [period.start for period in known] == [first.start, *(period.end for period in known[:-1])]
