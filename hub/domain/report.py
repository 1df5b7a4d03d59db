"""Intervals, incidents and maintenances → the report of one period; and what of it one view may see.

A report is computed once, over all audiences, and stored as plain JSON (its *body*). What a view gets is computed from
the body and today's audiences, so that a component that became private later is not given away by an old report.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from hub.domain.status import Status
from hub.domain.text import iso
from hub.domain.uptime import Interval, Weights, average, day_of, day_start, figure, timeline

OUTAGES = frozenset({Status.PARTIAL_OUTAGE, Status.MAJOR_OUTAGE})


class ReportKind(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Period:
    """The days of one report, in the page's zone: from `start` up to, not including, `end`. Made by `period_of`."""

    kind: ReportKind
    start: date
    end: date

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The same as UTC instants, half-open; a period with a DST change is an hour shorter or longer."""
        return day_start(self.start, zone), day_start(self.end, zone)


@dataclass(frozen=True, slots=True)
class ComponentHistory:
    """A component with the status intervals that touch the period; nothing is known of it before `since`."""

    id: str
    name: str
    intervals: Sequence[Interval]
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An incident or maintenance as far as a report counts it; `audience` matters only without components."""

    id: str
    component_ids: Sequence[str]
    audience: str | None
    start: datetime
    end: datetime | None

    def touches(self, since: datetime, until: datetime) -> bool:
        """Was it going on at some instant of [since, until)? One without length belongs to its instant."""
        return self.start < until and (self.end is None or self.end > since or self.start >= since)


def period_of(kind: ReportKind, day: date) -> Period:
    """The period that `day` falls in: the day itself, its week (ISO 8601: from Monday) or its calendar month."""
    match kind:
        case ReportKind.DAILY:
            start, end = day, day + timedelta(days=1)
        case ReportKind.WEEKLY:
            start = day - timedelta(days=day.weekday())
            end = start + timedelta(days=7)
        case ReportKind.MONTHLY:
            start = day.replace(day=1)
            end = (start + timedelta(days=31)).replace(day=1)
    return Period(kind, start, end)


def due_periods(
    kind: ReportKind, created_at: datetime, zone: ZoneInfo, now: datetime, *, catch_up: int
) -> list[Period]:
    """The periods that have ended by `now` and may still be reported, oldest first: the last `catch_up` ones.

    One that began before the page did counts if the page was there for some of it.
    """
    first_day = day_of(created_at, zone)
    periods: list[Period] = []
    running = period_of(kind, day_of(now, zone))
    while len(periods) < catch_up and running.start > first_day:
        running = period_of(kind, running.start - timedelta(days=1))
        periods.append(running)
    return periods[::-1]


def compute(
    period: Period,
    zone: ZoneInfo,
    weights: Weights,
    *,
    components: Iterable[ComponentHistory],
    incidents: Iterable[Occurrence],
    maintenances: Iterable[Occurrence],
    now: datetime,
) -> dict[str, Any]:
    """The body of one report over all audiences. Raises ValueError while the period has not ended.

    `{kind, period_start, period_end (exclusive), computed_at, time_zone, weights, components: [{id, name, uptime,
    downtime_s, outages: [[from, to]]}], incidents: [{id, components, audience}], maintenances: [as incidents]}`
    """
    since, until = period.bounds(zone)
    if now < until:
        raise ValueError(f"the period up to {period.end} has not ended")
    return {
        "kind": period.kind.value,
        "period_start": period.start.isoformat(),
        "period_end": period.end.isoformat(),
        "computed_at": iso(now),
        "time_zone": zone.key,
        "weights": {status.value: weight for status, weight in weights.items()},
        "components": [_component(component, weights, since, until) for component in components],
        "incidents": [_occurrence(item) for item in incidents if item.touches(since, until)],
        "maintenances": [_occurrence(item) for item in maintenances if item.touches(since, until)],
    }


def for_view(
    body: Mapping[str, Any], *, sees_component: Callable[[str], bool], sees_audience: Callable[[str | None], bool]
) -> dict[str, Any]:
    """What of a report's body one view may see, in the shape of a snapshot's `report`.

    `sees_component` says whether the component of that id is visible; `sees_audience` decides on an incident or
    maintenance that names no component (None: the page's own audience). Page uptime is the plain mean of the
    components with data; `downtime_s` the time in which at least one of them was down: a union, not a sum.
    """
    components = [item for item in body["components"] if sees_component(item["id"])]

    def is_visible(item: Mapping[str, Any]) -> bool:
        if item["components"]:
            return any(map(sees_component, item["components"]))
        return sees_audience(item["audience"])

    return {
        "kind": body["kind"],
        "period_start": body["period_start"],
        "period_end": body["period_end"],
        "computed_at": body["computed_at"],
        "time_zone": body.get("time_zone"),
        "weights": body["weights"],
        "uptime": average(item["uptime"] for item in components),
        "incidents": sum(map(is_visible, body["incidents"])),
        "maintenances": sum(map(is_visible, body["maintenances"])),
        "downtime_s": _union_s(outage for item in components for outage in item["outages"]),
        "components": [{key: item[key] for key in ("id", "name", "uptime", "downtime_s")} for item in components],
    }


def _component(component: ComponentHistory, weights: Weights, since: datetime, until: datetime) -> dict[str, Any]:
    spans = timeline(component.intervals, until, max(since, component.since or since))
    window = figure(spans, since, until)
    return {
        "id": component.id,
        "name": component.name,
        "uptime": window.ratio(weights),
        "downtime_s": round(window.downtime_s),
        "outages": [[iso(span.start), iso(span.end)] for span in spans if span.status in OUTAGES],
    }


def _occurrence(item: Occurrence) -> dict[str, Any]:
    return {"id": item.id, "components": list(item.component_ids), "audience": item.audience}


def _union_s(outages: Iterable[Sequence[str]]) -> int:
    down = (
        Interval(Status.MAJOR_OUTAGE, datetime.fromisoformat(start), datetime.fromisoformat(end))
        for start, end in outages
    )
    spans = timeline(down, datetime.max.replace(tzinfo=UTC))
    return round(sum((span.end - span.start).total_seconds() for span in spans))
