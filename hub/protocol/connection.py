"""One client connection as a state machine: frame | answer | tick → effects.

`now` is monotonic seconds. No method raises or waits; the transport does the effects in order and gives the answers
back (docs/protocol.md). Publications do not pass through here: the engine writes them to the transport itself, from the
moment at which a `Joined` answer was accepted until a `Leave` effect or a `Recalled` answer.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from hub.protocol import frames
from hub.protocol.codes import CloseCode, ErrorCode
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
from hub.protocol.frames import Command, FrameError
from hub.protocol.stream import StreamPosition

FLAG_REJECT_UNRECOVERED = 2
MAX_CHANNEL_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may do; times in seconds."""

    frame_bytes: int = 65_536
    connect_deadline_s: float = 10.0
    ping_interval_s: float = 25.0
    pong_timeout_s: float = 8.0
    expiry_grace_s: float = 25.0
    channels: int = 128
    commands_per_s: float = 20.0
    command_burst: int = 40
    refused_commands: int = 100  # answered with "too many requests" before the connection is ended


class State(Enum):
    NEW = auto()
    AUTHENTICATING = auto()
    READY = auto()
    REFUSED = auto()  # `connect` failed; the client is to close
    CLOSED = auto()


class Connection:
    """`jitter` in 0..1 places the first ping between half and a whole interval, so that pings of many spread out."""

    def __init__(self, client: str, version: str, limits: Limits, now: float, jitter: float) -> None:
        self.client = client
        self.state = State.NEW
        self.user: str | None = None
        self._version = version
        self._limits = limits
        self._jitter = jitter
        self._connect_id = 0
        self._waiting: list[Command] = []  # came in while the token was being checked
        self._subscriptions: dict[str, int | None] = {}  # channel → id of the pending command, None once joined
        self._stale_at = now + limits.connect_deadline_s
        self._next_ping_at = math.inf
        self._pong_due_at = math.inf
        self._expires_at = math.inf
        # A client opens all its subscriptions in one go, so the first burst is larger by as many.
        self._allowance = float(limits.command_burst + limits.channels)
        self._allowed_at = now
        self._refused = 0

    @property
    def is_closed(self) -> bool:
        return self.state is State.CLOSED

    @property
    def deadline(self) -> float:
        """When `tick` must be called at the latest."""
        if self.state is State.CLOSED:
            return math.inf
        if self.state is State.READY:
            return min(self._next_ping_at, self._pong_due_at, self._expires_at + self._limits.expiry_grace_s)
        return self._stale_at

    def receive(self, frame: str | bytes, now: float) -> list[Effect]:
        """Advance by one text frame."""
        if self.state is State.CLOSED:
            return []
        try:
            commands = frames.decode(frame, self._limits.frame_bytes)
        except FrameError:
            return self.close(CloseCode.BAD_REQUEST)
        effects: list[Effect] = []
        for command in commands:
            if self.state is State.AUTHENTICATING and not command.is_pong:
                effects += self._wait(command, now)
            else:
                effects += self._command(command, now)
            if self.state in (State.CLOSED, State.REFUSED):
                break
        return effects

    def answer(self, answer: Answer, now: float) -> list[Effect]:
        """Advance by the outcome of an earlier effect; late answers of a closed connection change nothing."""
        if self.state is State.CLOSED:
            return []
        match answer:
            case Authenticated() if self.state is State.AUTHENTICATING:
                return self._authenticated(answer, now)
            case Refused(code) if self.state is State.AUTHENTICATING:
                return self._refuse_connect(code)
            case Renewed():
                return self._renewed(answer, now)
            case RenewRefused(id, ErrorCode() as code):
                return [Send(frames.error_reply(id, code))]
            case RenewRefused(_, CloseCode() as code):
                return self.close(code)
            case Joined():
                return self._joined(answer)
            case HistoryRead(id, position, publications):
                return [Send(frames.history_reply(id, position, publications))]
            case Failed(id, code):
                self._forget_pending(id)
                return [Send(frames.error_reply(id, code))]
            case Recalled(channel, code) if self._subscriptions.get(channel, 0) is None:
                del self._subscriptions[channel]
                return [Send(frames.unsubscribe_push(channel, code))]
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
        self._next_ping_at = now + self._limits.ping_interval_s
        self._pong_due_at = min(self._pong_due_at, now + self._limits.pong_timeout_s)
        return [Send(frames.PING)]

    def close(self, code: CloseCode) -> list[Effect]:
        """End the connection from this side."""
        if self.state is State.CLOSED:
            return []
        self.state = State.CLOSED
        self._subscriptions.clear()
        self._waiting.clear()
        return [Close(code)]

    def is_awaiting(self, channel: str, command_id: int) -> bool:
        """Whether the subscribe command `command_id` still waits for its answer."""
        return self._subscriptions.get(channel, 0) == command_id != 0

    # Commands

    def _wait(self, command: Command, now: float) -> list[Effect]:
        if command.method == "connect":
            return self.close(CloseCode.BAD_REQUEST)
        if not self._take_allowance(now):
            return self._too_many(command)
        self._waiting.append(command)
        return []

    def _command(self, command: Command, now: float) -> list[Effect]:
        request = command.request
        if self.state is State.NEW:
            if isinstance(request, frames.Connect) and command.id:
                self.state, self._connect_id = State.AUTHENTICATING, command.id
                return [Authenticate(request.token or None)]
            return self.close(CloseCode.BAD_REQUEST)
        if self.state is not State.READY:
            return self.close(CloseCode.BAD_REQUEST)
        if command.is_pong:
            self._pong_due_at = math.inf
            return []
        if isinstance(request, frames.Send):
            return self.close(CloseCode.NOT_AVAILABLE)
        if not command.id or isinstance(request, frames.Connect | frames.Ping):
            return self.close(CloseCode.BAD_REQUEST)
        if not self._take_allowance(now):
            return self._too_many(command)
        return self._request(command.id, command)

    def _request(self, id: int, command: Command) -> list[Effect]:
        match command.request:
            case frames.Subscribe() as request:
                return self._subscribe(id, request)
            case frames.Unsubscribe(channel=channel):
                return self._unsubscribe(id, channel)
            case frames.History() as request:
                return self._history(id, request)
            case frames.Refresh(token=token):
                return [Renew(id, token)] if token else self.close(CloseCode.BAD_REQUEST)
            case frames.Publish():
                return self._error(id, ErrorCode.PERMISSION_DENIED)
            case frames.SubRefresh(channel=channel) if channel not in self._subscriptions:
                return self._error(id, ErrorCode.PERMISSION_DENIED)
            case frames.SubRefresh() | frames.Presence() | frames.PresenceStats() | frames.Rpc():
                return self._error(id, ErrorCode.NOT_AVAILABLE)
        if not command.method:
            return self.close(CloseCode.BAD_REQUEST)
        return self._error(id, ErrorCode.METHOD_NOT_FOUND)

    def _subscribe(self, id: int, request: frames.Subscribe) -> list[Effect]:
        channel = request.channel
        if not channel or request.delta not in ("", "fossil"):
            return self.close(CloseCode.BAD_REQUEST)
        if len(channel) > MAX_CHANNEL_LENGTH or request.tf is not None:
            return self._error(id, ErrorCode.BAD_REQUEST)
        if request.type or request.phase:
            return self._error(id, ErrorCode.NOT_AVAILABLE)
        if channel in self._subscriptions:
            return self._error(id, ErrorCode.ALREADY_SUBSCRIBED)
        if len(self._subscriptions) >= self._limits.channels:
            return self._error(id, ErrorCode.LIMIT_EXCEEDED)
        self._subscriptions[channel] = id
        since = StreamPosition(request.epoch, request.offset) if request.recover else None
        return [Join(id, channel, since, bool(request.flag & FLAG_REJECT_UNRECOVERED))]

    def _unsubscribe(self, id: int, channel: str) -> list[Effect]:
        if not channel:
            return self.close(CloseCode.BAD_REQUEST)
        pending_id = self._subscriptions.pop(channel, 0)
        effects: list[Effect] = []
        if pending_id is None:
            effects.append(Leave(channel))
        elif pending_id:
            effects += self._error(pending_id, ErrorCode.BAD_REQUEST)  # taken back before it was answered
        return [*effects, Send(frames.empty_reply(id, "unsubscribe"))]

    def _history(self, id: int, request: frames.History) -> list[Effect]:
        if not request.channel:
            return self.close(CloseCode.BAD_REQUEST)
        if len(request.channel) > MAX_CHANNEL_LENGTH:
            return self._error(id, ErrorCode.BAD_REQUEST)
        since = None if request.since is None else StreamPosition(request.since.epoch, request.since.offset)
        return [ReadHistory(id, request.channel, since, request.limit, request.reverse)]

    # Answers

    def _authenticated(self, answer: Authenticated, now: float) -> list[Effect]:
        self.state, self.user = State.READY, answer.user
        self._expires_at = math.inf if answer.expires_in_s is None else now + answer.expires_in_s
        self._next_ping_at = now + self._limits.ping_interval_s * (1 + self._jitter) / 2
        reply = frames.connect_reply(
            self._connect_id,
            client=self.client,
            version=self._version,
            ping_s=max(1, round(self._limits.ping_interval_s)),
            ttl_s=_announced_ttl_s(answer.expires_in_s) if answer.can_refresh else None,
        )
        return [Send(reply), *self._resume(now)]

    def _resume(self, now: float) -> Iterator[Effect]:
        waiting, self._waiting = self._waiting, []
        for command in waiting:
            if self.state is State.READY:
                self._allowance += 1  # taken when it came in
                yield from self._command(command, now)

    def _refuse_connect(self, code: ErrorCode | CloseCode) -> list[Effect]:
        if isinstance(code, CloseCode):
            return self.close(code)
        self.state = State.REFUSED
        self._waiting.clear()
        return [Send(frames.error_reply(self._connect_id, code))]

    def _renewed(self, answer: Renewed, now: float) -> list[Effect]:
        if answer.user != self.user:
            return self.close(CloseCode.INVALID_TOKEN)
        self._expires_at = math.inf if answer.expires_in_s is None else now + answer.expires_in_s
        return [Send(frames.refresh_reply(answer.id, _announced_ttl_s(answer.expires_in_s)))]

    def _joined(self, answer: Joined) -> list[Effect]:
        if not self.is_awaiting(answer.channel, answer.id):
            return []
        self._subscriptions[answer.channel] = None
        recovered = answer.snapshot is None
        reply = frames.subscribe_reply(
            answer.id,
            answer.position,
            was_recovering=answer.was_recovering,
            recovered=recovered,
            publications=answer.publications if recovered else (),
            data=answer.snapshot,
        )
        return [Send(reply)]

    def _forget_pending(self, id: int) -> None:
        for channel, pending_id in self._subscriptions.items():
            if pending_id == id:
                del self._subscriptions[channel]
                return

    # Refusing

    def _error(self, id: int, code: ErrorCode) -> list[Effect]:
        return [Send(frames.error_reply(id, code))]

    def _too_many(self, command: Command) -> list[Effect]:
        self._refused += 1
        if self._refused > self._limits.refused_commands or not command.id:
            return self.close(CloseCode.TOO_MANY_ERRORS)
        return self._error(command.id, ErrorCode.TOO_MANY_REQUESTS)

    def _take_allowance(self, now: float) -> bool:
        """A token bucket: `commands_per_s`, at most `command_burst` saved up."""
        gained = (now - self._allowed_at) * self._limits.commands_per_s
        self._allowed_at = now
        self._allowance = max(self._allowance, min(self._limits.command_burst, self._allowance + gained))
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True


def _announced_ttl_s(expires_in_s: float | None) -> int | None:
    """Whole seconds; at least 1, as a client takes 0 for "refresh at once, again and again"."""
    return None if expires_in_s is None else max(1, math.floor(expires_in_s))
