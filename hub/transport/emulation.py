"""`/emulation`: the commands of clients whose stream goes one way only, each in a request of its own.

A request names the stream by its session, a secret that only its client was told, and the node that has it; a node that
is asked for another's session hands the frame on. Requests can overtake each other on their way.
"""

import contextlib
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hub.protocol.codes import CloseCode
from hub.transport.cors import cors_headers
from hub.transport.queue_wire import QueueWire
from hub.transport.session import Session
from hub.transport.visits import Refusal, for_any_page, read_body

SESSION_BYTES = 24
_NODE = re.compile(r"[A-Za-z0-9_-]{1,64}")

Forward = Callable[[str, str, bytes], Awaitable[bool]]
"""(node, session, frame) → whether that node lives; raises Unavailable when it cannot be asked."""


class Emulated(msgspec.Struct):
    """The body of a request."""

    session: str
    node: str
    data: str


_decoder = msgspec.json.Decoder(Emulated)


class Emulation:
    """The streams of one node whose clients send their commands by other requests."""

    def __init__(self, node: str, forward: Forward, buffer_limit_bytes: int) -> None:
        self.node = node
        self._forward = forward
        self._buffer_limit = buffer_limit_bytes
        self._streams: dict[str, tuple[Session, QueueWire]] = {}

    def __len__(self) -> int:
        return len(self._streams)

    @contextlib.contextmanager
    def serving(self, name: str, session: Session, wire: QueueWire) -> Iterator[None]:
        """Frames for `name` reach `session` while the block runs."""
        self._streams[name] = session, wire
        try:
            yield
        finally:
            del self._streams[name]

    async def send(self, node: str, name: str, frame: bytes) -> bool:
        """Bring `frame` to the session `name` of `node`; whether there is such a node. A session that has gone is none
        of the sender's business. Raises Unavailable.
        """
        if node == self.node:
            self.take(name, frame)
            return True
        return _NODE.fullmatch(node) is not None and await self._forward(node, name, frame)

    def take(self, name: str, frame: bytes) -> None:
        """A frame for this node; one for a session that it does not have is forgotten."""
        stream = self._streams.get(name)
        if stream is None:
            return
        session, wire = stream
        # On a socket a client that does not read is not read either; here its commands come on other connections.
        if wire.buffered_bytes() > self._buffer_limit:
            session.close(CloseCode.SLOW)
        else:
            session.receive(frame)


def new_session() -> str:
    """A name that cannot be guessed."""
    return secrets.token_urlsafe(SESSION_BYTES)


@for_any_page
async def emulation_endpoint(request: Request) -> Response:
    """204 whether or not there is such a session; 404 when there is no such node."""
    emulation: Emulation = request.state.emulation
    try:
        asked = _decoder.decode(await read_body(request))
        frame = asked.data.encode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Refusal(HTTPStatus.BAD_REQUEST, "This takes session, node and data, in JSON.") from None
    if not await emulation.send(asked.node, asked.session, frame):
        raise Refusal(HTTPStatus.NOT_FOUND, "There is no such node.")
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=cors_headers(request))
