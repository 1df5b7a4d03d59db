"""Hostile WebSockets on a real server: bounded memory and time, the right close code, nobody else delayed (G4)."""

import contextlib
import socket
import statistics
import time
import zlib
from collections.abc import Iterator

import pytest

from hub.transport.link import WireLimits
from tests.support.wire_server import (
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

pytestmark = pytest.mark.fault
TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
LIMITS = WireLimits(header_deadline_s=2, message_deadline_s=0.5, stall_deadline_s=0.6, linger_s=0.2)


@pytest.fixture(scope="module", params=["uvloop", "asyncio", "detached"])
def server(request: pytest.FixtureRequest) -> Iterator[WireServer]:
    with serve_wire(LIMITS, "asyncio" if request.param == "asyncio" else "uvloop") as server:
        server.path = "/detached" if request.param == "detached" else "/echo"
        yield server


def test_messages_come_back_in_every_length_of_header(server: WireServer) -> None:
    with server.upgraded() as client:
        for size in (0, 1, 125, 126, 65_535, 65_536):
            client.sendall(client_frame(BINARY, b"x" * size))
            assert read_frame(client) == (BINARY, b"x" * size)


def test_one_byte_segments_give_the_same_result(server: WireServer) -> None:
    """N9."""
    with server.upgraded() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in client_frame(TEXT, "späté".encode(), is_final=False) + client_frame(CONT, "r €".encode()):
            client.sendall(bytes([byte]))
        assert read_frame(client) == (TEXT, "spätér €".encode())


@pytest.mark.parametrize("announced", [65_537, 1_000_000, 2**62])
def test_an_oversized_message_is_refused_from_its_header(server: WireServer, announced: int) -> None:
    """W6."""
    with server.upgraded() as client:
        client.sendall(b"\x81\xff" + announced.to_bytes(8, "big") + bytes(4) + b"a" * 1_000)
        assert read_close_code(client) == 3501


def test_a_message_grown_by_fragments_is_refused(server: WireServer) -> None:
    """W6."""
    with server.upgraded() as client:
        client.sendall(client_frame(TEXT, b"a" * 40_000, is_final=False) + client_frame(CONT, b"a" * 40_000))
        assert read_close_code(client) == 3501


def test_the_goodbye_arrives_although_the_client_keeps_sending(server: WireServer) -> None:
    with server.upgraded() as client:
        client.sendall(b"\x82\xff" + (10_000_000).to_bytes(8, "big") + bytes(4) + b"a" * 500_000)
        assert read_close_code(client) == 3501


@pytest.mark.parametrize("payload", [b"", b"a"], ids=["empty", "one-byte"])
def test_endless_fragments_are_refused(server: WireServer, payload: bytes) -> None:
    """W7."""
    with server.upgraded() as client:
        client.sendall(client_frame(TEXT, payload, is_final=False))
        fragment = client_frame(CONT, payload, is_final=False)
        with contextlib.suppress(ConnectionError):
            for _ in range(30):
                client.sendall(fragment * 100)
        assert read_close_code(client) == 3501


def test_a_thousand_fragments_are_fine(server: WireServer) -> None:
    with server.upgraded() as client:
        middle = client_frame(CONT, b"a", is_final=False) * 1_022
        client.sendall(client_frame(TEXT, b"a", is_final=False) + middle + client_frame(CONT, b"a"))
        assert read_frame(client) == (TEXT, b"a" * 1_024)


@pytest.mark.parametrize("start", [client_frame(TEXT, b"a", is_final=False), b"\x81", client_frame(TEXT, b"abc")[:-1]])
def test_a_message_that_never_ends_is_ended(server: WireServer, start: bytes) -> None:
    """W7."""
    with server.upgraded() as client:
        client.sendall(start)
        started_at = time.monotonic()
        assert read_close_code(client) == 3501
        assert time.monotonic() - started_at > 0.4


def test_fragments_between_pings_win_no_time(server: WireServer) -> None:
    """W7."""
    with server.upgraded() as client:
        client.settimeout(0.05)
        client.sendall(client_frame(TEXT, b"a", is_final=False))
        started_at, received = time.monotonic(), b""
        while time.monotonic() - started_at < 10 and b"\x88" not in received:
            with contextlib.suppress(TimeoutError, ConnectionError):
                client.sendall(client_frame(PING) + client_frame(CONT, b"", is_final=False))
                received += client.recv(4_096)
        assert b"\x88" in received


def test_a_ping_flood_ends_the_connection(server: WireServer) -> None:
    """W8."""
    with server.upgraded() as client:
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                client.sendall(client_frame(PING) * 100)
        assert read_close_code(client) in {3509, None}  # None: the reset won against our own unread bytes


def test_a_message_flood_ends_the_connection(server: WireServer) -> None:
    with server.upgraded() as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(client_frame(TEXT) * 50_000)
        assert read_close_code(client) in {3509, None}


def test_pings_are_answered_also_inside_a_fragmented_message(server: WireServer) -> None:
    with server.upgraded() as client:
        client.sendall(client_frame(TEXT, b"a", is_final=False) + client_frame(PING, b"p") + client_frame(CONT, b"b"))
        assert [read_frame(client), read_frame(client)] == [(PONG, b"p"), (TEXT, b"ab")]


def test_a_flooder_that_reads_nothing_costs_bounded_memory(server: WireServer) -> None:
    """W8. Reads are paused while writes are: the flood stays in the kernels and the connection is dropped."""
    before = server.connections
    with server.upgraded(receive_buffer=4_096) as client:
        client.settimeout(0.2)
        ping = client_frame(PING, b"p" * 125)
        with contextlib.suppress(OSError):
            for _ in range(200):
                client.sendall(ping * 100)
        wait_for(lambda: server.connections <= before)


def test_a_client_that_never_reads_is_dropped_and_others_are_not_delayed(server: WireServer) -> None:
    """N1."""
    with server.upgraded("/flood", receive_buffer=4_096), server.upgraded() as other:
        flooded = server.wire("/flood")
        wait_for(lambda: flooded.buffered_bytes() > 65_536)
        took_s = []
        for _ in range(20):
            started_at = time.monotonic()
            other.sendall(client_frame(TEXT, b"still here"))
            assert read_frame(other) == (TEXT, b"still here")
            took_s.append(time.monotonic() - started_at)
        assert statistics.median(took_s) < 2
        wait_for(lambda: flooded.is_closing)


def test_a_slow_but_steady_reader_is_kept() -> None:
    """The deadline asks for progress, not for an empty queue."""
    with serve_wire(WireLimits(stall_deadline_s=3)) as server, server.upgraded(receive_buffer=4_096) as client:
        wire = server.wire()
        payload = b"x" * 3_000_000
        server.loop.call_soon_threadsafe(wire.write, payload)
        started_at, received = time.monotonic(), 0
        while time.monotonic() - started_at < 6:
            received += len(client.recv(10_000))
            time.sleep(0.01)
        assert not wire.is_closing
        while received < len(payload):
            received += len(client.recv(1_000_000))


def test_closing_does_not_wait_for_a_client_that_never_reads(server: WireServer) -> None:
    before = server.connections
    with server.upgraded(receive_buffer=4_096) as client:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                client.sendall(client_frame(BINARY, b"x" * 60_000))
        wait_for(lambda: server.connections <= before)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (client_frame(TEXT, b"\xff\xfe"), 1007),
        (client_frame(TEXT, b"\xed\xa0\x80"), 1007),
        (b"\x81\x02hi", 1002),  # not masked
        (client_frame(TEXT, b"a", bits=0x40), 1002),
        (client_frame(3), 1002),
        (client_frame(11), 1002),
        (client_frame(CONT, b"a"), 1002),
        (client_frame(TEXT, b"a", is_final=False) + client_frame(TEXT, b"b"), 1002),
        (client_frame(PING, b"a" * 126), 1002),
        (client_frame(PING, b"", is_final=False), 1002),
        (client_frame(CLOSE, b"\x03"), 1002),
        *((client_frame(CLOSE, code.to_bytes(2, "big")), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 65_535)),
        (client_frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (client_frame(CLOSE, b"\x03\xe8bye"), 1000),
        (client_frame(CLOSE, (3_456).to_bytes(2, "big")), 3_456),
    ],
)
def test_a_wrong_frame_ends_with_the_code_of_the_rfc(server: WireServer, sent: bytes, code: int) -> None:
    """W10."""
    with server.upgraded() as client:
        client.sendall(sent)
        assert read_close_code(client) == code


