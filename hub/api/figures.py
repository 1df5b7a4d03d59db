"""Uptime and reports of a page."""

from starlette.requests import Request

from hub.api.answers import Json, ReportOut, UptimeOut
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.page_schemas import ReportsQuery, UptimeQuery
from hub.services import reports, uptime
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
                now=request.state.clock.now(),
                component_id=query.component,
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
