"""An ASGI application on a WebSocket: connect, accept or refuse, messages both ways (ASGI WebSocket spec 2.4)."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from uvicorn.protocols.utils import ClientDisconnected

from hub.transport.ws_answers import refusal, response
from hub.transport.ws_frames import binary_frame, text_frame
from hub.transport.ws_handshake import Handshake, switching_protocols

if TYPE_CHECKING:
    from hub.transport.ws_protocol import HubWebSocketProtocol

_log = logging.getLogger("uvicorn.error")


class AsgiRun:
    """One call of the application, and the connection's receiver until the application detaches it or ends."""

    __slots__ = (
        "_arrived",
        "_denial",
        "_end",
        "_handshake",
        "_has_connected",
        "_message",
        "_scope",
        "_wire",
        "_writable",
        "has_ended",
    )

    def __init__(self, wire: "HubWebSocketProtocol", scope: dict[str, Any], handshake: Handshake) -> None:
        self._wire = wire
        self._scope = scope
        self._handshake = handshake
        self._message: tuple[bytes, bool] | None = None  # the connection brings no other before this one is taken
        self._arrived = asyncio.Event()  # a message or the end
        self._writable = asyncio.Event()
        self._writable.set()
        self._has_connected = False  # the application has taken the first event
        self.has_ended = False  # the application has said its last word, or somebody else has the connection
        self._denial: tuple[int, Any, list[bytes]] | None = None  # status, headers and body of an answer of its own
        self._end: Mapping[str, Any] | None = None

    async def run(self) -> None:
        """Call the application, and see to it that the connection ends with it."""
        status, code = HTTPStatus.SERVICE_UNAVAILABLE, 1001  # cancelled
        try:
            await self._wire.config.loaded_app(self._scope, self.receive, self.send)
            status, code = HTTPStatus.INTERNAL_SERVER_ERROR, 1000
        except ClientDisconnected:
            pass
        except Exception:  # noqa: BLE001  a boundary: one connection ends, and the traceback is logged
            status, code = HTTPStatus.INTERNAL_SERVER_ERROR, 1011
            _log.exception("Exception in ASGI application")
        finally:
            self._finish(status, code)
            self._wire.run_ended()

    def _finish(self, status: HTTPStatus, code: int) -> None:
        """End the connection in the way that is possible now, unless somebody else has it."""
        if self._wire.is_closing or not self._wire.is_receiver(self):
            return
        if self._wire.is_open:
            self._wire.close(code)
        else:
            _log.error("the application ended before the handshake")
            self._wire.answer(refusal(status))

    # Called by the connection.

    def on_message(self, data: bytes, is_text: bool) -> None:
        self._message = data, is_text
        self._arrived.set()
        self._wire.hold()

    def on_close(self, code: int) -> None:
        self._set_end(code, self._wire.close_reason)

    def on_writable(self, *, is_writable: bool) -> None:
        if is_writable:
            self._writable.set()
        else:
            self._writable.clear()

    def release(self) -> tuple[bytes, bool] | None:
        """The message that the application has not taken; it gets no more."""
        self.has_ended = True
        message, self._message = self._message, None
        return message

    def _set_end(self, code: int, reason: str) -> None:
        if self._end is None:
            self._end = {"type": "websocket.disconnect", "code": code, "reason": reason}
        self._arrived.set()
        self._writable.set()  # whoever waits to write has nothing to wait for

    # Called by the application.

    async def receive(self) -> Mapping[str, Any]:
        """The next event; after the last one, that one again."""
        if not self._has_connected:
            self._has_connected = True
            return {"type": "websocket.connect"}
        if self._message is None:  # whoever asks for the next one is done with the last one
            self._wire.go_on()
        while self._message is None:
            if self._end is not None:
                return self._end
            self._arrived.clear()
            await self._arrived.wait()
        (data, is_text), self._message = self._message, None
        if is_text:
            return {"type": "websocket.receive", "text": data.decode()}
        return {"type": "websocket.receive", "bytes": data}

    async def send(self, message: Mapping[str, Any]) -> None:
        """Do what `message` says. Raises RuntimeError when it is not its turn, OSError when the peer is gone."""
        await self._writable.wait()
        kind = message["type"]
        if self.has_ended:
            raise RuntimeError(f"ASGI message {kind!r} after the end")
        if self._wire.is_closing:
            raise ClientDisconnected
        if self._denial is not None:
            self._go_on_denying(kind, message)
        elif self._wire.is_open:
            self._send_open(kind, message)
        else:
            self._send_first(kind, message)

    def _send_first(self, kind: str, message: Mapping[str, Any]) -> None:
        if kind == "websocket.accept":
            self._accept(message.get("subprotocol"), message.get("headers", ()))
        elif kind == "websocket.close":
            self._note(HTTPStatus.FORBIDDEN)
            self._end_with(refusal(HTTPStatus.FORBIDDEN))
        elif kind == "websocket.http.response.start":
            self._note(message["status"])
            self._denial = message["status"], [*message.get("headers", ())], []
        else:
            raise RuntimeError(f"ASGI message {kind!r} before the handshake")

    def _accept(self, subprotocol: str | None, headers: Iterable[tuple[bytes, bytes]]) -> None:
        own = (*self._wire.server_state.default_headers, *headers)
        answer = switching_protocols(self._handshake.accept, subprotocol, own)
        _log.info('%s - "WebSocket %s" [accepted]', self._client, quote(self._scope["path"]))
        self._wire.open(answer)

    def _send_open(self, kind: str, message: Mapping[str, Any]) -> None:
        if kind == "websocket.close":
            code, reason = message.get("code", 1000), message.get("reason") or ""
            self._wire.close(code, reason)
            self.has_ended = True
            self._set_end(code, reason)
        elif kind == "websocket.send":
            data, text = message.get("bytes"), message.get("text")
            self._wire.write(binary_frame(data) if data is not None else text_frame((text or "").encode()))
        else:
            raise RuntimeError(f"ASGI message {kind!r} on an open WebSocket")

    def _go_on_denying(self, kind: str, message: Mapping[str, Any]) -> None:
        if kind != "websocket.http.response.body":
            raise RuntimeError(f"ASGI message {kind!r} in an answer")
        assert self._denial is not None
        status, headers, parts = self._denial
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            self._end_with(response(status, headers, b"".join(parts)))

    def _end_with(self, answer: bytes) -> None:
        self.has_ended = True
        self._wire.answer(answer)
        self._set_end(1006, "")

    def _note(self, status: int) -> None:
        _log.info('%s - "WebSocket %s" %d', self._client, quote(self._scope["path"]), status)

    @property
    def _client(self) -> str:
        client = self._scope["client"]
        return f"{client[0]}:{client[1]}" if client else ""
