"""A real uvicorn server on our protocol classes, with an echo application that exists for the tests alone."""

import asyncio
import contextlib
import ctypes
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import uvicorn

from hub.transport.link import WireLimits
from hub.transport.listener import open_listener
from hub.transport.uvicorn_ws import make_protocols
from hub.transport.ws_admission import Admission
from hub.transport.ws_frames import binary_frame, text_frame
from hub.transport.ws_wire import Wire


@dataclass
class WireServer:
    """Where it listens, and what its application saw."""

    port: int
    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop
    path: str = "/echo"  # or /detached, which echoes past the application
    seen: list[Any] = field(default_factory=list)
    wires: dict[str, Wire] = field(default_factory=dict)  # the newest of each path
    detached: list[Wire] = field(default_factory=list)
    admission: Admission = field(default_factory=Admission)
    signal: asyncio.Event = field(default_factory=asyncio.Event)  # from the test to its application

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    def connect(self, receive_buffer: int | None = None, *, address: str = "127.0.0.1") -> socket.socket:
        """A blocking client socket of `address`; every wait on it ends after 10 s."""
        client = socket.socket()
        client.bind((address, 0))
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(20)
        client.connect(("127.0.0.1", self.port))
        return client

    def upgraded(self, path: str | None = None, receive_buffer: int | None = None) -> socket.socket:
        """A client past the handshake; raises AssertionError when the answer is not 101."""
        client = self.connect(receive_buffer)
        client.sendall(upgrade_request(path or self.path))
        head = read_until(client, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        return client

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is left of any connection."""
        state, admission = self.server.server_state, self.admission
        return not (state.connections or state.tasks or admission.sockets or admission.strangers or admission.silent)

    def wire(self, path: str | None = None) -> Wire:
        """The wire of the newest connection to `path`."""
        return self.wires[path or self.path]


def upgrade_request(path: str = "/echo", *headers: str) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: hub.test",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def client_frame(opcode: int, payload: bytes = b"", *, is_final: bool = True, bits: int = 0) -> bytes:
    """A masked frame (mask of zeros, which leaves the payload as it is)."""
    head = bytes([(0x80 if is_final else 0) | bits | opcode])
    size = len(payload)
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65_536:
        head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


def recorded_session(path: str) -> bytes:
    """Everything that a client says from its request to its goodbye."""
    text = "späté €𝄞".encode()
    return b"".join(
        [
            upgrade_request(path),
            client_frame(1, text[:3], is_final=False),
            client_frame(9, b"between"),
            client_frame(0, text[3:]),
            client_frame(2, b"x" * 130),
            client_frame(10),
            client_frame(8, b"\x03\xe8bye"),
        ]
    )


def black_hole(client: socket.socket) -> None:
    """From now on nothing reaches `client`, not even an acknowledgement leaves: a peer whose network is gone."""
    drop_all = struct.pack("HBBI", 0x06, 0, 0, 0)  # a packet filter: return 0 bytes
    code = ctypes.create_string_buffer(drop_all)
    client.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(code)))


def wait_for(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Poll `condition` from a test that runs beside the server's thread."""
    ends_at = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen in time"
        time.sleep(0.005)


def read_until(client: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        more = client.recv(1)
        if not more:
            break
        data += more
    return data


def read_frame(client: socket.socket) -> tuple[int, bytes] | None:
    """(opcode, payload) of the next frame; None when the connection ended."""
    head = _read_exactly(client, 2)
    if head is None:
        return None
    size = head[1] & 0x7F
    if size >= 126:
        extended = _read_exactly(client, 2 if size == 126 else 8)
        assert extended is not None
        size = int.from_bytes(extended, "big")
    payload = _read_exactly(client, size) if size else b""
    assert payload is not None
    return head[0] & 0x0F, payload


def read_close_code(client: socket.socket) -> int | None:
    """The code of the close frame that ends the stream; None if it ended without one."""
    with contextlib.suppress(ConnectionResetError):
        while (frame := read_frame(client)) is not None:
            if frame[0] == 8:
                return int.from_bytes(frame[1][:2], "big")
    return None


def read_to_end(client: socket.socket) -> bytes:
    """Everything up to the end of the connection, a reset included."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := client.recv(65_536):
            data += more
    return data


def _read_exactly(client: socket.socket, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            return None
        data += more
    return data


SO_ATTACH_FILTER = 26  # Linux
Application = Callable[[WireServer, Any, Any, Any], Coroutine[Any, Any, None]]


def reset(client: socket.socket) -> None:
    """End the connection with a RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@contextlib.contextmanager
def serve_wire(
    limits: WireLimits, loop: Literal["asyncio", "uvloop"] = "uvloop", application: Application | None = None
) -> Iterator[WireServer]:
    """Run `application`, or the echo, for WebSockets in a thread until the block ends."""
    found: list[WireServer] = []
    is_up = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await _http(found[0], receive, send)
        else:
            await (application or _websocket)(found[0], scope, receive, send)

    listener = open_listener("127.0.0.1", 0)
    ws, http = make_protocols(limits)
    config = uvicorn.Config(
        app,
        ws=ws,
        http=http,
        loop=loop,
        log_config=None,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)

    async def run() -> None:
        here, port = asyncio.get_running_loop(), listener.getsockname()[1]
        found.append(WireServer(port, server, here, admission=ws.admission))
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.005)
        is_up.set()
        await serving

    def main() -> None:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(run())

    thread = threading.Thread(target=main, name="wire-server")
    thread.start()
    try:
        assert is_up.wait(10)
        yield found[0]
    finally:
        server.should_exit = True
        thread.join(15)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _http(server: WireServer, receive: Any, send: Any) -> None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            server.seen.append("disconnect")
            return
        body += message["body"]
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class DetachedEcho:
    """Sends back what it gets, without the application."""

    __slots__ = ("_server", "_wire")

    def __init__(self, server: WireServer, wire: Wire) -> None:
        self._server = server
        self._wire = wire

    def on_message(self, data: bytes, is_text: bool) -> None:
        if data == b"close me":
            self._wire.close(4000, "as you wish")
        self._wire.write(text_frame(data) if is_text else binary_frame(data))

    def on_close(self, code: int) -> None:
        self._server.seen.append(code)


async def _websocket(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
    await receive()
    if scope["path"] == "/refuse":
        await send({"type": "websocket.close"})
        return
    wire: Wire = scope["extensions"]["hub.wire"]
    server.wires[scope["path"]] = wire  # before the client can know that it was accepted
    await send({"type": "websocket.accept"})
    if scope["path"] == "/detached":
        server.detached.append(wire)
        wire.detach(DetachedEcho(server, wire))
        return
    if scope["path"] == "/flood":
        while not wire.is_closing:
            wire.write(text_frame(bytes(4_096)))
            await asyncio.sleep(0.001)
    while (message := await receive())["type"] == "websocket.receive":
        with contextlib.suppress(OSError):
            if message.get("text") == "close me":
                await send({"type": "websocket.close", "code": 4000, "reason": "as you wish"})
            elif message.get("text") is not None:
                await send({"type": "websocket.send", "text": message["text"]})
            else:
                await send({"type": "websocket.send", "bytes": message["bytes"]})
    server.seen.append(message.get("code"))
