"""Status intervals → uptime ratio, downtime and day bars: the one function behind every figure the hub shows.

`ratio = 1 - Σ weight(status) · seconds(status) ÷ known seconds`. Time before a component's start, before its first
interval, in a gap between intervals or still to come is *no data*: in neither part of the fraction, and never green.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from statistics import fmean
from zoneinfo import ZoneInfo

from hub.domain.status import Status, worst

_ONE_DAY = timedelta(days=1)
_NOTHING = timedelta(0)

Weights = Mapping[Status, float]
"""What a second at each status costs, 0..1; a status that is not named costs nothing. Each page sets its own."""

DEFAULT_WEIGHTS: Weights = {Status.MAJOR_OUTAGE: 1.0, Status.PARTIAL_OUTAGE: 0.3, Status.DEGRADED_PERFORMANCE: 0.0}


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
    """How one window went: time known in all, and the part of it at each status."""

    known: timedelta = _NOTHING
    at: Mapping[Status, timedelta] = field(default_factory=dict)

    @property
    def has_data(self) -> bool:
        return self.known > _NOTHING

    @property
    def worst(self) -> Status | None:
        """The worst status of the window; None without data."""
        return worst(self.at) if self.has_data else None

    @property
    def downtime_s(self) -> float:
        """Seconds in a partial or major outage, each counted whole whatever its weight."""
        return (self._time_at(Status.PARTIAL_OUTAGE) + self._time_at(Status.MAJOR_OUTAGE)).total_seconds()

    def ratio(self, weights: Weights) -> float | None:
        """Uptime 0..1, exactly 1.0 when nothing with a weight happened; None without data."""
        if not self.has_data:
            return None
        lost_s = sum(weights.get(status, 0.0) * spent.total_seconds() for status, spent in self.at.items())
        return min(1.0, max(0.0, 1.0 - lost_s / self.known.total_seconds()))

    def _time_at(self, status: Status) -> timedelta:
        return self.at.get(status, _NOTHING)


@dataclass(frozen=True, slots=True)
class Window:
    """A date of the page's zone, from `since` up to `until` in UTC: 23 or 25 hours long at a DST change."""

    date: date
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """One bar: a date of the page's zone and how it went."""

    date: date
    figure: Figure


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The UTC instant at which `day` begins in `zone`; where midnight is skipped, the instant of the jump."""
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The date that `instant` falls on in `zone`."""
    return instant.astimezone(zone).date()


def last_days(count: int, zone: ZoneInfo, now: datetime) -> list[Window]:
    """The last `count` days of `zone`, oldest first, today (unfinished) included. Work it out once for a whole page."""
    tomorrow = day_of(now, zone) + _ONE_DAY
    dates = [tomorrow - timedelta(days=back) for back in range(count, -1, -1)]
    starts = [day_start(day, zone) for day in dates]
    return [Window(day, *bounds) for day, bounds in zip(dates[:-1], pairwise(starts), strict=True)]


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


def figure(spans: Sequence[Span], since: datetime, until: datetime) -> Figure:
    """How the window [since, until) went, of a `timeline`."""
    at: dict[Status, timedelta] = {}
    for span in spans:
        overlap = min(span.end, until) - max(span.start, since)
        if overlap > _NOTHING:
            at[span.status] = at.get(span.status, _NOTHING) + overlap
    return Figure(sum(at.values(), _NOTHING), at)


def day_figures(spans: Sequence[Span], days: Sequence[Window]) -> list[Day]:
    """One `Day` for each of `days` (ascending), of a `timeline`."""
    bars: list[Day] = []
    first = 0  # no span before it reaches into the days still to come
    for day in days:
        while first < len(spans) and spans[first].end <= day.since:
            first += 1
        last = first
        while last < len(spans) and spans[last].start < day.until:
            last += 1
        bars.append(Day(day.date, figure(spans[first:last], day.since, day.until)))
    return bars


def total(figures: Iterable[Figure]) -> Figure:
    """The figure of windows that lie side by side, as one."""
    known, at = _NOTHING, dict[Status, timedelta]()
    for part in figures:
        known += part.known
        for status, spent in part.at.items():
            at[status] = at.get(status, _NOTHING) + spent
    return Figure(known, at)


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
