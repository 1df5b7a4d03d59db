"""Any ASGI application on our WebSocket server: the events of the specification, and the way past them."""

import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from hub.transport.link import WireLimits
from hub.transport.ws_frames import text_frame
from hub.transport.ws_wire import Wire
from tests.support.wire_server import (
    DetachedEcho,
    WireServer,
    client_frame,
    read_close_code,
    read_frame,
    read_to_end,
    read_until,
    serve_wire,
    upgrade_request,
    wait_for,
)

TEXT, BINARY, CLOSE = 1, 2, 8
LIMITS = WireLimits(linger_s=0.2, stall_deadline_s=5)
Application = Callable[[WireServer, Any, Any, Any], Coroutine[Any, Any, None]]


@contextlib.contextmanager
def serving(application: Application) -> Iterator[WireServer]:
    with serve_wire(LIMITS, "uvloop", application) as server:
        yield server
        wait_for(lambda: server.is_at_rest, within_s=20)


async def accepted(receive: Any, send: Any, **more: Any) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept", **more})


def answer_to(server: WireServer, request: bytes) -> tuple[bytes, bytes]:
    with server.connect() as client:
        client.sendall(request)
        head, _, body = read_to_end(client).partition(b"\r\n\r\n")
        return head, body


def test_the_scope_says_what_was_asked() -> None:
    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        server.seen.append(scope)
        await accepted(receive, send)

    with serving(application) as server:
        request = upgrade_request("/a%20b/%C3%A9?x=1&y=%20", "Sec-WebSocket-Protocol: b, a", "X-Thing: 1 ")
        with server.connect() as client:
            client.sendall(request)
            read_until(client, b"\r\n\r\n")
        scope = server.seen[0]
    assert scope["type"] == "websocket"
    assert (scope["path"], scope["raw_path"]) == ("/a b/é", b"/a%20b/%C3%A9")
    assert scope["query_string"] == b"x=1&y=%20"
    assert scope["subprotocols"] == ["b", "a"]
    assert scope["scheme"] == "ws"
    assert scope["client"][0] == scope["server"][0] == "127.0.0.1"
    assert (b"x-thing", b"1 ") in scope["headers"] or (b"x-thing", b"1") in scope["headers"]


def test_an_application_chooses_subprotocol_and_headers() -> None:
    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        await accepted(receive, send, subprotocol="a", headers=[(b"x-one", b"1")])

    with serving(application) as server, server.connect() as client:
        client.sendall(upgrade_request("/", "Sec-WebSocket-Protocol: a"))
        head = read_until(client, b"\r\n\r\n").lower()
        assert head.startswith(b"http/1.1 101 ")
        assert b"\r\nsec-websocket-protocol: a\r\n" in head
        assert b"\r\nx-one: 1\r\n" in head
        assert read_close_code(client) == 1000  # the application has returned


@pytest.mark.parametrize("header", [(b"x", b"1\r\ny: 2"), (b"x\r\ny", b"2")])
def test_an_application_cannot_split_the_handshake(header: tuple[bytes, bytes]) -> None:
    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(ValueError, match="not a header"):
            await accepted(receive, send, headers=[header])
        await accepted_again(send)

    async def accepted_again(send: Any) -> None:
        await send({"type": "websocket.accept"})

    with serving(application) as server, server.connect() as client:
        client.sendall(upgrade_request("/"))
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")


