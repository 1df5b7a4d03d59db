"""Viewers of a page that write down what they are told, and complain: over WebSocket, as SSE, with the real SDK."""

import asyncio
import contextlib
import hashlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx2
import websockets

from hub.domain.event import apply

Json = dict[str, Any]
Where = Callable[[], str]
"""The base address of a node to try next, `http://host:port`."""


def digest(state: Json) -> str:
    """Of all that a page shows; the position is compared apart from it."""
    shown = {name: value for name, value in state.items() if name not in {"offset", "epoch", "channel"}}
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]


@dataclass
class Fold:
    """The state that a viewer has folded, and what was wrong with what it was told."""

    epoch: str = ""
    offset: int = -1
    state: Json = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)  # dup, hole
    told: Counter[str] = field(default_factory=Counter)  # publications, snapshots, recoveries, ends by their code
    log: list[tuple[float, str, int, str]] = field(default_factory=list)  # (time, epoch, offset, digest)

    def snapshot(self, epoch: str, offset: int, state: Json) -> None:
        self.epoch, self.offset, self.state = epoch, offset, state
        self.told["snapshots"] += 1
        self._note()

    def publication(self, offset: int, event: Json) -> None:
        """Complains instead of mending: what is not the next one is a fault of the hub."""
        self.told["publications"] += 1
        if offset <= self.offset:
            self.faults["dup"] += 1
        elif offset > self.offset + 1:
            self.faults["hole"] += 1
        else:
            self.offset = offset
            self.state = apply(self.state, event)
            self._note()

    def _note(self) -> None:
        self.log.append((time.monotonic(), self.epoch, self.offset, digest(self.state)))


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancel until it heeds: a client library may lose a cancellation that comes while it closes a socket."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)


class CellViewer(Protocol):
    fold: Fold

    async def close(self) -> None: ...


class WireViewer:
    """A bare WebSocket client of the JSON protocol that comes back by itself and continues where it was."""

    def __init__(self, where: Where, channel: str, *, silence_limit_s: float = 5.0, token: str = "") -> None:
        self.fold = Fold()
        self.ended: list[tuple[float, int | None]] = []  # (time, close code)
        self.is_subscribed = False
        self._where = where
        self._channel = channel
        self._silence_limit_s = silence_limit_s
        self._token = token
        self._rng = random.Random()
        self._ids = 1
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        await cancelled(self._task)

    async def _run(self) -> None:
        pause_s = 0.05
        while True:
            url = self._where().replace("http", "ws", 1) + "/connection/websocket"
            code: int | None = None
            try:
                # No compression, no queue to speak of: many of these share one core with what they watch.
                async with websockets.connect(
                    url, proxy=None, compression=None, ping_interval=None, open_timeout=5, close_timeout=0.5
                ) as client:
                    await self._session(client)
            except websockets.ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd is not None else None
            except (OSError, TimeoutError, websockets.WebSocketException):
                pass
            pause_s = 0.05 if self.is_subscribed else min(pause_s * 2, 1.0)
            self.is_subscribed = False
            self.ended.append((time.monotonic(), code))
            self.fold.told[f"end {code}"] += 1
            await asyncio.sleep(self._rng.uniform(0, pause_s))

    async def _session(self, client: websockets.ClientConnection) -> None:
        self._ids = 1
        connect = {"token": self._token} if self._token else {}
        await client.send(json.dumps({"id": 1, "connect": connect}))
        await self._subscribe(client)
        while True:
            async with asyncio.timeout(self._silence_limit_s):
                frame = await client.recv()
            for line in str(frame).splitlines():
                await self._reply(client, json.loads(line))

    async def _subscribe(self, client: websockets.ClientConnection) -> None:
        self._ids += 1
        request: Json = {"channel": self._channel}
        if self.fold.offset >= 0:
            request |= {"recover": True, "epoch": self.fold.epoch, "offset": self.fold.offset}
        await client.send(json.dumps({"id": self._ids, "subscribe": request}))

    async def _reply(self, client: websockets.ClientConnection, reply: Json) -> None:
        if not reply:
            await client.send("{}")
        elif "subscribe" in reply:
            self._subscribed(reply["subscribe"])
        elif "error" in reply:
            self.fold.told[f"error {reply['error']['code']}"] += 1
            await asyncio.sleep(self._rng.uniform(0.1, 0.3))
            await self._subscribe(client)
        elif (push := reply.get("push")) is not None and push.get("channel") == self._channel:
            if (pub := push.get("pub")) is not None:
                self.fold.publication(pub["offset"], pub["data"])
            elif (gone := push.get("unsubscribe")) is not None:
                self.fold.told[f"unsubscribe {gone['code']}"] += 1
                await self._subscribe(client)

    def _subscribed(self, result: Json) -> None:
        self.is_subscribed = True
        if result.get("recovered"):
            self.fold.told["recoveries"] += 1
            for pub in result.get("publications", ()):
                self.fold.publication(pub["offset"], pub["data"])
        else:
            self.fold.snapshot(result["epoch"], result["offset"], result["data"])


class StreamViewer:
    """`EventSource` by hand: comes back with the last id."""

    def __init__(self, where: Where, slug: str, *, silence_limit_s: float = 20.0, token: str = "") -> None:
        self.fold = Fold()
        self._token = token
        self._where = where
        self._slug = slug
        self._silence_limit_s = silence_limit_s
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        await cancelled(self._task)

    async def _run(self) -> None:
        timeout = httpx2.Timeout(5, read=self._silence_limit_s)
        while True:
            with contextlib.suppress(httpx2.TransportError, OSError, TimeoutError):
                async with httpx2.AsyncClient(base_url=self._where(), timeout=timeout) as client:
                    await self._listen(client)
            await asyncio.sleep(random.uniform(0.05, 0.3))

    async def _listen(self, client: httpx2.AsyncClient) -> None:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if self.fold.offset >= 0:
            headers["Last-Event-ID"] = str(self.fold.offset)
        async with client.stream("GET", f"/p/{self._slug}/events", headers=headers) as answer:
            if answer.status_code != 200:
                self.fold.told[f"status {answer.status_code}"] += 1
                return
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif not line and "data" in fields:
                    self._event(fields)
                    fields = {}

    def _event(self, fields: dict[str, str]) -> None:
        data = json.loads(fields["data"])
        if fields.get("event") == "snapshot":
            self.fold.snapshot(data["epoch"], data["offset"], data)
        elif "id" in fields:
            self.fold.publication(int(fields["id"]), data)
