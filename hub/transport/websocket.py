"""`/connection/websocket`: Starlette's WebSocket ↔ protocol ↔ engine."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from hub import __version__
from hub.auth.origins import is_allowed_origin
from hub.auth.permissions import ANONYMOUS, Principal
from hub.auth.tokens import Claims
from hub.engine.fanout import Framer, Member, Wire
from hub.engine.live import Entry
from hub.engine.node import Node
from hub.errors import Unauthenticated
from hub.ids import new_id
from hub.protocol import frames
from hub.protocol.codes import CloseCode, UnsubscribeCode
from hub.protocol.connection import Connection, Limits
from hub.protocol.effects import (
    Answer,
    Authenticate,
    Authenticated,
    Close,
    Effect,
    Failed,
    HistoryRead,
    Join,
    Joined,
    Leave,
    ReadHistory,
    Recalled,
    Refused,
    Renew,
    Renewed,
    RenewRefused,
    Send,
)
from hub.protocol.stream import Publication
from hub.services import accounts
from hub.services.views import resolve_view
from hub.settings import Settings
from hub.transport.link import text_frame
from hub.transport.queue_wire import QueueWire
from hub.transport.refusals import channel_refusal, connect_refusal, renew_refusal

ACCESS_COOKIE = "hub_access"
JSON_SUBPROTOCOL = "centrifuge-json"
WORK_AT_ONCE = 4  # commands of one connection that wait for the database at the same time

_rng = random.SystemRandom()


async def websocket_endpoint(websocket: WebSocket) -> None:
    """Serve one client until it or the hub ends the connection."""
    refusal = _refusal(websocket)
    if refusal is not None:
        status, message = refusal
        await websocket.send_denial_response(JSONResponse({"message": message}, status))
        return
    subprotocols = websocket.scope["subprotocols"]
    await websocket.accept(JSON_SUBPROTOCOL if JSON_SUBPROTOCOL in subprotocols else None)
    await Session(websocket).run()


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


def _is_own_origin(websocket: WebSocket) -> bool:
    settings: Settings = websocket.state.settings
    return is_allowed_origin(
        websocket.headers.get("origin", ""),
        scheme={"ws": "http", "wss": "https"}.get(websocket.url.scheme, "http"),
        host=websocket.headers.get("host", ""),
        base_url=settings.base_url,
        allowed=settings.hub_allowed_origins,
    )


def push_frame(channel: str, publication: Publication) -> bytes:
    """A publication as a ready-made WebSocket frame."""
    return text_frame(frames.publication_push(channel, publication))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where this connection is a member: the channel behind a name on the wire."""

    channel: str
    member: Member


