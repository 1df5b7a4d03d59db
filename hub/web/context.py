"""What the templates are given, from a snapshot and the page's uptime."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hub.web import present, words
from hub.web.bars import LETTERS, Bars
from hub.web.render import Times


def page_context(snapshot: present.Json, bars: Mapping[str, Bars], now: datetime) -> dict[str, Any]:
    """For `page.html`."""
    zone = ZoneInfo(snapshot["page"]["time_zone"])
    shown = present.answer(snapshot, zone, now)
    running, soon, later = present.maintenances(snapshot, now)
    return {
        "snapshot": snapshot,
        "answer": shown,
        "tone": shown.tone,
        "title": present.title(snapshot, shown),
        "as_of": present.as_of(zone, now),
        "names": {component["id"]: component["name"] for component in snapshot["components"]},
        "entries": present.entries(snapshot),
        "uptime": bars,
        "running": running,
        "soon": soon,
        "later": later,
        "days": present.history_days(snapshot, zone, now),
        "report_text": present.report_text(snapshot["report"]),
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
