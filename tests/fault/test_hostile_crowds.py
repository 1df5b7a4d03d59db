"""Too many sockets on a real server: who is over a limit is told so before the upgrade, the others stay (G4)."""

import socket
from collections.abc import Iterator

import pytest

from hub.transport.link import WireLimits
from tests.support.wire_server import (
    WireServer,
    client_frame,
    read_frame,
    read_to_end,
    read_until,
    reset,
    serve_wire,
    upgrade_request,
    wait_for,
)

pytestmark = pytest.mark.fault
TEXT = 1
LIMITS = WireLimits(header_deadline_s=2, linger_s=0.2, sockets=50, strangers_per_address=20, silent=60)


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def running(request: pytest.FixtureRequest) -> Iterator[WireServer]:
    with serve_wire(LIMITS, request.param) as server:
        yield server


@pytest.fixture
def server(running: WireServer) -> WireServer:
    wait_for(lambda: running.is_at_rest, within_s=20)
    running.detached.clear()
    return running


def upgrade(server: WireServer, address: str, *headers: str) -> tuple[socket.socket, int]:
    client = server.connect(address=address)
    client.sendall(upgrade_request("/detached", *headers))
    return client, int(read_until(client, b"\r\n\r\n").split(b" ", 2)[1])


def close_all(clients: list[tuple[socket.socket, int]]) -> None:
    for client, _ in clients:
        client.close()


def test_w3_sockets_over_the_limit_get_503_and_nobody_else_suffers(server: WireServer) -> None:
    """50 are allowed, 300 come."""
    clients = [upgrade(server, f"127.0.1.{number % 30 + 1}") for number in range(300)]
    statuses = [status for _, status in clients]
    assert statuses == [101] * 50 + [503] * 250
    with server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    first = clients[0][0]
    first.sendall(client_frame(TEXT, b"still here"))
    assert read_frame(first) == (TEXT, b"still here")
    close_all(clients[:1])
    wait_for(lambda: server.admission.sockets == 49)
    clients.append(upgrade(server, "127.0.1.1"))
    assert clients[-1][1] == 101
    close_all(clients)


def test_strangers_of_one_address_are_limited_and_those_of_another_are_not(server: WireServer) -> None:
    clients = [upgrade(server, "127.0.0.2") for _ in range(25)]
    assert [status for _, status in clients] == [101] * 20 + [429] * 5
    clients.append(upgrade(server, "127.0.0.3"))
    assert clients[-1][1] == 101
    answer = read_to_end(clients[-2][0])
    assert b'"too_many_connections"' in answer
    close_all(clients)


def test_who_has_authenticated_makes_room_for_the_next_stranger(server: WireServer) -> None:
    clients = [upgrade(server, "127.0.0.2") for _ in range(20)]
    wait_for(lambda: len(server.detached) == 20)
    for wire in server.detached[:3]:
        server.loop.call_soon_threadsafe(wire.admitted)
        server.loop.call_soon_threadsafe(wire.admitted)  # saying it twice counts once
    wait_for(lambda: server.admission.strangers == 17)
    clients += [upgrade(server, "127.0.0.2") for _ in range(4)]
    assert [status for _, status in clients[20:]] == [101, 101, 101, 429]
    close_all(clients)


def test_strangers_who_vanish_make_room(server: WireServer) -> None:
    for _ in range(60):
        client, status = upgrade(server, "127.0.0.2")
        assert status == 101
        reset(client)
        wait_for(lambda: server.admission.strangers < 20)


def test_behind_a_trusted_proxy_the_named_address_counts(server: WireServer) -> None:
    """The loopback is the proxy that uvicorn trusts unless told otherwise."""
    clients = [upgrade(server, "127.0.0.1", "X-Forwarded-For: 6.6.6.6, 203.0.113.9") for _ in range(21)]
    assert [status for _, status in clients] == [101] * 20 + [429]
    clients.append(upgrade(server, "127.0.0.1", "X-Forwarded-For: 203.0.113.10"))
    clients.append(upgrade(server, "127.0.0.1"))
    assert [status for _, status in clients[21:]] == [101, 101]
    close_all(clients)


def test_nobody_is_believed_who_only_says_that_he_forwards(server: WireServer) -> None:
    clients = [upgrade(server, "127.0.0.2", f"X-Forwarded-For: 203.0.113.{number}") for number in range(21)]
    assert [status for _, status in clients] == [101] * 20 + [429]
    close_all(clients)


def test_connections_that_say_nothing_are_limited(server: WireServer) -> None:
    clients = [server.connect() for _ in range(60)]
    wait_for(lambda: server.admission.silent == 60)
    with server.connect() as one_too_many:
        assert read_to_end(one_too_many) == b""
    clients[0].sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert read_until(clients[0], b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert server.admission.silent == 59
    for client in clients:
        client.close()
