"""Incidents and their updates."""

from starlette.requests import Request

from hub.api.answers import IncidentOut, Json, UpdateOut
from hub.api.cursor import next_cursor, read_cursor
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.locking import expected_version, tagged
from hub.api.page_schemas import IncidentIn, IncidentPatch, ListQuery, UpdateIn, UpdatePatch
from hub.errors import Forbidden, VersionConflict
from hub.services import incidents


@endpoint(query=ListQuery, returns={200: list[IncidentOut]}, access=Access.ANYONE)
async def list_incidents(request: Request, query: ListQuery) -> Reply[list[Json]]:
    """The page's incidents, open or not, latest start first; `meta.next` is the `before` of the next page."""
    before = None
    if query.before is not None:
        (started_at, created_at), incident_id = read_cursor(query.before, instants=2)
        before = (started_at, created_at, incident_id)
    async with request.state.db() as session:
        found = await incidents.list_incidents(
            session,
            request.path_params["slug"],
            by=request.user,
            limit=query.limit,
            before=before,
            month=query.in_month,
        )
    return Reply(found, next=next_cursor(found, query.limit, "started_at", "created_at", "id"))


@endpoint(body=IncidentIn, returns={201: IncidentOut}, access=Access.SIGNED_IN, errors=(Forbidden,))
async def open_incident(request: Request, body: IncidentIn) -> Reply[Json]:
    """Open an incident with its first update; viewers see it once the relay has published it."""
    now = request.state.clock.now()
    async with request.state.db.begin() as session:
        incident = await incidents.open_incident(
            session, request.path_params["slug"], body.to_domain(), by=request.user, now=now
        )
    return tagged(incident, status=201)


@endpoint(returns={200: IncidentOut}, access=Access.ANYONE)
async def show_incident(request: Request) -> Reply[Json]:
    """One incident with all its updates."""
    path = request.path_params
    async with request.state.db() as session:
        return tagged(await incidents.get(session, path["slug"], path["incident_id"], by=request.user))


@endpoint(body=IncidentPatch, returns={200: IncidentOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def update_incident(request: Request, body: IncidentPatch) -> Reply[Json]:
    """Correct an incident's own fields. What happens next is told by updates."""
    path = request.path_params
    async with request.state.db.begin() as session:
        incident = await incidents.update(
            session,
            path["slug"],
            path["incident_id"],
            body.changes(),
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return tagged(incident)


@endpoint(returns={200: None}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def delete_incident(request: Request) -> Reply[None]:
    """Remove an incident as if it had never been told, from figures too. To end one, post an update with `resolved`."""
    path = request.path_params
    async with request.state.db.begin() as session:
        await incidents.delete(
            session,
            path["slug"],
            path["incident_id"],
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, None),
        )
    return Reply()


@endpoint(returns={200: list[UpdateOut]}, access=Access.ANYONE)
async def list_incident_updates(request: Request) -> Reply[list[Json]]:
    """The incident's updates, newest first."""
    path = request.path_params
    async with request.state.db() as session:
        incident = await incidents.get(session, path["slug"], path["incident_id"], by=request.user)
    return Reply(incident["updates"])


@endpoint(body=UpdateIn, returns={201: UpdateOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def add_incident_update(request: Request, body: UpdateIn) -> Reply[Json]:
    """Tell what is known now. `resolved` lets go of every component of the incident."""
    path = request.path_params
    async with request.state.db.begin() as session:
        update = await incidents.add_update(
            session,
            path["slug"],
            path["incident_id"],
            body.to_domain(),
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return Reply(update, status=201)


@endpoint(returns={200: UpdateOut}, access=Access.ANYONE)
async def show_incident_update(request: Request) -> Reply[Json]:
    """One update as this caller may see it."""
    path = request.path_params
    async with request.state.db() as session:
        update = await incidents.get_update(
            session, path["slug"], path["incident_id"], path["update_id"], by=request.user
        )
    return Reply(update)


@endpoint(body=UpdatePatch, returns={200: UpdateOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def edit_incident_update(request: Request, body: UpdatePatch) -> Reply[Json]:
    """Correct the text or the time of an update; it keeps its place, and nobody is notified unless `notify` says so."""
    path, now = request.path_params, request.state.clock.now()
    async with request.state.db.begin() as session:
        return Reply(
            await incidents.edit_update(
                session,
                path["slug"],
                path["incident_id"],
                path["update_id"],
                body=body.body,
                display_at=body.display_at,
                notify=body.notify,
                by=request.user,
                now=now,
                expected_version=expected_version(request, body.version),
            )
        )
