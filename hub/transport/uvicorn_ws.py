"""uvicorn's protocol classes with the guards they lack, and with the engine's way past them to the socket.

`make_protocols(limits)` gives the two classes for `uvicorn.Config(ws=…, http=…, ws_per_message_deflate=False)`.
A WebSocket's scope carries a `Wire` in `scope["extensions"]["hub.wire"]`, usable from `websocket.accept` on.
What each guard cures is said where it stands; `tests/fault/test_hostile_*.py` holds one test for each.
"""

import asyncio
import logging
from collections.abc import Generator, Mapping, MutableMapping
from http import HTTPStatus
from json import dumps
from secrets import token_hex
from typing import Any, ClassVar, cast

from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Close, CloseCode, Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

from hub.transport.link import Link, Pause, Wire, WireLimits, text_frame

__all__ = ["HubHttpProtocol", "HubWebSocketProtocol", "Wire", "WireLimits", "make_protocols", "text_frame"]

BAD_REQUEST = 3501  # docs/protocol.md: terminal for the client, unlike the close codes below 3000
TOO_MANY = 3509
SLICE_BYTES = 4_096  # of input parsed before the frame budget is looked at again: at most 7 ms of loop time


class _QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """uvicorn's logger without query strings: it would write them all, and they can hold secrets."""

    @property
    def level(self) -> int:
        return self.logger.level

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        super().log(level, msg, *(a.partition("?")[0] if isinstance(a, str) else a for a in args), **kwargs)

    def process(self, msg: object, kwargs: MutableMapping[str, Any]) -> tuple[object, MutableMapping[str, Any]]:
        return msg, kwargs


_error_log = cast("logging.Logger", _QuietLogger(logging.getLogger("uvicorn.error")))
_access_log = cast("logging.Logger", _QuietLogger(logging.getLogger("uvicorn.access")))
# websockets logs whole requests, credentials included, when its logger is open for DEBUG; this one never is.
_frame_log = logging.getLogger("hub.wire.frames")
_frame_log.setLevel(logging.WARNING)


class _Reader(StreamReader):
    """Knows whether the parser stands between two frames."""

    is_between_frames = True

    def at_eof(self) -> Generator[None, None, bool]:
        self.is_between_frames = True
        at_eof = yield from super().at_eof()
        self.is_between_frames = False
        return at_eof


class _Connection(ServerProtocol):
    """Sans-IO WebSocket without compression, which ends an oversized message in a way that SDKs understand."""

    reader: _Reader

    def __init__(self, max_size: int) -> None:
        super().__init__(max_size=max_size, logger=_frame_log)
        self.reader = _Reader()
        self.parser = self.parse()  # the one made above reads from the reader made there
        next(self.parser)

    def fail(self, code: CloseCode | int, reason: str = "") -> None:
        if code == CloseCode.MESSAGE_TOO_BIG:  # 1009 stops some SDKs for good and makes others come back with the same
            code, reason = BAD_REQUEST, "message too big"
        super().fail(code, reason)

    @property
    def is_mid_message(self) -> bool:
        return self.current_size is not None or not self.reader.is_between_frames


class HubWebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket that cannot hold memory, time or a place for longer than its limits say."""

    limits: ClassVar[WireLimits] = WireLimits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _error_log
        self.conn: _Connection = _Connection(self.limits.message_bytes)
        self.transport: Link
        self._message_timer: asyncio.TimerHandle | None = None
        self._frames_left = float(self.limits.frame_burst)
        self._counted_at = self.loop.time()

    # Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        link = (
            transport
            if isinstance(transport, Link)
            else Link(cast("asyncio.Transport", transport), self.loop, self.limits)
        )
        super().connection_made(link)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_message_timer()
        self.transport.lost()
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        self.transport.peer_finished()
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.writing_paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.transport.writing_resumed()

    def data_received(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(data), SLICE_BYTES):
            if self.transport.is_closing():
                return  # what comes after the goodbye is read only to be forgotten
            self.conn.receive_data(bytes(view[start : start + SLICE_BYTES]))
            if self.conn.handshake_exc is not None:
                self._refuse_handshake()
                return
            frames = len(self.conn.events)
            self.handle_events()  # before the error, if there is one: it came after them
            if self.conn.parser_exc is not None:
                self.handle_parser_exception()
            elif not self._has_frames_left(frames):
                self._fail(TOO_MANY, "too many frames")
        self._watch_message()

    # Called by the parser.

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions["hub.wire"] = self.transport.lend_wire()
            self.transport.pause(Pause.HANDSHAKE)  # frames ahead of our 101 stay in the kernel

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= self.limits.fragments:
            self._fail(BAD_REQUEST, "too many fragments")
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        self._stop_message_timer()
        data, self.frames = b"".join(self.frames), []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "text":
            try:
                self.queue.put_nowait({"type": "websocket.receive", "text": data.decode()})
            except UnicodeDecodeError:  # the base class logs a traceback for each
                self._fail(CloseCode.INVALID_DATA, "invalid UTF-8")
                return
        else:
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    # Called by the application.

    async def send(self, message: ASGISendEvent) -> None:
        if self.handshake_complete and self.transport.is_closing():
            raise ClientDisconnected  # the base class answers RuntimeError when it was the peer's fault
        await super().send(message)
        self.transport.resume(Pause.HANDSHAKE)
        if self.close_sent and self.transport.wire is not None:
            self.transport.wire.is_closing = True

    # Guards.

    def _refuse_handshake(self) -> None:
        """Send the refusal that the parser wrote; the base class keeps it for itself and the socket open."""
        self.handshake_complete = self.close_sent = True
        answer = b"".join(self.conn.data_to_send()) or self.conn.reject(HTTPStatus.BAD_REQUEST, "").serialize()
        self.transport.write(answer)
        self.transport.close()

    def _fail(self, code: int, reason: str) -> None:
        if self.transport.is_closing():
            return
        self.conn.fail(code, reason)
        if self.conn.close_sent is None:  # the peer's close frame came first and was wrong in itself
            self.conn.close_sent = Close(code, reason)
        self.handle_parser_exception()

    def _has_frames_left(self, spent: int) -> bool:
        now = self.loop.time()
        earned = (now - self._counted_at) * self.limits.frames_per_s
        self._frames_left = min(self.limits.frame_burst, self._frames_left + earned) - spent
        self._counted_at = now
        return self._frames_left >= 0

    def _watch_message(self) -> None:
        """Start or stop the deadline of a message that is here in part."""
        if not self.handshake_complete or self.transport.is_closing() or not self.conn.is_mid_message:
            self._stop_message_timer()
        elif self._message_timer is None:
            self._message_timer = self.loop.call_later(self.limits.message_deadline_s, self._end_slow_message)

    def _end_slow_message(self) -> None:
        self._message_timer = None
        if self.transport.is_reading():
            self._fail(BAD_REQUEST, "message took too long")
        else:
            self._watch_message()  # we were the ones who did not read

    def _stop_message_timer(self) -> None:
        if self._message_timer is not None:
            self._message_timer.cancel()
            self._message_timer = None


class _HeadTooLargeError(Exception):
    """Ends the parser at the header that passed the limit."""


class HubHttpProtocol(HttpToolsProtocol):
    """HTTP with a deadline and a size for everything that comes before the application sees the request.

    Neither uvicorn nor its parser has one: half a request may stay open for ever, and one header line may grow
    without end.
    """

    limits: ClassVar[WireLimits] = WireLimits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger, self.access_logger = _error_log, _access_log
        self.transport: Link
        self._deadline: asyncio.TimerHandle | None = None
        self._is_in_body = False
        self._silent_bytes = 0  # received since the parser last got something done
        self._head_bytes = 0
        self._is_head_too_large = False

    # Called by the loop.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Link(transport, self.loop, self.limits))
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        self.transport.lost()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def eof_received(self) -> bool:  # type: ignore[override]
        self.transport.peer_finished()
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.writing_paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.transport.writing_resumed()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._deadline is None:
            self._start_deadline()  # blank lines between requests count too: they stop the keep-alive timer
        self._silent_bytes += len(data)
        super().data_received(data)
        if self._silent_bytes > self.limits.header_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    # Called by the parser.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + 4)  # trailers of a chunked body too
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._silent_bytes = 0
        self._stop_deadline()
        self._is_in_body = True
        super().on_headers_complete()
        if not (self.parser.should_upgrade() and self._should_upgrade()):
            self._start_deadline()

    def on_body(self, body: bytes) -> None:
        self._silent_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._silent_bytes = 0
        self._stop_deadline()
        self._is_in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        too_large = self._is_head_too_large
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_large else HTTPStatus.BAD_REQUEST)

    # Guards.

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self.limits.header_bytes:
            self._is_head_too_large = True
            raise _HeadTooLargeError

    def _start_deadline(self) -> None:
        limit_s = self.limits.body_deadline_s if self._is_in_body else self.limits.header_deadline_s
        self._deadline = self.loop.call_later(limit_s, self._cut_slow_request)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut_slow_request(self) -> None:
        self._deadline = None
        if self.transport.is_reading():
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self._start_deadline()  # we were the ones who did not read

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer `status` in the envelope of the API and end the connection; say nothing inside another answer."""
        self._stop_deadline()
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        may_answer = cycle is None or cycle.response_complete
        if cycle is not None and self._is_in_body:
            may_answer = not cycle.response_started and not self.pipeline
            cycle.disconnected = True  # the application learns that the rest will not come
            cycle.message_event.set()
        if may_answer:
            self.transport.write(_refusal(status))
        self.transport.close()


def _refusal(status: HTTPStatus) -> bytes:
    code = {HTTPStatus.REQUEST_TIMEOUT: "timeout", HTTPStatus.BAD_REQUEST: "bad_request"}.get(
        status, "headers_too_large"
    )
    error: Mapping[str, object] = {"code": code, "message": status.description, "fields": None, "error_id": None}
    meta = {"request_id": token_hex(8), "next": None}
    body = dumps({"status": "error", "data": None, "error": error, "meta": meta}).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    )
    return head.encode() + b"cache-control: no-store\r\nconnection: close\r\n\r\n" + body


def make_protocols(limits: WireLimits) -> tuple[type[HubWebSocketProtocol], type[HubHttpProtocol]]:
    """(ws class, http class) with these limits, for `uvicorn.Config(ws=…, http=…)`."""
    ws = type("HubWebSocketProtocol", (HubWebSocketProtocol,), {"limits": limits})
    http = type("HubHttpProtocol", (HubHttpProtocol,), {"limits": limits})
    return ws, http
