"""`/p/{slug}/api/v2/*.json`: the documents that programs written for Statuspage read, each as its caller may see it."""

import json
import re
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from hub.access import Access, open_to
from hub.documents.delivery import PRIVATE, PUBLIC, deliver, keeping, principal_of
from hub.documents.outputs import made_for, site_of
from hub.errors import HubError, MethodNotAllowed, NotFound
from hub.feeds.statuspage import DOCUMENTS, MOST, Source, document
from hub.services.recent import recent_incidents, recent_maintenances, told_of_components
from hub.services.rendered import Moment, Output

MEDIA_TYPE = "application/json"
_FOR_ALL_SITES = {"Cross-Origin-Resource-Policy": "cross-origin"}
_ADDRESS = re.compile(r"/p/[^/]+/api/v2/")
_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Authorization, If-None-Match",
    "Access-Control-Max-Age": "7200",
}


def statuspage_routes() -> list[BaseRoute]:
    """All eight, and what any other address beneath answers."""
    prefix = "/p/{slug}/api/v2"
    return [
        *(
            open_to(Access.ANYONE, Route(f"{prefix}/{name}.json", _document(name), methods=["GET", "OPTIONS"]))
            for name in DOCUMENTS
        ),
        open_to(Access.NOBODY, Route(f"{prefix}/{{rest:path}}", _nothing)),
    ]


def _document(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_PREFLIGHT)
        url = site_of(request).url

        async def build(moment: Moment) -> bytes:
            session, sight = moment.session, moment.sight
            incidents = await recent_incidents(session, sight, MOST) if name == "incidents" else ()
            maintenances = await recent_maintenances(session, sight, MOST) if name == "scheduled-maintenances" else ()
            shown = moment.snapshot
            told = await told_of_components(
                session, [*shown["incidents"], *incidents], [*shown["maintenances"], *maintenances]
            )
            made = document(name, Source(shown, url, incidents, maintenances, told))
            return json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()

        keep = keeping(request)
        try:
            principal = await principal_of(request, takes_oauth=True)
            made = await made_for(request, principal, Output(f"v2/{name}", (url,)), build)
        except NotFound:
            return _refusal(NotFound())
        except HubError as error:
            return _refusal(error)
        return deliver(request, made, MEDIA_TYPE, keep, more=_FOR_ALL_SITES if keep is PUBLIC else None)

    return endpoint


async def _nothing(_: Request) -> Response:
    return _refusal(NotFound())


async def wrong_method(request: Request, error: Exception) -> Response:
    """The answer to a method that an address does not take (405): in JSON where documents are."""
    assert isinstance(error, HTTPException), "routes raise nothing else"
    if _ADDRESS.match(request.scope["path"]) is None:
        return PlainTextResponse(error.detail, error.status_code, error.headers)
    return _refusal(MethodNotAllowed(headers=error.headers))


def _refusal(error: HubError) -> Response:
    """Programs ask only whether it is 2xx and JSON; people read the message."""
    headers = {**PRIVATE, **(error.headers or {})}
    return JSONResponse({"error": error.code, "message": error.message}, error.http_status, headers)
