"""Feeds, calendar and badge data of one view, made once for all who see the same (`hub.services.rendered`)."""

import json
from datetime import timedelta
from urllib.parse import urlsplit

from starlette.requests import Request

from hub.auth.permissions import Principal
from hub.domain.snapshot import Json
from hub.feeds.atom import render_atom
from hub.feeds.entries import ENTRIES, Site, entries
from hub.feeds.ical import render_calendar
from hub.feeds.rss import render_rss
from hub.services.recent import maintenances_since, recent_incidents, recent_maintenances
from hub.services.rendered import Build, Moment, Output, Rendered
from hub.services.uptime import page_uptime

CALENDAR_PAST = timedelta(days=90)
_FEEDS = {"history.atom": render_atom, "history.rss": render_rss}


def site_of(request: Request) -> Site:
    """Where the page that was asked for is read, by the hub's own address, or by the page's own host name."""
    own: str | None = request.scope["state"].get("page_url")
    if own is not None:
        return Site(own, urlsplit(own).hostname or "localhost", "")
    base = request.state.settings.base_url
    path = f"/p/{request.path_params['slug']}"
    return Site(f"{base}{path}", urlsplit(base).hostname or "localhost", path)


async def feed(request: Request, principal: Principal, name: str, *, is_secret: bool = False) -> Rendered:
    """`history.atom` or `history.rss`. `is_secret`: without its own address."""
    site = site_of(request)
    self_url = None if is_secret else f"{site.url}/{name}"

    async def build(moment: Moment) -> bytes:
        found = entries(
            moment.snapshot["page"],
            await recent_incidents(moment.session, moment.sight, ENTRIES),
            await recent_maintenances(moment.session, moment.sight, ENTRIES),
        )
        return _FEEDS[name](moment.snapshot["page"], found, site, self_url=self_url)

    return await made_for(request, principal, Output(name, (site.url, self_url or "")), build)


async def calendar(request: Request, principal: Principal) -> Rendered:
    """The maintenances of the last 90 days and all to come."""
    site, now = site_of(request), request.state.clock.now()

    async def build(moment: Moment) -> bytes:
        midnight = moment.now.replace(hour=0, minute=0, second=0, microsecond=0)
        found = await maintenances_since(moment.session, moment.sight, midnight - CALENDAR_PAST)
        names = {item["id"]: item["name"] for item in moment.snapshot["components"]}
        return render_calendar(moment.snapshot["page"], found, names, site)

    return await made_for(request, principal, Output("maintenance.ics", (site.url, now.date().isoformat())), build)


async def statuses(request: Request, principal: Principal) -> Json:
    """`{title, indicator, description, components: {id: {name, status}}}`: what badges say of now."""

    async def build(moment: Moment) -> bytes:
        snapshot = moment.snapshot
        components = {item["id"]: {key: item[key] for key in ("name", "status")} for item in snapshot["components"]}
        return json.dumps({"title": snapshot["page"]["title"], **snapshot["status"], "components": components}).encode()

    found: Json = json.loads((await made_for(request, principal, Output("badge.status"), build)).body)
    return found


async def ratios(request: Request, principal: Principal, days: int) -> Json:
    """`{page, components: {id: ratio}}` over the last `days` days; a minute old at most."""
    minute = int(request.state.clock.now().timestamp() // 60)

    async def build(moment: Moment) -> bytes:
        figures = await page_uptime(moment.session, moment.sight.page, moment.sight.view, days=days, now=moment.now)
        components = {item["id"]: item["ratio"] for item in figures["components"]}
        return json.dumps({"page": figures["ratio"], "components": components}).encode()

    found: Json = json.loads((await made_for(request, principal, Output("badge.uptime", (days, minute)), build)).body)
    return found


async def made_for(request: Request, principal: Principal, output: Output, build: Build) -> Rendered:
    """`output` of the page that was asked for, as this caller's view has it now."""
    made: Rendered = await request.state.rendered.get(request.path_params["slug"], principal, output, build)
    return made
