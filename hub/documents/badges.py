"""`badge.svg` of a page and of a component. What is hidden has the badge of what does not exist: 404, byte for byte."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from hub.auth.permissions import Principal
from hub.documents import outputs
from hub.documents.delivery import PRIVATE, deliver
from hub.errors import NotFound
from hub.feeds.badge import MEDIA_TYPE, NOT_FOUND, Badge, page_badge, render_badge, status_badge, uptime_badge
from hub.services.rendered import Rendered

MAX_DAYS = 90
_NOTHING = Rendered.of(render_badge(NOT_FOUND))


async def page_image(request: Request, principal: Principal, keep: Mapping[str, str]) -> Response:
    """The roll-up in its own words, or with `?show=uptime` the page's figure."""
    try:
        known = await outputs.statuses(request, principal)
        days = _days(request)
        label = _label(request, known["title"])
        if days is None:
            badge = page_badge(label, known["indicator"], known["description"])
        else:
            badge = uptime_badge(label, (await outputs.ratios(request, principal, days))["page"], days)
    except NotFound:
        return nothing(request, keep)
    return _image(request, badge, keep)


async def component_image(request: Request, principal: Principal, keep: Mapping[str, str]) -> Response:
    """One component's status or figure. All of the page is asked for first, so that no time tells what there is."""
    try:
        known = await outputs.statuses(request, principal)
        days = _days(request)
        figures = None if days is None else await outputs.ratios(request, principal, days)
        found = known["components"].get(request.path_params["id"])
        if found is None:
            raise NotFound
    except NotFound:
        return nothing(request, keep)
    label = _label(request, found["name"])
    if figures is None or days is None:
        return _image(request, status_badge(label, found["status"]), keep)
    return _image(request, uptime_badge(label, figures["components"].get(request.path_params["id"]), days), keep)


def _image(request: Request, badge: Badge, keep: Mapping[str, str]) -> Response:
    return deliver(request, Rendered.of(render_badge(badge)), MEDIA_TYPE, keep, more=_shown_on(keep))


def nothing(request: Request, keep: Mapping[str, str]) -> Response:
    """The image of what is not there, or not for whoever asks."""
    return deliver(request, _NOTHING, MEDIA_TYPE, keep, status=404, more=_shown_on(keep))


def _shown_on(keep: Mapping[str, str]) -> Mapping[str, str]:
    """Any site may show the image, unless it is what the visitor's own sign-in gave."""
    return {} if keep is PRIVATE else {"Cross-Origin-Resource-Policy": "cross-origin"}


def _label(request: Request, name: str) -> str:
    """What it is called: `?label=`, else its name."""
    return request.query_params.get("label", "").strip() or name


def _days(request: Request) -> int | None:
    """How many days the figure is to cover; None when the status is asked for. What cannot be read is 90."""
    if request.query_params.get("show") != "uptime":
        return None
    text = request.query_params.get("days", "")
    days = int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else MAX_DAYS
    return min(max(days, 1), MAX_DAYS)
