"""What visitors would see of a draft."""

from collections import Counter

from starlette.requests import Request

from hub.api.answers import Json
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.operator_schemas import PreviewIn, PreviewOut
from hub.api.server_methods import Backend
from hub.errors import Forbidden, Unavailable
from hub.services import preview


@endpoint(body=PreviewIn, returns={200: PreviewOut}, access=Access.SIGNED_IN, errors=(Forbidden,))
async def show_preview(request: Request, body: PreviewIn) -> Reply[Json]:
    """What each kind of viewer would be shown of a draft, and how many have the page open now; for operators alone.

    Nothing is stored and nobody is told.
    """
    now, backend = request.state.clock.now(), request.state.backend
    members = await _members(backend)
    async with request.state.db() as session:
        shown = await preview.preview(
            session, request.path_params["slug"], body.to_domain(), by=request.user, now=now, members=members
        )
    return Reply(shown)


async def _members(backend: Backend) -> Counter[str] | None:
    """Channel → viewers over all nodes, as of some seconds ago; None while nobody can tell."""
    try:
        by_node = await backend.members()
    except Unavailable:
        return None
    total: Counter[str] = Counter()
    for counts in by_node.values():
        total.update(counts)
    return total
