"""Laws of the uptime figures, over arbitrary histories and zones."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from hub.domain.status import SEVERITY, Status
from hub.domain.uptime import Interval, figure, last_days, timeline, total
from tests.support.plain_days import DEFAULT_WEIGHTS, day_figures

NOW = datetime(2026, 11, 25, 10, 17, tzinfo=UTC)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Africa/Cairo", "Pacific/Apia"])

instants = st.integers(0, 120 * 24 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes))
weights = st.dictionaries(st.sampled_from(Status), st.floats(0, 1))


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    start = draw(instants)
    length = draw(st.none() | st.integers(0, 10 * 24 * 60))
    end = None if length is None else start + timedelta(minutes=length)
    return Interval(draw(st.sampled_from(Status)), start, end)


histories = st.lists(intervals(), max_size=12)


@given(histories, weights, instants, instants)
def test_a_ratio_is_a_share_or_unknown(history, by, one, other):
    since, until = sorted((one, other))
    window = figure(timeline(history, NOW), since, until)
    ratio = window.ratio(by)
    assert (ratio is None) == (window.known == timedelta(0))
    assert ratio is None or 0 <= ratio <= 1
    assert window.known <= until - since


@given(histories)
def test_a_timeline_is_ordered_disjoint_and_never_beyond_now(history):
    spans = timeline(history, NOW)
    assert all(span.start < span.end <= NOW for span in spans)
    assert all(left.end <= right.start for left, right in pairwise(spans))


@given(histories, instants)
def test_every_instant_has_the_worst_status_that_holds_it(history, instant):
    holding = [i.status for i in history if i.start <= instant < (i.end or NOW) and instant < NOW]
    found = [span.status for span in timeline(history, NOW) if span.start <= instant < span.end]
    assert found == ([max(holding, key=SEVERITY.__getitem__)] if holding else [])


@given(histories, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_records_matters(history, random):
    shuffled = history + history[:3]
    random.shuffle(shuffled)
    assert timeline(shuffled, NOW) == timeline(history, NOW)


@given(histories, ZONES, st.integers(1, 100))
def test_days_add_up_to_their_window(history, zone_name, count):
    zone = ZoneInfo(zone_name)
    days = last_days(count, zone, NOW)
    spans = timeline(history, NOW)
    whole = figure(spans, days[0].since, NOW)
    added = total(day.figure for day in day_figures(spans, days))
    assert (added.known, dict(added.at)) == (whole.known, dict(whole.at))


@given(histories, instants)
def test_a_later_start_only_takes_time_away(history, since):
    cut = figure(timeline(history, NOW, since), since - timedelta(days=200), NOW)
    assert cut == figure(timeline(history, NOW), since, NOW)


@given(st.lists(instants, min_size=1, max_size=8), st.sampled_from([Status.OPERATIONAL, Status.UNDER_MAINTENANCE]))
def test_nothing_happened_is_exactly_one(starts, status):
    history = [Interval(status, start, None) for start in starts]
    assert figure(timeline(history, NOW), min(starts), NOW + timedelta(days=1)).ratio(DEFAULT_WEIGHTS) in (1.0, None)


@given(histories)
def test_history_that_is_closed_does_not_change_as_time_goes_on(history):
    """The stored rows of past days can be computed again at any later time with the same result."""
    yesterday = NOW - timedelta(days=1)
    closed = [Interval(i.status, i.start, min(i.end or yesterday, yesterday)) for i in history]
    window = (NOW - timedelta(days=30), yesterday)
    assert figure(timeline(closed, NOW), *window) == figure(timeline(closed, NOW + timedelta(days=40)), *window)
