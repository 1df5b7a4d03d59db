"""Hostile HTTP: what comes before a request is complete costs bounded time and memory (guarantees G4, G7)."""

import json
import time
from collections.abc import Iterator
from typing import Literal

import pytest

from hub.transport.link import WireLimits
from tests.support.waiting import wait_until_blocking
from tests.support.wire_server import (
    WireServer,
    read_close_code,
    read_to_end,
    read_until,
    serve_wire,
    upgrade_request,
)

pytestmark = pytest.mark.fault
LIMITS = WireLimits(header_deadline_s=1.0, body_deadline_s=0.4, stall_deadline_s=0.6, linger_s=0.2)


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest) -> Iterator[WireServer]:
    with serve_wire(LIMITS, request.param) as server:
        yield server


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_three_hundred_half_requests_are_told_so_and_closed(server: WireServer) -> None:
    """W2."""
    clients = [server.connect() for _ in range(300)]
    started_at = time.monotonic()
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ")
    answers = [read_to_end(client) for client in clients]
    assert {status_of(answer) for answer in answers} == {408}
    assert time.monotonic() - started_at < 30
    for client in clients:
        client.close()


def test_a_silent_connection_is_closed(server: WireServer) -> None:
    with server.connect() as client:
        assert status_of(read_to_end(client)) == 408


def test_a_header_dripped_byte_by_byte_does_not_win_time(server: WireServer) -> None:
    with server.connect() as client:
        client.settimeout(0.05)
        started_at, answer = time.monotonic(), b""
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        while time.monotonic() - started_at < 5 and not answer:
            try:
                client.sendall(b"x")
                answer = client.recv(65_536)
            except TimeoutError:
                continue
        assert status_of(answer) == 408


def test_blank_lines_between_requests_do_not_hold_a_connection_open(server: WireServer) -> None:
    with server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert status_of(read_until(client, b"\r\n\r\n")) == 200
        client.sendall(b"\r\n")
        assert status_of(read_to_end(client)) == 408


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nX: ", b"GET /", b"GET / HTTP/1.1\r\nX"])
def test_an_endless_header_or_target_is_cut(server: WireServer, start: bytes) -> None:
    """W4."""
    with server.connect() as client:
        client.sendall(start)
        sent = 0
        try:
            while sent < 1_000_000:
                client.sendall(b"a" * 4_096)
                sent += 4_096
        except ConnectionError:
            pass
        assert status_of(read_to_end(client)) in {400, 414, 431}


def test_a_head_over_the_limit_in_one_piece_is_refused_in_the_envelope(server: WireServer) -> None:
    with server.connect() as client:
        fields = "".join(f"X-{n}: {'v' * 100}\r\n" for n in range(200))
        client.sendall(f"GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n".encode())
        head, _, body = read_to_end(client).partition(b"\r\n\r\n")
        assert status_of(head) == 431
        answer = json.loads(body)
        assert set(answer) == {"status", "data", "error", "meta"}
        assert answer["error"]["code"] == "headers_too_large"


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_slow_body_is_cut_and_the_application_learns_of_it(loop: Literal["uvloop", "asyncio"]) -> None:
    """On a server of its own: what is left of other tests says the same, and only the body is to be late."""
    with serve_wire(WireLimits(header_deadline_s=30, body_deadline_s=0.4), loop) as server:
        with server.connect() as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc")
            assert status_of(read_to_end(client)) == 408
        wait_until_blocking(lambda: server.seen == ["disconnect"])


def test_an_endless_trailer_is_cut(server: WireServer) -> None:
    with server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ")
        try:
            for _ in range(500):
                client.sendall(b"a" * 4_096)
        except ConnectionError:
            pass
        assert status_of(read_to_end(client)) in {400, 414, 431}


def test_broken_http_gets_a_400(server: WireServer) -> None:
    for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET  HTTP\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        with server.connect() as client:
            client.sendall(nonsense)
            assert status_of(read_to_end(client)) == 400


def test_two_framings_of_one_body_are_refused(server: WireServer) -> None:
    both = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    two_lengths = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd"
    for request in (both, two_lengths):
        with server.connect() as client:
            client.sendall(request)
            assert status_of(read_to_end(client)) == 400


def test_an_ordinary_request_still_works_after_all_that(server: WireServer) -> None:
    with server.connect() as client:
        for size in (0, 5, 500_000):
            client.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size + b"z" * size)
            assert status_of(read_until(client, b"\r\n\r\n")) == 200
            left = size
            while left:
                left -= len(client.recv(left))


@pytest.mark.parametrize(
    "header",
    [
        "Authorization: Bearer " + "x" * 9_000,
        "Cookie: a=" + "x" * 9_000,
        "Sec-WebSocket-Protocol: " + "a," * 4_500,
    ],
)
def test_a_fat_header_on_an_upgrade_is_answered_and_closed(server: WireServer, header: str) -> None:
    """W5."""
    with server.connect() as client:
        client.sendall(upgrade_request("/echo", header))
        assert status_of(read_to_end(client)) == 431


