"""One client connection as a state machine: frame | answer | tick → effects.

`now` is monotonic seconds. No method raises or waits; the transport does the effects in order and gives the answers
back (docs/protocol.md). Publications do not pass through here: the engine writes them to the transport itself, from the
moment at which a `Joined` answer was accepted until a `Leave` effect or a `Recalled` answer.
"""

import math
from collections.abc import Iterator

from hub.protocol import commands
from hub.protocol.allowance import Allowance
from hub.protocol.codec import Codec
from hub.protocol.codes import CloseCode, ErrorCode, UnsubscribeCode, close_code_of
from hub.protocol.commands import Command, FrameError
from hub.protocol.connecting import Connecting, announced_ttl_s, instant
from hub.protocol.effects import (
    Answer,
    Authenticate,
    Authenticated,
    Called,
    Close,
    Effect,
    Failed,
    HistoryRead,
    Join,
    Joined,
    Leave,
    PresenceRead,
    Published,
    Recalled,
    Refused,
    Release,
    Renewed,
    RenewRefused,
    Send,
    SubscriptionRenewed,
    SubscriptionRenewRefused,
)
from hub.protocol.limits import TWO_WAY, Limits, Manner
from hub.protocol.requests import MAX_CHANNEL_LENGTH, effect_of, join_of, message_of
from hub.protocol.state import State
from hub.protocol.stream import StreamPosition
from hub.protocol.subscriptions import Subscriptions


