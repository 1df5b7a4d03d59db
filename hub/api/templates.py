"""Templates of incidents and maintenances."""

from starlette.requests import Request

from hub.api.answers import Json
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.locking import expected_version, tagged
from hub.api.operator_schemas import TemplateIn, TemplateOut, TemplatePatch
from hub.errors import Conflict, Forbidden, VersionConflict
from hub.services import templates


@endpoint(returns={200: list[TemplateOut]}, access=Access.SIGNED_IN)
async def list_templates(request: Request) -> Reply[list[Json]]:
    """The page's templates by kind and name; for its operators alone."""
    async with request.state.db() as session:
        return Reply(await templates.list_templates(session, request.path_params["slug"], by=request.user))


@endpoint(body=TemplateIn, returns={201: TemplateOut}, access=Access.SIGNED_IN, errors=(Forbidden, Conflict))
async def create_template(request: Request, body: TemplateIn) -> Reply[Json]:
    """Keep a template; its name is its own within its kind."""
    now = request.state.clock.now()
    async with request.state.db.begin() as session:
        template = await templates.create(
            session, request.path_params["slug"], body.to_domain(), by=request.user, now=now
        )
    return tagged(template, status=201)


@endpoint(returns={200: TemplateOut}, access=Access.SIGNED_IN)
async def show_template(request: Request) -> Reply[Json]:
    """One template."""
    path = request.path_params
    async with request.state.db() as session:
        return tagged(await templates.get(session, path["slug"], path["template_id"], by=request.user))


@endpoint(
    body=TemplatePatch,
    returns={200: TemplateOut},
    access=Access.SIGNED_IN,
    errors=(Forbidden, Conflict, VersionConflict),
)
async def update_template(request: Request, body: TemplatePatch) -> Reply[Json]:
    """Change a template. Its kind stays."""
    path = request.path_params
    async with request.state.db.begin() as session:
        template = await templates.update(
            session,
            path["slug"],
            path["template_id"],
            body.changes(),
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
        )
    return tagged(template)


@endpoint(returns={200: None}, access=Access.SIGNED_IN, errors=(Forbidden, VersionConflict))
async def delete_template(request: Request) -> Reply[None]:
    """Remove a template."""
    path = request.path_params
    async with request.state.db.begin() as session:
        await templates.delete(
            session,
            path["slug"],
            path["template_id"],
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, None),
        )
    return Reply()
