"""What other sites show of a page: `/embed.js`, and `/p/{slug}/embed` for frames. Always what anybody sees."""

from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hub.auth.permissions import ANONYMOUS
from hub.services.rendered import Moment, Output
from hub.web import present
from hub.web.context import zone_context
from hub.web.language import speak_for, wish_of
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

        async def build(moment: Moment) -> bytes:
            return self._html(request, moment).encode()

        minute = int(request.state.clock.now().timestamp() // 60)
        output = Output("embed.html", (wish_of(request) or "", minute))
        made = await request.state.rendered.get(request.path_params["slug"], ANONYMOUS, output, build)
        response = self._renderer.respond_made(request, made, framed_by=("*",))
        response.headers.update(ANYBODY)
        if "set-cookie" in response.headers:
            del response.headers["set-cookie"]  # what somebody else's site wants is no choice of the visitor's
        return response

    def _html(self, request: Request, moment: Moment) -> str:
        snapshot, now = moment.snapshot, moment.now
        page, zone = snapshot["page"], ZoneInfo(snapshot["page"]["time_zone"])
        speak_for(request, page["locale"])
        return self._renderer.html(
            "embed.html",
            page=page,
            answer=present.answer(snapshot, zone, now),
            incidents=snapshot["incidents"],
            running=present.maintenances(snapshot, now)[0],
            as_of=present.as_of(zone, now),
            **zone_context(page, now),
        )
