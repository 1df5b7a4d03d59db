"""The people of a page and their roles. For its owners and administrators of the hub."""

from starlette.requests import Request

from hub.api.answers import Json
from hub.api.endpoint import endpoint
from hub.api.envelope import Reply
from hub.api.people_schemas import PersonIn, PersonOut, PersonPatch, TransferIn
from hub.errors import Conflict, Forbidden
from hub.services import roles


@endpoint(returns={200: list[PersonOut]}, errors=(Forbidden,))
async def list_people(request: Request) -> Reply[list[Json]]:
    """Everybody with a role on the page: owners, editors, viewers."""
    async with request.state.db() as session:
        return Reply(await roles.list_people(session, request.path_params["slug"], by=request.user))


@endpoint(body=PersonIn, returns={201: PersonOut}, errors=(Forbidden, Conflict))
async def add_person(request: Request, body: PersonIn) -> Reply[Json]:
    """Give the account with a confirmed address a role on the page."""
    slug, now = request.path_params["slug"], request.state.clock.now()
    async with request.state.db.begin() as session:
        return Reply(await roles.add(session, slug, body.email, body.role, by=request.user, now=now), status=201)


@endpoint(body=PersonPatch, returns={200: PersonOut}, errors=(Forbidden, Conflict))
async def change_person(request: Request, body: PersonPatch) -> Reply[Json]:
    """Another role for somebody who has one. The last owner stays one."""
    path, now = request.path_params, request.state.clock.now()
    async with request.state.db.begin() as session:
        return Reply(await roles.change(session, path["slug"], path["account_id"], body.role, by=request.user, now=now))


@endpoint(returns={200: None}, errors=(Forbidden, Conflict))
async def remove_person(request: Request) -> Reply[None]:
    """Take somebody's role away. Takes effect on open connections too; the last owner stays."""
    path, now = request.path_params, request.state.clock.now()
    async with request.state.db.begin() as session:
        await roles.remove(session, path["slug"], path["account_id"], by=request.user, now=now)
    return Reply()


@endpoint(body=TransferIn, returns={200: PersonOut}, errors=(Forbidden, Conflict))
async def transfer_page(request: Request, body: TransferIn) -> Reply[Json]:
    """Hand the page over to somebody who has a role on it; an owner who does so becomes an editor."""
    slug, now = request.path_params["slug"], request.state.clock.now()
    async with request.state.db.begin() as session:
        return Reply(await roles.transfer(session, slug, body.account_id, by=request.user, now=now))