class Connection:
    """`jitter` in 0..1 places the first ping between a quarter and a whole interval, so that pings of many spread out.

    After half of it at the earliest, as others do it, 20,000 who came at once are pinged at 9 % a second for ever.
    """

    __slots__ = (
        "_allowance",
        "_connect",
        "_expires_at",
        "_limits",
        "_next_ping_at",
        "_pong_due_at",
        "_stale_at",
        "_subscriptions",
        "_version",
        "client",
        "codec",
        "manner",
        "state",
        "user",
    )

    def __init__(
        self,
        client: str,
        version: str,
        limits: Limits,
        now: float,
        jitter: float,
        codec: Codec,
        manner: Manner = TWO_WAY,
    ) -> None:
        self.client = client
        self.codec = codec
        self.manner = manner
        self.state = State.NEW
        self.user = ""
        self._version = version
        self._limits = limits
        self._connect: Connecting | None = None
        self._subscriptions = Subscriptions()
        self._stale_at = now + limits.connect_deadline_s
        self._next_ping_at = now + limits.ping_interval_s * (1 + 3 * jitter) / 4
        self._pong_due_at = math.inf
        self._expires_at = math.inf
        # A client opens all its subscriptions in one go, so the first burst is larger by as many.
        self._allowance = Allowance(
            limits.commands_per_s, limits.command_burst, limits.command_burst + limits.channels, now
        )

    @property
    def is_closed(self) -> bool:
        return self.state is State.CLOSED

    @property
    def deadline(self) -> float:
        """When `tick` must be called at the latest."""
        if self.state is State.CLOSED:
            return math.inf
        if self.state is State.READY:
            ends_at = min(self._expires_at, self._subscriptions.next_expiry_at) + self._limits.expiry_grace_s
            return min(self._next_ping_at, self._pong_due_at, ends_at)
        return self._stale_at

    def receive(self, frame: bytes, now: float) -> list[Effect]:
        """Advance by one frame."""
        if self.state is State.CLOSED:
            return []
        try:
            received = self.codec.decode(frame, self._limits.frame_bytes)
        except FrameError:
            return self.close(CloseCode.BAD_REQUEST)
        effects: list[Effect] = []
        for command in received:
            effects += self.command(command, now)
            if self.state in (State.CLOSED, State.REFUSED):
                break
        return effects

    def command(self, command: Command, now: float) -> list[Effect]:
        """Advance by one command."""
        if self._connect is not None and self.state is not State.REFUSED and not command.is_pong:
            return self._wait(command, now)
        return self._command(command, now)

    def answer(self, answer: Answer, now: float) -> list[Effect]:
        """Advance by the outcome of an earlier effect; late answers of a closed connection change nothing."""
        if self.state is State.CLOSED:
            return []
        match answer:
            case Authenticated() if self.state is State.AUTHENTICATING:
                return self._authenticated(answer, now)
            case Refused(code) if self.state is State.AUTHENTICATING:
                return self._refuse_connect(code)
            case Joined():
                return self._joined(answer, now)
            case Failed(0, code, channel):
                return self._server_side_failed(channel, code, now)
            case Failed(id, code):
                self._subscriptions.end_pending(id)
                return self._error(id, code)
            case Recalled(channel, code) if self._subscriptions.is_joined(channel):
                return self._recalled(channel, code)
            case Renewed() | RenewRefused() | SubscriptionRenewed() | SubscriptionRenewRefused():
                return self._renewal(answer, now)
            case HistoryRead() | PresenceRead() | Published() | Called():
                return [Send(message_of(self.codec, answer))]
        return []

    def tick(self, now: float) -> list[Effect]:
        """Do what is due at `now`."""
        if self.state is State.CLOSED or now < self.deadline:
            return []
        if self.state is not State.READY:
            return self.close(CloseCode.STALE)
        if now >= self._pong_due_at:
            return self.close(CloseCode.NO_PONG)
        if now >= self._expires_at + self._limits.expiry_grace_s:
            return self.close(CloseCode.EXPIRED)
        effects: list[Effect] = []
        for channel in self._subscriptions.expired(now - self._limits.expiry_grace_s):
            effects += self._expire(channel)
        if now >= self._next_ping_at and self.state is State.READY:
            self._next_ping_at = now + self._limits.ping_interval_s
            if self.manner.is_pong_wanted:
                self._pong_due_at = min(self._pong_due_at, now + self._limits.pong_timeout_s)
            effects.append(Send(self.codec.ping))
        return effects

    def close(self, code: CloseCode) -> list[Effect]:
        """End the connection from this side."""
        if self.state is State.CLOSED:
            return []
        self.state = State.CLOSED
        self._subscriptions.clear()
        self._connect = None
        return [Close(code)]

    def is_awaiting(self, channel: str, command_id: int) -> bool:
        """Whether the subscribe command `command_id` (0: the server's own wish) still waits for its answer."""
        return self._subscriptions.is_awaiting(channel, command_id)

    def is_subscribed(self, channel: str) -> bool:
        return self._subscriptions.is_joined(channel)

    def subscribe(self, channel: str, since: StreamPosition | None = None) -> list[Effect]:
        """The server brings the client into a channel."""
        if self.state is not State.READY or channel in self._subscriptions:
            return []
        self._subscriptions.begin(channel, 0)
        return [Join(0, channel, since)]

    def end_in(self, left_s: float | None, now: float) -> list[Effect]:
        """The server decides anew when the connection ends; None: with the socket."""
        if left_s is not None and left_s <= 0:
            return self.close(CloseCode.EXPIRED)
        self._expires_at = instant(left_s, now)
        return []

    # Commands

    def _wait(self, command: Command, now: float) -> list[Effect]:
        """Came in while `connect` is being answered."""
        if self._connect is None or command.method == "connect":
            return self.close(CloseCode.BAD_REQUEST)
        if not self._allowance.take(now):
            return self._too_many(command)
        self._connect.waiting.append(command)
        return []

    def _command(self, command: Command, now: float) -> list[Effect]:
        request = command.request
        if self.state is State.NEW:
            if isinstance(request, commands.Connect) and command.id:
                self.state, self._connect = State.AUTHENTICATING, Connecting(command.id, request)
                return [Authenticate(request.token)]
            return self.close(CloseCode.BAD_REQUEST)
        if command.is_pong and self.state is not State.REFUSED:
            self._pong_due_at = math.inf
            return []
        if self.state is not State.READY:
            return self.close(CloseCode.BAD_REQUEST)
        if isinstance(request, commands.Send):
            return self.close(CloseCode.NOT_AVAILABLE)
        if not command.id or isinstance(request, commands.Connect | commands.Ping):
            return self.close(CloseCode.BAD_REQUEST)
        if not self._allowance.take(now):
            return self._too_many(command)
        return self._request(command.id, command)

    def _request(self, id: int, command: Command) -> list[Effect]:
        match command.request:
            case commands.Subscribe() as request:
                return self._subscribe(id, request)
            case commands.Unsubscribe(channel=channel):
                return self._unsubscribe(id, channel)
            case commands.SubRefresh(channel=channel) if channel and not self._subscriptions.is_joined(channel):
                return self._error(id, ErrorCode.PERMISSION_DENIED)
        return self._asked(id, effect_of(id, command))

    def _asked(self, id: int, asked: Effect | ErrorCode | CloseCode) -> list[Effect]:
        match asked:
            case ErrorCode():
                return self._error(id, asked)
            case CloseCode():
                return self.close(asked)
        return [asked]

    def _subscribe(self, id: int, request: commands.Subscribe) -> list[Effect]:
        channel, asked = request.channel, join_of(id, request)
        if isinstance(asked, Join):
            if channel in self._subscriptions:
                asked = ErrorCode.ALREADY_SUBSCRIBED
            elif len(self._subscriptions) >= self._limits.channels:
                asked = ErrorCode.LIMIT_EXCEEDED
            else:
                self._subscriptions.begin(channel, id)
        return self._asked(id, asked)

    def _unsubscribe(self, id: int, channel: str) -> list[Effect]:
        if not channel:
            return self.close(CloseCode.BAD_REQUEST)
        ended = self._subscriptions.end(channel)
        effects: list[Effect] = []
        if ended is not None and ended.is_joined:
            effects.append(Leave(channel))
        elif ended is not None and ended.pending_id:
            effects += self._error(ended.pending_id, ErrorCode.BAD_REQUEST)  # taken back before it was answered
        return [*effects, Send(self.codec.empty(id, "unsubscribe"))]

    # Answers

    def _authenticated(self, answer: Authenticated, now: float) -> list[Effect]:
        assert self._connect is not None
        self.state, self.user = State.JOINING, answer.user
        self._expires_at = instant(answer.expires_in_s, now)
        self._connect.ttl_s = announced_ttl_s(answer.expires_in_s) if answer.can_refresh else None
        known = self._connect.request.subs
        wished = known if self.manner.is_one_way else ()
        effects: list[Effect] = []
        for channel in dict.fromkeys([*answer.server_subs, *wished]):
            if channel and len(channel) <= MAX_CHANNEL_LENGTH and len(self._subscriptions) < self._limits.channels:
                self._subscriptions.begin(channel, 0)
                self._connect.missing.add(channel)
                effects.append(Join(0, channel, known[channel].since if channel in known else None))
        return effects or list(self._connected(now))

    def _joined(self, answer: Joined, now: float) -> list[Effect]:
        if not self.is_awaiting(answer.channel, answer.id):
            return []
        self._subscriptions.joined(answer.channel, instant(answer.expires_in_s, now))
        if answer.id:
            return [Send(self.codec.subscribe(answer.id, answer.result))]
        if self._connect is None:
            return [Send(self.codec.subscribe_push(answer.channel, answer.result)), Release()]
        self._connect.subs[answer.channel] = answer.result
        return self._one_less(answer.channel, now)

    def _server_side_failed(self, channel: str, code: ErrorCode, now: float) -> list[Effect]:
        """What may not be joined is left out; what cannot be joined for now is worth another try of the whole."""
        if not self.is_awaiting(channel, 0):  # taken back since; it may be the client's own by now
            return []
        self._subscriptions.end(channel)
        if self._connect is None:
            return []
        if code.is_temporary:
            return self._refuse_connect(code)
        return self._one_less(channel, now)

    def _one_less(self, channel: str, now: float) -> list[Effect]:
        assert self._connect is not None
        self._connect.missing.discard(channel)
        return [] if self._connect.missing else list(self._connected(now))

    def _connected(self, now: float) -> Iterator[Effect]:
        connecting = self._connect
        assert connecting is not None
        self.state, self._connect = State.READY, None
        result = connecting.result(self.client, self._version, self._limits.ping_interval_s, self.manner)
        yield Send(self.codec.connect(connecting.id, result))
        yield Release()
        for command in connecting.waiting:
            if self.state is State.READY:
                self._allowance.give_back()  # taken when it came in
                yield from self._command(command, now)

    def _refuse_connect(self, code: ErrorCode | CloseCode) -> list[Effect]:
        assert self._connect is not None
        if isinstance(code, CloseCode):
            return self.close(code)
        if self.manner.is_one_way:
            return self.close(close_code_of(code))
        reply = Send(self.codec.error(self._connect.id, code))
        self.state, self._connect = State.REFUSED, None
        left: list[Effect] = [Leave(name) for name in self._subscriptions.joined_channels()]
        self._subscriptions.clear()
        return [*left, reply]

    def _renewal(
        self, answer: Renewed | RenewRefused | SubscriptionRenewed | SubscriptionRenewRefused, now: float
    ) -> list[Effect]:
        match answer:
            case Renewed():
                return self._renewed(answer, now)
            case RenewRefused(id, ErrorCode() as code):
                return self._error(id, code)
            case RenewRefused(_, CloseCode() as code):
                return self.close(code)
            case SubscriptionRenewed(id, channel, expires_in_s) if self._subscriptions.is_joined(channel):
                self._subscriptions.renew(channel, instant(expires_in_s, now))
                return [Send(self.codec.expiry(id, "sub_refresh", announced_ttl_s(expires_in_s)))]
            case SubscriptionRenewed(id):  # it has ended since
                return self._error(id, ErrorCode.PERMISSION_DENIED)
            case SubscriptionRenewRefused(id, channel, code, is_expired):
                # An error would be final; the push makes the client come back with another token.
                return self._expire(channel) if is_expired else self._error(id, code)
        return []

    def _renewed(self, answer: Renewed, now: float) -> list[Effect]:
        if answer.user != self.user:
            return self.close(CloseCode.INVALID_TOKEN)
        if answer.must_reconnect:
            return self.close(CloseCode.INSUFFICIENT_STATE)
        self._expires_at = instant(answer.expires_in_s, now)
        return [Send(self.codec.expiry(answer.id, "refresh", announced_ttl_s(answer.expires_in_s)))]

    def _recalled(self, channel: str, code: UnsubscribeCode) -> list[Effect]:
        ended = self._subscriptions.end(channel)
        if ended is not None and ended.is_server_side and code is UnsubscribeCode.INSUFFICIENT_STATE:
            return self.close(CloseCode.INSUFFICIENT_STATE)  # a client cannot come back to these by itself
        if self._connect is not None:  # the client will never have known of it
            del self._connect.subs[channel]
            return []
        return [Send(self.codec.unsubscribe_push(channel, code))]

    def _expire(self, channel: str) -> list[Effect]:
        ended = self._subscriptions.end(channel)
        if ended is None:
            return []
        if ended.is_server_side:
            return self.close(CloseCode.SUBSCRIPTION_EXPIRED)
        return [Leave(channel), Send(self.codec.unsubscribe_push(channel, UnsubscribeCode.EXPIRED))]

    # Refusing

    def _error(self, id: int, code: ErrorCode) -> list[Effect]:
        return [Send(self.codec.error(id, code))]

    def _too_many(self, command: Command) -> list[Effect]:
        if self._allowance.refused > self._limits.refused_commands or not command.id:
            return self.close(CloseCode.TOO_MANY_ERRORS)
        return self._error(command.id, ErrorCode.TOO_MANY_REQUESTS)
