"""Requests to addresses that others name (X5): what they can reach is checked where the connection is made."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hub.safe_fetch import FetchError, Refused, Rules, SafeFetch, check_url

PUBLIC, OTHER_PUBLIC = "93.184.215.14", "8.8.8.8"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A real server on this machine. `asked`: the heads of all requests."""

    port: int = 0
    connections: int = 0
    asked: list[bytes] = field(default_factory=list)


@contextlib.asynccontextmanager
async def server(answer: bytes | Answer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    seen = Server()
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        seen.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                seen.asked.append(await reader.readuntil(b"\r\n\r\n"))
                if callable(answer):
                    await answer(reader, writer)
                else:
                    writer.write(answer)
                    if tls is None:
                        writer.write_eof()
                    await writer.drain()
                    await reader.read()  # until the client closes
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    seen.port = listening.sockets[0].getsockname()[1]
    try:
        async with listening:
            yield seen
    finally:
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


def reply(body: bytes = b"hello", *, status: str = "200 OK", **headers: str) -> bytes:
    fields = {"Content-Length": str(len(body)), "Connection": "close"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


class Names:
    """A DNS of the test's own: each question gets the next answer, the last one again and again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.questions: list[str] = []

    async def __call__(self, name: str, _: int) -> Sequence[str]:
        self.questions.append(name)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Wires(httpcore2.AsyncNetworkBackend):
    """Real connections, all of them to this machine; `opened`: to which addresses they were asked for."""

    def __init__(self, port: int) -> None:
        self.opened: list[str] = []
        self._port = port
        self._real = httpcore2.AnyIOBackend()

    async def connect_tcp(self, host, *others):
        self.opened.append(host)
        _, timeout, *_ = others
        return await self._real.connect_tcp("127.0.0.1", self._port, timeout)


INSIDE = Rules(allows_private=True)


def inside(port: int) -> Rules:
    return Rules(allows_private=True, ports=frozenset({port}))


async def test_an_answer_comes_whole():
    async with server(reply(b'{"keys":[]}', Content_Type="application/json")) as peer:
        answer = await SafeFetch(inside(peer.port)).get(f"http://127.0.0.1:{peer.port}/jwks?x=1", {"Accept": "a/b"})
    assert (answer.status, answer.body) == (200, b'{"keys":[]}')
    assert answer.headers["content-type"] == "application/json"
    [head] = peer.asked
    assert head.startswith(b"GET /jwks?x=1 HTTP/1.1\r\n")
    assert f"\r\nHost: 127.0.0.1:{peer.port}\r\n".encode() in head
    assert b"\r\nAccept: a/b\r\n" in head


async def test_a_body_is_sent():
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(await reader.readexactly(4)))
        await writer.drain()

    async with server(echo) as peer:
        answer = await SafeFetch(inside(peer.port)).post(f"http://127.0.0.1:{peer.port}/", b"ping")
    assert answer.body == b"ping"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
     "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
     "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "fe80::1", "fec0::1",
     "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::",
     "2001:0:7f00:1::", "2001:db8::1", "3fff::1", "100::1"],
)  # fmt: skip
async def test_no_name_leads_to_an_address_that_is_not_public(address):
    """X5. Loopback, private, link-local, metadata, multicast, and every form that hides another address."""
    async with server(reply()) as peer:
        wires = Wires(peer.port)
        fetch = SafeFetch(Rules(), resolve=Names([address]), backend=wires)
        with pytest.raises(Refused):
            await fetch.get("https://innocent.example/")
        with pytest.raises(Refused):
            await SafeFetch(Rules(), resolve=Names([PUBLIC, address]), backend=wires).get("https://innocent.example/")
        literal = f"[{address}]" if ":" in address else address
        with pytest.raises(Refused):
            await fetch.get(f"https://{literal}/")
    assert (wires.opened, peer.connections) == ([], 0)


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "::ffff:10.0.0.1"])
def test_metadata_and_hidden_addresses_are_refused_inside_as_well(address):
    assert not INSIDE.admits(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "fd12::1", PUBLIC, "2606:4700::1111"])
def test_inside_private_addresses_may_be_asked(address):
    assert INSIDE.admits(address)


@pytest.mark.parametrize("address", [PUBLIC, OTHER_PUBLIC, "2606:4700::1111", "2a00:1450:4001::1"])
def test_public_addresses_may_be_asked(address):
    assert Rules().admits(address)


@pytest.mark.parametrize(
    "url",
    ["", "innocent.example", "//innocent.example/", "http://innocent.example/", "file:///etc/passwd",
     "ftp://innocent.example/", "gopher://innocent.example/", "javascript:alert(1)", "https:///path", "https://",
     "https://user@innocent.example/", "https://user:pass@innocent.example/", "https://innocent.example@127.0.0.1/",
     "https://@innocent.example/", "https://innocent.example:22/", "https://innocent.example:5432/",
     "https://innocent.example:6379/", "https://innocent.example:0/", "https://innocent.example:99999/",
     "https://innocent.example:8443/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://127.1/",
     "https://0177.0.0.1/", "https://127.0.0.0x1/", "https://017700000001/", "https://1.2.3.4.5/", "https://[::1%25lo]/",
     "https://[::1%lo]/", "https://[127.0.0.1]/", "https://::1/", "https://[::1/", "https://inno cent.example/",
     "https://innocent.example\\@127.0.0.1/", "https://innocent.example/\r\nHost: x", "https://innocent.example/\x00",
     "https://innocent.example\t/", "https://ınnocent.example/", "https://①②⑦.⓪.⓪.①/", "https://innocent.example./",
     "https://.innocent.example/", "https://innocent..example/", "https://-innocent.example/", "https://a_%41.example/",
     "https://innocent.example/" + "x" * 2048],
)  # fmt: skip
async def test_an_address_that_could_mean_something_else_is_refused(url):
    """X5. Other schemes, user info, ports, and every other way to write an IPv4 address."""
    with pytest.raises(Refused):
        check_url(url, Rules())
    names = Names([PUBLIC])
    with pytest.raises(Refused):
        await SafeFetch(Rules(), resolve=names).get(url)
    assert names.questions == []


@pytest.mark.parametrize(
    "url",
    [
        "https://innocent.example",
        "HTTPS://Innocent.Example:443/a?b#c",
        "https://xn--bcher-kva.example/",
        f"https://{PUBLIC}/",
    ],
)
def test_a_usual_address_is_fit(url):
    check_url(url, Rules())


def test_further_ports_are_those_of_the_settings():
    check_url("https://innocent.example:8443/", Rules(ports=frozenset({8443})))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """Key and certificate of `innocent.example`, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "innocent.example")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("innocent.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


def contexts(certificate: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(the server's, the client's)"""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    return serving, ssl.create_default_context(cafile=certificate)


async def test_a_name_is_asked_for_once_and_the_connection_goes_where_it_was_checked(certificate):
    """X5. A DNS answer that changes between check and use (rebinding); TLS still checks the name."""
    serving, trust = contexts(certificate)
    async with server(reply(), tls=serving) as peer:
        wires, names = Wires(peer.port), Names([PUBLIC], ["127.0.0.1"])
        answer = await SafeFetch(Rules(), resolve=names, backend=wires, trust=trust).get("https://innocent.example/")
        assert answer.body == b"hello"
        assert (names.questions, wires.opened) == (["innocent.example"], [PUBLIC])
        assert b"Host: innocent.example\r\n" in peer.asked[0]
        with pytest.raises(Refused):
            await SafeFetch(Rules(), resolve=names, backend=wires, trust=trust).get("https://innocent.example/")
        assert wires.opened == [PUBLIC]


async def test_a_certificate_of_another_name_is_refused(certificate):
    serving, trust = contexts(certificate)
    async with server(reply(), tls=serving) as peer:
        fetch = SafeFetch(Rules(), resolve=Names([PUBLIC]), backend=Wires(peer.port), trust=trust)
        with pytest.raises(FetchError):
            await fetch.get("https://guilty.example/")
    assert peer.asked == []


async def test_the_next_address_is_tried_when_one_does_not_answer():
    async with server(reply()) as peer:
        names = Names(["127.0.0.2", "127.0.0.1"])  # nothing listens on the first
        answer = await SafeFetch(inside(peer.port), resolve=names).get(f"http://innocent.example:{peer.port}/")
    assert answer.status == 200


async def test_a_redirect_is_an_answer_and_not_an_order():
    """X5."""
    async with server(reply(b"secret")) as target:
        moved = reply(b"", status="302 Found", Location=f"http://127.0.0.1:{target.port}/")
        async with server(moved) as peer:
            rules = Rules(allows_private=True, ports=frozenset({peer.port, target.port}))
            answer = await SafeFetch(rules).get(f"http://127.0.0.1:{peer.port}/")
    assert (answer.status, answer.body, target.connections) == (302, b"", 0)


async def test_no_proxy_of_the_environment_is_used(monkeypatch):
    async with server(reply()) as peer, server(reply(b"proxy")) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        answer = await SafeFetch(inside(peer.port)).get(f"http://127.0.0.1:{peer.port}/")
    assert (answer.body, proxy.connections) == (b"hello", 0)


async def _endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


async def _drop_by_drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def _long_head(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-More: " + b"y" * 8_000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("answer", [_endless, _drop_by_drop, _silent, _long_head], ids=lambda one: one.__name__)
async def test_no_answer_holds_anybody_or_fills_memory(answer):
    """X5. Endless, slow, silent."""
    async with server(answer) as peer:
        with pytest.raises(FetchError) as failed:
            await SafeFetch(inside(peer.port), deadline_s=0.5).get(f"http://127.0.0.1:{peer.port}/")
    assert not isinstance(failed.value, Refused)


@pytest.mark.parametrize(
    "answer",
    [reply(b"x" * 300_000), reply(b"x", Content_Encoding="gzip"), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
     b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"],
    ids=["large", "compressed", "cut off", "nonsense", "nothing", "two lengths"],
)  # fmt: skip
async def test_an_answer_that_cannot_be_used_is_one_error(answer):
    async with server(answer) as peer:
        with pytest.raises(FetchError):
            await SafeFetch(inside(peer.port)).get(f"http://127.0.0.1:{peer.port}/")


async def test_nothing_there_is_one_error():
    async with server(reply()) as peer:
        port = peer.port
    with pytest.raises(FetchError):
        await SafeFetch(inside(port)).get(f"http://127.0.0.1:{port}/")
    with pytest.raises(FetchError, match="no address"):
        await SafeFetch(Rules(), resolve=Names([])).get("https://innocent.example/")


async def test_a_slow_dns_has_an_end():
    async def never(name: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return [name, str(port)]

    with pytest.raises(FetchError):
        await SafeFetch(Rules(), resolve=never, deadline_s=0.2).get("https://innocent.example/")
