"""Laws of the reports."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from hub.domain.report import ComponentHistory, ReportKind, compute, due_periods, for_view, period_of
from hub.domain.status import Status
from hub.domain.uptime import Interval
from tests.support.plain_days import DEFAULT_WEIGHTS

DAY = period_of(ReportKind.DAILY, date(2026, 10, 25))
START = datetime(2026, 10, 24, tzinfo=UTC)
NOW = START + timedelta(days=4)
ZONES = st.sampled_from([ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns")])

spans = st.tuples(st.integers(0, 72 * 60), st.integers(0, 600)).map(
    lambda span: (START + timedelta(minutes=span[0]), START + timedelta(minutes=sum(span)))
)
intervals = st.builds(lambda status, span: Interval(status, *span), st.sampled_from(Status), spans)
pages = st.lists(st.lists(intervals, max_size=6), max_size=4).map(
    lambda histories: [ComponentHistory(str(n), f"C{n}", history) for n, history in enumerate(histories)]
)


def body_of(page, zone):
    return compute(DAY, zone, DEFAULT_WEIGHTS, components=page, incidents=(), maintenances=(), now=NOW)


@given(pages, ZONES)
def test_page_downtime_lies_between_the_worst_component_and_the_sum(page, zone):
    seen = for_view(body_of(page, zone), sees_component=lambda _: True, sees_audience=lambda _: True)
    each = [item["downtime_s"] for item in seen["components"]]
    since, until = DAY.bounds(zone)
    assert max(each, default=0) <= seen["downtime_s"] <= min(sum(each), (until - since).total_seconds())


@given(pages, ZONES, st.sets(st.integers(0, 3).map(str)))
def test_what_a_view_sees_is_the_report_of_what_it_may_see(page, zone, visible):
    """Cutting a report down equals computing it from the visible components alone."""
    rest = [item for item in page if item.id in visible]
    cut = for_view(body_of(page, zone), sees_component=visible.__contains__, sees_audience=lambda _: True)
    assert cut == for_view(body_of(rest, zone), sees_component=lambda _: True, sees_audience=lambda _: True)


@given(st.sampled_from(ReportKind), st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_every_day_is_in_one_period_of_each_kind(kind, day):
    period = period_of(kind, day)
    assert period.start <= day < period.end
    assert period == period_of(kind, period.start) == period_of(kind, period.end - timedelta(days=1))
    assert period_of(kind, period.end).start == period.end


@given(st.sampled_from(ReportKind), ZONES, st.integers(0, 120 * 24 * 60), st.integers(1, 10))
def test_due_periods_are_the_last_that_have_ended_and_touch_without_a_gap(kind, zone, minutes, catch_up):
    now = START + timedelta(minutes=minutes)
    periods = due_periods(kind, START, zone, now, catch_up=catch_up)
    assert len(periods) <= catch_up
    assert all(left.end == right.start for left, right in pairwise(periods))
    for period in periods:
        assert START < period.bounds(zone)[1] <= now
    if periods:
        assert period_of(kind, periods[-1].end).bounds(zone)[1] > now
