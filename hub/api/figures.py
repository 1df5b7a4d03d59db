"""Uptime and reports of a page."""

from starlette.requests import Request

from hub.api.answers import Json
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.figure_schemas import (
    HourOut,
    HoursQuery,
    OutageOut,
    OutagesQuery,
    ReportOut,
    ReportsQuery,
    UptimeOut,
    UptimeQuery,
    stretches,
)
from hub.services import day_details, reports, uptime
from hub.services.views import see_page


@endpoint(query=UptimeQuery, returns={200: UptimeOut}, access=Access.ANYONE)
async def show_uptime(request: Request, query: UptimeQuery) -> Reply[Json]:
    """Uptime of the last `days` days, today included, of the components that the caller may see."""
    async with request.state.db() as session:
        sight = await see_page(session, request.path_params["slug"], request.user)
        return Reply(
            await uptime.page_uptime(
                session,
                sight.page,
                sight.view,
                days=query.days,
                now=query.moment(request.state.clock.now()),
                component_id=query.component,
                windows=stretches(query.windows),
                is_past=query.at is not None,
            )
        )


@endpoint(query=OutagesQuery, returns={200: list[OutageOut]}, access=Access.ANYONE)
async def list_outages(request: Request, query: OutagesQuery) -> Reply[list[Json]]:
    """When a component was not operational on the days asked for, and what told of it: what a bar's tooltip shows."""
    async with request.state.db() as session:
        sight = await see_page(session, request.path_params["slug"], request.user)
        first, last = query.bounds()
        return Reply(
            await day_details.outages(
                session,
                sight.page,
                sight.view,
                query.of(),
                first=first,
                last=last,
                now=query.moment(request.state.clock.now()),
            )
        )


@endpoint(query=HoursQuery, returns={200: list[HourOut]}, access=Access.ANYONE)
async def list_hours(request: Request, query: HoursQuery) -> Reply[list[Json]]:
    """One day of a component, cut at the full hours of the page's clock."""
    async with request.state.db() as session:
        sight = await see_page(session, request.path_params["slug"], request.user)
        return Reply(
            await day_details.hours(
                session,
                sight.page,
                sight.view,
                query.of(),
                day=query.date(),
                now=query.moment(request.state.clock.now()),
            )
        )


@endpoint(query=ReportsQuery, returns={200: list[ReportOut]}, access=Access.ANYONE)
async def list_reports(request: Request, query: ReportsQuery) -> Reply[list[Json]]:
    """Stored reports, newest first, cut down to what the caller may see today."""
    async with request.state.db() as session:
        sight = await see_page(session, request.path_params["slug"], request.user)
        found = await reports.list_reports(
            session, sight.page, sight.view, kind=query.kind, limit=query.limit, before=query.before
        )
    is_full = len(found) == query.limit
    return Reply(found, next=found[-1]["period_start"] if is_full else None)
