"""One client, whatever carries its bytes: does the effects of a `Connection` on the engine and on an `Outlet`.

A transport makes a `Session`, hands it every frame by `receive`, and tells it by `end` that the peer has gone. Nothing
here waits: what must be asked of a database runs as a task and comes back as an answer.
"""

from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from hub.engine.fanout import Member, Wire
from hub.engine.live import Entry
from hub.ids import new_id
from hub.protocol.codec import SubscribeResult
from hub.protocol.codes import CloseCode, ErrorCode, UnsubscribeCode
from hub.protocol.commands import Command
from hub.protocol.connection import Connection
from hub.protocol.effects import (
    Answer,
    Authenticate,
    Authenticated,
    Call,
    Close,
    Effect,
    Failed,
    HistoryRead,
    Join,
    Joined,
    Leave,
    Publish,
    ReadHistory,
    ReadPresence,
    Recalled,
    Refused,
    Release,
    Renew,
    Renewed,
    RenewRefused,
    RenewSubscription,
    Send,
    SubscriptionRenewRefused,
)
from hub.protocol.limits import TWO_WAY, Manner
from hub.transport.access import NOBODY, Grant, Identity, Peer
from hub.transport.context import VERSION, Context
from hub.transport.encodings import Framing
from hub.transport.refusals import channel_refusal, connect_refusal, renew_refusal

WORK_AT_ONCE = 4  # commands of one connection that wait for something at the same time


class Outlet(Wire, Protocol):
    """The sending side of a transport, with its end."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye after what is queued; nothing can be written any more."""


class Held:
    """Keeps what is published in server-side subscriptions until the client knows of them."""

    __slots__ = ("_outlet", "frames")

    def __init__(self, outlet: Wire) -> None:
        self._outlet = outlet
        self.frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def buffered_bytes(self) -> int:
        return sum(map(len, self.frames))

    def abort(self) -> None:
        self._outlet.abort()


class Place:
    """Where a connection is a member: the channel behind a name on the wire."""

    __slots__ = ("channel", "member")

    def __init__(self, channel: str, member: Member) -> None:
        self.channel = channel
        self.member = member


