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
from google.protobuf.message import DecodeError
from starlette.requests import Request
from starlette.responses import Response

from hub.errors import TooMany, Unavailable
from hub.protocol.codes import CloseCode
from hub.protocol.schema import EmulationRequest
from hub.transport.cors import cors_headers
from hub.transport.queue_wire import QueueWire
from hub.transport.session import Session
from hub.transport.visits import Refusal, for_any_page, is_binary, read_body

SESSION_BYTES = 24
_NODE = re.compile(r"[A-Za-z0-9_-]{1,64}")

Forward = Callable[[str, str, bytes], Awaitable[bool]]
"""(node, session, frame) → whether that node lives; raises Unavailable when it cannot be asked."""


class _Asked(msgspec.Struct):
    """The body of a request in JSON."""

    session: str
    node: str
    data: str


_asked = msgspec.json.Decoder(_Asked)


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
    await _count(request)
    emulation: Emulation = request.state.emulation
    node, session, frame = _read(await read_body(request), is_binary=is_binary(request))
    try:
        is_there = await emulation.send(node, session, frame)
    except Unavailable:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "That node cannot be asked for now.") from None
    if not is_there:
        raise Refusal(HTTPStatus.NOT_FOUND, "There is no such node.")
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=cors_headers(request))


async def _count(request: Request) -> None:
    address = request.scope.get("extensions", {}).get("hub.admission", {}).get("address")
    if address is not None:
        try:
            await request.state.limiter.hit("emulation.address", address)
        except TooMany as error:
            raise Refusal(HTTPStatus.TOO_MANY_REQUESTS, error.message, error.headers) from None


def _read(body: bytes, *, is_binary: bool) -> tuple[str, str, bytes]:
    """(node, session, frame)"""
    try:
        if is_binary:
            message = EmulationRequest.FromString(body)
            return message.node, message.session, message.data
        asked = _asked.decode(body)
        return asked.node, asked.session, asked.data.encode()
    except (DecodeError, msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Refusal(HTTPStatus.BAD_REQUEST, "This takes session, node and data.") from None
