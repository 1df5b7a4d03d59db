"""Uptime of a page as one view sees it: REST, bars, badges, summaries and reports all take their figures from here.

Formula, weights and examples: docs/uptime.md. Days come from the daily rows (`hub.services.days`); only a window of
hours, which slides, reads intervals.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.audience import View
from hub.domain.page import Component, Page, PageState
from hub.domain.snapshot import visible_components
from hub.domain.uptime import (
    Figure,
    Weights,
    average,
    bar_of,
    costs_of,
    figure,
    known_since,
    last_days,
    ratio_of,
    timeline,
)
from hub.errors import NotFound
from hub.services.days import read_days
from hub.services.intervals import load_intervals
from hub.services.state import load_components
from models import ComponentGroup

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A window that ends now: so many days of the page's zone, today included, or so many hours."""

    name: str
    days: int = 0
    hours: int = 0


async def page_uptime(
    session: AsyncSession,
    page: Page,
    view: View,
    *,
    days: int,
    now: datetime,
    component_id: str | None = None,
    windows: Sequence[Stretch] = (),
    is_past: bool = False,
) -> Json:
    """Uptime over the last `days` days of the page's zone, today included, of the components that `view` may see.

    `{days, period_start, period_end (today), time_zone, weights: {status: weight}, ratio, ratio_excluding_maintenance,
    groups: [{id, name, ratio, ratio_excluding_maintenance}], components: [{id, name, group_id, ratio,
    ratio_excluding_maintenance, downtime_s, seconds: {status: s}, days: [{date, ratio, worst, downtime_s, no_data}]}],
    windows: {name: {ratio, ratio_excluding_maintenance, groups, components without name, group and days}}}`.
    Ratios are 0..1, null without data; those of a group or the page are the plain mean of its components with data.
    `component_id` asks for that one alone: NotFound when it is not there or not visible. The page itself must have
    been found visible by the caller. `is_past`: `now` is long ago, and what came after it does not count. Cost: a row
    for each component and day; intervals for windows of hours, and for the last day of a past.
    """
    shown = await visible_now(session, page, view, component_id)
    zone = ZoneInfo(page.time_zone)
    longest = last_days(max(days, *(window.days for window in windows), 1), zone, now)
    spent = await read_days(session, shown, longest, now)
    if is_past:  # the row of that day knows of what came later on it
        for key, figure in (await _sliding(session, shown, zone, longest[-1].since, now)).items():
            spent[key][-1] = figure.spent_us
    groups = await _groups(session, shown)
    asked = longest[-days:]
    dates = [window.date.isoformat() for window in asked]
    figures = {key: _sum(rows[-days:]) for key, rows in spent.items()}
    return {
        "days": days,
        "period_start": dates[0],
        "period_end": dates[-1],
        "time_zone": page.time_zone,
        "weights": weights_json(page.weights),
        **_means(shown, groups, figures, page.weights),
        "components": [
            {
                "id": item.id,
                "name": item.name,
                "group_id": item.group_id,
                **_figure_json(figures[item.id], page.weights),
                "days": _bars(dates, spent[item.id][-days:], costs_of(page.weights)),
            }
            for item in shown
        ],
        "windows": {
            window.name: _window_json(
                shown,
                groups,
                {key: _sum(rows[-window.days :]) for key, rows in spent.items()}
                if window.days
                else await _sliding(session, shown, zone, now - timedelta(hours=window.hours), now),
                page.weights,
            )
            for window in windows
        },
    }


async def today_ratios(
    session: AsyncSession, page: Page, components: Collection[Component], now: datetime
) -> dict[str, float | None]:
    """Uptime of the page's present day so far, by component id."""
    today = last_days(1, ZoneInfo(page.time_zone), now)
    costs = costs_of(page.weights)
    return {key: ratio_of(rows[0], costs) for key, rows in (await read_days(session, components, today, now)).items()}


async def visible_now(
    session: AsyncSession, page: Page, view: View, component_id: str | None = None
) -> list[Component]:
    """The components of the page that `view` may see, deleted ones left out, in order; or that one of them.

    NotFound when the one asked for is not there or not visible.
    """
    components = await load_components(session, page.id)
    visible = visible_components(PageState(page=page, components=components), view)
    shown = [
        item for item in components if not item.is_deleted and item.id in visible and component_id in (None, item.id)
    ]
    if component_id is not None and not shown:
        raise NotFound("There is no such component.")
    return sorted(shown, key=lambda item: (item.position, item.name, item.id))


def weights_json(weights: Weights) -> dict[str, float]:
    return {status.value: weight for status, weight in weights.items()}


def _sum(rows: Sequence[Sequence[int]]) -> Figure:
    return Figure(tuple(map(sum, zip(*rows, strict=True))))


async def _sliding(
    session: AsyncSession, components: Collection[Component], zone: ZoneInfo, since: datetime, now: datetime
) -> dict[str, Figure]:
    intervals = await load_intervals(session, [item.id for item in components], since, now)
    return {
        item.id: figure(timeline(intervals[item.id], now, known_since(item.start_date, zone)), since, now)
        for item in components
    }


def _bars(dates: Sequence[str], rows: Sequence[Sequence[int]], costs: Sequence[float]) -> list[Json]:
    bars = []
    for date, spent in zip(dates, rows, strict=True):
        ratio, worst, downtime_s = bar_of(spent, costs)
        bars.append({"date": date, "ratio": ratio, "worst": worst, "downtime_s": downtime_s, "no_data": worst is None})
    return bars


def _figure_json(figure: Figure, weights: Weights) -> Json:
    return {
        "ratio": figure.ratio(weights),
        "ratio_excluding_maintenance": figure.ratio(weights, without_maintenance=True),
        "downtime_s": round(figure.downtime_s),
        "seconds": figure.seconds,
    }


def _window_json(
    shown: Sequence[Component],
    groups: Sequence[tuple[str, str]],
    figures: Mapping[str, Figure],
    weights: Weights,
) -> Json:
    return _means(shown, groups, figures, weights) | {
        "components": [{"id": item.id, **_figure_json(figures[item.id], weights)} for item in shown]
    }


def _means(
    shown: Sequence[Component],
    groups: Sequence[tuple[str, str]],
    figures: Mapping[str, Figure],
    weights: Weights,
) -> Json:
    """What the page and each of its groups have, raw and without maintenance: plain means of their components."""

    def means(of: Collection[Component]) -> Json:
        return {
            "ratio": average(figures[item.id].ratio(weights) for item in of),
            "ratio_excluding_maintenance": average(
                figures[item.id].ratio(weights, without_maintenance=True) for item in of
            ),
        }

    members: dict[str, list[Component]] = defaultdict(list)
    for item in shown:
        if item.group_id is not None:
            members[item.group_id].append(item)
    return {
        **means(shown),
        "groups": [{"id": key, "name": name, **means(members[key])} for key, name in groups],
    }


async def _groups(session: AsyncSession, components: Collection[Component]) -> list[tuple[str, str]]:
    """(id, name) of the groups that have one of `components`, in page order."""
    ids = {item.group_id for item in components if item.group_id is not None}
    if not ids:
        return []
    rows = await session.execute(
        select(ComponentGroup.id, ComponentGroup.name)
        .where(ComponentGroup.id.in_(ids))
        .order_by(ComponentGroup.position, ComponentGroup.name, ComponentGroup.id)
    )
    return [(key, name) for key, name in rows.all()]
