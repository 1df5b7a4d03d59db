"""What the templates are given, from a snapshot and the page's uptime."""

from collections.abc import Mapping, Sequence
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


def months(incidents: Sequence[present.Json], zone: ZoneInfo, now: datetime) -> list[dict[str, Any]]:
    """Incidents (newest start first) by month, and in a month by day: `[{title, days}]`."""
    this_year = now.astimezone(zone).year
    found: list[dict[str, Any]] = []
    for incident in incidents:
        on = words.parse(incident["started_at"]).astimezone(zone).date()
        title = f"{words.MONTHS[on.month]} {on.year}"
        if not found or found[-1]["title"] != title:
            found.append({"title": title, "days": []})
        days = found[-1]["days"]
        name = words.weekday(on, this_year)
        if not days or days[-1].title != name:
            days.append(present.Day(name, []))
        days[-1].incidents.append(incident)
    return found
