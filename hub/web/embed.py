"""What other sites show of a page: `/embed.js`, and `/p/{slug}/embed` for frames. Always what anybody sees."""

from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.auth.permissions import ANONYMOUS
from hub.services.database import one_moment
from hub.services.snapshots import see_snapshot
from hub.web import present
from hub.web.context import zone_context
from hub.web.language import speak_for
from hub.web.render import Renderer

ANYBODY = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


class Embeds:
    """The endpoints; `renderer` as for all pages."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    async def script(self, request: Request) -> Response:  # noqa: ARG002
        """`/embed.js`: on to the present version, next to which the modules it imports are."""
        url = self._renderer.assets.url("embed.js")
        return RedirectResponse(url, 302, headers={"Cache-Control": "no-cache", **ANYBODY})

    async def frame(self, request: Request) -> Response:
        """`/p/{slug}/embed`: complete without JavaScript, live with it, and for any site to frame.

        No credential is looked at, so what is framed is never what the visitor alone may see.
        """
        now = request.state.clock.now()
        async with one_moment(request.state.db) as session:
            snapshot = await see_snapshot(session, request.path_params["slug"], ANONYMOUS)
        speak_for(request, snapshot["page"]["locale"])
        zone = ZoneInfo(snapshot["page"]["time_zone"])
        response = self._renderer.respond(
            request,
            "embed.html",
            framed_by=("*",),
            page=snapshot["page"],
            answer=present.answer(snapshot, zone, now),
            incidents=snapshot["incidents"],
            running=present.maintenances(snapshot, now)[0],
            as_of=present.as_of(zone, now),
            **zone_context(snapshot["page"], now),
        )
        response.headers.update(ANYBODY)
        return response