class Session:
    """Does the effects of one `Connection`; every method that writes does so without waiting."""

    def __init__(self, websocket: WebSocket) -> None:
        state = websocket.state
        self._websocket = websocket
        self._db = state.db
        self._tokens = state.tokens
        self._clock = state.clock
        self._node: Node = state.node
        self._principal: Principal = ANONYMOUS
        self._places: dict[str, _Place] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(WORK_AT_ONCE)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._wire, self._frame, self._framer = self._open_wire()
        self._connection = Connection(
            client=new_id(),
            version=f"status-hub {__version__}",
            limits=connection_limits(state.settings),
            now=self._clock.monotonic(),
            jitter=_rng.random(),
        )

    def _open_wire(self) -> tuple[Wire, Callable[[bytes], bytes], Framer]:
        wire = self._websocket.scope.get("extensions", {}).get("hub.wire")
        if wire is not None:
            return wire, text_frame, push_frame
        queue = QueueWire()  # a server without our protocol class
        self._spawn(self._pump(queue))
        return queue, bytes, frames.publication_push

    async def run(self) -> None:
        self._node.attach(self._on_drain)
        self._arm()
        try:
            while (message := await self._websocket.receive())["type"] == "websocket.receive":
                text = message.get("text")
                if text is None:  # binary: another codec, or a mistake
                    self._do(self._connection.close(CloseCode.BAD_REQUEST))
                else:
                    self._do(self._connection.receive(text, self._clock.monotonic()))
        finally:
            self._end()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _end(self) -> None:
        self._connection.close(CloseCode.SHUTDOWN)
        self._node.detach(self._on_drain)
        self._leave_all()
        if self._timer is not None:
            self._timer.cancel()
        if isinstance(self._wire, QueueWire):
            self._wire.close()

    # Effects

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data):
                    self._wire.write(self._frame(data))
                case Close(code):
                    self._leave_all()
                    self._spawn(self._close(code))
                case Leave(channel):
                    self._leave(self._places.pop(channel, None))
                case Authenticate(token):
                    self._work(self._authenticate(token), _refuse_connect)
                case Renew(id):
                    self._work(self._renew(effect), partial(_refuse_renew, id))
                case Join(id):
                    self._work(self._join(effect), partial(_refuse_command, id))
                case ReadHistory(id):
                    self._work(self._read_history(effect), partial(_refuse_command, id))
        self._arm()

    def _give(self, answer: Answer) -> None:
        self._do(self._connection.answer(answer, self._clock.monotonic()))

    def _on_drain(self) -> None:
        self._do(self._connection.close(CloseCode.SHUTDOWN))

    def _on_timer(self) -> None:
        self._timer = None
        self._do(self._connection.tick(self._clock.monotonic()))

    def _arm(self) -> None:
        """One timer, moved only when something is due earlier than it: pongs and commands do not touch it."""
        due_at = self._connection.deadline
        if self._timer is not None and (self._timer_at > due_at or self._connection.is_closed):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and not self._connection.is_closed:
            delay_s = max(0.001, due_at - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)
            self._timer_at = due_at

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _work(self, work: Coroutine[Any, Any, Answer | None], refuse: Callable[[Exception], Answer]) -> None:
        """Give the machine the answer that `work` returns, or `refuse` makes of what it raises."""

        async def give() -> None:
            try:
                answer = await work
            except Exception as error:  # noqa: BLE001  the task's boundary; what nobody expected is logged there
                answer = refuse(error)
            if answer is not None:
                self._give(answer)

        self._spawn(give())

    async def _close(self, code: CloseCode) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # it has gone already
            await self._websocket.close(code, code.reason)

    async def _pump(self, queue: QueueWire) -> None:
        async def send(batch: list[bytes]) -> None:
            for frame in batch:
                await self._websocket.send_text(frame.decode())

        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await queue.pump(send, idle_s=60.0, idle_frame=frames.PING)

    # Who this is

    async def _authenticate(self, token: str | None) -> Answer:
        claims = await self._sign_in(token)
        expires_in_s = None if claims is None else self._left_s(claims)
        return Authenticated(self._principal.account_id, expires_in_s, can_refresh=token is not None)

    async def _sign_in(self, token: str | None) -> Claims | None:
        """Take on the principal of the token, else of the cookie, else of nobody."""
        if token is not None:
            self._principal, claims = await self._load(token)
            return claims
        cookie = self._websocket.cookies.get(ACCESS_COOKIE)
        if cookie and _is_own_origin(self._websocket):
            # A cookie that is no longer good leaves a visitor, who may still watch public pages.
            with contextlib.suppress(Unauthenticated):
                self._principal, claims = await self._load(cookie)
                return claims
        return None

    async def _load(self, token: str) -> tuple[Principal, Claims]:
        claims = self._tokens.verify(token, self._clock.now())
        async with self._slots, self._db() as session:
            return await accounts.load_principal(session, claims), claims

    async def _renew(self, renew: Renew) -> Answer:
        principal, claims = await self._load(renew.token)
        if principal.account_id == self._principal.account_id:
            self._principal = principal
        return Renewed(renew.id, principal.account_id, self._left_s(claims))

    def _left_s(self, claims: Claims) -> float:
        now: datetime = self._clock.now()
        return (claims.expires_at - now).total_seconds()

    # Channels

    async def _join(self, join: Join) -> None:
        async with self._slots:
            channel = await self._resolve(join.channel)
            member = Member(self._wire, join.channel, self._framer, lambda code: self._recalled(place, code))
            place = _Place(channel, member)
            await self._node.join(
                channel,
                member,
                join.since,
                must_recover=join.must_recover,
                accept=lambda entry: self._accept(join, place, entry),
            )

    def _accept(self, join: Join, place: _Place, entry: Entry) -> bool:
        if not self._connection.is_awaiting(join.channel, join.id):
            return False
        self._places[join.channel] = place
        was_recovering = join.since is not None
        self._give(Joined(join.id, join.channel, entry.position, was_recovering, entry.snapshot, entry.publications))
        return True

    def _recalled(self, place: _Place, code: UnsubscribeCode) -> None:
        name = place.member.wire_name
        if self._places.get(name) is place:
            del self._places[name]
            self._give(Recalled(name, code))

    def _leave(self, place: _Place | None) -> None:
        if place is not None:
            self._node.leave(place.channel, place.member)

    def _leave_all(self) -> None:
        places, self._places = self._places, {}
        for place in places.values():
            self._leave(place)

    async def _read_history(self, read: ReadHistory) -> Answer:
        async with self._slots:
            channel = await self._resolve(read.channel)
            position, publications = await self._node.history(
                channel, read.since, read.limit, is_reverse=read.is_reverse
            )
        return HistoryRead(read.id, position, publications)

    async def _resolve(self, wire_channel: str) -> str:
        async def read() -> str:
            async with self._db.begin() as session:
                return await resolve_view(session, wire_channel, self._principal, self._clock.now())

        if self._principal is ANONYMOUS:  # a crowd that comes back at once asks once
            return await self._node.shared(("view", wire_channel), read)
        return await read()


def connection_limits(settings: Settings) -> Limits:
    """The settings that concern one connection."""
    return Limits(
        frame_bytes=settings.hub_frame_limit_bytes,
        connect_deadline_s=settings.hub_connect_deadline_s,
        ping_interval_s=settings.hub_ping_interval_s,
        pong_timeout_s=settings.hub_pong_timeout_s,
        expiry_grace_s=settings.hub_expiry_grace_s,
        channels=settings.hub_channels_per_client,
    )


def _refuse_connect(error: Exception) -> Answer:
    return Refused(connect_refusal(error))


def _refuse_renew(command_id: int, error: Exception) -> Answer:
    return RenewRefused(command_id, renew_refusal(error))


def _refuse_command(command_id: int, error: Exception) -> Answer:
    return Failed(command_id, channel_refusal(error))
