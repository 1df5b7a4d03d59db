"""Clients in bulk: bare sockets with frames made once, thousands to a process.

`RawClient` is one connection, `Viewer` somebody who watches a page, comes back by itself and folds what it is told. For
one client that has a conversation there is `tests.support.json_client`.
"""

import asyncio
import json
import random
import resource
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from hub.domain.event import apply
from tests.support.cell_viewers import digest
from tests.support.wire_server import client_frame, upgrade_request

TEXT, BINARY, CLOSE = 1, 2, 8
HANDSHAKE = upgrade_request("/connection/websocket")
BINARY_HANDSHAKE = upgrade_request("/connection/websocket?format=protobuf")
RECEIVE_BUFFER_BYTES = 16_384  # of slow readers
AT_ONCE = 200  # connections that are being opened at the same time

Json = dict[str, Any]


def text(*commands: Json | str) -> bytes:
    """One frame of a client with these commands, a line each."""
    return client_frame(TEXT, "\n".join(one if isinstance(one, str) else json.dumps(one) for one in commands).encode())


PONGS = {b"{}": text("{}"), b"\0": client_frame(BINARY, b"\0")}  # by the ping, in either encoding
CONNECT = text({"id": 1, "connect": {}})


@lru_cache(maxsize=4096)
def read(line: bytes) -> Json:
    """A line from the server; members of a channel get the same bytes."""
    found: Json = json.loads(line)
    return found