def test_what_came_before_a_wrong_frame_is_still_served(server: WireServer) -> None:
    with server.upgraded() as client:
        client.sendall(client_frame(PING, b"1") + client_frame(CONT))
        assert read_frame(client) == (PONG, b"1")
        assert read_close_code(client) == 1002


def test_the_application_closes_and_its_code_arrives(server: WireServer) -> None:
    before = server.connections
    with server.upgraded() as client:
        client.sendall(client_frame(TEXT, b"close me"))
        assert read_frame(client) == (CLOSE, (4000).to_bytes(2, "big") + b"as you wish")
        wait_for(lambda: server.wire().is_closing)
        client.sendall(client_frame(CLOSE, (4000).to_bytes(2, "big")))
        assert read_to_end(client) == b""
    wait_for(lambda: server.connections <= before)


@pytest.mark.parametrize("cut_at", range(0, 40, 3))
def test_a_reset_at_any_byte_leaves_nothing_behind(server: WireServer, cut_at: int) -> None:
    before = server.connections
    client = server.upgraded()
    session = client_frame(TEXT, b"one") + client_frame(PING) + client_frame(TEXT, b"two") + client_frame(CLOSE)
    client.sendall(session[:cut_at])
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    client.close()
    wait_for(lambda: server.connections <= before)
    wait_for(lambda: not server.server.server_state.tasks)


def test_no_compression_is_negotiated(server: WireServer) -> None:
    """W9."""
    with server.connect() as client:
        client.sendall(
            upgrade_request(server.path, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
        )
        head = read_until(client, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"permessage-deflate" not in head
        bomb = zlib.compressobj(9, zlib.DEFLATED, -15).compress(bytes(50_000_000))
        client.sendall(client_frame(BINARY, bomb[:60_000], bits=0x40))
        assert read_close_code(client) == 1002


def test_frames_sent_ahead_of_the_answer_do_no_harm(server: WireServer) -> None:
    with server.connect() as client:
        client.sendall(upgrade_request())
        client.sendall(client_frame(TEXT, b"early"))
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        client.sendall(client_frame(TEXT, b"later"))
        assert read_frame(client) in {(TEXT, b"early"), (TEXT, b"later")}
