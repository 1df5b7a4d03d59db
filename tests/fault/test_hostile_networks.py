"""Dying clients and bad networks on a real server: whatever happens to a connection, nothing is left of it (G4)."""

import contextlib
import socket
import time
from collections.abc import Iterator
from itertools import cycle, islice

import psutil
import pytest

from hub.transport.link import WireLimits
from hub.transport.ws_frames import binary_frame, close_frame, pong_frame, text_frame
from tests.support.wire_server import (
    WireServer,
    black_hole,
    read_frame,
    read_to_end,
    recorded_session,
    reset,
    serve_wire,
    upgrade_request,
    wait_for,
)

pytestmark = pytest.mark.fault
LIMITS = WireLimits(message_deadline_s=5, stall_deadline_s=0.6, linger_s=0.2)
PATHS = ["/echo", "/detached"]
TEXT = 1


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest) -> Iterator[WireServer]:
    with serve_wire(LIMITS, request.param) as server:
        yield server


def descriptors() -> int:
    return psutil.Process().num_fds()


def reset_after(server: WireServer, sent: bytes) -> None:
    client = server.connect()
    with contextlib.suppress(ConnectionError):
        client.sendall(sent)
    reset(client)


@pytest.mark.parametrize("path", PATHS)
def test_n4_a_reset_at_any_byte_leaves_nothing_behind(server: WireServer, path: str) -> None:
    wait_for(lambda: server.is_at_rest)
    before = descriptors()
    session = recorded_session(path)
    for cut_at in range(len(session) + 1):
        reset_after(server, session[:cut_at])
    wait_for(lambda: server.is_at_rest, within_s=20)
    wait_for(lambda: descriptors() <= before)


@pytest.mark.parametrize("path", PATHS)
def test_n4_a_client_that_hears_the_answers_first_and_then_dies_leaves_nothing_behind(
    server: WireServer, path: str
) -> None:
    wait_for(lambda: server.is_at_rest)
    for said in (b"", b"\x81", b"\x89\x80"):
        for end in (reset, socket.socket.close):
            client = server.upgraded(path)
            client.sendall(said)
            end(client)
    wait_for(lambda: server.is_at_rest, within_s=20)


@pytest.mark.parametrize("byte", [b"\x00", b"\xff", b"\r", b",", b""], ids=["nul", "ff", "cr", "comma", "gone"])
def test_w11_a_handshake_with_any_byte_changed_harms_nobody(
    server: WireServer, byte: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    wait_for(lambda: server.is_at_rest)
    request = upgrade_request("/detached", "Sec-WebSocket-Protocol: a, b")
    for at in range(len(request)):
        with server.connect() as client, contextlib.suppress(ConnectionError):
            client.sendall(request[:at] + byte + request[at + 1 :])
            client.shutdown(socket.SHUT_WR)
            answer = read_to_end(client)
            status = int(answer.split(b" ", 2)[1]) if answer else 0
            assert status in {0, 101, 200} or 400 <= status < 500, (at, answer)
    wait_for(lambda: server.is_at_rest)
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_n9_segments_of_any_size_give_the_same_session(server: WireServer, path: str, size: int) -> None:
    """The handshake, frame heads and characters are cut everywhere."""
    session = recorded_session(path)
    with server.connect() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(session), size):
            client.sendall(session[start : start + size])
        in_pieces = read_to_end(client)
    with server.connect() as client:
        client.sendall(session)
        at_once = read_to_end(client)
    frames = at_once.partition(b"\r\n\r\n")[2]
    assert in_pieces.partition(b"\r\n\r\n")[2] == frames
    echoes = text_frame("späté €𝄞".encode()) + binary_frame(b"x" * 130)
    assert frames == pong_frame(b"between") + echoes + close_frame(1000)


def test_n1_two_hundred_clients_that_never_read_cost_little_and_are_dropped(server: WireServer) -> None:
    """Written to as the engine does: not above its limit. The others hear everything meanwhile."""
    wait_for(lambda: server.is_at_rest)
    server.detached.clear()
    with contextlib.ExitStack() as sockets:
        for _ in range(200):
            sockets.enter_context(server.upgraded("/detached", receive_buffer=4_096))
        listening = sockets.enter_context(server.upgraded("/detached"))
        wait_for(lambda: len(server.detached) == 201)
        listener_wire, frame, limit = server.detached[-1], text_frame(b"x" * 8_192), 262_144
        most = 0

        def push() -> None:
            nonlocal most
            for wire in server.detached:
                if wire.buffered_bytes() <= limit:
                    wire.write(frame)
            most = max(most, *(wire.buffered_bytes() for wire in server.detached))

        patience_ends_at = time.monotonic() + 60
        while not all(wire.is_closing for wire in server.detached if wire is not listener_wire):
            server.loop.call_soon_threadsafe(push)
            assert read_frame(listening) == (TEXT, b"x" * 8_192)
            assert time.monotonic() < patience_ends_at, "the deaf ones are still there"
        assert most <= 400_000
        assert not listener_wire.is_closing
    wait_for(lambda: server.is_at_rest, within_s=20)


@pytest.mark.parametrize("queued", [0, 300_000])
def test_n3_a_goodbye_into_a_dead_network_ends_the_connection_all_the_same(server: WireServer, queued: int) -> None:
    """What the hub does when no pong comes: it closes. The peer acknowledges nothing any more."""
    wait_for(lambda: server.is_at_rest)
    with server.upgraded("/detached") as client:
        wire = server.wire("/detached")
        black_hole(client)
        server.loop.call_soon_threadsafe(wire.write, b"\x00" * queued)
        server.loop.call_soon_threadsafe(wire.close, 3012, "no pong")
        wait_for(lambda: server.is_at_rest, within_s=20)


def test_n3_a_stalled_write_into_a_dead_network_ends_the_connection(server: WireServer) -> None:
    wait_for(lambda: server.is_at_rest)
    with server.upgraded("/detached") as client:
        black_hole(client)
        server.loop.call_soon_threadsafe(server.wire("/detached").write, b"\x00" * 1_000_000)
        wait_for(lambda: server.is_at_rest, within_s=20)


def test_w8_a_flood_of_pings_without_reading_costs_little_memory() -> None:
    """57 MB of pings; the answers are not read."""
    with serve_wire(WireLimits(stall_deadline_s=3, frames_per_s=10**7, frame_burst=10**7)) as server:
        with server.upgraded("/detached", receive_buffer=4_096) as client:
            client.settimeout(0.3)
            pings = b"\x89\xfd" + bytes(4) + b"p" * 125
            before = psutil.Process().memory_info().rss
            with contextlib.suppress(OSError):
                for block in islice(cycle([pings * 500]), 870):
                    client.sendall(block)
            assert psutil.Process().memory_info().rss - before < 10_000_000
            assert server.wire("/detached").buffered_bytes() < 1_000_000
        wait_for(lambda: server.is_at_rest, within_s=20)
