"""One path with its methods, and what is answered when a request fits none."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hub.access import Access, open_to
from hub.api.endpoint import View, operation_of
from hub.api.envelope import failure
from hub.api.traffic import count_request
from hub.errors import HubError, MethodNotAllowed, NotFound, TooMany


class Methods:
    """An ASGI application that picks the view by method. Starlette's own table answers 405 outside the envelope."""

    def __init__(self, views: Mapping[str, View]) -> None:
        self.views = views
        allowed = {*views, "HEAD"} if "GET" in views else {*views}
        self._allow = {"Allow": ", ".join(sorted(allowed))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        view = self.views.get("GET" if request.method == "HEAD" else request.method)
        response = await view(request) if view else await _refusal(request, MethodNotAllowed(headers=self._allow))
        await response(scope, receive, send)


class Nothing:
    """What every other address under a prefix answers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await _refusal(request, NotFound())
        await response(scope, receive, send)


async def _refusal(request: Request, error: HubError) -> Response:
    try:
        await count_request(request, None)
    except TooMany as too_many:
        error = too_many
    return failure(request, error)


def resource(path: str, **views: View) -> Route:
    """A route for all methods of `path`: `resource("/things", GET=list_things, POST=add_thing)`."""
    operations = {method: operation_of(view) for method, view in views.items()}
    declared = {method: operation.access for method, operation in operations.items() if operation is not None}
    return open_to(declared, Route(path, Methods(views)))


def nothing(path: str) -> Route:
    """A route that is there so that other addresses under a prefix are answered in the envelope."""
    return open_to({"GET": Access.NOBODY}, Route(path, Nothing()))
