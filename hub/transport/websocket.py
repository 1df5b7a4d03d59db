"""`/connection/websocket`: the handshake, and a session on the socket."""

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from hub.auth.cookies import ACCESS_COOKIE, read_cookie
from hub.auth.origins import is_allowed_origin
from hub.engine.node import Node
from hub.protocol.codes import CloseCode
from hub.settings import Settings
from hub.transport.access import Peer
from hub.transport.context import Context
from hub.transport.encodings import SOCKET_JSON, SOCKET_PROTOBUF, Framing
from hub.transport.session import Session
from hub.transport.ws_wire import Wire

JSON_SUBPROTOCOL, PROTOBUF_SUBPROTOCOL = "centrifuge-json", "centrifuge-protobuf"


async def websocket_endpoint(websocket: WebSocket) -> None:
    """Answer the handshake and leave the socket to a session; nothing of this call stays."""
    node: Node = websocket.state.node
    if node.is_draining:
        await _refuse(websocket, 503, "This node is leaving; try again.")
    elif not is_own_visitor(websocket):
        await _refuse(websocket, 403, "A page of this origin may not use the visitor's sign-in.")
    else:
        subprotocol, framing = _framing_of(websocket)
        if framing is None:
            await _refuse(websocket, 400, "This endpoint speaks centrifuge-json and centrifuge-protobuf.")
        else:
            await websocket.accept(subprotocol)
            serve(websocket, framing)


def serve(websocket: WebSocket, framing: Framing) -> None:
    """Hand an accepted socket to a session of its own."""
    context: Context = websocket.state.context
    wire: Wire = websocket.scope["extensions"]["hub.wire"]
    wire.detach(_Served(context, wire, framing, peer_of(websocket)))


def is_own_visitor(websocket: WebSocket) -> bool:
    """False for a page of a foreign origin to which the browser gave the visitor's cookie.

    Bad credentials are no reason for an HTTP error: clients retry one for ever.
    """
    return not _cookie_of(websocket) or "origin" not in websocket.headers or _is_own_origin(websocket)


def peer_of(websocket: WebSocket) -> Peer:
    """What the session may know of the handshake."""
    cookie = _cookie_of(websocket)
    address = websocket.client.host if websocket.client else ""
    return Peer(address, cookie if cookie and _is_own_origin(websocket) else "")


class _Served(Session):
    """A session as the receiver of a detached socket."""

    __slots__ = ("_is_text", "_wire")

    def __init__(self, context: Context, wire: Wire, framing: Framing, peer: Peer) -> None:
        self._wire = wire
        self._is_text = framing is SOCKET_JSON
        super().__init__(context, wire, framing, peer)

    def on_message(self, data: bytes, is_text: bool) -> None:
        if is_text is self._is_text:
            self.receive(data)
        else:  # the other encoding's frames, or a mistake
            self.close(CloseCode.BAD_REQUEST)

    def on_close(self, code: int) -> None:  # noqa: ARG002  whoever ended it, it is over
        self.end()

    def admitted(self) -> None:
        self._wire.admitted()


def _framing_of(websocket: WebSocket) -> tuple[str | None, Framing | None]:
    """(subprotocol to name, framing): what the client offers, else what the query asks for, else JSON."""
    offered = websocket.scope["subprotocols"]
    query = websocket.query_params
    if PROTOBUF_SUBPROTOCOL in offered:
        return PROTOBUF_SUBPROTOCOL, SOCKET_PROTOBUF
    if JSON_SUBPROTOCOL in offered:
        return JSON_SUBPROTOCOL, SOCKET_JSON
    if offered:
        return None, None
    is_binary = "protobuf" in (query.get("format"), query.get("cf_protocol"))
    return None, SOCKET_PROTOBUF if is_binary else SOCKET_JSON


def _cookie_of(websocket: WebSocket) -> str:
    settings: Settings = websocket.state.settings
    return read_cookie(websocket.cookies, ACCESS_COOKIE, settings.base_url)


async def _refuse(websocket: WebSocket, status: int, message: str) -> None:
    await websocket.send_denial_response(JSONResponse({"message": message}, status))


def _is_own_origin(websocket: WebSocket) -> bool:
    settings: Settings = websocket.state.settings
    return is_allowed_origin(
        websocket.headers.get("origin", ""),
        scheme={"ws": "http", "wss": "https"}.get(websocket.url.scheme, "http"),
        host=websocket.headers.get("host", ""),
        base_url=settings.base_url,
        allowed=settings.hub_allowed_origins,
    )
