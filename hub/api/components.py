"""Components."""

from starlette.requests import Request

from hub.api.answers import ComponentOut, Json
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.locking import expected_version, tagged
from hub.api.operator_schemas import OrderIn, OrderOut
from hub.api.page_schemas import ComponentIn, ComponentPatch
from hub.errors import Forbidden, VersionConflict
from hub.services import components, order


@endpoint(returns={200: list[ComponentOut]}, access=Access.ANYONE)
async def list_components(request: Request) -> Reply[list[Json]]:
    """The components that the caller may see, in the page's order, each with its effective status."""
    async with request.state.db() as session:
        return Reply(await components.list_components(session, request.path_params["slug"], by=request.user))


@endpoint(body=ComponentIn, returns={201: ComponentOut}, access=Access.SIGNED_IN, errors=(Forbidden,))
async def create_component(request: Request, body: ComponentIn) -> Reply[Json]:
    """Add a component, after the last of its group unless `position` says otherwise."""
    now = request.state.clock.now()
    async with request.state.db.begin() as session:
        component = await components.create(
            session, request.path_params["slug"], body.to_domain(), by=request.user, now=now
        )
    return tagged(component, status=201)


@endpoint(returns={200: ComponentOut}, access=Access.ANYONE)
async def show_component(request: Request) -> Reply[Json]:
    """One component."""
    path = request.path_params
    async with request.state.db() as session:
        return tagged(await components.get(session, path["slug"], path["component_id"], by=request.user))


@endpoint(
    body=ComponentPatch, returns={200: ComponentOut}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict)
)
async def update_component(request: Request, body: ComponentPatch) -> Reply[Json]:
    """Change a component. `status` sets the operator's own word; incidents and maintenances still count beside it."""
    path = request.path_params
    async with request.state.db.begin() as session:
        component = await components.update(
            session,
            path["slug"],
            path["component_id"],
            body.changes(),
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return tagged(component)


@endpoint(returns={200: None}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def delete_component(request: Request) -> Reply[None]:
    """Take a component off the page; what old incidents said of it stays."""
    path = request.path_params
    async with request.state.db.begin() as session:
        await components.delete(
            session,
            path["slug"],
            path["component_id"],
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, None),
        )
    return Reply()


@endpoint(body=OrderIn, returns={200: OrderOut}, access=Access.SIGNED_IN, errors=(Forbidden,))
async def order_components(request: Request, body: OrderIn) -> Reply[Json]:
    """Put groups and components in order, in one event. Only places change, and the group of what is moved over."""
    now = request.state.clock.now()
    async with request.state.db.begin() as session:
        ordered = await order.reorder(session, request.path_params["slug"], body.to_domain(), by=request.user, now=now)
    return Reply(ordered)
