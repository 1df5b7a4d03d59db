"""Pages as HTML: resolve who asks to his view, read one snapshot, render. No rule about incidents lives here."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.auth.cookies import ACCESS_COOKIE, read_cookie
from hub.auth.permissions import ANONYMOUS, Principal, Right
from hub.domain.report import ReportKind
from hub.domain.text import iso
from hub.errors import HubError, Unauthenticated
from hub.services import latency, pages, reports
from hub.services.database import one_moment
from hub.services.rendered import Moment, Output
from hub.services.snapshots import read_snapshot
from hub.services.time_travel import reaches_back_to, read_past
from hub.services.uptime import page_uptime
from hub.services.views import resolve_view, see_page
from hub.web.context import Figures, page_context
from hub.web.language import choices, speak_for, wish_of
from hub.web.messages import DEFAULT, _, speak
from hub.web.render import Renderer
from hub.web.shells import Shell, View, make_view
from hub.web.then import Reach, Then, read_instant

BAR_DAYS = 90
# All that page.js imports, told to the browser at once instead of file by file.
MODULES = (
    "page.js", "client.js", "fallback.js", "timers.js", "reducer.js", "protocol.js", "session.js",
    "view.js", "visitor.js", "morph.js", "figures.js", "present.js", "words.js", "messages.js",
)  # fmt: skip


class Pages:
    """The HTML endpoints; one object, so that the template environment is made once."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    @property
    def renderer(self) -> Renderer:
        return self._renderer

    async def index(self, request: Request) -> Response:
        """`/`: the only page, or the list of those this visitor may see."""
        principal = await principal_of(request)
        async with request.state.db() as session:
            shown = await pages.list_pages(session, by=principal)
        if len(shown) == 1:
            return RedirectResponse(f"/p/{shown[0]['slug']}", 302)
        return self.respond(request, "pages.html", principal, pages=shown)

    async def page(self, request: Request) -> Response:
        """`/p/{slug}`: the whole page at one stream position, from which its script goes on.

        What else stands in the address (`?utm_source=…`) changes nothing, and so costs nothing.
        """
        slug = request.path_params["slug"]
        principal = await principal_of(request)
        if principal == ANONYMOUS and "at" not in request.query_params:
            return await self._page_for_anybody(request, slug)
        now = request.state.clock.now()
        if "at" in request.query_params:
            return await self._page_then(request, slug, principal, now)
        async with request.state.db.begin() as session:
            channel = await resolve_view(session, f"page:{slug}", principal, now)
        async with one_moment(request.state.db) as session:
            snapshot = await read_snapshot(session, channel)
            sight = await see_page(session, slug, principal)
            moment = Moment(session, sight, snapshot, now)
            figures = await _figures(moment)
            since = await reaches_back_to(session, sight)
        return self._show_page(request, principal, moment, figures, since)

    async def _page_then(self, request: Request, slug: str, principal: Principal, now: datetime) -> Response:
        """The same as it was at `?at=`; its script goes on from now once one comes back."""
        async with one_moment(request.state.db) as session:
            sight = await see_page(session, slug, principal)
            at = read_instant(request.query_params["at"], ZoneInfo(sight.page.time_zone))
            if at >= now:
                return RedirectResponse(f"/p/{slug}", 302)
            snapshot = await read_past(session, slug, principal, at=at, now=now)
            moment = Moment(session, sight, snapshot, at)
            figures = await _figures(moment, is_past=True)
            since = await reaches_back_to(session, sight)
        return self._show_page(request, principal, moment, figures, since, now)

    def _show_page(
        self,
        request: Request,
        principal: Principal,
        moment: Moment,
        figures: Figures,
        since: datetime | None,
        now: datetime | None = None,
    ) -> Response:
        """`now`: where `moment` is another time than that."""
        speak_for(request, moment.snapshot["page"]["locale"])
        return self.respond(
            request,
            "page.html",
            principal,
            framed_by=request.state.settings.hub_embed_origins,
            may_operate=principal.can(moment.sight.page.id, Right.LOOK),
            **_context(moment, figures, since, now),
        )

    async def _page_for_anybody(self, request: Request, slug: str) -> Response:
        """The same, made once a minute at most while nothing changes: what it says of time is as exact as minutes."""

        async def build(moment: Moment) -> bytes:
            figures = await _figures(moment)
            since = await reaches_back_to(moment.session, moment.sight)
            speak_for(request, moment.snapshot["page"]["locale"])
            return self._renderer.html(
                "page.html",
                visitor=ANONYMOUS,
                path=request.url.path,
                languages=choices(),
                may_operate=False,
                **_context(moment, figures, since),
            ).encode()

        minute = int(request.state.clock.now().timestamp() // 60)
        output = Output("page.html", (request.url.path, wish_of(request) or "", minute))
        made = await request.state.rendered.get(slug, ANONYMOUS, output, build)
        return self._renderer.respond_made(request, made, framed_by=request.state.settings.hub_embed_origins)

    def shell(self, shell: Shell) -> View:
        """What answers at the address of an account page, or of one of the console."""
        return make_view(self._renderer, shell)

    async def demo(self, request: Request) -> Response:
        """`/demo`: the client in forty lines, for whoever writes his own."""
        principal = await principal_of(request)
        async with request.state.db() as session:
            shown = await pages.list_pages(session, by=principal)
        slug = request.query_params.get("page") or (shown[0]["slug"] if shown else "demo")
        speak(DEFAULT)  # its text is about code
        return self.respond(request, "demo.html", principal, slug=slug)

    async def static(self, request: Request) -> Response:
        """`/static/{version}/{name}` and `/static/{name}`."""
        params = request.path_params
        found = self._renderer.assets.respond(request, params["name"], params.get("version"))
        return found or self.not_found(request)

    def respond(self, request: Request, template: str, visitor: Principal, **context: Any) -> Response:
        """`template` as `visitor` sees it."""
        is_private = has_credential(request)
        return self._renderer.respond(request, template, visitor=visitor, is_private=is_private, **context)

    def not_found(self, request: Request) -> Response:
        """The same answer for what does not exist and for what this visitor may not see."""
        return self.respond(request, "problem.html", ANONYMOUS, status=404, heading=_("There is nothing here"))

    def problem(self, request: Request, error: HubError) -> Response:
        """An expected error as a page."""
        if error.http_status == 404:
            return self.not_found(request)
        return self.respond(request, "problem.html", ANONYMOUS, status=error.http_status, heading=error.message)


async def _figures(moment: Moment, *, is_past: bool = False) -> Figures:
    """As they were at the moment, reports as well."""
    session, page, view = moment.session, moment.sight.page, moment.sight.view
    uptime = await page_uptime(session, page, view, days=BAR_DAYS, now=moment.now, is_past=is_past)
    shown = [component["id"] for component in moment.snapshot["components"]]
    ended = {
        kind: await reports.list_reports(session, page, view, kind=kind, limit=1)
        for kind in (ReportKind.WEEKLY, ReportKind.MONTHLY)
    }
    return Figures(
        uptime,
        await latency.recent(session, shown, moment.now),
        {kind.value: found[0] for kind, found in ended.items() if found and found[0]["computed_at"] <= iso(moment.now)},
    )


def _context(moment: Moment, figures: Figures, since: datetime | None, now: datetime | None = None) -> dict[str, Any]:
    """What `page.html` is made from, in the language that is spoken. `since`: how far one may look back."""
    zone = ZoneInfo(moment.snapshot["page"]["time_zone"])
    return {
        "then": Then.of(moment.now, zone, now) if now else None,
        "past": Reach.of(since, zone, now or moment.now),
        "modules": MODULES,
        "gone_heading": _("There is nothing here"),
        **page_context(moment.snapshot, figures, moment.now),
    }


async def principal_of(request: Request) -> Principal:
    """Who asks. A page, unlike the API, is shown as to anybody when the sign-in has run out."""
    try:
        principal: Principal = await request.state.principals(request)
    except Unauthenticated:
        return ANONYMOUS
    return principal


def has_credential(request: Request) -> bool:
    base_url = request.state.settings.base_url
    return "authorization" in request.headers or read_cookie(request.cookies, ACCESS_COOKIE, base_url) != ""
