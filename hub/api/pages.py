"""Pages, and the whole of a page at one moment."""

from starlette.requests import Request

from hub.api.answers import HistoryOut, Json, PageOut, SnapshotOut, history_json
from hub.api.endpoint import Access, endpoint
from hub.api.envelope import Reply
from hub.api.locking import expected_version, tagged
from hub.api.page_schemas import HistoryQuery, PageIn, PagePatch, SnapshotQuery
from hub.domain.host_name import HubHosts
from hub.errors import Conflict, Forbidden, NotFound, VersionConflict
from hub.services import history, pages, snapshots, time_travel
from hub.services.database import one_moment
from hub.services.views import resolve_view


def hub_hosts(request: Request) -> HubHosts:
    """The names that are the hub's own."""
    return HubHosts.of(request.state.settings.base_url, request.state.settings.hub_base_domain)


@endpoint(returns={200: list[PageOut]}, access=Access.ANYONE)
async def list_pages(request: Request) -> Reply[list[Json]]:
    """The pages that the caller may see, by title."""
    async with request.state.db() as session:
        return Reply(await pages.list_pages(session, by=request.user))


@endpoint(body=PageIn, returns={201: PageOut}, errors=(Forbidden, Conflict))
async def create_page(request: Request, body: PageIn) -> Reply[Json]:
    """Make a page. For administrators of the hub; whoever makes it owns it."""
    async with request.state.db.begin() as session:
        page = await pages.create(session, body.to_domain(), by=request.user, now=request.state.clock.now())
    return tagged(page, status=201)


@endpoint(returns={200: PageOut}, access=Access.ANYONE)
async def show_page(request: Request) -> Reply[Json]:
    """One page, without what is on it."""
    async with request.state.db() as session:
        return tagged(await pages.get(session, request.path_params["slug"], by=request.user))


@endpoint(
    body=PagePatch, returns={200: PageOut}, access=Access.SIGNED_IN, errors=(Forbidden, Conflict, VersionConflict)
)
async def update_page(request: Request, body: PagePatch) -> Reply[Json]:
    """Change a page's own fields. A narrower audience takes effect on open connections too."""
    async with request.state.db.begin() as session:
        page = await pages.update(
            session,
            request.path_params["slug"],
            body.changes(),
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, body.version),
            hosts=hub_hosts(request),
        )
    return tagged(page)


@endpoint(returns={200: None}, errors=(Forbidden, NotFound, VersionConflict))
async def delete_page(request: Request) -> Reply[None]:
    """Remove a page and everything on it, for good. For its owners."""
    async with request.state.db.begin() as session:
        await pages.delete(
            session,
            request.path_params["slug"],
            by=request.user,
            now=request.state.clock.now(),
            expected_version=expected_version(request, None),
        )
    return Reply()


@endpoint(query=SnapshotQuery, returns={200: SnapshotOut}, access=Access.ANYONE, errors=(NotFound,))
async def show_snapshot(request: Request, query: SnapshotQuery) -> Reply[Json]:
    """All that the caller sees of a page, and the position from which `history` or a socket goes on.

    With `at`: as the page was then, without what the caller may not see today.
    """
    if query.at is not None:
        async with one_moment(request.state.db) as session:
            return Reply(
                await time_travel.read_past(
                    session,
                    request.path_params["slug"],
                    request.user,
                    at=query.at,
                    now=request.state.clock.now(),
                )
            )
    channel = await _own_channel(request)
    async with one_moment(request.state.db) as session:
        return Reply(await snapshots.read_snapshot(session, channel))


@endpoint(query=HistoryQuery, returns={200: HistoryOut}, access=Access.ANYONE)
async def show_history(request: Request, query: HistoryQuery) -> Reply[Json]:
    """What was published after an offset, ascending. Not `recovered`: fetch the snapshot instead.

    `limit` may cut the answer short; ask again after its last offset until `offset` is reached.
    """
    channel = await _own_channel(request)
    async with one_moment(request.state.db) as session:
        past = await history.read_history(session, channel, after=query.after, limit=query.limit)
    return Reply(history_json(past, is_same_life=query.epoch in {None, past.epoch}))


async def _own_channel(request: Request) -> str:
    """The channel of the view that the caller's rights give."""
    async with request.state.db.begin() as session:
        return await resolve_view(
            session, f"page:{request.path_params['slug']}", request.user, request.state.clock.now()
        )
