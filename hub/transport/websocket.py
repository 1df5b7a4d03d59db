"""`/connection/websocket`: the handshake, and a session on the socket."""

import asyncio
import contextlib

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from hub.auth.origins import is_allowed_origin
from hub.engine.node import Node
from hub.protocol.codes import CloseCode
from hub.settings import Settings
from hub.transport.access import Peer
from hub.transport.context import Context
from hub.transport.encodings import BARE_JSON, SOCKET_JSON
from hub.transport.queue_wire import QueueWire
from hub.transport.session import Session

ACCESS_COOKIE = "hub_access"
JSON_SUBPROTOCOL = "centrifuge-json"


async def websocket_endpoint(websocket: WebSocket) -> None:
    """Serve one client until it or the hub ends the connection."""
    refusal = _refusal(websocket)
    if refusal is not None:
        status, message = refusal
        await websocket.send_denial_response(JSONResponse({"message": message}, status))
        return
    subprotocols = websocket.scope["subprotocols"]
    await websocket.accept(JSON_SUBPROTOCOL if JSON_SUBPROTOCOL in subprotocols else None)
    await _serve(websocket)


async def _serve(websocket: WebSocket) -> None:
    context: Context = websocket.state.context
    socket = _AsgiSocket(websocket)
    wire = websocket.scope.get("extensions", {}).get("hub.wire")
    framing = BARE_JSON if wire is None else SOCKET_JSON
    session = Session(context, socket, framing, _peer_of(websocket))
    pump = asyncio.create_task(socket.pump())
    try:
        while (message := await websocket.receive())["type"] == "websocket.receive":
            text = message.get("text")
            if text is None:  # binary: another codec, or a mistake
                session.close(CloseCode.BAD_REQUEST)
            else:
                session.receive(text.encode())
    finally:
        session.end()
        socket.end()
        await asyncio.gather(pump, return_exceptions=True)


class _AsgiSocket:
    """A session's outlet on an ASGI WebSocket: frames go past it to the server's wire where there is one."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._queue = QueueWire()
        wire = websocket.scope.get("extensions", {}).get("hub.wire")
        self._wire = self._queue if wire is None else wire
        self.write = self._wire.write
        self.buffered_bytes = self._wire.buffered_bytes
        self.abort = self._wire.abort
        self._goodbye: tuple[int, str] | None = None

    def close(self, code: int, reason: str) -> None:
        self._goodbye = code, reason
        self._queue.close()

    def end(self) -> None:
        self._queue.close()

    async def pump(self) -> None:
        async def send(batch: list[bytes]) -> None:
            for frame in batch:
                await self._websocket.send_text(frame.decode())

        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it has gone already
            await self._queue.pump(send, idle_s=60.0, idle_frame=b"{}")
            if self._goodbye is not None:
                await self._websocket.close(*self._goodbye)


def _refusal(websocket: WebSocket) -> tuple[int, str] | None:
    """Why there is no upgrade. Bad credentials are none of it: clients retry an HTTP error for ever."""
    node: Node = websocket.state.node
    if node.is_draining:
        return 503, "This node is leaving; try again."
    subprotocols = websocket.scope["subprotocols"]
    query = websocket.query_params
    is_binary = "protobuf" in (query.get("format"), query.get("cf_protocol"))
    if is_binary or (subprotocols and JSON_SUBPROTOCOL not in subprotocols):
        return 400, "This endpoint speaks the JSON protocol."
    if ACCESS_COOKIE in websocket.cookies and "origin" in websocket.headers and not _is_own_origin(websocket):
        return 403, "A page of this origin may not use the visitor's sign-in."
    return None


def _peer_of(websocket: WebSocket) -> Peer:
    cookie = websocket.cookies.get(ACCESS_COOKIE, "")
    address = websocket.client.host if websocket.client else ""
    return Peer(address, cookie if cookie and _is_own_origin(websocket) else "")


def _is_own_origin(websocket: WebSocket) -> bool:
    settings: Settings = websocket.state.settings
    return is_allowed_origin(
        websocket.headers.get("origin", ""),
        scheme={"ws": "http", "wss": "https"}.get(websocket.url.scheme, "http"),
        host=websocket.headers.get("host", ""),
        base_url=settings.base_url,
        allowed=settings.hub_allowed_origins,
    )
