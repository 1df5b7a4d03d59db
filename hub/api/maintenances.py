"""Scheduled maintenances and their updates."""

from starlette.requests import Request

from hub.api.answers import Json, MaintenanceOut, UpdateOut
from hub.api.cursor import next_cursor, read_cursor
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.locking import expected_version, tagged
from hub.api.operator_schemas import CancelIn, FinishIn
from hub.api.page_schemas import ListQuery, MaintenanceIn, MaintenancePatch, MaintenanceUpdateIn, UpdatePatch
from hub.errors import Conflict, Forbidden, VersionConflict
from hub.services import maintenances


@endpoint(query=ListQuery, returns={200: list[MaintenanceOut]}, access=Access.ANYONE)
async def list_maintenances(request: Request, query: ListQuery) -> Reply[list[Json]]:
    """The page's maintenances in any state, latest window first; `meta.next` is the `before` of the next page."""
    before = None
    if query.before is not None:
        (scheduled_for,), maintenance_id = read_cursor(query.before, instants=1)
        before = (scheduled_for, maintenance_id)
    async with request.state.db() as session:
        found = await maintenances.list_maintenances(
            session,
            request.path_params["slug"],
            by=request.user,
            limit=query.limit,
            before=before,
            month=query.in_month,
        )
    return Reply(found, next=next_cursor(found, query.limit, "scheduled_for", "id"))


@endpoint(body=MaintenanceIn, returns={201: MaintenanceOut}, access=Access.SIGNED_IN, errors=(Forbidden,))
async def schedule_maintenance(request: Request, body: MaintenanceIn) -> Reply[Json]:
    """Announce a maintenance. It begins and ends by itself unless `auto_start`, `auto_complete` say otherwise."""
    now = request.state.clock.now()
    async with request.state.db.begin() as session:
        maintenance = await maintenances.schedule(
            session, request.path_params["slug"], body.to_domain(), by=request.user, now=now
        )
    return tagged(maintenance, status=201)


@endpoint(returns={200: MaintenanceOut}, access=Access.ANYONE)
async def show_maintenance(request: Request) -> Reply[Json]:
    """One maintenance with all its updates."""
    path = request.path_params
    async with request.state.db() as session:
        return tagged(await maintenances.get(session, path["slug"], path["maintenance_id"], by=request.user))


@endpoint(
    body=MaintenancePatch, returns={200: MaintenanceOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict)
)
async def update_maintenance(request: Request, body: MaintenancePatch) -> Reply[Json]:
    """Change what was announced: window, text, components, recurrence. Another window is a move (`sequence` grows).

    Of one that has ended text, components and the times at which it really began and ended can be corrected.
    """
    path = request.path_params
    async with request.state.db.begin() as session:
        maintenance = await maintenances.update(
            session,
            path["slug"],
            path["maintenance_id"],
            body.changes(),
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return tagged(maintenance)


@endpoint(
    body=CancelIn,
    body_may_be_empty=True,
    returns={200: MaintenanceOut},
    access=Access.SIGNED_IN,
    errors=(Forbidden, Conflict, VersionConflict),
)
async def cancel_maintenance(request: Request, body: CancelIn) -> Reply[Json]:
    """Call off a maintenance that has not begun. It stays in the history and in calendars, as called off."""
    path = request.path_params
    async with request.state.db.begin() as session:
        maintenance = await maintenances.cancel(
            session,
            path["slug"],
            path["maintenance_id"],
            body=body.body,
            ends_series=body.ends_series,
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return tagged(maintenance)


@endpoint(
    body=FinishIn,
    body_may_be_empty=True,
    returns={200: MaintenanceOut},
    access=Access.SIGNED_IN,
    errors=(Forbidden, Conflict, VersionConflict),
)
async def finish_maintenance(request: Request, body: FinishIn) -> Reply[Json]:
    """End a maintenance that is under way now, before its time or after it."""
    path = request.path_params
    async with request.state.db.begin() as session:
        maintenance = await maintenances.finish(
            session,
            path["slug"],
            path["maintenance_id"],
            body=body.body,
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return tagged(maintenance)


@endpoint(returns={200: None}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def delete_maintenance(request: Request) -> Reply[None]:
    """Take a maintenance back, as if it had never been announced; calendars alone learn that it does not take place."""
    path = request.path_params
    async with request.state.db.begin() as session:
        await maintenances.delete(
            session,
            path["slug"],
            path["maintenance_id"],
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, None),
        )
    return Reply()


@endpoint(returns={200: list[UpdateOut]}, access=Access.ANYONE)
async def list_maintenance_updates(request: Request) -> Reply[list[Json]]:
    """The maintenance's updates, newest first."""
    path = request.path_params
    async with request.state.db() as session:
        maintenance = await maintenances.get(session, path["slug"], path["maintenance_id"], by=request.user)
    return Reply(maintenance["updates"])


@endpoint(
    body=MaintenanceUpdateIn, returns={201: UpdateOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict)
)
async def add_maintenance_update(request: Request, body: MaintenanceUpdateIn) -> Reply[Json]:
    """Tell how it goes; `in_progress` begins and `completed` ends the maintenance."""
    path = request.path_params
    async with request.state.db.begin() as session:
        update = await maintenances.add_update(
            session,
            path["slug"],
            path["maintenance_id"],
            status=body.status,
            body=body.body,
            notify=body.notify,
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return Reply(update, status=201)


@endpoint(returns={200: UpdateOut}, access=Access.ANYONE)
async def show_maintenance_update(request: Request) -> Reply[Json]:
    """One update as this caller may see it."""
    path = request.path_params
    async with request.state.db() as session:
        update = await maintenances.get_update(
            session, path["slug"], path["maintenance_id"], path["update_id"], by=request.user
        )
    return Reply(update)


@endpoint(body=UpdatePatch, returns={200: UpdateOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def edit_maintenance_update(request: Request, body: UpdatePatch) -> Reply[Json]:
    """Correct the text or the time of an update; it keeps its place, and nobody is notified unless `notify` says so."""
    path, now = request.path_params, request.state.clock.now()
    async with request.state.db.begin() as session:
        return Reply(
            await maintenances.edit_update(
                session,
                path["slug"],
                path["maintenance_id"],
                path["update_id"],
                body=body.body,
                display_at=body.display_at,
                notify=body.notify,
                by=request.user,
                now=now,
                expected_version=expected_version(request, body.version),
            )
        )
