"""A session whose messages are the body of an HTTP response: what http_stream, sse and their one-way kin share.

There is no close code: the last message is a `disconnect` push, then the body ends.
"""

import asyncio
import contextlib
from typing import Self

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from hub.protocol.limits import Manner
from hub.transport.access import Peer
from hub.transport.context import Context
from hub.transport.cors import cors_headers, peer_of
from hub.transport.emulation import Emulation
from hub.transport.encodings import Framing
from hub.transport.queue_wire import QueueWire
from hub.transport.session import Session
from hub.transport.ws_admission import Admission
from hub.transport.ws_answers import Refused

HEADERS = {
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
    "Referrer-Policy": "no-referrer",  # the address may hold a connect command, and that a token
}
EVENT_STREAM = "text/event-stream"
LINE_STREAM = "application/x-ndjson"


async def send_body(
    wire: QueueWire, receive: Receive, send: Send, *, idle_s: float | None = None, idle_frame: bytes = b""
) -> None:
    """Send what is written to `wire` as the body of a response that has started.

    Returns when the wire was finished or aborted, or the client has gone.
    """

    async def send_part(data: bytes) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": True})

    parts = [
        asyncio.ensure_future(wire.pump(send_part, idle_s, idle_frame)),
        asyncio.ensure_future(_client_gone(receive)),
    ]
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
    with contextlib.suppress(OSError):  # it has gone
        # After an abort this waits for the peer once more, but no longer than the link's stall deadline.
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _client_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class StreamOutlet(QueueWire):
    """A body as a session writes it."""

    __slots__ = ("_framing",)

    def __init__(self, framing: Framing) -> None:
        super().__init__()
        self._framing = framing

    def close(self, code: int, reason: str) -> None:
        self.write(self._framing.wrap(self._framing.codec.disconnect_push(code, reason)))
        self.finish()


class Stay:
    """A stream among the connections that the server counts: a stranger's, until it has authenticated."""

    __slots__ = ("_address", "_admission")

    def __init__(self, scope: Scope, *, is_stranger: bool = True) -> None:
        given = scope.get("extensions", {}).get("hub.admission", {})
        self._admission: Admission = given.get("counts") or Admission()
        self._address: str | None = given.get("address") if is_stranger else None

    def __enter__(self) -> Self:
        """Raises Refused."""
        self._admission.enter(self._address)
        return self

    def __exit__(self, *_: object) -> None:
        self._admission.leave(self._address)

    def authenticated(self) -> None:
        if self._address is not None:
            self._admission.authenticate(self._address)
            self._address = None


class _Streamed(Session):
    __slots__ = ("_stay",)

    def __init__(
        self, context: Context, outlet: StreamOutlet, framing: Framing, peer: Peer, manner: Manner, stay: Stay
    ) -> None:
        self._stay = stay
        super().__init__(context, outlet, framing, peer, manner)

    def admitted(self) -> None:
        self._stay.authenticated()


class Stream(Response):
    """Runs until the client, the hub or the protocol ends the session, which begins with `first`, a frame.

    With `emulation` it gets more of them from other requests.
    """

    def __init__(
        self,
        request: Request,
        framing: Framing,
        media_type: str,
        manner: Manner,
        first: bytes,
        emulation: Emulation | None = None,
    ) -> None:
        self._cors = cors_headers(request)
        super().__init__(headers=HEADERS | self._cors, media_type=media_type)
        del self.headers["content-length"]
        self._context: Context = request.state.context
        self._framing = framing
        self._peer = peer_of(request)
        self._manner = manner
        self._first = first
        self._emulation = emulation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with Stay(scope) as stay:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                if scope["method"] == "HEAD":
                    await send({"type": "http.response.body", "body": b""})
                else:
                    await self._serve(stay, receive, send)
        except Refused as refused:
            headers = {name.decode(): value.decode() for name, value in refused.headers}
            answer = JSONResponse({"message": str(refused)}, refused.status, headers=headers | self._cors)
            await answer(scope, receive, send)

    async def _serve(self, stay: Stay, receive: Receive, send: Send) -> None:
        outlet = StreamOutlet(self._framing)
        session = _Streamed(self._context, outlet, self._framing, self._peer, self._manner, stay)
        try:
            with self._reachable(session, outlet):
                session.receive(self._first)
                await send_body(outlet, receive, send)
        finally:
            session.end()

    def _reachable(self, session: Session, outlet: StreamOutlet) -> contextlib.AbstractContextManager[None]:
        if self._emulation is None:
            return contextlib.nullcontext()
        return self._emulation.serving(self._manner.session, session, outlet)