@pytest.mark.parametrize(
    "request_bytes",
    [
        upgrade_request("/echo", "Upgrade: websocket"),
        upgrade_request("/echo", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        upgrade_request("/echo", "Content-Length: 5") + b"hello",
        upgrade_request("/echo").replace(b"GET", b"POST"),
        upgrade_request("/echo").replace(b"Version: 13", b"Version: 12"),
        upgrade_request("/echo").replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"),
        upgrade_request("/" + "a" * 9_000),
        upgrade_request("/echo", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
        upgrade_request("/echo").replace(b"HTTP/1.1", b"HTTP/1.0"),
        upgrade_request("/echo", "Host: other"),
        upgrade_request("/echo", "Sec-WebSocket-Version: 13"),
        upgrade_request("/echo", "Sec-WebSocket-Protocol: " + "a," * 4_000),
        upgrade_request("/echo", *["Sec-WebSocket-Protocol: a"] * 10_000),
        upgrade_request("/echo", "Sec-WebSocket-Protocol: \xe9\xff"),
        upgrade_request("/echo", "Sec-WebSocket-Extensions: ;;"),
        upgrade_request("?nothing"),
        upgrade_request("/%zz\xff"),
    ],
    ids=[
        *("upgrade-twice", "key-twice", "body", "post", "version", "key", "long-target", "chunked", "http-1.0"),
        *(
            "host-twice",
            "version-twice",
            "many-protocols",
            "many-headers",
            "bytes",
            "extensions",
            "no-path",
            "bad-path",
        ),
    ],
)
def test_a_wrong_upgrade_is_refused_and_closed(server: WireServer, request_bytes: bytes) -> None:
    """W11."""
    with server.connect() as client:
        client.sendall(request_bytes)
        assert 400 <= status_of(read_to_end(client)) < 500


def test_a_body_on_an_upgrade_is_not_waited_for(server: WireServer) -> None:
    with server.connect() as client:
        client.sendall(upgrade_request("/echo", "Content-Length: 1000000000"))
        assert status_of(read_to_end(client)) == 400


def test_an_upgrade_to_something_else_is_served_as_http(server: WireServer) -> None:
    """W11. RFC 9110 §7.8 leaves it to the server; the connection goes on."""
    other = upgrade_request("/").replace(b"Upgrade: websocket", b"Upgrade: h2c")
    with server.connect() as client:
        client.sendall(other * 3)
        for _ in range(3):
            assert status_of(read_until(client, b"\r\n\r\n")) == 200


def test_a_request_behind_an_upgrade_is_no_frame(server: WireServer) -> None:
    """W11."""
    with server.connect() as client:
        client.sendall(upgrade_request() + b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert status_of(read_until(client, b"\r\n\r\n")) == 101
        assert read_close_code(client) == 1002


def test_an_upgrade_behind_an_unanswered_request_is_not_taken_up(server: WireServer) -> None:
    """W11. The answer that is on its way is the last thing on the connection."""
    with server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" + upgrade_request())
        answer = read_to_end(client)
        assert status_of(answer) == 200
        assert b"101 Switching" not in answer


def test_a_wrong_upgrade_behind_an_answered_request_is_told_so(server: WireServer) -> None:
    with server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert status_of(read_until(client, b"\r\n\r\n")) == 200
        client.sendall(upgrade_request("/echo", "Host: other"))
        assert status_of(read_to_end(client)) == 400


def test_an_upgrade_behind_an_answered_request_is_good(server: WireServer) -> None:
    with server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert status_of(read_until(client, b"\r\n\r\n")) == 200
        client.sendall(upgrade_request())
        assert status_of(read_until(client, b"\r\n\r\n")) == 101


def test_a_socket_that_the_application_refuses_gets_403(server: WireServer) -> None:
    with server.connect() as client:
        client.sendall(upgrade_request("/refuse"))
        assert status_of(read_to_end(client)) == 403


def test_query_strings_are_never_logged(server: WireServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with server.connect() as client:
        client.sendall(b"GET /path?token=canary-in-http HTTP/1.1\r\nHost: h\r\n\r\n")
        read_until(client, b"\r\n\r\n")
    with server.upgraded("/echo?access_token=canary-in-ws") as client:
        assert client is not None
    with server.connect() as client:
        client.sendall(upgrade_request("/refuse?token=canary-in-refusal"))
        read_to_end(client)
    logged = [record.getMessage() for record in caplog.records]
    assert any("/path" in line for line in logged)
    assert any("/echo" in line for line in logged)
    assert not any("canary" in line for line in logged)
