"""What the templates are given, from a snapshot and the page's uptime."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hub.web import present, words
from hub.web.bars import LETTERS, Bars
from hub.web.latency import line_of
from hub.web.month_grid import months_of
from hub.web.render import Times


class Figures(NamedTuple):
    """What a page shows beside its snapshot: `page_uptime`, `latency.recent`, the last reports by kind."""

    uptime: present.Json
    latency: Mapping[str, Sequence[present.Json]]
    reports: Mapping[str, present.Json]


def page_context(snapshot: present.Json, figures: Figures, now: datetime) -> dict[str, Any]:
    """For `page.html`."""
    zone = ZoneInfo(snapshot["page"]["time_zone"])
    shown = present.answer(snapshot, zone, now)
    running, soon, later = present.maintenances(snapshot, now)
    return {
        "snapshot": snapshot,
        "answer": shown,
        "tone": shown.tone,
        "title": present.title(snapshot, shown),
        "after": present.aftermath(snapshot, now),
        "as_of": present.as_of(zone, now),
        "names": {component["id"]: component["name"] for component in snapshot["components"]},
        "entries": present.entries(snapshot),
        "uptime": bars_of(figures.uptime),
        "group_uptime": {group["id"]: group["ratio"] for group in figures.uptime["groups"]},
        "weights": [(status, weight) for status, weight in figures.uptime["weights"].items() if weight],
        "latencies": {c["id"]: line_of(figures.latency.get(c["id"], ()), now) for c in snapshot["components"]},
        "running": running,
        "soon": soon,
        "later": later,
        "months": months_of(snapshot["maintenances"], zone, now),
        "days": present.history_days(snapshot, zone, now),
        "report_text": present.report_text(snapshot["report"]),
        "reports": [present.report_text(report) for report in figures.reports.values()],
        "island": present.island(snapshot),
        "viewers_text": present.viewers_text(snapshot["summary"]),
        **zone_context(snapshot["page"], now),
    }


def zone_context(page: present.Json, now: datetime) -> dict[str, Any]:
    """For every page that shows times."""
    zone = ZoneInfo(page["time_zone"])
    return {
        "t": Times(zone, now),
        "zone_name": words.offset_name(now, zone),
        "dir": words.direction(page["locale"]),
    }


def bars_of(figures: present.Json) -> dict[str, Bars]:
    """`hub.services.uptime.page_uptime` → the bars of each component, by its id."""
    return {
        component["id"]: Bars(
            days="".join(LETTERS[day["worst"]] for day in component["days"]),
            first_day=date.fromisoformat(figures["period_start"]),
            ratios={
                index: day["ratio"]
                for index, day in enumerate(component["days"])
                if day["ratio"] is not None and day["ratio"] < 1
            },
            uptime=component["ratio"],
        )
        for component in figures["components"]
    }
