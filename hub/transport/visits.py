"""What the HTTP transports ask of a request before they serve it."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from hub.engine.node import Node
from hub.transport.cors import cors_headers, is_foreign_visit, preflight

BINARY_TYPE = "application/octet-stream"

Endpoint = Callable[[Request], Awaitable[Response]]


class Refusal(Exception):
    """The request gets `status` and no service."""

    def __init__(self, status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


def for_any_page(endpoint: Endpoint) -> Endpoint:
    """The same endpoint for pages of other origins too: with answers to preflights, and refusals that they can read."""

    @wraps(endpoint)
    async def answered(request: Request) -> Response:
        if request.method == "OPTIONS":
            return preflight(request)
        try:
            return await endpoint(request)
        except Refusal as refusal:
            headers = {"Cache-Control": "no-store", **cors_headers(request), **refusal.headers}
            return JSONResponse({"message": str(refusal)}, refusal.status, headers=headers)

    return answered


def check_visit(request: Request) -> None:
    """Raises Refusal when this node or this page may not open a stream; bad credentials are for the session to tell."""
    node: Node = request.state.node
    if node.is_draining:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "This node is leaving; try again.")
    if is_foreign_visit(request):
        raise Refusal(HTTPStatus.FORBIDDEN, "A page of this origin may not use the visitor's sign-in.")


def is_binary(request: Request) -> bool:
    """Whether the client speaks the binary encoding."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == BINARY_TYPE


async def read_body(request: Request) -> bytes:
    """At most as much as a frame may hold; raises Refusal beyond that, and when the client goes away."""
    limit = request.state.context.limits.frame_bytes
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body may have {limit} bytes.")
    except ClientDisconnect:
        raise Refusal(HTTPStatus.BAD_REQUEST, "The body did not arrive.") from None
    return bytes(body)
