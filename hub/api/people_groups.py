"""Groups of people and their members."""

from datetime import datetime

from starlette.requests import Request

from hub.api.answers import Json
from hub.api.cursor import next_cursor, read_cursor
from hub.api.endpoint import endpoint
from hub.api.envelope import Reply
from hub.api.locking import expected_version, tagged
from hub.api.people_schemas import MemberOut, MemberPatch, PeopleGroupIn, PeopleGroupOut, PeopleGroupPatch, PeopleQuery
from hub.errors import Conflict, Forbidden, VersionConflict
from hub.services import people_groups


@endpoint(query=PeopleQuery, returns={200: list[PeopleGroupOut]})
async def list_people_groups(request: Request, query: PeopleQuery) -> Reply[list[Json]]:
    """The groups that the caller is in, newest first; for an administrator of the hub all there are."""
    async with request.state.db() as session:
        found = await people_groups.list_groups(
            session, by=request.user, limit=query.limit, before=keyset(query.before)
        )
    return Reply(found, next=next_cursor(found, query.limit, "created_at", "id"))


@endpoint(body=PeopleGroupIn, returns={201: PeopleGroupOut}, errors=(Forbidden, Conflict))
async def create_people_group(request: Request, body: PeopleGroupIn) -> Reply[Json]:
    """Make a group and own it. For accounts with a confirmed address."""
    async with request.state.db.begin() as session:
        group = await people_groups.create(
            session, body.slug, body.name, by=request.user, now=request.state.clock.now()
        )
    return tagged(group, status=201)


@endpoint(returns={200: PeopleGroupOut})
async def show_people_group(request: Request) -> Reply[Json]:
    """One group, for its members."""
    async with request.state.db() as session:
        return tagged(await people_groups.get(session, request.path_params["slug"], by=request.user))


@endpoint(body=PeopleGroupPatch, returns={200: PeopleGroupOut}, errors=(Forbidden, VersionConflict))
async def update_people_group(request: Request, body: PeopleGroupPatch) -> Reply[Json]:
    """Rename a group. For its owners and admins."""
    async with request.state.db.begin() as session:
        group = await people_groups.update(
            session,
            request.path_params["slug"],
            body.changes(),
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return tagged(group)


@endpoint(returns={200: None}, errors=(Forbidden, Conflict))
async def delete_people_group(request: Request) -> Reply[None]:
    """End a group, with its memberships and invitations. For its owners, once nothing has it as its audience."""
    async with request.state.db.begin() as session:
        await people_groups.delete(session, request.path_params["slug"], by=request.user, now=request.state.clock.now())
    return Reply()


@endpoint(query=PeopleQuery, returns={200: list[MemberOut]}, errors=(Forbidden,))
async def list_members(request: Request, query: PeopleQuery) -> Reply[list[Json]]:
    """Who is in the group, latest first. For its owners and admins."""
    async with request.state.db() as session:
        found = await people_groups.list_members(
            session, request.path_params["slug"], by=request.user, limit=query.limit, before=keyset(query.before)
        )
    return Reply(found, next=next_cursor(found, query.limit, "joined_at", "id"))


@endpoint(body=MemberPatch, returns={200: MemberOut}, errors=(Forbidden, Conflict))
async def change_member(request: Request, body: MemberPatch) -> Reply[Json]:
    """Make a member owner, admin or plain member. For owners; the last owner stays one."""
    path, now = request.path_params, request.state.clock.now()
    async with request.state.db.begin() as session:
        return Reply(
            await people_groups.change_role(
                session, path["slug"], path["account_id"], body.role, by=request.user, now=now
            )
        )


@endpoint(returns={200: None}, errors=(Forbidden, Conflict))
async def remove_member(request: Request) -> Reply[None]:
    """Take a member out, or, with one's own id, leave. Takes effect on open connections too.

    Owners remove anybody, admins plain members.
    """
    path, now = request.path_params, request.state.clock.now()
    async with request.state.db.begin() as session:
        await people_groups.remove(session, path["slug"], path["account_id"], by=request.user, now=now)
    return Reply()


def keyset(before: str | None) -> tuple[datetime, str] | None:
    """What a cursor of an instant and an id holds."""
    if before is None:
        return None
    (instant,), item_id = read_cursor(before, instants=1)
    return instant, item_id
