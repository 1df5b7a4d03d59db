"""Status intervals → uptime ratio, downtime and day bars: the one function behind every figure the hub shows.

`ratio = 1 - Σ weight(status) · seconds(status) ÷ known seconds`. Time before a component's start, before its first
interval, in a gap between intervals or still to come is *no data*: in neither part of the fraction, and never green.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from statistics import fmean
from zoneinfo import ZoneInfo

from hub.domain.status import Status, worst

_ONE_DAY = timedelta(days=1)
_ONE_HOUR = timedelta(hours=1)
_NOTHING = timedelta(0)
_MICROSECOND = timedelta(microseconds=1)
_SECOND_US = 1_000_000
_INDEX = {status: index for index, status in enumerate(Status)}
_MAINTENANCE = _INDEX[Status.UNDER_MAINTENANCE]
_PARTIAL, _MAJOR = _INDEX[Status.PARTIAL_OUTAGE], _INDEX[Status.MAJOR_OUTAGE]
_WORST_FIRST = tuple(reversed(Status))
NO_TIME: Sequence[int] = (0,) * len(Status)
"""`spent_us` of a window of which nothing is known."""

Weights = Mapping[Status, float]
"""What a second at each status costs, 0..1; a status that is not named costs nothing. Each page sets its own."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One status over the half-open span [start, end), aware UTC; `end` None means still so."""

    status: Status
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of known status, [start, end) with start < end; spans of one component never overlap."""

    status: Status
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Figure:
    """How one window went: `spent_us` has the microseconds at each status, in the order of `Status`.

    What is not among them is not known. Whole numbers, so that figures of neighbouring windows add up exactly.
    """

    spent_us: Sequence[int] = NO_TIME

    @property
    def known(self) -> timedelta:
        return timedelta(microseconds=sum(self.spent_us))

    @property
    def at(self) -> Mapping[Status, timedelta]:
        """The statuses that occurred, and for how long."""
        return {
            status: timedelta(microseconds=spent) for status, spent in zip(Status, self.spent_us, strict=True) if spent
        }

    @property
    def worst(self) -> Status | None:
        """The worst status of the window; None without data."""
        for status, spent in zip(_WORST_FIRST, reversed(self.spent_us), strict=True):
            if spent:
                return status
        return None

    @property
    def downtime_s(self) -> float:
        """Seconds in a partial or major outage, each counted whole whatever its weight."""
        return (self.spent_us[_PARTIAL] + self.spent_us[_MAJOR]) / _SECOND_US

    @property
    def seconds(self) -> dict[str, int]:
        """Whole seconds at each status that occurred."""
        return {
            status.value: round(spent / _SECOND_US)
            for status, spent in zip(Status, self.spent_us, strict=True)
            if spent
        }

    def ratio(self, weights: Weights, *, without_maintenance: bool = False) -> float | None:
        """Uptime 0..1, exactly 1.0 when nothing with a weight happened; None without data.

        `without_maintenance`: time under maintenance counts neither as up nor as known, whatever its weight.
        """
        spent = self.spent_us
        if without_maintenance:
            spent = [*spent[:_MAINTENANCE], 0, *spent[_MAINTENANCE + 1 :]]
        return ratio_of(spent, costs_of(weights))


def costs_of(weights: Weights) -> Sequence[float]:
    """`weights` in the order of `Status`, for `ratio_of`."""
    return tuple(weights.get(status, 0.0) for status in Status)


def ratio_of(spent_us: Sequence[int], costs: Sequence[float]) -> float | None:
    """`1 - Σ weight(status) · time(status) ÷ known time`, within 0..1; None when nothing is known.

    The one place where uptime is computed; written out, because a page of bars asks for it tens of thousands of times.
    """
    operational, maintenance, degraded, partial, major = spent_us
    for_operational, for_maintenance, for_degraded, for_partial, for_major = costs
    lost = for_operational * operational + for_maintenance * maintenance + for_degraded * degraded
    lost += for_partial * partial + for_major * major
    known = operational + maintenance + degraded + partial + major
    if not lost:
        return 1.0 if known else None
    ratio = 1.0 - lost / known
    return max(ratio, 0.0)


@dataclass(frozen=True, slots=True)
class Window:
    """A date of the page's zone, from `since` up to `until` in UTC: 23 or 25 hours long at a DST change."""

    date: date
    since: datetime
    until: datetime


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which `day` begins in `zone`; where midnight is skipped, the instant of the jump."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The date that `instant` falls on in `zone`."""
    return instant.astimezone(zone).date()


def known_since(start_date: date | None, zone: ZoneInfo) -> datetime | None:
    """The instant before which nothing of a component counts, if it has a start date."""
    return None if start_date is None else day_start(start_date, zone)


