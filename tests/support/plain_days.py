"""Day bars by the plain rule, from a timeline: what the rows that are kept up with each change have to equal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from hub.domain.status import Status
from hub.domain.uptime import Figure, Span, Weights, Window, figure

DEFAULT_WEIGHTS: Weights = {Status.MAJOR_OUTAGE: 1.0, Status.PARTIAL_OUTAGE: 0.3, Status.DEGRADED_PERFORMANCE: 0.0}


@dataclass(frozen=True, slots=True)
class Day:
    """One bar: a date of the page's zone and how it went."""

    date: date
    figure: Figure


def day_figures(spans: Sequence[Span], days: Sequence[Window]) -> list[Day]:
    """One `Day` for each of `days`, of a `timeline`."""
    return [Day(day.date, figure(spans, day.since, day.until)) for day in days]
