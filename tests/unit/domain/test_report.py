"""The report of one period, and what of it a view may see."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.domain.report import ComponentHistory, Occurrence, Period, compute, daily, due_periods, for_view
from hub.domain.status import Status
from hub.domain.uptime import DEFAULT_WEIGHTS, Interval

BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
DAY = daily(date(2026, 11, 24))
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
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2027, 3, 28), 23),
        ("Asia/Kolkata", date(2026, 10, 25), 24),
    ],
)
def test_a_daily_period_is_a_day_of_the_pages_zone(zone: str, day: date, hours: int) -> None:
    since, until = daily(day).bounds(ZoneInfo(zone))
    assert until - since == timedelta(hours=hours)


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
def test_due_periods_are_the_ended_days_of_the_pages_zone(created: str, now: str, starts: list[int]) -> None:
    periods = due_periods(at(created), BERLIN, at(now), catch_up_days=3)
    assert [period.start.day for period in periods] == starts


@pytest.mark.parametrize("change", [date(2026, 10, 25), date(2027, 3, 28)])
def test_each_day_is_due_once_across_a_change_of_the_clock(change: date) -> None:
    """Asked every minute for four days, every day comes up exactly when the one before it has ended."""
    since = daily(change - timedelta(days=1)).bounds(BERLIN)[0]
    known: list[Period] = []
    for minute in range(4 * 24 * 60):
        now = since + timedelta(minutes=minute)
        for period in due_periods(since, BERLIN, now, catch_up_days=7):
            if period not in known:
                known.append(period)
                assert now == period.bounds(BERLIN)[1]
    assert [period.start - change for period in known] == [timedelta(days=n) for n in range(-1, len(known) - 1)]