def last_days(count: int, zone: ZoneInfo, now: datetime) -> list[Window]:
    """The last `count` days of `zone`, oldest first, today (unfinished) included. Work it out once for a whole page."""
    tomorrow = day_of(now, zone) + _ONE_DAY
    dates = [tomorrow - timedelta(days=back) for back in range(count, -1, -1)]
    starts = [day_start(day, zone) for day in dates]
    return [Window(day, *bounds) for day, bounds in zip(dates[:-1], pairwise(starts), strict=True)]


def full_hours(since: datetime, until: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """[since, until) cut where the clock of `zone` shows a full hour: 23 or 25 pieces on a day of a DST change.

    Where the zone's distance from UTC is no whole number of hours, neither are the edges in UTC.
    """
    edges = [since]
    while edges[-1] < until:
        local = edges[-1].astimezone(zone)
        past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        edges.append(min(edges[-1] + _ONE_HOUR - past, until))
    return list(pairwise(edges))


def split_by_day(span: Span, zone: ZoneInfo) -> Iterator[tuple[date, int]]:
    """(day of `zone`, microseconds of it) for every day that `span` touches, ascending."""
    day, start = day_of(span.start, zone), span.start
    while start < span.end:
        day_after = day + _ONE_DAY
        end = min(day_start(day_after, zone), span.end)
        if end > start:
            yield day, microseconds(end - start)
            start = end
        day = day_after


def timeline(intervals: Iterable[Interval], now: datetime, since: datetime | None = None) -> list[Span]:
    """Known time as ordered spans without overlap, cut at `since` (a component's start) and at `now`.

    Where intervals overlap the worst status counts, once: a union, never a sum. O(n log n).
    """
    edges: list[tuple[datetime, int, Status]] = []
    for interval in intervals:
        start = interval.start if since is None else max(interval.start, since)
        end = now if interval.end is None else min(interval.end, now)
        if start < end:
            edges += ((start, 1, interval.status), (end, -1, interval.status))
    edges.sort(key=lambda edge: edge[0])
    return _joined(_sweep(edges))


def figure(spans: Iterable[Span], since: datetime, until: datetime) -> Figure:
    """How the window [since, until) went, of a `timeline`."""
    spent = list(NO_TIME)
    for span in spans:
        overlap = min(span.end, until) - max(span.start, since)
        if overlap > _NOTHING:
            spent[_INDEX[span.status]] += microseconds(overlap)
    return Figure(tuple(spent))


def microseconds(length: timedelta) -> int:
    """`length` as a whole number."""
    return length // _MICROSECOND


def bar_of(spent_us: Sequence[int], costs: Sequence[float]) -> tuple[float | None, str | None, int]:
    """(uptime, worst status, seconds down) of one day; None, None and 0 without data. Written out like `ratio_of`."""
    _, maintenance, degraded, partial, major = spent_us
    ratio = ratio_of(spent_us, costs)
    if major:
        worst_name: str | None = "major_outage"
    elif partial:
        worst_name = "partial_outage"
    elif degraded:
        worst_name = "degraded_performance"
    elif maintenance:
        worst_name = "under_maintenance"
    else:
        worst_name = None if ratio is None else "operational"
    return ratio, worst_name, round((partial + major) / _SECOND_US)


def add(spent_us: Sequence[int], status: Status, length: timedelta) -> Sequence[int]:
    """`spent_us` with `length` more at `status`."""
    added = list(spent_us)
    added[_INDEX[status]] += microseconds(length)
    return tuple(added)


def total(figures: Iterable[Figure]) -> Figure:
    """The figure of windows that lie side by side, as one."""
    return Figure(tuple(map(sum, zip(NO_TIME, *[part.spent_us for part in figures], strict=True))))


def average(ratios: Iterable[float | None]) -> float | None:
    """Uptime of a group or page: the plain mean of its components that have data; None when none has."""
    known = [ratio for ratio in ratios if ratio is not None]
    return fmean(known) if known else None


def _sweep(edges: Sequence[tuple[datetime, int, Status]]) -> Iterator[Span]:
    open_count = dict.fromkeys(Status, 0)
    for position, (at, step, status) in enumerate(edges[:-1]):
        open_count[status] += step
        until = edges[position + 1][0]
        holding = [status for status, count in open_count.items() if count]
        if holding and at < until:
            yield Span(worst(holding), at, until)


def _joined(spans: Iterable[Span]) -> list[Span]:
    """Neighbours of one status become one span."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].status is span.status and joined[-1].end == span.start:
            joined[-1] = Span(span.status, joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined
