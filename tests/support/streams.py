"""Clients of the HTTP transports, by hand: http_stream, sse and the one-way endpoints."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import quote

import httpx2

from tests.support.waiting import wait_until

TWO_WAY = ("http_stream", "sse")
ONE_WAY = ("uni_http_stream", "uni_sse")

Message = dict[str, Any]


class RawStream:
    """One open response. `messages`: everything that came, in order, without pings; `pings`: how many of those."""

    def __init__(self, client: httpx2.AsyncClient, response: httpx2.Response) -> None:
        self.response = response
        self.messages: list[Message] = []
        self.pings = 0
        self.is_over = False
        self._client = client
        self._last_id = 1
        self._reading = asyncio.create_task(self._read())

    async def first(self, matches: Callable[[Message], object], within_s: float = 20.0) -> Message:
        """The first message that matches, now or later."""
        try:
            await wait_until(lambda: any(map(matches, self.messages)) or self.is_over, within_s=within_s)
            return next(filter(matches, self.messages))
        except (AssertionError, StopIteration):
            raise AssertionError(f"not among {self.messages}") from None

    async def reply(self, command_id: int) -> Message:
        return await self.first(lambda message: message.get("id") == command_id)

    async def connected(self) -> Message:
        """The result of `connect`."""
        result: Message = (await self.first(lambda message: "connect" in message))["connect"]
        return result

    async def disconnected(self) -> int:
        """The code of the push before the end."""
        await wait_until(lambda: self.is_over, within_s=20)
        last = self.messages[-1]
        return int(last.get("push", last)["disconnect"]["code"])

    def offsets(self) -> list[int]:
        """Of all publications that came live."""
        pushes = (message.get("push", message) for message in self.messages)
        return [push["pub"]["offset"] for push in pushes if "pub" in push]

    async def call(self, **command: Any) -> Message:
        """The reply to a command sent by `/emulation`."""
        self._last_id += 1
        assert await self.emulate(json.dumps({"id": self._last_id, **command})) == 204
        return await self.reply(self._last_id)

    async def emulate(self, data: str, *, base_url: str = "") -> int:
        """Send a frame to this stream's session, perhaps through another node; the status."""
        connect = await self.connected()
        body = {"session": connect["session"], "node": connect["node"], "data": data}
        return (await self._client.post(f"{base_url}/emulation", json=body)).status_code

    async def close(self) -> None:
        """Hang up."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.response.aclose()

    async def _read(self) -> None:
        with contextlib.suppress(httpx2.TransportError):
            async for line in self.response.aiter_lines():
                text = line.removeprefix("data: ")
                if text == "{}":
                    self.pings += 1
                elif text:
                    self.messages.append(json.loads(text))
        self.is_over = True


def commands(*requests: Message) -> str:
    """A frame of commands with the ids 1, 2, …"""
    return "\n".join(json.dumps({"id": number, **request}) for number, request in enumerate(requests, 1))


def opening(channel: str, token: str = "") -> str:
    """Connect and subscribe in one frame, as clients do."""
    return commands({"connect": {"token": token} if token else {}}, {"subscribe": {"channel": channel}})


@contextlib.asynccontextmanager
async def open_stream(
    base_url: str, kind: str, first: str, *, method: str = "", headers: Mapping[str, str] | None = None
) -> AsyncIterator[RawStream]:
    """A stream of `kind` that begins with the frame `first`; sent in the address where it is a GET."""
    method = method or ("GET" if kind.endswith("sse") else "POST")
    path = f"/connection/{kind}"
    async with httpx2.AsyncClient(base_url=base_url, timeout=20) as client:
        if method == "GET":
            request = client.build_request("GET", f"{path}?cf_connect={quote(first)}", headers=headers)
        else:
            request = client.build_request("POST", path, content=first, headers=headers)
        stream = RawStream(client, await client.send(request, stream=True))
        try:
            yield stream
        finally:
            await stream.close()
