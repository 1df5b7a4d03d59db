"""The months in which maintenance is planned, as grids of days: pure, repeated by `client_demo/month-grid.js`."""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton

from hub.web.messages import language
from hub.web.words import parse, weekday

Json = Mapping[str, Any]

MONTHS_AT_MOST = 3
_WEEKS = calendar.Calendar(calendar.MONDAY)


@dataclass(frozen=True, slots=True)
class Cell:
    """A day of the grid; `on` None beside the month. `said` names the day and what is planned on it."""

    on: date | None
    is_today: bool = False
    first: str | None = None  # id of the maintenance that the day leads to
    said: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A month in weeks of seven cells, from Monday."""

    title: str
    weeks: Sequence[Sequence[Cell]]


def months_of(maintenances: Sequence[Json], zone: ZoneInfo, now: datetime) -> list[Grid]:
    """The months, this one or later, that have a day with one of `maintenances`: the first three."""
    today = now.astimezone(zone).date()
    planned: dict[date, list[Json]] = {}
    for item in maintenances:
        on = max(parse(item["scheduled_for"]).astimezone(zone).date(), today)
        # A window that ends at midnight does not touch the day that begins then.
        last = (parse(item["scheduled_until"]) - timedelta(milliseconds=1)).astimezone(zone).date()
        while on <= last and len({(day.year, day.month) for day in planned}) <= MONTHS_AT_MOST:
            planned.setdefault(on, []).append(item)
            on += timedelta(days=1)
    months = sorted({(day.year, day.month) for day in planned})[:MONTHS_AT_MOST]
    return [_grid(year, month, planned, today) for year, month in months]


def _grid(year: int, month: int, planned: Mapping[date, Sequence[Json]], today: date) -> Grid:
    weeks = [
        [_cell(day, month, planned.get(day, ()), today) for day in week]
        for week in _WEEKS.monthdatescalendar(year, month)
    ]
    return Grid(title_of(year, month), weeks)


def _cell(day: date, month: int, items: Sequence[Json], today: date) -> Cell:
    if day.month != month:
        return Cell(None)
    if not items:
        return Cell(day, day == today)
    names = ", ".join(item["name"] for item in items)
    return Cell(day, day == today, items[0]["id"], f"{weekday(day, today.year)}: {names}")


def title_of(year: int, month: int) -> str:
    """`November 2026`, `ноябрь 2026 г.`, `noviembre de 2026`; browsers differ from Babel in the kind of the spaces."""
    return " ".join(format_skeleton("yMMMM", date(year, month, 1), locale=language()).split())
