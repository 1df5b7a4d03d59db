"""`/p/{slug}/events`: the page's channel as server-sent events, for `curl` and `EventSource`.

First an event `snapshot` (its data is the snapshot), then unnamed events whose data is the event to fold in. `id:` is
the offset; `Last-Event-ID` resumes after it, or starts again with a snapshot where that is no longer possible. Offsets
of different views can be equal: with `?epoch=` nothing is resumed that is of another one.

While nothing happens a comment keeps proxies awake. Scripts in a browser are not told of comments: with `?alive=event`
they get an event `alive` instead, and can tell a quiet page from a dead line.
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hub.auth.permissions import ANONYMOUS, Principal
from hub.engine.changes import key_user, page_name
from hub.engine.fanout import Member
from hub.engine.live import Entry
from hub.engine.node import Node
from hub.engine.orders import Order
from hub.errors import HubError, Unauthenticated, Unavailable
from hub.ids import new_id
from hub.protocol.codec_json import one_line
from hub.protocol.codes import UnsubscribeCode
from hub.protocol.stream import ClientInfo, Publication, StreamPosition
from hub.services.views import resolve_view
from hub.transport.cors import cors_headers
from hub.transport.queue_wire import QueueWire
from hub.transport.streams import Stay, send_body
from hub.transport.visits import check_visit, for_any_page
from hub.transport.ws_answers import Refused

KEEP_ALIVE_S = 15.0
COMMENT = b": still here\n\n"
ALIVE = b"event: alive\ndata: {}\n\n"
RETRY_MS = 3_000
DRAIN_RETRY_MS = (500, 5_000)  # spread, as all viewers of a leaving node come back elsewhere
MAX_OFFSET_DIGITS = 19
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}

_rng = random.SystemRandom()


@for_any_page
async def events_endpoint(request: Request) -> Response:
    """The stream; raises NotFound for a page that is not there or not this visitor's, Unavailable when leaving.

    Scripts of any origin may read it, as anybody or with a token; those of ours also with the visitor's cookie.
    """
    node: Node = request.state.node
    if node.is_draining:
        raise Unavailable
    check_visit(request)
    seat = await _seat_of(request)
    if request.method == "HEAD":
        return Response(headers=HEADERS | cors_headers(request))
    return EventStream(request, seat, _resume_position(request))


@dataclass(frozen=True, slots=True)
class Seat:
    """Who looks, at which channel, by the rights of the moment `stamp` (`hub.engine.changes`)."""

    principal: Principal
    channel: str
    stamp: int

    @property
    def user(self) -> str:
        key_id = self.principal.key_id
        return self.principal.account_id or ("" if key_id is None else key_user(key_id))


async def _seat_of(request: Request) -> Seat:
    """What this request's rights give, as they are now."""
    state = request.state
    stamp = state.node.sessions.changes.stamp
    principal = await _principal_of(request)
    async with state.db.begin() as session:
        channel = await resolve_view(session, _page_channel(request), principal, state.clock.now())
    return Seat(principal, channel, stamp)


def _page_channel(request: Request) -> str:
    return page_name(request.path_params["slug"])


async def _principal_of(request: Request) -> Principal:
    try:
        principal: Principal = await request.state.principals(request)
    except Unauthenticated:
        if "authorization" in request.headers:
            raise
        return ANONYMOUS  # a cookie that is no longer good: EventSource would give up for ever on a 401
    return principal


def _resume_position(request: Request) -> StreamPosition | None:
    last = request.headers.get("last-event-id", "").strip()
    if last.isascii() and last.isdigit() and len(last) <= MAX_OFFSET_DIGITS:
        return StreamPosition(request.query_params.get("epoch", ""), int(last))
    return None


class PageEvents:
    """A page's publications as unnamed events; pages have no joins and leaves to tell of."""

    def publication(self, channel: str, item: Publication) -> bytes:  # noqa: ARG002  the stream has one channel
        return b"id: %d\ndata: %s\n\n" % (item.offset, one_line(item.data))

    def join(self, channel: str, info: ClientInfo) -> bytes:  # noqa: ARG002
        return b""

    leave = join


PAGE_EVENTS = PageEvents()


