"""Postmortems of incidents: drafts, and publishing them."""

from starlette.requests import Request

from hub.api.answers import IncidentOut, Json
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.locking import expected_version, tagged
from hub.api.operator_schemas import PostmortemIn, PublishIn
from hub.errors import Conflict, Forbidden, VersionConflict
from hub.services import postmortems


@endpoint(body=PostmortemIn, returns={200: IncidentOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def draft_postmortem(request: Request, body: PostmortemIn) -> Reply[Json]:
    """Keep the draft of a postmortem, which operators alone see."""
    return await _keep(request, body.body, body.version)


@endpoint(returns={200: IncidentOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def discard_postmortem(request: Request) -> Reply[Json]:
    """Throw the draft away. One that is published is an update, and stays."""
    return await _keep(request, None, None)


@endpoint(
    body=PublishIn,
    body_may_be_empty=True,
    returns={200: IncidentOut},
    access=Access.SIGNED_IN,
    errors=(Forbidden, Conflict, VersionConflict),
)
async def publish_postmortem(request: Request, body: PublishIn) -> Reply[Json]:
    """Post the draft as the incident's `postmortem` update; `resolved_at` stays as it is."""
    path = request.path_params
    async with request.state.db.begin() as session:
        incident = await postmortems.publish(
            session,
            path["slug"],
            path["incident_id"],
            notify=body.notify,
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return tagged(incident)


async def _keep(request: Request, body: str | None, version: int | None) -> Reply[Json]:
    path = request.path_params
    async with request.state.db.begin() as session:
        incident = await postmortems.draft(
            session,
            path["slug"],
            path["incident_id"],
            body,
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, version),
        )
    return tagged(incident)
