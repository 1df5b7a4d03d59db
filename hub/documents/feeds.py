"""The addresses of feeds, calendar and badges: of a page, for whoever asks, and of a link, for whom it stands for.

A link's address holds its secret, so nothing of it may be kept by others, found by search engines or told on; and no
other credential is looked at there. `hub/observe/logs.py` keeps it out of the log.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hub.access import Access, open_to
from hub.auth.permissions import Principal
from hub.documents import outputs
from hub.documents.badges import component_image, nothing, page_image
from hub.documents.delivery import SECRET, deliver, keeping, principal_of
from hub.errors import NotFound
from hub.feeds import atom, ical, rss
from hub.services.viewer_links import open_link

Keep = Mapping[str, str]
Document = Callable[[Request, Principal, Keep], Awaitable[Response]]


async def _atom(request: Request, principal: Principal, keep: Keep) -> Response:
    made = await outputs.feed(request, principal, "history.atom", is_secret=keep is SECRET)
    return deliver(request, made, atom.MEDIA_TYPE, keep)


async def _rss(request: Request, principal: Principal, keep: Keep) -> Response:
    made = await outputs.feed(request, principal, "history.rss", is_secret=keep is SECRET)
    return deliver(request, made, rss.MEDIA_TYPE, keep)


async def _calendar(request: Request, principal: Principal, keep: Keep) -> Response:
    made = await outputs.calendar(request, principal)
    name = f'inline; filename="{request.path_params["slug"]}-maintenance.ics"'
    return deliver(request, made, ical.MEDIA_TYPE, keep, more={"Content-Disposition": name})


_DOCUMENTS: Mapping[str, Document] = {
    "history.atom": _atom,
    "history.rss": _rss,
    "maintenance.ics": _calendar,
    "badge.svg": page_image,
    "components/{id}/badge.svg": component_image,
}


def feed_routes() -> list[BaseRoute]:
    """All of them."""
    own = [open_to(Access.ANYONE, Route(f"/p/{{slug}}/{name}", _own(made))) for name, made in _DOCUMENTS.items()]
    linked = [
        open_to(Access.NOBODY, Route(f"/p/{{slug}}/feed/{{token}}/{name}", _linked(made)))
        for name, made in _DOCUMENTS.items()
    ]
    return [*own, *linked]


def _own(document: Document) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await document(request, await principal_of(request), keeping(request))

    return endpoint


def _linked(document: Document) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        path, now = request.path_params, request.state.clock.now()
        try:
            async with request.state.db.begin() as session:
                principal = await open_link(session, path["slug"], path["token"], now=now)
            return await document(request, principal, SECRET)
        except NotFound:  # the link, or what it was to: the same to whoever asks
            if document in {page_image, component_image}:
                return nothing(request, SECRET)
            raise NotFound(headers=SECRET) from None

    return endpoint
