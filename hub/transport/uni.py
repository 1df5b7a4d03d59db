"""The one-way endpoints, `/connection/uni_…`: pushes alone, for programs without an SDK (`curl` is a complete client).

The request is the inner object of `connect`; its `subs` are wishes. `docs/protocol.md#one-way`.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from hub.engine.node import Node
from hub.protocol.codec_uni import UNI_JSON
from hub.protocol.codes import CloseCode
from hub.protocol.limits import Manner
from hub.transport.context import Context
from hub.transport.emulation import new_session
from hub.transport.encodings import Framing, as_event, as_line
from hub.transport.http_stream import CONNECT_PARAMETER, commands_of
from hub.transport.session import Session
from hub.transport.streams import EVENT_STREAM, LINE_STREAM, Stream
from hub.transport.visits import check_visit, for_any_page, read_body
from hub.transport.websocket import is_own_visitor, peer_of
from hub.transport.ws_frames import text_frame
from hub.transport.ws_wire import Wire

NATIVE_PING = b"\x89\x00"  # one empty, unmasked frame (RFC 6455 §5.5.2)


def _with_native_ping(message: bytes) -> bytes:
    """A text frame; a WebSocket ping behind the protocol's own keeps proxies and libraries sure of the peer."""
    return text_frame(message) + NATIVE_PING if message == UNI_JSON.ping else text_frame(message)


UNI_LINES = Framing(UNI_JSON, as_line)
UNI_EVENTS = Framing(UNI_JSON, as_event)
UNI_SOCKET = Framing(UNI_JSON, _with_native_ping)

NOTHING_SAID = b"{}"


@for_any_page
async def uni_http_stream_endpoint(request: Request) -> Response:
    """One push to a line."""
    check_visit(request)
    return _stream(request, await read_body(request), UNI_LINES, LINE_STREAM)


@for_any_page
async def uni_sse_endpoint(request: Request) -> Response:
    """One push to an event."""
    check_visit(request)
    return _stream(request, await commands_of(request), UNI_EVENTS, EVENT_STREAM)


async def uni_websocket_endpoint(websocket: WebSocket) -> None:
    """One push to a message; `connect` is in the address or in the first message."""
    node: Node = websocket.state.node
    if node.is_draining:
        await _refuse(websocket, HTTPStatus.SERVICE_UNAVAILABLE, "This node is leaving; try again.")
    elif not is_own_visitor(websocket):
        await _refuse(websocket, HTTPStatus.FORBIDDEN, "A page of this origin may not use the visitor's sign-in.")
    else:
        await websocket.accept()
        _UniSocket.serve(websocket)


def _stream(request: Request, connect: bytes, framing: Framing, media_type: str) -> Response:
    return Stream(request, framing, media_type, _manner(), connect or NOTHING_SAID)


def _manner() -> Manner:
    return Manner(session=new_session(), is_one_way=True)


class _UniSocket(Session):
    """A session as the receiver of a detached socket."""

    __slots__ = ("_has_begun", "_wire")

    def __init__(self, context: Context, wire: Wire, websocket: WebSocket) -> None:
        self._wire = wire
        self._has_begun = False
        super().__init__(context, _TellingOutlet(wire), UNI_SOCKET, peer_of(websocket), _manner())

    @classmethod
    def serve(cls, websocket: WebSocket) -> None:
        """Hand an accepted socket to a session of its own."""
        wire: Wire = websocket.scope["extensions"]["hub.wire"]
        session = cls(websocket.state.context, wire, websocket)
        wire.detach(session)
        connect = websocket.query_params.get(CONNECT_PARAMETER)
        if connect is not None:
            session.on_message(connect.encode(), is_text=True)

    def on_message(self, data: bytes, is_text: bool) -> None:
        if self._has_begun:
            return  # it has nothing more to tell us
        self._has_begun = True
        if is_text:
            self.receive(data)
        else:
            self.close(CloseCode.BAD_REQUEST)

    def on_close(self, code: int) -> None:  # noqa: ARG002  whoever ended it, it is over
        self.end()

    def admitted(self) -> None:
        self._wire.admitted()


class _TellingOutlet:
    """A socket whose goodbye is a push as well, as browsers' scripts cannot always see a close code."""

    __slots__ = ("_wire",)

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def write(self, frame: bytes) -> None:
        self._wire.write(frame)

    def buffered_bytes(self) -> int:
        return self._wire.buffered_bytes()

    def abort(self) -> None:
        self._wire.abort()

    def close(self, code: int, reason: str) -> None:
        self._wire.write(UNI_SOCKET.wrap(UNI_JSON.disconnect_push(code, reason)))
        self._wire.close(code, reason)


async def _refuse(websocket: WebSocket, status: HTTPStatus, message: str) -> None:
    await websocket.send_denial_response(JSONResponse({"message": message}, status))
