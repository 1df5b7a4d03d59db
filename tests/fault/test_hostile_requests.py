"""Hostile requests: framing, size, paths, and what a request says of itself (W16, W17, W18, X9)."""

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from hub.transport.link import WireLimits
from tests.support.hub import HubProcess
from tests.support.local_hub import LocalHub, running
from tests.support.wire_server import WireServer, read_to_end, read_until, serve_wire

pytestmark = pytest.mark.fault
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
INNER = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
MIB = 2**20

SMUGGLING = {
    "both-framings": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both-framings-turned": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two-lengths": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "one-length-twice": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "list-of-lengths": POST + b"Content-Length: 1, 1\r\n\r\na",
    "plus": POST + b"Content-Length: +1\r\n\r\na",
    "minus": POST + b"Content-Length: -1\r\n\r\na",
    "hexadecimal": POST + b"Content-Length: 0x1\r\n\r\na",
    "no-number": POST + b"Content-Length: \r\n\r\n",
    "too-large-a-number": POST + b"Content-Length: 99999999999999999999999\r\n\r\na",
    "folded-length": POST + b"Content-Length:\r\n 1\r\n\r\na",
    "chunk-size-ends-in-lf": CHUNKED + b"1\na\r\n0\r\n\r\n",
    "chunk-ends-in-lf": CHUNKED + b"1\r\na\n0\r\n\r\n",
    "chunk-ends-in-anything": CHUNKED + b"1\r\naXX0\r\n\r\n",
    "chunk-does-not-end": CHUNKED + b"1\r\na0\r\n\r\n",
    "chunk-of-minus-one": CHUNKED + b"-1\r\na\r\n0\r\n\r\n",
    "chunk-size-0x": CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
    "chunk-size-space": CHUNKED + b"1 \r\na\r\n0\r\n\r\n",
    "chunk-size-too-large": CHUNKED + b"10000000000000001\r\na\r\n0\r\n\r\n",
    "chunk-extension-with-lf": CHUNKED + b"1;x\nX: y\r\na\r\n0\r\n\r\n",
    "last-chunk-ends-in-lf": CHUNKED + b"0\n\n",
    "coding-identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "coding-like-chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding-chunked-not-last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "coding-identity-chunked": POST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "coding-gzip-chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding-twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "coding-vertical-tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "coding-nul": POST + b"Transfer-Encoding: chunked\x00\r\n\r\n0\r\n\r\n",
    "coding-space-before-colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "coding-folded": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "coding-http-1.0": b"POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "lines-end-in-lf": b"POST / HTTP/1.1\nHost: h\nContent-Length: 1\n\na",
    "cr-in-a-header": POST + b"X: a\rContent-Length: 1\r\n\r\na",
    "nul-in-a-header": POST + b"X: a\x00b\r\n\r\n",
    "space-before-a-header": b"POST / HTTP/1.1\r\n Host: h\r\n\r\n",
    "no-host": b"GET / HTTP/1.1\r\n\r\n",
    "two-hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "host-with-a-space": b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "host-with-a-path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "http-0.9": b"GET /\r\n\r\n",
    "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "connect": b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: h\r\n\r\n",
    "control-character-in-the-path": b"GET /a\x01b HTTP/1.1\r\nHost: h\r\n\r\n",
}


@pytest.fixture(scope="module")
def server() -> Iterator[WireServer]:
    with serve_wire(WireLimits(header_deadline_s=30, body_deadline_s=2, linger_s=0.2)) as server:
        yield server


@pytest.mark.parametrize("request_bytes", SMUGGLING.values(), ids=SMUGGLING)
def test_what_could_be_read_in_two_ways_is_refused_and_closed(server: WireServer, request_bytes: bytes) -> None:
    """W16. One answer, 400, and nothing of what stands behind is taken for a request."""
    with server.connect() as client:
        client.sendall(request_bytes + INNER)
        assert re.findall(rb"HTTP/1\.1 (\d+)", read_to_end(client)) == [b"400"]


