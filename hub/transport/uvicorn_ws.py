"""uvicorn's HTTP protocol with the guards it lacks, and the way from it to our WebSockets.

`make_protocols(limits)` gives the two classes for `uvicorn.Config(ws=…, http=…, ws_per_message_deflate=False)`.
A WebSocket's scope carries a `Wire` in `scope["extensions"]["hub.wire"]`, usable from `websocket.accept` on.
What each guard cures is said where it stands; `tests/fault/test_hostile_*.py` holds one test for each.
"""

import asyncio
import logging
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any, ClassVar, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from hub.auth.addresses import counted_as
from hub.transport.link import Link, WireLimits
from hub.transport.ws_admission import Admission
from hub.transport.ws_answers import Headers, Refused, refusal
from hub.transport.ws_handshake import LINE_LIMIT_BYTES, Handshake, is_host, read_handshake
from hub.transport.ws_protocol import HubWebSocketProtocol


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


class HubHttpProtocol(HttpToolsProtocol):
    """HTTP with a deadline and a size for everything that comes before the application sees the request.

    Neither uvicorn nor its parser has one: half a request may stay open for ever, and one header line may grow
    without end.
    """

    limits: ClassVar[WireLimits] = WireLimits()
    admission: ClassVar[Admission] = Admission()

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
        self._is_silent = False  # it has not sent a whole head yet
        self._is_in_body = False
        self._silent_bytes = 0  # received since the parser last got something done
        self._head_bytes = 0
        self._handshake: Handshake | None = None  # of the request at hand, when it is a good upgrade
        self._is_deaf = False  # what else comes on this connection is not read

    # Called by the loop.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Link(transport, self.loop, self.limits))
        if self.admission.has_room_for_silent:
            self._set_silent(is_silent=True)
            self._start_deadline()
        else:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._set_silent(is_silent=False)
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
        if self._is_deaf or self.transport.is_closing():
            return
        if self._deadline is None:
            self._start_deadline()  # blank lines between requests count too: they stop the keep-alive timer
        self._unset_keepalive_if_required()
        self._silent_bytes += len(data)
        while data:
            try:
                self.parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                if self._handshake is not None:
                    self._become_websocket(self._handshake, data)
                    return
                # An upgrade to something else, which we need not take up (RFC 9110 §7.8): on with HTTP.
            except httptools.HttpParserError as error:
                self._refuse_for(error)
                return
        if self._silent_bytes > self.limits.header_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    # Called by the parser.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)
        if len(self.url) > LINE_LIMIT_BYTES:
            raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + 4)  # trailers of a chunked body too
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._silent_bytes = 0
        self._set_silent(is_silent=False)
        self._stop_deadline()
        self._check_head()
        self._handshake = self._read_handshake() if self.parser.should_upgrade() else None
        self._is_in_body = True
        self.scope["extensions"] = {"hub.admission": {"counts": self.admission, "address": self._stranger_of()}}
        super().on_headers_complete()
        if self._handshake is None:
            self._start_deadline()

    def _should_upgrade(self) -> bool:
        return self._handshake is not None

    def on_body(self, body: bytes) -> None:
        self._silent_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._silent_bytes = 0
        self._stop_deadline()
        self._is_in_body = False
        super().on_message_complete()

    def _check_head(self) -> None:
        """Refuse what a proxy in front could read in another way than we do (RFC 9112 §3.2, §6.1). Raises Refused.

        The parser has refused two framings of one body, and whatever is not quite a length or a chunk.
        """
        version = self.parser.get_http_version()
        hosts = [value for name, value in self.headers if name == b"host"]
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        is_fine = (
            version in {"1.0", "1.1"}
            and len(hosts) <= 1
            and (len(hosts) == 1 or version == "1.0")
            and all(is_host(host) or not host for host in hosts)
            and all(coding.strip().lower() == b"chunked" for coding in codings)
            and not (codings and version == "1.0")
        )
        if not is_fine:
            raise Refused(HTTPStatus.BAD_REQUEST)

    # Upgrades.

    def _read_handshake(self) -> Handshake | None:
        """The handshake, if the request at hand asks for a WebSocket. Raises Refused."""
        if not any(name == b"upgrade" and b"websocket" in value.lower() for name, value in self.headers):
            return None
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False  # an answer is on its way, and nothing may come in between: it is the last one
            self._is_deaf = True
            raise Refused(HTTPStatus.BAD_REQUEST)
        return read_handshake(self.parser.get_method().decode(), self.parser.get_http_version(), self.headers)

    def _become_websocket(self, handshake: Handshake, early: bytes) -> None:
        """Hand the connection over; nothing of this object is needed after it."""
        self._stop_deadline()
        websocket = self.ws_protocol_class(  # type: ignore[misc, call-arg]
            config=self.config, server_state=self.server_state, app_state=self.app_state, _loop=self.loop
        )
        assert isinstance(websocket, HubWebSocketProtocol)
        try:
            websocket.begin(self.transport, self._stranger_of(), self._websocket_scope(handshake), handshake, early)
        except Refused as refused:
            self._refuse(refused.status, refused.headers)
        else:
            self.connections.discard(self)
            self.parser = None  # type: ignore[assignment]  # it holds our methods: a cycle of 2 KiB

    def _stranger_of(self) -> str | None:
        """The address that is to be counted: not that of a trusted proxy, but the one it names."""
        address = self.client[0] if self.client else None
        if isinstance(self.app, ProxyHeadersMiddleware) and address in self.app.trusted_hosts:
            named = b", ".join(value for name, value in self.headers if name == b"x-forwarded-for")
            address = self.app.trusted_hosts.get_trusted_client_address(named.decode("latin-1"))[0]
            if address in self.app.trusted_hosts:
                return None
        return counted_as(address) if address else None

    def _websocket_scope(self, handshake: Handshake) -> dict[str, Any]:
        """Raises Refused for a target without a readable path."""
        try:
            url = httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            raise Refused(HTTPStatus.BAD_REQUEST) from None
        raw_path = url.path
        if not raw_path or not raw_path.isascii():
            raise Refused(HTTPStatus.BAD_REQUEST)
        return {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if self.scheme == "https" else "ws",
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": self.root_path + unquote(raw_path.decode("ascii")),
            "raw_path": self.root_path.encode("ascii") + raw_path,
            "query_string": url.query or b"",
            "headers": self.headers,
            "subprotocols": list(handshake.subprotocols),
            "state": self.app_state.copy(),
            "extensions": {"websocket.http.response": {}},
        }

    # Guards.

    def _set_silent(self, *, is_silent: bool) -> None:
        if self._is_silent is not is_silent:
            self._is_silent = is_silent
            self.admission.silent += 1 if is_silent else -1

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self.limits.header_bytes:
            raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

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

    def _refuse_for(self, error: httptools.HttpParserError) -> None:
        reason = error.__context__  # what a callback of ours raised
        if self._is_deaf:
            self._stop_deadline()
        elif isinstance(reason, Refused):
            self._refuse(reason.status, reason.headers)
        else:
            self._refuse(HTTPStatus.BAD_REQUEST)

    def _refuse(self, status: HTTPStatus, headers: Headers = ()) -> None:
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
            self.transport.write(refusal(status, headers))
        self.transport.close()


def make_protocols(limits: WireLimits) -> tuple[type[HubWebSocketProtocol], type[HubHttpProtocol]]:
    """(ws class, http class) with these limits and counts of their own, for one `uvicorn.Config(ws=…, http=…)`."""
    members = {
        "limits": limits,
        "admission": Admission(limits.sockets, limits.strangers_per_address, limits.silent),
    }
    ws = type("HubWebSocketProtocol", (HubWebSocketProtocol,), {"__slots__": (), **members})
    http = type("HubHttpProtocol", (HubHttpProtocol,), members)
    return ws, http
