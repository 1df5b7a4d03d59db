"""Groups of components."""

from starlette.requests import Request

from hub.api.answers import GroupOut, Json
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.locking import expected_version, tagged
from hub.api.page_schemas import GroupIn, GroupPatch
from hub.errors import Forbidden, VersionConflict
from hub.services import groups


@endpoint(returns={200: list[GroupOut]}, access=Access.ANYONE)
async def list_groups(request: Request) -> Reply[list[Json]]:
    """The page's groups in their order."""
    async with request.state.db() as session:
        return Reply(await groups.list_groups(session, request.path_params["slug"], by=request.user))


@endpoint(body=GroupIn, returns={201: GroupOut}, access=Access.SIGNED_IN, errors=(Forbidden,))
async def create_group(request: Request, body: GroupIn) -> Reply[Json]:
    """Add a group, after the last one unless `position` says otherwise."""
    now = request.state.clock.now()
    async with request.state.db.begin() as session:
        group = await groups.create(session, request.path_params["slug"], body.to_domain(), by=request.user, now=now)
    return tagged(group, status=201)


@endpoint(returns={200: GroupOut}, access=Access.ANYONE)
async def show_group(request: Request) -> Reply[Json]:
    """One group."""
    path = request.path_params
    async with request.state.db() as session:
        return tagged(await groups.get(session, path["slug"], path["group_id"], by=request.user))


@endpoint(body=GroupPatch, returns={200: GroupOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def update_group(request: Request, body: GroupPatch) -> Reply[Json]:
    """Rename, describe or move a group."""
    path = request.path_params
    async with request.state.db.begin() as session:
        group = await groups.update(
            session,
            path["slug"],
            path["group_id"],
            body.changes(),
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return tagged(group)


@endpoint(returns={200: None}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def delete_group(request: Request) -> Reply[None]:
    """Remove a group; its components stay, outside any group."""
    path = request.path_params
    async with request.state.db.begin() as session:
        await groups.delete(
            session,
            path["slug"],
            path["group_id"],
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, None),
        )
    return Reply()
