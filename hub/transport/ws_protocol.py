"""One WebSocket on the loop's transport: the server's side of RFC 6455, with a limit on everything a peer can take.

First an ASGI application has it (`ws_asgi`); once that has detached it, all that is left of the connection is the
loop's transport, a `Link`, a parser without a buffer, and this object, which is fan-out's `Wire` as well.
"""

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.server import ServerState

from hub.transport.link import Link, Pause, WireLimits
from hub.transport.ws_admission import Admission
from hub.transport.ws_answers import refusal
from hub.transport.ws_asgi import AsgiRun
from hub.transport.ws_frames import (
    BAD_REQUEST,
    FrameParser,
    FrameViolation,
    Op,
    close_frame,
    pong_frame,
    read_close,
)
from hub.transport.ws_handshake import Handshake
from hub.transport.ws_wire import Receiver

TOO_MANY = 3509
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
ABNORMAL = 1006  # no goodbye was heard; never on the wire

_log = logging.getLogger("hub.wire")


def _write_nothing(_frame: bytes) -> None:
    """What `write` is while nothing can be written."""


def _no_bytes() -> int:
    """What `buffered_bytes` is while nothing can be written."""
    return 0


class HubWebSocketProtocol(asyncio.Protocol):
    """A `Wire`, and what the loop and uvicorn know as a protocol. Made by `HubHttpProtocol` when a client upgrades."""

    __slots__ = (
        "_address",
        "_counted_at",
        "_early",
        "_end_code",
        "_frames_left",
        "_is_held",
        "_link",
        "_parser",
        "_receiver",
        "_run",
        "_timer",
        "buffered_bytes",
        "close_reason",
        "config",
        "is_closing",
        "is_open",
        "loop",
        "pongs",
        "server_state",
        "write",
    )

    limits: ClassVar[WireLimits] = WireLimits()
    admission: ClassVar[Admission] = Admission()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002  uvicorn hands it to each of its protocols; here the scope has it
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.config = config
        self.server_state = server_state
        self.loop = _loop or asyncio.get_event_loop()
        self.is_open = False  # the handshake is complete
        self.is_closing = False
        self.pongs = 0
        self.close_reason = ""  # the peer's, or ours where the peer broke a rule
        self.write: Callable[[bytes], object] = _write_nothing
        self.buffered_bytes: Callable[[], int] = _no_bytes
        self._parser = FrameParser(self.limits.message_bytes, self.limits.fragments)
        self._receiver: Receiver | None = None
        self._run: AsgiRun | None = None
        self._address: str | None = None  # while a stranger
        self._early = b""  # came before the handshake was complete
        self._is_held = False
        self._end_code = ABNORMAL
        self._timer: asyncio.TimerHandle | None = None
        self._frames_left = float(self.limits.frame_burst)
        self._counted_at = 0.0
        self._link: Link

    def begin(self, link: Link, address: str | None, scope: dict[str, Any], handshake: Handshake, early: bytes) -> None:
        """Take `link` over and call the application; `early` came behind the request. Raises Refused: too many."""
        self.admission.enter(address)
        self._address = address
        self._early = early
        self._counted_at = self.loop.time()
        self._link = link
        link.owner = self
        link.set_protocol(self)
        link.pause(Pause.HANDSHAKE)  # frames ahead of our 101 stay in the kernel
        self.server_state.connections.add(self)  # type: ignore[arg-type]  # uvicorn asks for `shutdown` alone
        scope["extensions"]["hub.wire"] = self
        self._receiver = self._run = AsgiRun(self, scope, handshake)
        task = self.loop.create_task(self._run.run())
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    # Called by the loop, the link and uvicorn.

    def data_received(self, data: bytes) -> None:
        if not self.is_open:
            self._early += data
        elif not self.is_closing:  # what comes after the goodbye is read only to be forgotten
            self._parser.feed(data)
            self._advance()

    def eof_received(self) -> bool:
        self._link.peer_finished()
        self._tell(self._end_code)
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._link.lost()
        self.link_closing()
        self.server_state.connections.discard(self)
        self.admission.leave(self._address)
        self._tell(self._end_code)
        if self._run is not None:
            self._run.on_writable(is_writable=True)

    def pause_writing(self) -> None:
        self._link.writing_paused()
        if self._run is not None:
            self._run.on_writable(is_writable=False)

    def resume_writing(self) -> None:
        self._link.writing_resumed()
        if self._run is not None:
            self._run.on_writable(is_writable=True)

    def link_closing(self) -> None:
        """From now on nothing can be written."""
        self.is_closing = True
        self.write = _write_nothing
        self.buffered_bytes = _no_bytes
        self._stop_message_timer()

    def shutdown(self) -> None:
        """The server ends; uvicorn waits for the connection to be gone."""
        if self.is_open:
            self.close(SERVICE_RESTART)
            self._tell(SERVICE_RESTART)
        else:
            self.answer(refusal(HTTPStatus.SERVICE_UNAVAILABLE))

    # Called by whoever serves the peer: see `Wire`.

    def close(self, code: int, reason: str = "") -> None:
        frame = close_frame(code, reason)
        if not self.is_closing:
            self.write(frame)
            self._end_code = code
            self._link.close()

    def abort(self) -> None:
        self._link.abort()

    def detach(self, receiver: Receiver) -> None:
        if self._run is None or not self.is_open or self._run.has_ended:
            raise RuntimeError("there is no application to detach from")
        has_ended, self._receiver = self._receiver is None, receiver
        if (message := self._run.release()) is not None:
            self._deliver(*message)
        if has_ended:
            self._tell(self._end_code)
        else:
            self.go_on()

    def admitted(self) -> None:
        if self._address is not None:
            self.admission.authenticate(self._address)
            self._address = None

    # Called by the application's side.

    def is_receiver(self, run: AsgiRun) -> bool:
        return self._receiver is run

    def open(self, answer: bytes) -> None:
        """Send the 101 and begin to listen."""
        if self.is_closing:
            return
        link, early = self._link, self._early
        self.is_open, self._early = True, b""
        self.write, self.buffered_bytes = link.raw.write, link.raw.get_write_buffer_size
        link.write(answer)
        link.resume(Pause.HANDSHAKE)
        if early:
            self.data_received(early)

    def answer(self, response: bytes) -> None:
        """Send a whole HTTP response instead of the handshake."""
        self._link.write(response)
        self._link.close()

    def hold(self) -> None:
        """Bring no more until the application asks for it."""
        self._is_held = True
        self._link.pause(Pause.APP)

    def go_on(self) -> None:
        """The application can take a message."""
        if self._is_held:
            self._is_held = False
            self._link.resume(Pause.APP)
            if not self.is_closing:
                self._advance()

    def run_ended(self) -> None:
        self._run = None

    # Frames.

    def _advance(self) -> None:
        """Do what the parser finds, until there is no more of it, or the application has to take a message first."""
        limit = self._refill()
        try:
            self._take_events(limit)
        except FrameViolation as violation:
            self._fail(violation.code, violation.reason)
        self._frames_left = limit - self._parser.frames
        self._parser.frames = 0
        self._watch_message()

    def _take_events(self, frame_limit: float) -> None:
        parser = self._parser
        while not self.is_closing and not self._is_held and (event := parser.next_event()) is not None:
            op, payload = event
            if op is Op.TEXT or op is Op.BINARY:
                self._stop_message_timer()
                self._deliver(payload, op is Op.TEXT)
            elif op is Op.PING:
                self.write(pong_frame(payload))
            elif op is Op.PONG:
                self.pongs += 1
            else:
                self._answer_close(*read_close(payload))
            if parser.frames > frame_limit:
                break
        if parser.frames > frame_limit:
            self._fail(TOO_MANY, "too many frames")

    def _deliver(self, data: bytes, is_text: bool) -> None:
        assert self._receiver is not None
        try:
            self._receiver.on_message(data, is_text)
        except Exception:  # noqa: BLE001  a boundary: one connection ends, and the traceback is logged
            _log.exception("a message could not be served")
            self._fail(INTERNAL_ERROR, "internal error")

    def _answer_close(self, code: int, reason: str) -> None:
        self.close_reason = reason
        self.close(code)
        self._tell(code)

    def _fail(self, code: int, reason: str) -> None:
        if not self.is_closing:
            self.close_reason = reason
            self.close(code, reason)
            self._tell(code)

    def _tell(self, code: int) -> None:
        """Tell the receiver, once, that nothing more will come."""
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            try:
                receiver.on_close(code)
            except Exception:  # noqa: BLE001  a boundary, as above
                _log.exception("the end of a connection could not be served")

    # Limits.

    def _refill(self) -> float:
        now = self.loop.time()
        earned = (now - self._counted_at) * self.limits.frames_per_s
        self._counted_at = now
        return min(self.limits.frame_burst, self._frames_left + earned)

    def _watch_message(self) -> None:
        """Start or stop the deadline of a message that is here in part."""
        if self.is_closing or self._is_held or not self._parser.is_mid_message:
            self._stop_message_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.limits.message_deadline_s, self._end_slow_message)

    def _end_slow_message(self) -> None:
        self._timer = None
        if self._link.is_reading():
            self._fail(BAD_REQUEST, "message took too long")
        else:
            self._watch_message()  # we were the ones who did not read

    def _stop_message_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
