"""Requests to addresses that people or other systems name: they reach the public internet and nothing else (SSRF).

A name is resolved once, every address it has is checked, and the connection goes to exactly those: an answer of the DNS
that changes in between changes nothing. No redirects are followed, no proxy of the environment is used, and neither a
slow nor an endless answer holds anybody for longer than `DEADLINE_S`.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore2

from hub.settings import Settings

DEADLINE_S = 5.0
LIMIT_BYTES = 262_144
MAX_URL_LENGTH = 2_048

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_URL = re.compile(r"[!#-\[\]^-~]+")  # printable ASCII without blank, quotation mark and backslash
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)  # as a last label: another way to write an IPv4 address

# Refused even where private addresses are allowed: what hands out credentials of the machine, and forms that hide
# another address.
_NEVER = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "100.100.100.200/32",  # metadata
            "168.63.129.16/32",  # metadata
            "169.254.0.0/16",  # link-local, metadata
            "192.0.0.192/32",  # metadata
            "224.0.0.0/3",  # multicast, reserved, broadcast
            "::/96",  # unspecified, IPv4-compatible; ::1 is let through below
            "::ffff:0:0/96",  # IPv4-mapped
            "64:ff9b::/96",  # NAT64
            "64:ff9b:1::/48",
            "2001::/32",  # Teredo
            "2002::/16",  # 6to4
            "fd00:ec2::254/128",  # metadata
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)
_LOOPBACK = ipaddress.ip_address("::1")
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")
_NOT_PUBLIC = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "198.18.0.0/15", "2001::/23", "3fff::/20")))


class FetchError(Exception):
    """No answer that can be used; the text says why, for people."""


class Refused(FetchError):
    """The address is none that may be asked; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True, slots=True)
class Rules:
    """`allows_private`: also http, and addresses of inner networks and of this machine."""

    allows_private: bool = False
    ports: frozenset[int] = frozenset()  # beside 443, and 80 for http

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        return cls(settings.hub_allow_private_fetch, frozenset(settings.hub_fetch_ports))

    def admits(self, address: str) -> bool:
        """Whether a connection to `address` may be made."""
        ip = ipaddress.ip_address(address)
        if ip != _LOOPBACK and any(ip.version == net.version and ip in net for net in _NEVER):
            return False
        return self.allows_private or _is_public(ip)


@dataclass(frozen=True, slots=True)
class _Target:
    scheme: str
    host: str
    port: int
    path: str
    is_literal: bool


def check_url(url: str, rules: Rules) -> None:
    """Raises Refused, in words for whoever wrote `url`, for what could never be asked. Resolves no name."""
    _parse(url, rules)


class SafeFetch:
    """`resolve`: (name, port) → addresses. `backend` makes the connections; it is given addresses only."""

    def __init__(
        self,
        rules: Rules,
        *,
        resolve: Resolve | None = None,
        backend: httpcore2.AsyncNetworkBackend | None = None,
        trust: ssl.SSLContext | None = None,
        deadline_s: float = DEADLINE_S,
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        self._rules = rules
        self._resolve = resolve or _resolve
        self._backend = backend or httpcore2.AnyIOBackend()
        self._trust = trust
        self._deadline_s = deadline_s
        self._limit_bytes = limit_bytes

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.send("GET", url, headers)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.send("POST", url, headers, body)

    async def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """The answer, whatever its status; raises FetchError, of it Refused when nothing was sent."""
        target = _parse(url, self._rules)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._send(method, target, headers or {}, body)
        except TimeoutError:
            raise FetchError(f"no whole answer within {self._deadline_s:g} s") from None
        except (
            httpcore2.NetworkError,
            httpcore2.ProtocolError,
            httpcore2.TimeoutException,
            ssl.SSLError,
            OSError,
        ) as error:
            raise FetchError(f"no answer: {type(error).__name__}") from None

    async def _send(self, method: str, target: _Target, headers: Mapping[str, str], body: bytes | None) -> Answer:
        url = httpcore2.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        sent = {"Host": _authority(target), "User-Agent": "status-hub", "Accept-Encoding": "identity", **headers}
        backend = _CheckedBackend(self._backend, await self._addresses(target))
        if self._trust is None and target.scheme == "https":  # reads some hundred certificates
            self._trust = await asyncio.to_thread(httpcore2.default_ssl_context)
        async with (
            httpcore2.AsyncConnectionPool(
                ssl_context=self._trust, max_connections=1, http2=False, retries=0, network_backend=backend
            ) as pool,
            pool.stream(method, url, headers=[*sent.items()], content=body) as response,
        ):
            found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            if found.get("content-encoding", "identity") != "identity":
                raise FetchError("the answer is compressed, which was not asked for")
            received = bytearray()
            async for chunk in response.aiter_stream():
                received += chunk
                if len(received) > self._limit_bytes:
                    raise FetchError(f"the answer is larger than {self._limit_bytes} bytes")
            return Answer(response.status, found, bytes(received))

    async def _addresses(self, target: _Target) -> Sequence[str]:
        """Those that the name has at this moment, all of them fit; raises Refused or FetchError."""
        if target.is_literal:
            found: Sequence[str] = [target.host]
        else:
            found = await self._resolve(target.host, target.port)
        if not found:
            raise FetchError(f"{target.host} has no address")
        if not all(map(self._rules.admits, found)):
            raise Refused(f"{target.host} is not on the public internet")
        return found


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses that were checked, whatever name it is asked for."""

    def __init__(self, backend: httpcore2.AsyncNetworkBackend, addresses: Sequence[str]) -> None:
        self._backend = backend
        self._addresses = addresses

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failure: httpcore2.ConnectError | None = None
        for address in self._addresses:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore2.ConnectError as error:
                failure = error
        raise failure or httpcore2.ConnectError(host)

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


def _parse(url: str, rules: Rules) -> _Target:
    if len(url) > MAX_URL_LENGTH or not _URL.fullmatch(url):
        raise Refused("must be an address of printable ASCII, of at most 2,048 characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("is no address") from None
    scheme, host = parts.scheme, parts.hostname or ""
    if scheme not in ({"http", "https"} if rules.allows_private else {"https"}):
        raise Refused("must start with https://")
    if "@" in parts.netloc:
        raise Refused("must not hold a user name or password")
    if port is None:
        port = 443 if scheme == "https" else 80
    if port not in {443, 80} | rules.ports:
        raise Refused(f"port {port} is not one that may be asked")
    is_literal = _is_address(host, is_bracketed="[" in parts.netloc)
    if is_literal and not rules.admits(host):
        raise Refused(f"{host} is not on the public internet")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(scheme, host, port, path, is_literal)


def _is_address(host: str, *, is_bracketed: bool) -> bool:
    """Whether `host` is an address and not a name; raises Refused when it is a good one of neither."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        if is_bracketed or not _NAME.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2]):
            raise Refused("must name a host, or an address in its usual form") from None
        return False
    if "%" in host or (ip.version == 6) is not is_bracketed:
        raise Refused("must name a host, or an address in its usual form")
    return True


def _is_public(ip: Address) -> bool:
    if any(ip.version == net.version and ip in net for net in _NOT_PUBLIC):
        return False
    return ip.is_global and (ip.version == 4 or ip in _PUBLIC_V6)


def _authority(target: _Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    is_usual = target.port == (443 if target.scheme == "https" else 80)
    return host if is_usual else f"{host}:{target.port}"


async def _resolve(name: str, port: int) -> Sequence[str]:
    """By the system's resolver."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
