"""The audit log, for those who own what it tells of."""

from starlette.requests import Request

from hub.api.answers import Json
from hub.api.cursor import number_cursor, read_number_cursor
from hub.api.endpoint import endpoint
from hub.api.envelope import Reply
from hub.api.page_schemas import ListQuery
from hub.api.people_schemas import AuditEntryOut
from hub.errors import Forbidden
from hub.services import people_groups, roles


@endpoint(query=ListQuery, returns={200: list[AuditEntryOut]}, errors=(Forbidden,))
async def list_page_audit(request: Request, query: ListQuery) -> Reply[list[Json]]:
    """Every change of the page, its people and keys, newest first. For its owners."""
    before = read_number_cursor(query.before)
    async with request.state.db() as session:
        found = await roles.read_audit(
            session, request.path_params["slug"], by=request.user, limit=query.limit, before=before
        )
    return Reply(found, next=number_cursor(found, query.limit))


@endpoint(query=ListQuery, returns={200: list[AuditEntryOut]}, errors=(Forbidden,))
async def list_people_group_audit(request: Request, query: ListQuery) -> Reply[list[Json]]:
    """Every change of the group, its members and invitations, newest first. For its owners and admins."""
    before = read_number_cursor(query.before)
    async with request.state.db() as session:
        found = await people_groups.read_audit(
            session, request.path_params["slug"], by=request.user, limit=query.limit, before=before
        )
    return Reply(found, next=number_cursor(found, query.limit))
