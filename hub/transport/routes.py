"""Where the client protocol and the streams of pages are spoken."""

from starlette.routing import BaseRoute, Route, WebSocketRoute

from hub.access import Access, open_to
from hub.transport.emulation import emulation_endpoint
from hub.transport.http_stream import http_stream_endpoint, sse_endpoint
from hub.transport.sse import events_endpoint
from hub.transport.uni import uni_http_stream_endpoint, uni_sse_endpoint, uni_websocket_endpoint
from hub.transport.websocket import websocket_endpoint

_POST, _GET_OR_POST = ("POST", "OPTIONS"), ("GET", "POST", "OPTIONS")


def transport_routes() -> list[BaseRoute]:
    """The WebSocket's comes first, as a storm of connects goes through it. `/emulation` goes by the session named."""
    routes: list[BaseRoute] = [
        WebSocketRoute("/connection/websocket", websocket_endpoint),
        Route("/connection/http_stream", http_stream_endpoint, methods=_POST),
        Route("/connection/sse", sse_endpoint, methods=_GET_OR_POST),
        WebSocketRoute("/connection/uni_websocket", uni_websocket_endpoint),
        Route("/connection/uni_http_stream", uni_http_stream_endpoint, methods=_POST),
        Route("/connection/uni_sse", uni_sse_endpoint, methods=_GET_OR_POST),
        Route("/p/{slug}/events", events_endpoint, methods=("GET", "OPTIONS")),
    ]
    return [
        *(open_to(Access.ANYONE, route) for route in routes),
        open_to(Access.NOBODY, Route("/emulation", emulation_endpoint, methods=_POST)),
    ]