def test_a_refusal_with_an_answer_of_its_own() -> None:
    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        assert "websocket.http.response" in scope["extensions"]
        await receive()
        await send({"type": "websocket.http.response.start", "status": 402, "headers": [(b"x-price", b"7")]})
        await send({"type": "websocket.http.response.body", "body": b"pay ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"first"})
        server.seen.append(await receive())
        with pytest.raises(RuntimeError):
            await send({"type": "websocket.accept"})

    with serving(application) as server:
        head, body = answer_to(server, upgrade_request("/"))
        assert head.startswith(b"HTTP/1.1 402 ")
        assert b"\r\nx-price: 7" in head
        assert body == b"pay first"
        wait_for(lambda: server.seen)
        assert server.seen[0]["type"] == "websocket.disconnect"


def test_a_refusal_without_an_answer_is_a_403() -> None:
    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close"})

    with serving(application) as server:
        assert answer_to(server, upgrade_request("/"))[0].startswith(b"HTTP/1.1 403 ")


def test_an_application_that_fails_before_the_handshake_gives_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/raise":
            raise OSError("no luck")

    with serving(application) as server:
        for path in ("/raise", "/return"):
            assert answer_to(server, upgrade_request(path))[0].startswith(b"HTTP/1.1 500 ")
    assert "no luck" in caplog.text


def test_an_application_that_fails_later_ends_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        await accepted(receive, send)
        raise ValueError("no luck")

    with serving(application) as server, server.upgraded() as client:
        assert read_close_code(client) == 1011
    assert "no luck" in caplog.text


async def test_one_message_at_a_time_is_taken_from_the_peer() -> None:
    """What the application has not asked for stays with the peer, and in the kernel."""

    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        await accepted(receive, send)
        server.seen.append(await receive())
        await server.signal.wait()
        for _ in range(3):
            server.seen.append((await receive())["type"])

    with serving(application) as server, server.upgraded() as client:
        client.sendall(client_frame(TEXT, b"1") + client_frame(9, b"ping") + client_frame(BINARY, b"2"))
        client.sendall(client_frame(CLOSE, b"\x03\xe8"))
        wait_for(lambda: server.seen)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(20)
        server.loop.call_soon_threadsafe(server.signal.set)
        assert read_frame(client) == (10, b"ping")
        wait_for(lambda: len(server.seen) == 4)
        assert server.seen == [
            {"type": "websocket.receive", "text": "1"},
            *["websocket.receive", "websocket.disconnect", "websocket.disconnect"],
        ]


def test_whoever_writes_to_a_peer_that_does_not_read_waits() -> None:
    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        await accepted(receive, send)
        with contextlib.suppress(OSError):
            for _ in range(1_000):
                await send({"type": "websocket.send", "bytes": bytes(100_000)})
                server.seen.append(scope["extensions"]["hub.wire"].buffered_bytes())

    with serving(application) as server, server.upgraded(receive_buffer=4_096) as client:
        wait_for(lambda: server.seen and server.seen[-1] > 65_536)
        client.settimeout(0.2)
        assert max(server.seen) < 400_000
        client.close()


def test_sending_after_the_end_is_the_peers_fault_or_our_own() -> None:
    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        await accepted(receive, send)
        if scope["path"] == "/own":
            await send({"type": "websocket.close", "code": 4001, "reason": "done"})
            server.seen.append(await receive())
        else:
            server.seen.append(await receive())
        try:
            await send({"type": "websocket.send", "text": "too late"})
        except (OSError, RuntimeError) as error:
            server.seen.append(type(error).__mro__)

    with serving(application) as server:
        with server.upgraded("/own") as client:
            assert read_close_code(client) == 4001
        wait_for(lambda: len(server.seen) == 2)
        with server.upgraded("/peer") as client:
            client.sendall(client_frame(CLOSE, b"\x0f\xa2bye"))
            assert read_close_code(client) == 4002
        wait_for(lambda: len(server.seen) == 4)
    own_end, own_error, peer_end, peer_error = server.seen
    assert own_end == {"type": "websocket.disconnect", "code": 4001, "reason": "done"}
    assert peer_end == {"type": "websocket.disconnect", "code": 4002, "reason": "bye"}
    assert RuntimeError in own_error
    assert OSError in peer_error


@pytest.mark.parametrize("code", [999, 1004, 1006, 1015, 2_999, 5_000])
def test_an_application_cannot_close_with_a_code_that_is_none(code: int) -> None:
    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        await accepted(receive, send)
        with pytest.raises(ValueError, match=str(code)):
            await send({"type": "websocket.close", "code": code})

    with serving(application) as server, server.upgraded() as client:
        assert read_close_code(client) == 1000


class Recorder:
    """Notes what a detached connection brings."""

    def __init__(self, server: WireServer, wire: Wire) -> None:
        self._server = server
        self._wire = wire

    def on_message(self, data: bytes, is_text: bool) -> None:
        self._server.seen.append((data, is_text))
        if data == b"fail":
            raise ValueError("no luck")
        if data == b"close":
            self._wire.close(4003, "at once")

    def on_close(self, code: int) -> None:
        self._server.seen.append(code)


async def detaching(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
    wire: Wire = scope["extensions"]["hub.wire"]
    with pytest.raises(RuntimeError):
        wire.detach(Recorder(server, wire))
    await accepted(receive, send)
    if scope["path"] == "/later":
        await server.signal.wait()
    wire.detach(Recorder(server, wire))
    with pytest.raises(RuntimeError):
        await send({"type": "websocket.send", "text": "not mine any more"})
    with pytest.raises(RuntimeError):
        wire.detach(Recorder(server, wire))


MESSAGES = client_frame(TEXT, "é".encode()) + client_frame(BINARY, b"\xff") + client_frame(TEXT, b"3")
TAKEN = [("é".encode(), True), (b"\xff", False), (b"3", True)]


def test_a_detached_receiver_gets_what_comes_and_then_the_end() -> None:
    with serving(detaching) as server, server.upgraded() as client:
        wait_for(lambda: not server.server.server_state.tasks)
        client.sendall(MESSAGES + client_frame(CLOSE, b"\x0f\xa0"))
        assert read_close_code(client) == 4000
        wait_for(lambda: server.seen == [*TAKEN, 4000])


@pytest.mark.parametrize("path", ["/at-once", "/later"])
def test_frames_that_came_before_the_detach_are_not_lost(path: str) -> None:
    """In the segment of the request itself, and behind it while the application takes its time."""
    with serving(detaching) as server, server.connect() as client:
        client.sendall(upgrade_request(path) + MESSAGES)
        read_until(client, b"\r\n\r\n")
        client.sendall(MESSAGES)
        server.loop.call_soon_threadsafe(server.signal.set)
        wait_for(lambda: server.seen == TAKEN * 2)


def test_a_goodbye_in_the_segment_of_the_request_arrives() -> None:
    with serving(detaching) as server, server.connect() as client:
        client.sendall(upgrade_request("/") + client_frame(TEXT, b"1") + client_frame(CLOSE, b"\x03\xe8"))
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        assert read_close_code(client) == 1000
        wait_for(lambda: server.seen == [(b"1", True), 1000])


def test_a_receiver_that_closes_hears_of_the_end_once_and_gets_no_more() -> None:
    with serving(detaching) as server, server.upgraded() as client:
        client.sendall(client_frame(TEXT, b"close") + client_frame(TEXT, b"more"))
        assert read_frame(client) == (CLOSE, (4003).to_bytes(2, "big") + b"at once")
        client.close()
        wait_for(lambda: server.seen == [(b"close", True), 4003])


def test_a_receiver_that_fails_ends_its_own_connection(caplog: pytest.LogCaptureFixture) -> None:
    with serving(detaching) as server, server.upgraded() as client, server.upgraded() as other:
        client.sendall(client_frame(TEXT, b"fail"))
        assert read_close_code(client) == 1011
        other.sendall(client_frame(TEXT, b"fine"))
        wait_for(lambda: server.seen == [(b"fail", True), 1011, (b"fine", True)])
    assert "no luck" in caplog.text


def test_a_lost_connection_is_an_abnormal_end() -> None:
    with serving(detaching) as server, server.upgraded() as client:
        client.close()
        wait_for(lambda: server.seen == [1006])


def test_nothing_follows_a_goodbye_and_nothing_is_queued_any_more() -> None:
    async def application(server: WireServer, scope: Any, receive: Any, send: Any) -> None:
        wire: Wire = scope["extensions"]["hub.wire"]
        wire.write(b"before the handshake there is nothing to write to")
        await accepted(receive, send)
        wire.detach(DetachedEcho(server, wire))
        wire.write(text_frame(b"first"))
        wire.close(4004)
        wire.write(text_frame(b"late"))
        wire.close(4005)
        server.seen.append((wire.is_closing, wire.buffered_bytes()))

    with serving(application) as server, server.upgraded() as client:
        assert read_frame(client) == (TEXT, b"first")
        assert read_frame(client) == (CLOSE, (4004).to_bytes(2, "big"))
        assert read_to_end(client) == b""
        assert server.seen[0] == (True, 0)


def test_pongs_are_counted() -> None:
    with serve_wire(LIMITS) as server, server.upgraded("/detached") as client:
        client.sendall(client_frame(10) * 3)
        wait_for(lambda: server.wire("/detached").pongs == 3)


def test_the_servers_end_says_1012_and_ends_detached_connections_too() -> None:
    with serve_wire(LIMITS) as server:
        clients = [server.upgraded(path) for path in ("/echo", "/detached")]
        server.server.should_exit = True
        assert [read_close_code(client) for client in clients] == [1012, 1012]
        for client in clients:
            client.close()
