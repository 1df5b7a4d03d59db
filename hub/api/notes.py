"""Notes of operators on incidents and on maintenances: two addresses of the same thing."""

from starlette.requests import Request

from hub.api.answers import Json
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.locking import expected_version, tagged
from hub.api.operator_schemas import NoteIn, NoteOut, NotePatch
from hub.errors import Forbidden, VersionConflict
from hub.services import notes
from hub.services.notes import Subject


@endpoint(returns={200: list[NoteOut]}, access=Access.SIGNED_IN)
async def list_incident_notes(request: Request) -> Reply[list[Json]]:
    """What the page's operators keep on an incident, oldest first; nobody else may know of it."""
    return await _list(request, Subject.INCIDENT)


@endpoint(body=NoteIn, returns={201: NoteOut}, access=Access.SIGNED_IN, errors=(Forbidden,))
async def add_incident_note(request: Request, body: NoteIn) -> Reply[Json]:
    """Keep a note on an incident; viewers notice nothing."""
    return await _add(request, Subject.INCIDENT, body)


@endpoint(body=NotePatch, returns={200: NoteOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def edit_incident_note(request: Request, body: NotePatch) -> Reply[Json]:
    """Change the text of a note."""
    return await _edit(request, Subject.INCIDENT, body)


@endpoint(returns={200: None}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def delete_incident_note(request: Request) -> Reply[None]:
    """Remove a note."""
    return await _delete(request, Subject.INCIDENT)


@endpoint(returns={200: list[NoteOut]}, access=Access.SIGNED_IN)
async def list_maintenance_notes(request: Request) -> Reply[list[Json]]:
    """What the page's operators keep on a maintenance, oldest first; nobody else may know of it."""
    return await _list(request, Subject.MAINTENANCE)


@endpoint(body=NoteIn, returns={201: NoteOut}, access=Access.SIGNED_IN, errors=(Forbidden,))
async def add_maintenance_note(request: Request, body: NoteIn) -> Reply[Json]:
    """Keep a note on a maintenance; viewers notice nothing."""
    return await _add(request, Subject.MAINTENANCE, body)


@endpoint(body=NotePatch, returns={200: NoteOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def edit_maintenance_note(request: Request, body: NotePatch) -> Reply[Json]:
    """Change the text of a note."""
    return await _edit(request, Subject.MAINTENANCE, body)


@endpoint(returns={200: None}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def delete_maintenance_note(request: Request) -> Reply[None]:
    """Remove a note."""
    return await _delete(request, Subject.MAINTENANCE)


async def _list(request: Request, subject: Subject) -> Reply[list[Json]]:
    path = request.path_params
    async with request.state.db() as session:
        return Reply(await notes.list_notes(session, path["slug"], subject, path[f"{subject}_id"], by=request.user))


async def _add(request: Request, subject: Subject, body: NoteIn) -> Reply[Json]:
    path, now = request.path_params, request.state.clock.now()
    async with request.state.db.begin() as session:
        note = await notes.add(
            session, path["slug"], subject, path[f"{subject}_id"], body.body, by=request.user, now=now
        )
    return tagged(note, status=201)


async def _edit(request: Request, subject: Subject, body: NotePatch) -> Reply[Json]:
    path = request.path_params
    async with request.state.db.begin() as session:
        note = await notes.edit(
            session,
            path["slug"],
            subject,
            path[f"{subject}_id"],
            path["note_id"],
            body.body,
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return tagged(note)


async def _delete(request: Request, subject: Subject) -> Reply[None]:
    path = request.path_params
    async with request.state.db.begin() as session:
        await notes.delete(
            session,
            path["slug"],
            subject,
            path[f"{subject}_id"],
            path["note_id"],
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, None),
        )
    return Reply()