def snapshot_frame(entry: Entry) -> bytes:
    return b"event: snapshot\nid: %d\ndata: %s\n\n" % (entry.position.offset, one_line(entry.snapshot or b"null"))


class EventStream(Response):
    """Runs until the client goes, the node leaves or the page is no longer visible."""

    def __init__(self, request: Request, seat: Seat, since: StreamPosition | None) -> None:
        super().__init__(headers=HEADERS | cors_headers(request))
        del self.headers["content-length"]
        self.client = new_id()
        self._request = request
        self._node: Node = request.state.node
        self._seat = seat
        self._since = since
        self._keep_alive = ALIVE if request.query_params.get("alive") == "event" else COMMENT
        self._wire = QueueWire()
        self._epoch = ""
        self._recalled = asyncio.Event()
        self._member = Member(self._wire, seat.channel, PAGE_EVENTS, self._on_recall)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Unavailable when the process has as many connections as it may."""
        try:
            with Stay(scope, is_stranger=False):
                await self._serve(receive, send)
        except Refused:
            raise Unavailable from None

    async def _serve(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        self._sit()
        self._wire.write(b"retry: %d\n\n" % RETRY_MS)
        joining = asyncio.ensure_future(self._stay_joined())
        try:
            await send_body(self._wire, receive, send, idle_s=KEEP_ALIVE_S, idle_frame=self._keep_alive)
        finally:
            self._node.sessions.detach(self)
            self._node.leave(self._seat.channel, self._member)
            joining.cancel()
            await asyncio.gather(joining, return_exceptions=True)

    async def _stay_joined(self) -> None:
        """Join, and join again whenever the engine sends us back; ends the stream when that is no longer possible."""
        since = self._since
        try:
            with contextlib.suppress(HubError, TimeoutError):  # whoever comes back brings a fresh sign-in
                while True:
                    await self._node.join(
                        self._seat.channel, self._member, since, must_recover=False, accept=self._accept
                    )
                    async with asyncio.timeout(self._left_s()):
                        await self._recalled.wait()
                    self._recalled.clear()
                    self._node.leave(self._seat.channel, self._member)
                    self._node.sessions.detach(self)
                    self._seat = await _seat_of(self._request)
                    self._sit()
                    if self._epoch:
                        since = StreamPosition(self._epoch, self._member.last)
        finally:
            self._wire.finish()

    def _left_s(self) -> float | None:
        """How long the sign-in lets the stream go on; as long as sockets."""
        state, ends_at = self._request.state, self._seat.principal.ends_at
        if ends_at is None:
            return None
        return float((ends_at - state.clock.now()).total_seconds() + state.context.limits.expiry_grace_s)

    def _sit(self) -> None:
        self._node.sessions.attach(self)
        self._node.sessions.identified(self)

    def _accept(self, entry: Entry) -> bool:
        if self._wire.is_closing:
            return False
        names = (_page_channel(self._request), *filter(None, [self.user]))
        if self._node.sessions.changes.since(self._seat.stamp, *names):
            self._recalled.set()  # seated by rights that have changed since
            return False
        self._epoch = entry.position.epoch
        if entry.snapshot is not None:
            self._wire.write(snapshot_frame(entry))
        for publication in entry.publications:
            self._wire.write(PAGE_EVENTS.publication(self._seat.channel, publication))
        return True

    def _on_recall(self, code: UnsubscribeCode) -> None:  # noqa: ARG002  whatever the reason, we come back at once
        self._recalled.set()

    @property
    def user(self) -> str:
        return self._seat.user

    @property
    def sign_in(self) -> str | None:
        return (self._seat.principal.session_id or "") if self.user else None

    def dismiss(self) -> None:
        """Without the sign-in a browser is a visitor like any other; who sent a token is sent away."""
        self.recheck()

    def recheck(self) -> None:
        self._node.leave(self._seat.channel, self._member)
        self._recalled.set()

    def obey(self, order: Order) -> None:
        """Orders are about users of other applications."""

    def drain(self) -> None:
        self._wire.write(b"retry: %d\n\n" % _rng.randint(*DRAIN_RETRY_MS))
        self._wire.finish()