class Session:
    """Every method that writes does so without waiting."""

    __slots__ = (
        "_backlog",
        "_connection",
        "_context",
        "_framing",
        "_outlet",
        "_peer",
        "_places",
        "_running",
        "_who",
        "slot",
    )

    def __init__(
        self, context: Context, outlet: Outlet, framing: Framing, peer: Peer, manner: Manner = TWO_WAY
    ) -> None:
        self._context = context
        self._outlet = outlet
        self._framing = framing
        self._peer: Peer | None = peer
        self._who: Identity = NOBODY
        self._places: dict[str, Place] = {}
        self._running = 0
        self._backlog: deque[Coroutine[Any, Any, None]] | None = None
        self.slot: int | None = None
        self._connection = Connection(
            client=new_id(),
            version=VERSION,
            limits=context.limits,
            now=context.clock.monotonic(),
            jitter=context.rng.random(),
            codec=framing.codec,
            manner=manner,
        )
        context.node.attach(self.drain)
        context.sweep.watch(self)

    # Called by the transport.

    def receive(self, frame: bytes) -> None:
        """One frame of the client."""
        self._do(self._connection.receive(frame, self._context.clock.monotonic()))

    def command(self, command: Command) -> None:
        """A command that came in another form than a frame."""
        self._do(self._connection.command(command, self._context.clock.monotonic()))

    def close(self, code: CloseCode) -> None:
        """End the connection from this side."""
        self._do(self._connection.close(code))

    def end(self) -> None:
        """The peer has gone, or the goodbye has been sent."""
        self._connection.close(CloseCode.SHUTDOWN)
        self._context.node.detach(self.drain)
        self._leave_all()
        backlog, self._backlog = self._backlog, None
        for work in backlog or ():
            work.close()

    # Called by the wheel and the node.

    @property
    def deadline(self) -> float:
        return self._connection.deadline

    def tick(self, now: float) -> None:
        self._do(self._connection.tick(now))

    def drain(self) -> None:
        """This node leaves."""
        self.close(CloseCode.SHUTDOWN)

    # Effects

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(message):
                    self._outlet.write(self._framing.wrap(message))
                case Close(code):
                    self._leave_all()
                    self._outlet.close(code, code.reason)
                case Leave(channel):
                    self._leave(self._places.pop(channel, None))
                case Release():
                    self._release()
                case _:
                    self._ask(effect)
        if effects:
            self._context.sweep.watch(self)

    def _ask(self, effect: Effect) -> None:
        """Effects that need an answer from elsewhere."""
        match effect:
            case Authenticate():
                self._work(self._authenticate(effect), _refuse_connect)
            case Renew(id):
                self._work(self._renew(effect), partial(_refuse_renew, id))
            case Join(id, channel):
                self._work(self._join(effect), partial(_refuse_command, id, channel))
            case ReadHistory(id, channel):
                self._work(self._read_history(effect), partial(_refuse_command, id, channel))
            case RenewSubscription(id, channel):
                self._give(SubscriptionRenewRefused(id, channel, ErrorCode.NOT_AVAILABLE, is_expired=False))
            case ReadPresence(id) | Call(id):
                self._give(Failed(id, ErrorCode.NOT_AVAILABLE))
            case Publish(id):
                self._give(Failed(id, ErrorCode.PERMISSION_DENIED))

    def _give(self, answer: Answer) -> None:
        self._do(self._connection.answer(answer, self._context.clock.monotonic()))

    def _work(self, work: Coroutine[Any, Any, Answer | None], refuse: Callable[[Exception], Answer]) -> None:
        """Give the machine the answer that `work` returns, or `refuse` makes of what it raises; a few at a time."""
        task = self._answered(work, refuse)
        if self._running < WORK_AT_ONCE:
            self._running += 1
            self._context.spawn(task)
            return
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.append(task)

    async def _answered(self, work: Coroutine[Any, Any, Answer | None], refuse: Callable[[Exception], Answer]) -> None:
        try:
            answer = await work
        except Exception as error:  # noqa: BLE001  the task's boundary; what nobody expected is logged there
            answer = refuse(error)
        finally:
            self._running -= 1
            if self._backlog:
                self._running += 1
                self._context.spawn(self._backlog.popleft())
        if answer is not None:
            self._give(answer)

    # Who this is

    async def _authenticate(self, asked: Authenticate) -> Answer:
        peer = self._peer or Peer()
        self._who = who = await self._context.access.identify(asked.token, peer)
        self._peer = None
        return Authenticated(who.user, who.expires_in_s, who.can_refresh, who.server_subs)

    async def _renew(self, renew: Renew) -> Answer:
        who = await self._context.access.identify(renew.token, Peer())
        if who.user == self._who.user:
            self._who = who
        return Renewed(renew.id, who.user, who.expires_in_s)

    # Channels

    async def _join(self, join: Join) -> None:
        grant = await self._context.access.subscribe(self._who, join)
        wire = self._outlet if join.id else Held(self._outlet)
        member = Member(wire, join.channel, self._framing, lambda code: self._recalled(place, code))
        place = Place(grant.channel, member)
        await self._context.node.join(
            grant.channel,
            member,
            join.since,
            must_recover=join.must_recover,
            accept=partial(self._accept, join, grant, place),
        )

    def _accept(self, join: Join, grant: Grant, place: Place, entry: Entry) -> bool:  # noqa: ARG002
        if not self._connection.is_awaiting(join.channel, join.id):
            return False
        self._places[join.channel] = place
        result = SubscribeResult(
            position=entry.position,
            is_recoverable=True,
            is_positioned=True,
            was_recovering=join.since is not None,
            recovered=entry.snapshot is None,
            publications=entry.publications,
            data=entry.snapshot,
        )
        self._give(Joined(join.id, join.channel, result))
        return True

    def _release(self) -> None:
        for place in self._places.values():
            held = place.member.wire
            if isinstance(held, Held):
                place.member.wire = self._outlet
                for frame in held.frames:
                    self._outlet.write(frame)

    def _recalled(self, place: Place, code: UnsubscribeCode) -> None:
        name = place.member.wire_name
        if self._places.get(name) is place:
            del self._places[name]
            self._give(Recalled(name, code))

    def _leave(self, place: Place | None) -> None:
        if place is not None:
            self._context.node.leave(place.channel, place.member)

    def _leave_all(self) -> None:
        places, self._places = self._places, {}
        for place in places.values():
            self._leave(place)

    async def _read_history(self, read: ReadHistory) -> Answer:
        grant = await self._context.access.read(self._who, read.channel)
        position, publications = await self._context.node.history(
            grant.channel, read.since, read.limit, is_reverse=read.is_reverse
        )
        return HistoryRead(read.id, position, publications)


def _refuse_connect(error: Exception) -> Answer:
    return Refused(connect_refusal(error))


def _refuse_renew(command_id: int, error: Exception) -> Answer:
    return RenewRefused(command_id, renew_refusal(error))


def _refuse_command(command_id: int, channel: str, error: Exception) -> Answer:
    return Failed(command_id, channel_refusal(error), channel)