def test_what_can_be_read_in_one_way_alone_is_served(server: WireServer) -> None:
    """W16. Chunks with extensions and trailers, bodies on GET, a host with a port, one of IPv6, an empty one."""
    fine = (
        CHUNKED + b"1;ext=a\r\na\r\n0\r\nX-Trailer: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h:80\r\nContent-Length: 5\r\n\r\nGET /",
        b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
        b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: h\r\n\r\n",
    )
    with server.connect() as client:
        for request in fine:
            client.sendall(request)
            assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
            if request.startswith(b"POST"):
                client.recv(1)
            elif b"Length: 5" in request:
                client.recv(5)
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_to_end(client).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_drips_is_cut_off(server: WireServer) -> None:
    """W18. Each byte wins nothing: the deadline is for the whole body."""
    with server.connect() as client:
        client.settimeout(0.2)
        client.sendall(POST + b"Content-Length: 1000000\r\n\r\n")
        answer = b""
        for _ in range(300):
            try:
                client.sendall(b"x")
                answer = client.recv(65_536)
                break
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("length", [8_190, 8_191, 12_000, 100_000])
def test_an_address_beyond_8_kib_is_refused(server: WireServer, length: int) -> None:
    with server.connect() as client:
        client.sendall(b"GET /" + b"a" * (length - 1) + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        answer = read_to_end(client)
        if length <= 8_190:
            assert answer.startswith(b"HTTP/1.1 200 ")
        elif answer:  # else it was reset while it still sent
            assert answer.startswith((b"HTTP/1.1 414 ", b"HTTP/1.1 431 "))
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == "error"


# The whole hub, in this loop.


@pytest.fixture
async def local_hub(settings) -> AsyncIterator[LocalHub]:
    async with running(settings) as hub:
        yield hub


@pytest.fixture
async def client(local_hub: LocalHub) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=local_hub.base_url, timeout=30) as client:
        yield client


