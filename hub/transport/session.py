"""One client, whatever carries its bytes: does the effects of a `Connection` on the engine and on an `Outlet`.

A transport makes a `Session`, hands it every frame by `receive`, and tells it by `end` that the peer has gone. Nothing
here waits: what must be asked of a database runs as a task and comes back as an answer.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from hub.auth.client_tokens import ServerSub
from hub.engine.custom import PAGE_PREFIX
from hub.engine.fanout import Member
from hub.engine.live import Entry
from hub.engine.orders import Disconnect, Order, Refresh, Subscribe, Unsubscribe
from hub.errors import TokenExpired, Unauthenticated, Unavailable
from hub.ids import new_id
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
    PresenceRead,
    Publish,
    Published,
    ReadHistory,
    ReadPresence,
    Recalled,
    Refused,
    Release,
    Renew,
    Renewed,
    RenewSubscription,
    Send,
    SubscriptionRenewed,
    SubscriptionRenewRefused,
)
from hub.protocol.limits import TWO_WAY, Manner
from hub.protocol.stream import ClientInfo
from hub.transport.access import NOBODY, Denied, Grant, Identity, Peer, is_signed_in
from hub.transport.context import VERSION, Context
from hub.transport.encodings import Framing
from hub.transport.outlets import Held, Outlet, Place
from hub.transport.refusals import checked, refuse_command, refuse_connect, refuse_renew
from hub.transport.results import subscribe_result

MAX_TRIES = 5
WORK_AT_ONCE = 4  # commands of one connection that wait for something at the same time
ROOM_POLL_S = 0.05

Work = Callable[[], Coroutine[Any, Any, Answer | None]]


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
        context.node.sessions.attach(self)
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
        self._context.node.sessions.detach(self)
        self._leave_all()
        backlog, self._backlog = self._backlog, None
        for work in backlog or ():
            work.close()

    def admitted(self) -> None:
        """It is known who this is; for transports that count strangers."""

    # Called by the wheel and the node.

    @property
    def client(self) -> str:
        return self._connection.client

    @property
    def user(self) -> str:
        return self._who.user

    @property
    def deadline(self) -> float:
        return self._connection.deadline

    def tick(self, now: float) -> None:
        self._do(self._connection.tick(now))

    def drain(self) -> None:
        """This node leaves."""
        self.close(CloseCode.SHUTDOWN)

    def obey(self, order: Order) -> None:
        """A back end wants something done with this connection."""
        now = self._context.clock.monotonic()
        match order:
            case Disconnect(code=code, reason=reason):
                if self._connection.close(CloseCode.FORCE_DISCONNECT):
                    self._leave_all()
                    self._outlet.close(code, reason)
            case Unsubscribe(channel=channel) if channel in self._places:
                self._recalled(self._places[channel], UnsubscribeCode.SERVER)
            case Subscribe(channel=channel, info=info, data=data, since=since, override=override):
                given = ServerSub(info, data, override)
                self._who = replace(self._who, ordered_subs={**self._who.ordered_subs, channel: given})
                self._do(self._connection.subscribe(channel, since))
            case Refresh(expires_at_s=ends_at_s):
                left_s = None if ends_at_s is None else ends_at_s - self._context.clock.now().timestamp()
                self._do(self._connection.end_in(left_s, now))
                self._context.sweep.watch(self)  # an end that has come nearer is no effect

    @property
    def sign_in(self) -> str | None:
        return (self._who.principal.session_id or "") if is_signed_in(self._who) else None

    def dismiss(self) -> None:
        """The sign-in has ended; what the peer was shown so far was his, what comes now is not."""
        self.close(CloseCode.INVALID_TOKEN)

    def recheck(self) -> None:
        """Rights may have changed: out of the pages at once, and back by what the rights are then."""
        for place in [place for place in self._places.values() if place.channel.startswith(PAGE_PREFIX)]:
            self._recalled(place, UnsubscribeCode.INSUFFICIENT_STATE)

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
                self._work(partial(self._authenticate, effect), refuse_connect)
            case Renew(id):
                self._work(partial(self._renew, effect), partial(refuse_renew, id))
            case Join(id, channel):
                self._work(partial(self._join, effect), partial(refuse_command, id, channel))
            case RenewSubscription():
                self._give(self._renew_subscription(effect))
            case ReadHistory(id, channel):
                self._work(partial(self._read_history, effect), partial(refuse_command, id, channel))
            case ReadPresence(id, channel):
                self._work(partial(self._read_presence, effect), partial(refuse_command, id, channel))
            case Publish(id, channel):
                self._work(partial(self._publish, effect), partial(refuse_command, id, channel))
            case Call(id):
                self._give(Failed(id, ErrorCode.NOT_AVAILABLE))  # the hub offers no procedures

    def _give(self, answer: Answer) -> None:
        self._do(self._connection.answer(answer, self._context.clock.monotonic()))

    def _work(self, work: Work, refuse: Callable[[Exception], Answer]) -> None:
        """Give the machine the answer that `work` returns, or `refuse` makes of what it raises; a few at a time."""
        task = self._answered(work, refuse)
        if self._running < WORK_AT_ONCE:
            self._running += 1
            self._context.spawn(task)
            return
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.append(task)

    async def _answered(self, work: Work, refuse: Callable[[Exception], Answer]) -> None:
        try:
            while self._outlet.buffered_bytes() > self._context.limits.unread_bytes:  # noqa: ASYNC110  has no event
                await asyncio.sleep(ROOM_POLL_S)  # or answers that nobody reads would pile up
            answer = await work()
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
        return self._identified(await self._context.access.identify_now(asked.token, self._peer or Peer()))

    def _identified(self, who: Identity) -> Answer:
        sessions, limits = self._context.node.sessions, self._context.limits
        if who.user and sessions.count(who.user) >= limits.connections_per_user:
            return Refused(CloseCode.CONNECTION_LIMIT)
        self._who, self._peer = who, None
        sessions.identified(self)
        self.admitted()
        return Authenticated(who.user, who.expires_in_s, who.can_refresh, tuple(who.server_subs))

    async def _renew(self, renew: Renew) -> Answer:
        who, before = await self._context.access.identify_now(renew.token, Peer()), self._who
        has_other_subs = who.server_subs.keys() != before.server_subs.keys()
        renewed = Renewed(renew.id, who.user, who.expires_in_s, must_reconnect=has_other_subs)
        if who.user != before.user:
            return renewed
        if is_signed_in(who) is not is_signed_in(before):  # an application may call its users as accounts are called
            return replace(renewed, user="")
        self._who = replace(who, ordered_subs=before.ordered_subs)
        return renewed

    # Channels

    async def _join(self, join: Join) -> None:
        for _ in range(MAX_TRIES):
            stamp = self._context.access.stamp
            if not await self._is_still_signed_in() or await self._enter(join, stamp):
                return
        raise Unavailable

    async def _enter(self, join: Join, stamp: int) -> bool:
        """False when the rights it was granted under have changed before it was in."""
        grant = await self._context.access.subscribe(self._who, self._connection.client, join)
        options = grant.options
        wire = self._outlet if join.id else Held(self._outlet)
        member = Member(
            wire,
            join.channel,
            self._framing,
            lambda code: self._recalled(place, code),
            wants_delta=join.wants_delta and options.has_delta,
            wants_joins=options.pushes_join_leave or (join.wants_joins and options.has_join_leave),
            info=self._info(grant.info) if options.has_presence or options.has_join_leave else None,
        )
        place = Place(grant.channel, member)
        is_outdated = False

        def accept(entry: Entry) -> bool:
            nonlocal is_outdated
            is_outdated = self._context.access.is_outdated(self._who, stamp, join.channel)
            return not is_outdated and self._accept(join, grant, place, entry)

        await self._context.node.join(
            grant.channel,
            member,
            join.since if options.has_recovery else None,
            must_recover=join.must_recover,
            accept=accept,
        )
        return not is_outdated

    async def _is_still_signed_in(self) -> bool:
        """Whether the sign-in holds, with rights as they are now; else the connection is closed."""
        try:
            self._who = await self._context.access.current(self._who)
        except Unauthenticated:
            self.dismiss()
            return False
        return True

    def _accept(self, join: Join, grant: Grant, place: Place, entry: Entry) -> bool:
        if not self._connection.is_awaiting(join.channel, join.id):
            return False
        self._places[join.channel] = place
        result = subscribe_result(join, grant, place.member, entry)
        self._give(Joined(join.id, join.channel, result, grant.expires_in_s))
        return True

    def _info(self, chan_info: bytes | None) -> ClientInfo:
        return ClientInfo(self._connection.client, self._who.user, self._who.info, chan_info)

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
            self._leave(place)
            self._give(Recalled(name, code))

    def _leave(self, place: Place | None) -> None:
        if place is not None:
            self._context.node.leave(place.channel, place.member)

    def _leave_all(self) -> None:
        places, self._places = self._places, {}
        for place in places.values():
            self._leave(place)

    async def _read_history(self, read: ReadHistory) -> Answer | None:
        access = self._context.access
        for _ in range(MAX_TRIES):
            stamp = access.stamp
            if not await self._is_still_signed_in():
                return None
            is_subscribed = self._connection.is_subscribed(read.channel)
            channel = await access.history(self._who, read.channel, is_subscribed=is_subscribed)
            position, publications = await self._context.node.history(
                channel, read.since, read.limit, is_reverse=read.is_reverse
            )
            if not access.is_outdated(self._who, stamp, read.channel):
                return HistoryRead(read.id, position, publications)
        raise Unavailable

    async def _read_presence(self, read: ReadPresence) -> Answer:
        is_subscribed = self._connection.is_subscribed(read.channel)
        self._context.access.presence(self._who, read.channel, is_subscribed=is_subscribed)
        return PresenceRead(read.id, await self._context.node.custom.presence(read.channel), read.is_count)

    async def _publish(self, publish: Publish) -> Answer:
        is_subscribed = self._connection.is_subscribed(publish.channel)
        self._context.access.publish(self._who, publish.channel, is_subscribed=is_subscribed)
        place = self._places.get(publish.channel)
        info = place.member.info if place is not None else None
        await self._context.node.custom.publish(publish.channel, checked(publish.data), info=info or self._info(None))
        return Published(publish.id)

    def _renew_subscription(self, renew: RenewSubscription) -> Answer:
        access, client = self._context.access, self._connection.client
        try:
            left_s = access.renew(self._who, client, renew.channel, renew.token)
        except TokenExpired:
            return SubscriptionRenewRefused(renew.id, renew.channel, ErrorCode.TOKEN_EXPIRED, is_expired=True)
        except Denied as denied:
            return SubscriptionRenewRefused(renew.id, renew.channel, denied.code, is_expired=False)
        return SubscriptionRenewed(renew.id, renew.channel, left_s)