class RawClient(asyncio.Protocol):
    """Sends `first` once the handshake is over, answers pings, and keeps what comes if it is to."""

    def __init__(
        self,
        first: bytes = b"",
        *,
        handshake: bytes = HANDSHAKE,
        keeps: bool = True,
        answers_pings: bool = True,
        pause_s: float = 0.0,  # between two reads
    ) -> None:
        self.status: int | None = None  # of the handshake
        self.close_code: int | None = None
        self.is_gone = False
        self.messages: list[bytes] = []
        self.received = 0  # messages
        self.transport: asyncio.Transport
        self._first = first
        self._handshake = handshake
        self._keeps = keeps
        self._answers_pings = answers_pings
        self.pause_s = pause_s
        self._buffer = b""

    @property
    def is_open(self) -> bool:
        return self.status == 101 and not self.is_gone

    @property
    def replies(self) -> list[Json]:
        """What came as text so far, pings left out."""
        return [one for message in self.messages for line in message.splitlines() if (one := read(line))]

    def errors(self) -> Counter[int]:
        return Counter(reply["error"]["code"] for reply in self.replies if "error" in reply)

    def say(self, frames: bytes) -> None:
        if not self.is_gone:
            self.transport.write(frames)

    def leave(self) -> None:
        """Without a goodbye."""
        self.transport.abort()

    def on_message(self, payload: bytes) -> None:
        """To be overridden."""

    # Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._handshake)

    def data_received(self, data: bytes) -> None:
        if self.pause_s:
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(self.pause_s, self._read_on)
        self._buffer = self._buffer + data if self._buffer else data
        if self.status is None:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self.status, self._buffer = int(head.split(b" ", 2)[1]), rest
            if self.status == 101:
                self.transport.write(self._first)
        if self.status == 101:
            self._take_frames()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.is_gone = True

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _take_frames(self) -> None:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            size, start = buffer[at + 1] & 0x7F, at + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                size = int.from_bytes(buffer[start : start + width], "big")
                start += width
            if len(buffer) < start + size:
                break
            self._take(buffer[at] & 0x0F, buffer[start : start + size])
            at = start + size
        self._buffer = buffer[at:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self.close_code = int.from_bytes(payload[:2], "big")
            self.transport.close()
        elif opcode in {TEXT, BINARY}:
            self.received += 1
            if payload in PONGS and self._answers_pings:
                self.say(PONGS[payload])
            if self._keeps:
                self.messages.append(payload)
            self.on_message(payload)


class States:
    """What the viewers of one channel have folded; each step is worked out once, however many take it."""

    def __init__(self) -> None:
        self._states: dict[str, Json] = {}
        self._steps: dict[tuple[str, int, str], str] = {}

    def snapshot(self, state: Json) -> str:
        """The name of a state: its digest."""
        name = digest(state)
        self._states.setdefault(name, state)
        return name

    def after(self, name: str, publication: Json) -> str:
        step = name, publication["offset"], json.dumps(publication["data"], sort_keys=True)
        found = self._steps.get(step)
        if found is None:
            found = self._steps[step] = self.snapshot(apply(self._states[name], publication["data"]))
        return found


class Viewer:
    """One of many viewers of a page: comes back with its position, with full jitter, until `stop`.

    `pause_s`: between two reads of as much as `receive_buffer` (bytes) holds, for a slow one.
    """

    def __init__(
        self,
        where: Callable[[], int],
        channel: str,
        states: States,
        *,
        backoff_s: float = 1.0,
        pause_s: float = 0.0,
        receive_buffer: int = RECEIVE_BUFFER_BYTES,
    ) -> None:
        self.epoch = ""
        self.offset = -1
        self.state = ""
        self.is_subscribed = False
        self.told: Counter[str] = Counter()  # snapshots, recoveries, publications, errors and ends by their code
        self.faults: Counter[str] = Counter()  # dup, hole
        self._where = where  # a port
        self._channel = channel
        self._states = states
        self._backoff_s = backoff_s
        self._receive_buffer = receive_buffer
        self._pause_s = pause_s
        self._client: _ViewersClient | None = None
        self._is_stopped = False
        self._coming: asyncio.Task[None] | None = None

    @property
    def position(self) -> tuple[str, int, str]:
        return self.epoch, self.offset, self.state

    def read_every(self, pause_s: float) -> None:
        """From the next read on, also on its next connections."""
        self._pause_s = pause_s
        if self._client is not None:
            self._client.pause_s = pause_s

    def come(self, after_s: float = 0.0) -> None:
        self._coming = asyncio.get_running_loop().create_task(self._come(after_s))

    def stop(self) -> None:
        self._is_stopped = True
        if self._coming is not None:
            self._coming.cancel()
        if self._client is not None:
            self._client.leave()

    async def _come(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        commands: list[Json] = [{"id": 1, "connect": {}}, {"id": 2, "subscribe": self._request()}]
        client = _ViewersClient(self, text(*commands), self._pause_s)
        try:
            await open_one(client, self._where(), receive_buffer=self._receive_buffer if self._pause_s else None)
        except OSError:
            self.told["refused"] += 1
            self._come_back()
        else:
            self._client = client

    def _request(self) -> Json:
        request: Json = {"channel": self._channel}
        if self.offset >= 0:
            request |= {"recover": True, "epoch": self.epoch, "offset": self.offset}
        return request

    def _come_back(self) -> None:
        self.is_subscribed = False
        if not self._is_stopped:
            self.come(random.uniform(0, self._backoff_s))

    # Told by the client.

    def lost(self, code: int | None) -> None:
        self.told[f"end {code}"] += 1
        self._client = None
        self._come_back()

    def reply(self, reply: Json, say: Callable[[bytes], None]) -> None:
        if (result := reply.get("subscribe")) is not None:
            self.is_subscribed = True
            if result.get("recovered"):
                self.told["recoveries"] += 1
                for publication in result.get("publications", ()):
                    self._publication(publication)
            else:
                self.told["snapshots"] += 1
                self.epoch, self.offset = result["epoch"], result["offset"]
                self.state = self._states.snapshot(result["data"])
        elif (error := reply.get("error")) is not None:
            self.told[f"error {error['code']}"] += 1
            again = text({"id": 3, "subscribe": self._request()})
            asyncio.get_running_loop().call_later(random.uniform(0.1, self._backoff_s), say, again)
        elif (push := reply.get("push")) is not None:
            if (publication := push.get("pub")) is not None:
                self._publication(publication)
            elif (gone := push.get("unsubscribe")) is not None:
                self.is_subscribed = False
                self.told[f"unsubscribe {gone['code']}"] += 1
                say(text({"id": 3, "subscribe": self._request()}))

    def _publication(self, publication: Json) -> None:
        self.told["publications"] += 1
        offset = publication["offset"]
        if offset <= self.offset:
            self.faults["dup"] += 1
        elif offset > self.offset + 1:
            self.faults["hole"] += 1
        else:
            self.offset = offset
            self.state = self._states.after(self.state, publication)


class _ViewersClient(RawClient):
    def __init__(self, viewer: Viewer, first: bytes, pause_s: float) -> None:
        super().__init__(first, keeps=False, pause_s=pause_s)
        self._viewer = viewer

    def on_message(self, payload: bytes) -> None:
        for line in payload.splitlines():
            if line != b"{}":
                self._viewer.reply(read(line), self.say)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._viewer.lost(self.close_code)


async def open_one(
    client: RawClient, port: int, address: str = "127.0.0.1", *, receive_buffer: int | None = None
) -> None:
    """Connect from `address`; the handshake goes on by itself. Raises OSError."""
    loop = asyncio.get_running_loop()
    own = socket.socket()
    own.setblocking(False)
    if receive_buffer is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        own.bind((address, 0))
        await loop.sock_connect(own, ("127.0.0.1", port))
    except BaseException:
        own.close()
        raise
    await loop.create_connection(lambda: client, sock=own)


async def open_all(clients: Iterable[RawClient], port: int) -> None:
    """Connect all, some at the same time; from addresses that have ports enough for 10,000 each."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, client: RawClient) -> None:
        async with slots:
            await open_one(client, port, f"127.0.0.{2 + number // 10_000}")

    await asyncio.gather(*(one(number, client) for number, client in enumerate(clients)))


def raise_file_limit() -> int:
    """How many files this process may have open now."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most
