"""The real Centrifuge SDKs, unchanged, behind one small interface: events in, commands out."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol

import centrifuge

from tests.support.hub import ROOT
from tests.support.npm import node_modules
from tests.support.waiting import wait_until

PACKAGES = ("centrifuge@5.8.0", "eventsource@4.1.1", "ws@8.18.3")

Event = dict[str, Any]
TokenSource = Callable[[], Awaitable[str]]


class Viewer(Protocol):
    """One SDK client with one subscription; `events` holds all that it was told, in order."""

    events: list[Event]

    async def do(self, command: str, **fields: object) -> None:
        """unsubscribe, subscribe, disconnect or history."""


def named(viewer: Viewer, event: str) -> list[Event]:
    return [one for one in viewer.events if one["event"] == event]


def offsets(viewer: Viewer) -> list[int]:
    """The offsets of all publications, as they came."""
    return [one["offset"] for one in named(viewer, "publication")]


async def told(viewer: Viewer, event: str, times: int = 1, within_s: float = 20.0) -> Event:
    """The newest `event`, once there have been `times`."""
    try:
        await wait_until(lambda: len(named(viewer, event)) >= times, within_s=within_s)
    except AssertionError:
        raise AssertionError(f"no {event} x {times} within {within_s} s; events: {viewer.events}") from None
    return named(viewer, event)[-1]


class PythonViewer:
    """`centrifuge-python`."""

    def __init__(
        self, url: str, channel: str, token: str, get_token: TokenSource | None, max_ping_delay_s: float
    ) -> None:
        self.events: list[Event] = []
        options: dict[str, Any] = {"token": token} if token else {}
        if get_token is not None:
            options["get_token"] = get_token
        self._client = centrifuge.Client(
            url,
            events=_ClientEvents(self.events),
            min_reconnect_delay=0.05,
            max_reconnect_delay=0.5,
            max_server_ping_delay=max_ping_delay_s,
            proxy=None,
            **options,
        )
        self._subscription = self._client.new_subscription(
            channel, events=_SubscriptionEvents(self.events), min_resubscribe_delay=0.05
        )

    async def open(self) -> None:
        await self._subscription.subscribe()
        await self._client.connect()

    async def do(self, command: str, **fields: object) -> None:
        match command:
            case "history":
                result = await self._subscription.history(limit=fields["limit"])
                found = [one.offset for one in result.publications]
                self.events.append({"event": "history", "offsets": found, "offset": result.offset})
            case "disconnect":
                await self._client.disconnect()
            case _:
                await getattr(self._subscription, command)()

    async def close(self) -> None:
        await self._client.disconnect()
        # It closes its sockets, that of an earlier cut too, in tasks that it does not wait for.
        await wait_until(lambda: not self._client._background_tasks, within_s=20)


class _ClientEvents(centrifuge.ClientEventHandler):  # type: ignore[misc]
    def __init__(self, events: list[Event]) -> None:
        self._events = events

    async def on_connecting(self, ctx: centrifuge.ConnectingContext) -> None:
        self._events.append({"event": "connecting", "code": ctx.code})

    async def on_connected(self, ctx: centrifuge.ConnectedContext) -> None:
        self._events.append({"event": "connected", "client": ctx.client, "version": ctx.version})

    async def on_disconnected(self, ctx: centrifuge.DisconnectedContext) -> None:
        self._events.append({"event": "disconnected", "code": ctx.code, "reason": ctx.reason})

    async def on_error(self, ctx: centrifuge.ErrorContext) -> None:
        self._events.append({"event": "error", "code": ctx.code})


class _SubscriptionEvents(centrifuge.SubscriptionEventHandler):  # type: ignore[misc]
    def __init__(self, events: list[Event]) -> None:
        self._events = events

    async def on_subscribing(self, ctx: centrifuge.SubscribingContext) -> None:
        self._events.append({"event": "subscribing", "code": ctx.code})

    async def on_subscribed(self, ctx: centrifuge.SubscribedContext) -> None:
        position = ctx.stream_position
        self._events.append(
            {
                "event": "subscribed",
                "data": ctx.data,
                "epoch": position and position.epoch,
                "offset": position and position.offset,
                "was_recovering": ctx.was_recovering,
                "recovered": ctx.recovered,
            }
        )

    async def on_publication(self, ctx: centrifuge.PublicationContext) -> None:
        self._events.append({"event": "publication", "offset": ctx.pub.offset, "data": ctx.pub.data})

    async def on_unsubscribed(self, ctx: centrifuge.UnsubscribedContext) -> None:
        self._events.append({"event": "unsubscribed", "code": ctx.code, "reason": ctx.reason})

    async def on_error(self, ctx: centrifuge.SubscriptionErrorContext) -> None:
        self._events.append({"event": "subscription_error", "code": ctx.code})


class NodeViewer:
    """`centrifuge` from npm, in a Node process."""

    def __init__(self, process: asyncio.subprocess.Process, get_token: TokenSource | None) -> None:
        self.events: list[Event] = []
        self._process = process
        self._get_token = get_token
        self._reading = asyncio.create_task(self._read())

    async def do(self, command: str, **fields: object) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # it is being closed
            self._process.stdin.write(json.dumps({"do": command, **fields}).encode() + b"\n")
            await self._process.stdin.drain()

    async def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            event = json.loads(line)
            self.events.append(event)
            if event["event"] == "needs_token" and self._get_token is not None:
                await self.do("token", token=await self._get_token())


@contextlib.asynccontextmanager
async def open_viewer(
    sdk: str,
    url: str,
    channel: str,
    *,
    token: str = "",
    get_token: TokenSource | None = None,
    max_ping_delay_s: float = 10.0,
    transports: Sequence[tuple[str, str]] = (),
    emulation_url: str = "",
    is_binary: bool = False,
) -> AsyncIterator[Viewer]:
    """A client of `sdk` ("python" or "javascript") that connects and subscribes to `channel`.

    `transports`: name and address of each that the JavaScript client is to try in turn, instead of `url`;
    `emulation_url`: where it sends the commands of those that go one way only; `is_binary`: in which encoding.
    """
    if sdk == "python":
        viewer = PythonViewer(url, channel, token, get_token, max_ping_delay_s)
        await viewer.open()
        try:
            yield viewer
        finally:
            await viewer.close()
        return
    options = {
        "url": url,
        "channel": channel,
        "token": token,
        "has_tokens": get_token is not None,
        "max_ping_delay_ms": round(max_ping_delay_s * 1_000),
        "transports": transports,
        "emulation_url": emulation_url,
        "is_binary": is_binary,
        "modules": str(await asyncio.to_thread(node_modules, "sdk", PACKAGES)),
    }
    driver = ROOT / "tests" / "contract" / "sdk_driver.mjs"
    process = await asyncio.create_subprocess_exec(
        "node", str(driver), json.dumps(options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=2**22
    )
    node = NodeViewer(process, get_token)
    try:
        yield node
    finally:
        await node.close()
