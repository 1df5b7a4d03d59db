"""Uptime of a page as one view sees it: REST, bars, badges and reports all take their figures from here."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.audience import View
from hub.domain.page import Component, Page
from hub.domain.uptime import (
    Weights,
    average,
    day_figures,
    known_since,
    last_days,
    timeline,
    total,
)
from hub.errors import NotFound
from hub.services.intervals import load_intervals
from hub.services.state import load_components
from models import ComponentGroup

Json = dict[str, Any]


async def page_uptime(
    session: AsyncSession, page: Page, view: View, *, days: int, now: datetime, component_id: str | None = None
) -> Json:
    """Uptime over the last `days` days of the page's zone, today included, of the components that `view` may see.

    `{days, period_start, period_end (today), time_zone, weights: {status: weight}, ratio, groups: [{id, name,
    ratio}], components: [{id, name, group_id, ratio, downtime_s, days: [{date, ratio, worst, downtime_s, no_data}]}]}`.
    Ratios are 0..1, null without data; `ratio` of a group or page is the plain mean of its components with data.
    `component_id` asks for that one alone: NotFound when it is not there or not visible. The page itself must have
    been found visible by the caller. Cost: the intervals of the window.
    """
    visible = await _visible_components(session, page, view)
    if component_id is not None:
        visible = [item for item in visible if item.id == component_id]
        if not visible:
            raise NotFound("There is no such component.")
    zone = ZoneInfo(page.time_zone)
    windows = last_days(days, zone, now)
    intervals = await load_intervals(session, [item.id for item in visible], windows[0].since, now)
    components: list[Json] = []
    for item in visible:
        spans = timeline(intervals[item.id], now, known_since(item.start_date, zone))
        bars = day_figures(spans, windows)
        whole = total(bar.figure for bar in bars)
        components.append(
            {
                "id": item.id,
                "name": item.name,
                "group_id": item.group_id,
                "ratio": whole.ratio(page.weights),
                "downtime_s": round(whole.downtime_s),
                "days": [
                    {
                        "date": bar.date.isoformat(),
                        "ratio": bar.figure.ratio(page.weights),
                        "worst": bar.figure.worst.value if bar.figure.worst else None,
                        "downtime_s": round(bar.figure.downtime_s),
                        "no_data": not bar.figure.has_data,
                    }
                    for bar in bars
                ],
            }
        )
    return {
        "days": days,
        "period_start": windows[0].date.isoformat(),
        "period_end": windows[-1].date.isoformat(),
        "time_zone": page.time_zone,
        "weights": weights_json(page.weights),
        "ratio": average(item["ratio"] for item in components),
        "groups": await _groups(session, components),
        "components": components,
    }


async def today_ratios(
    session: AsyncSession, page: Page, components: Collection[Component], now: datetime
) -> dict[str, float | None]:
    """Uptime of the page's present day so far, by component id."""
    zone = ZoneInfo(page.time_zone)
    (today,) = last_days(1, zone, now)
    intervals = await load_intervals(session, [item.id for item in components], today.since, now)
    ratios = {}
    for item in components:
        (bar,) = day_figures(timeline(intervals[item.id], now, known_since(item.start_date, zone)), [today])
        ratios[item.id] = bar.figure.ratio(page.weights)
    return ratios


def weights_json(weights: Weights) -> dict[str, float]:
    return {status.value: weight for status, weight in weights.items()}


async def _visible_components(session: AsyncSession, page: Page, view: View) -> list[Component]:
    components = await load_components(session, page.id)
    visible = [item for item in components if not item.is_deleted and view.admits(item.audience or page.audience)]
    return sorted(visible, key=lambda item: (item.position, item.name, item.id))


async def _groups(session: AsyncSession, components: Collection[Json]) -> list[Json]:
    """The groups that have one of `components`, in page order, each with the mean of its own."""
    ratios: dict[str, list[float | None]] = defaultdict(list)
    for item in components:
        if item["group_id"] is not None:
            ratios[item["group_id"]].append(item["ratio"])
    if not ratios:
        return []
    rows = await session.execute(
        select(ComponentGroup.id, ComponentGroup.name)
        .where(ComponentGroup.id.in_(ratios))
        .order_by(ComponentGroup.position, ComponentGroup.name, ComponentGroup.id)
    )
    return [{"id": key, "name": name, "ratio": average(ratios[key])} for key, name in rows.all()]
