"""HTML of the hub: status pages, sign-in, console shell, and the browser files they use.

A thin edge: a view resolves who asks, calls a service, renders a template. May know services and domain words, no
other edge. docs/architecture.md shows where it stands; `client_demo/` is the other half.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hub.access import Access, open_to
from hub.errors import HubError
from hub.web import page_files
from hub.web.embed import Embeds
from hub.web.history_views import HistoryPages
from hub.web.language import speak_for
from hub.web.render import Renderer
from hub.web.shells import SHELLS
from hub.web.static import Assets
from hub.web.views import Pages

__all__ = ["Pages", "make_pages", "web_routes"]

View = Callable[[Request], Awaitable[Response]]


def make_pages() -> Pages:
    """Reads templates and browser files; once per application."""
    return Pages(Renderer(Assets()))


def web_routes(pages: Pages | None = None) -> list[BaseRoute]:
    """All HTML addresses and `/static/`. `pages.not_found` is the page for addresses that no route takes."""
    site = pages or make_pages()
    embeds = Embeds(site.renderer)
    past = HistoryPages(site)

    def route(path: str, view: View, access: Access) -> Route:
        return open_to(access, Route(path, _with_problems(site, view), methods=["GET"]))

    return [
        route("/", site.index, Access.ANYONE),
        route("/p/{slug}", site.page, Access.ANYONE),
        route("/p/{slug}/history", past.history, Access.ANYONE),
        route("/p/{slug}/incidents/{id}", past.incident, Access.ANYONE),
        route("/p/{slug}/maintenances/{id}", past.maintenance, Access.ANYONE),
        route("/p/{slug}/logo-{name}", page_files.logo, Access.ANYONE),
        route("/p/{slug}/style-{digest}.css", page_files.style, Access.ANYONE),
        route("/p/{slug}/embed", embeds.frame, Access.NOBODY),
        route("/embed.js", embeds.script, Access.NOBODY),
        *(route(shell.path, site.shell(shell), Access.NOBODY) for shell in SHELLS),
        route("/demo", site.demo, Access.ANYONE),
        route("/static/{name}", site.static, Access.NOBODY),
        route("/static/{version}/{name}", site.static, Access.NOBODY),
    ]


def _with_problems(site: Pages, view: View) -> View:
    async def endpoint(request: Request) -> Response:
        speak_for(request)
        try:
            return await view(request)
        except HubError as error:
            return site.problem(request, error)

    return endpoint
