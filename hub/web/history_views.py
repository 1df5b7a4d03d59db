"""The past of a page as HTML: the history by cursor and by month, one incident, one maintenance."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from hub.domain.archive import Month
from hub.domain.text import iso
from hub.errors import NotFound
from hub.services import archive, components, incidents, maintenances, pages
from hub.services.archive import Entry
from hub.web import words
from hub.web.context import zone_context
from hub.web.language import speak_for
from hub.web.month_grid import title_of as month_title
from hub.web.present import Json
from hub.web.views import Pages, principal_of

HISTORY_PAGE = 50
_ID = re.compile("[a-z0-9]{12}")


@dataclass(frozen=True, slots=True)
class Day:
    title: str
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MonthOfDays:
    """`key`: as in `?month=`."""

    key: str
    title: str
    days: list[Day] = field(default_factory=list)


class HistoryPages:
    """The HTML endpoints of what has been."""

    def __init__(self, site: Pages) -> None:
        self._site = site

    async def history(self, request: Request) -> Response:
        """`/p/{slug}/history`: everything, newest first, by cursor; with `?month=2026-11`, that month."""
        if "month" in request.query_params:
            return await self._month(request, _month(request))
        now, slug = request.state.clock.now(), request.path_params["slug"]
        by = await principal_of(request)
        async with request.state.db() as session:
            page = await pages.get(session, slug, by=by)
            found = await archive.list_past(
                session, slug, by=by, now=now, limit=HISTORY_PAGE + 1, before=_before(request)
            )
        speak_for(request, page["locale"])
        zone, shown = ZoneInfo(page["time_zone"]), found[:HISTORY_PAGE]
        return self._site.respond(
            request,
            "history.html",
            by,
            page=page,
            month=None,
            span=span(shown, zone, now),
            months=by_month(shown, zone, now),
            older=_cursor(shown[-1]) if len(found) > HISTORY_PAGE else None,
            newer="before" in request.query_params,
            this_month=str(Month.of(now, zone)),
            **zone_context(page, now),
        )

    async def _month(self, request: Request, month: Month) -> Response:
        now, slug = request.state.clock.now(), request.path_params["slug"]
        by = await principal_of(request)
        async with request.state.db() as session:
            page = await pages.get(session, slug, by=by)
            zone = ZoneInfo(page["time_zone"])
            found = await archive.whole_month(session, slug, month, by=by, now=now)
            older = await archive.older_month(session, slug, month, zone, by=by, now=now)
        speak_for(request, page["locale"])
        return self._site.respond(
            request,
            "history.html",
            by,
            page=page,
            month=MonthOfDays(str(month), title_of(month)),
            months=by_month(found, zone, now),
            older=older and MonthOfDays(str(older), title_of(older)),
            newer=MonthOfDays(str(month.next), title_of(month.next)) if month < Month.of(now, zone) else None,
            **zone_context(page, now),
        )

    async def incident(self, request: Request) -> Response:
        """`/p/{slug}/incidents/{id}`: one incident with all its updates, for good."""
        now, slug = request.state.clock.now(), request.path_params["slug"]
        by = await principal_of(request)
        async with request.state.db() as session:
            page = await pages.get(session, slug, by=by)
            incident = await incidents.get(session, slug, request.path_params["id"], by=by)
        speak_for(request, page["locale"])
        told = [update for update in incident["updates"] if update["status"] != "postmortem"]
        return self._site.respond(
            request,
            "incident.html",
            by,
            page=page,
            incident=incident,
            updates=told,
            postmortems=[update for update in incident["updates"] if update["status"] == "postmortem"],
            names=_names_told(incident),
            **zone_context(page, now),
        )

    async def maintenance(self, request: Request) -> Response:
        """`/p/{slug}/maintenances/{id}`: one maintenance with all its updates, for good."""
        now, slug = request.state.clock.now(), request.path_params["slug"]
        by = await principal_of(request)
        async with request.state.db() as session:
            page = await pages.get(session, slug, by=by)
            maintenance = await maintenances.get(session, slug, request.path_params["id"], by=by)
            present = await components.list_components(session, slug, by=by)
        speak_for(request, page["locale"])
        return self._site.respond(
            request,
            "maintenance.html",
            by,
            page=page,
            maintenance=maintenance,
            names=_names_told(maintenance) | {item["id"]: item["name"] for item in present},
            **zone_context(page, now),
        )


def by_month(entries: Sequence[Entry], zone: ZoneInfo, now: datetime) -> list[MonthOfDays]:
    """Entries, newest first, by the month and the day they began in."""
    this_year = now.astimezone(zone).year
    found: list[MonthOfDays] = []
    for entry in entries:
        month, on = Month.of(entry.key[0], zone), entry.key[0].astimezone(zone).date()
        if not found or found[-1].key != str(month):
            found.append(MonthOfDays(str(month), title_of(month)))
        days, title = found[-1].days, words.weekday(on, this_year)
        if not days or days[-1].title != title:
            days.append(Day(title))
        days[-1].entries.append(entry)
    return found


def span(entries: Sequence[Entry], zone: ZoneInfo, now: datetime) -> str:
    """`2 Sep – 25 Nov`: the days of the oldest and of the newest entry, in this order; empty without entries."""
    if not entries:
        return ""
    this_year = now.astimezone(zone).year
    oldest, newest = (words.day(entry.key[0].astimezone(zone).date(), this_year) for entry in (entries[-1], entries[0]))
    return newest if oldest == newest else f"{oldest} – {newest}"


def title_of(month: Month) -> str:
    return month_title(month.year, month.month)


def _names_told(item: Json) -> dict[str, Any]:
    """The names of its components as they were last told: of those that are gone too."""
    return {a["id"]: a["name"] for update in reversed(item["updates"]) for a in update["affected"]}


def _cursor(entry: Entry) -> str:
    """Where the next page of the history begins: the keyset of `list_past` as text."""
    start, made, key = entry.key
    return f"{iso(start)}_{iso(made)}_{key}"


def _before(request: Request) -> archive.Key | None:
    text = request.query_params.get("before")
    if text is None:
        return None
    try:
        start, made, key = text.split("_")
        found = words.parse(start), words.parse(made), key
    except (ValueError, OverflowError):
        raise NotFound from None
    if not _ID.fullmatch(key):
        raise NotFound
    return found


def _month(request: Request) -> Month:
    try:
        month = Month.parse(request.query_params["month"])
    except ValueError:
        raise NotFound from None
    if not 1970 <= month.year < 2200:
        raise NotFound
    return month
