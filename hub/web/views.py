"""Pages as HTML: resolve who asks to his view, read one snapshot, render. No rule about incidents lives here."""

from collections.abc import Awaitable, Callable
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.auth.permissions import ANONYMOUS, Principal
from hub.errors import Forbidden, NotFound, Unauthenticated
from hub.services import incidents, pages, snapshots, uptime
from hub.services.views import Sight, resolve_view, see_page
from hub.web import present, words
from hub.web.bars import LETTERS, Bars
from hub.web.render import Renderer, Times

BAR_DAYS = 90
HISTORY_PAGE = 50
MODULES = ("page.js", "client.js", "reducer.js", "protocol.js", "view.js", "morph.js", "present.js", "words.js", "bars.js")

Handler = Callable[["Pages", Request], Awaitable[Response]]


class Pages:
    """The HTML endpoints; one object so that the template environment is made once."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    async def index(self, request: Request) -> Response:
        """`/`: the only page, or the list of those this visitor may see."""
        async with request.state.db() as session:
            shown = await pages.list_pages(session, by=await principal_of(request))
        if len(shown) == 1:
            return RedirectResponse(f"/p/{shown[0].slug}", 302)
        return self._renderer.respond(request, "pages.html", is_private=has_credential(request), pages=shown)

    async def page(self, request: Request) -> Response:
        """`/p/{slug}`: the whole page at one stream position, from which its script goes on."""
        now = request.state.clock.now()
        principal = await principal_of(request)
        slug = request.path_params["slug"]
        try:
            async with request.state.db.begin() as session:
                channel = await resolve_view(session, f"page:{slug}", principal, now)
            async with request.state.db() as session:
                sight = await see_page(session, slug, principal)
                bars = await _bars(session, sight, now)
            snapshot = await snapshots.read_snapshot(request.state.db, channel)
        except NotFound:
            return self.not_found(request)
        return self._renderer.respond(
            request,
            "page.html",
            is_private=has_credential(request),
            may_be_framed=True,
            **page_context(snapshot, bars, now),
            may_operate=principal.is_operator(snapshot["page"]["id"]),
            modules=MODULES,
        )

    def not_found(self, request: Request) -> Response:
        """The same answer for what does not exist and for what this visitor may not see."""
        return self._renderer.respond(request, "not_found.html", status=404)