async def talk(hub: LocalHub, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


FORGED = {
    "Host": "evil.example",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Prefix": "/evil",
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;host=evil.example;proto=https",
    "X-Original-URL": "/metrics",
    "X-Rewrite-URL": "/metrics",
    "X-HTTP-Method-Override": "DELETE",
}


async def test_what_a_request_says_of_itself_changes_no_answer(client):
    """W17. Not the routing, not a link, not a right, not a redirect."""
    for path in ("/", "/login", "/p/none", "/p/none/", "/demo", "/api/v1/me", "/api/v1/none", "/api/openapi.json"):
        plain = await client.get(path)
        forged = await client.get(path, headers=FORGED)
        assert forged.status_code == plain.status_code, path
        # What differs is the id of the request.
        hide = re.compile(r'"request_id": ?"[^"]+"')
        assert hide.sub("", forged.text) == hide.sub("", plain.text), path
        assert forged.headers.get("location") == plain.headers.get("location"), path
        assert "evil" not in forged.text + str(forged.headers), path
        assert "strict-transport-security" not in forged.headers


async def test_the_host_in_a_target_changes_nothing_either(local_hub, client):
    """W17. Absolute form: the path counts, and the name in it is nobody's."""
    target = b"GET http://evil.example/api/v1/pages HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    head, _, body = (await talk(local_hub, target)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert json.loads(body)["data"] == []
    assert b"evil" not in head + body


async def test_a_redirect_stays_here(client):
    """W17, X7."""
    for path, location in (
        ("/p/acme/", "/p/acme"),
        ("/p/acme///", "/p/acme"),
        ("/p/acme/history/?before=1", "/p/acme/history?before=1"),
        ("/p//evil.example/", "/p//evil.example"),
        ("/p/%0d%0aSet-Cookie:%20a=b/", "/p/%0D%0ASet-Cookie:%20a=b"),
    ):
        answer = await client.get(path, headers={"Host": "evil.example"})
        assert answer.status_code == 307
        assert answer.headers["location"] == location
        assert "set-cookie" not in answer.headers


async def test_paths_that_leave_the_root_redirect_nowhere(client, local_hub):
    """X7. A location that begins with two slashes names another host."""
    for path in (b"//evil.example/", b"//evil.example/p/a/", b"/\\evil.example/", b"/%2fevil.example/"):
        answer = await talk(local_hub, b"GET " + path + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 404 "), path
        assert b"\r\nlocation:" not in answer.lower()


TRAVERSALS = (
    "/static/../hub/settings.py", "/static/..%2fhub%2fsettings.py", "/static/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%5c..%5cetc%5cpasswd", "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/page.js%00.png",
    "/static/....//....//etc/passwd", "/static/x/../../../etc/passwd", "/static/%252e%252e%252fetc%252fpasswd",
    "/static/.", "/static/..", "/static/", "/static/x/y/z.js", "/static/file:///etc/passwd", "/static/page.js/",
)  # fmt: skip


async def test_no_path_leads_out_of_the_browser_files(local_hub):
    """X9."""
    for path in TRAVERSALS:
        answer = await talk(local_hub, f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 404 "), path
        assert b"root:" not in answer
        assert b"BaseSettings" not in answer


async def test_ten_thousand_ranges_of_a_file_are_one_whole_file(client):
    """W18. Ranges are not served; the header that asks for so many does not even fit."""
    whole = await client.get("/static/page.js")
    some = await client.get("/static/page.js", headers={"Range": "bytes=" + ",".join(["0-0"] * 1_000)})
    assert (some.status_code, some.content) == (200, whole.content)
    many = await client.get("/static/page.js", headers={"Range": "bytes=" + ",".join(["0-0"] * 10_000)})
    assert many.status_code == 431


# The whole hub, as a process of its own, whose memory can be weighed.


def rss(hub: HubProcess) -> int:
    return int(psutil.Process(hub.pid).memory_info().rss)


def pour(hub: HubProcess, head: bytes, piece: bytes, total: int) -> bytes:
    """Send `total` bytes behind `head`, or as many as are taken; what came back."""
    with socket.create_connection(("127.0.0.1", hub.port), timeout=60) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(head)
            for _ in range(total // len(piece)):
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            return read_to_end(connection)
    return b""


@pytest.mark.slow
async def test_floods_of_bodies_cost_no_memory(hub: HubProcess, tmp_path: Path):
    """W18. A gigabyte of JSON, a form of a million fields, 10,000 parts, and a body where none is read."""
    register = "/api/v1/auth/register"

    def head(path: str, media_type: str, size: int, method: str = "POST") -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
            f"Content-Type: {media_type}\r\nContent-Length: {size}\r\n\r\n"
        ).encode()

    form, parts = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    floods = {
        "form": (head(register, form, 400_000), b"a=1&" * 1_000, 400_000, {415}),
        "parts": (head(register, parts, len(part) * 10_000), part * 100, len(part) * 10_000, {415}),
        "fields": (head(register, form, 4 * MIB), b"a=1&" * 1_024, 4 * MIB, {413}),
        "gigabyte": (head(register, "application/json", 1_024 * MIB), b"[" * MIB, 1_024 * MIB, {413}),
        "stream": (head("/connection/http_stream", "application/json", 1_024 * MIB), b"[" * MIB, 1_024 * MIB, {413}),
        "page": (head("/login", "application/json", 64 * MIB, "GET"), b"x" * MIB, 64 * MIB, {200}),
        "delete": (head("/api/v1/me", "application/json", 64 * MIB, "DELETE"), b"x" * MIB, 64 * MIB, {401}),
    }
    for each in floods.values():  # what is allocated once does not count
        pour(hub, each[0], each[1], each[2])
    before = rss(hub)
    for name, (request, piece, total, statuses) in floods.items():
        for _ in range(3):
            answer = pour(hub, request, piece, total)
            if answer:  # who goes on sending may be reset before it can read
                assert int(answer.split(b" ", 2)[1]) in statuses, name
    assert rss(hub) - before < 16 * MIB
