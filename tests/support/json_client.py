"""A client that speaks the JSON protocol by hand, for what the SDKs hide or cannot do."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import websockets

Push = dict[str, Any]


class JsonClient:
    """`pushes`: what came without an id, in order. `close_code`: why the server ended the connection."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.pushes: list[Push] = []
        self._connection = connection
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last_id = 0
        self._reading = asyncio.ensure_future(self._read())

    async def send(self, command: dict[str, Any]) -> None:
        """A command that is not answered by a reply."""
        await self._connection.send(json.dumps(command))

    async def call(self, **command: Any) -> dict[str, Any]:
        """The whole reply to one command: `await client.call(subscribe={"channel": "news"})`."""
        self._last_id += 1
        reply = self._replies[self._last_id] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": self._last_id, **command}))
        return await asyncio.wait_for(reply, 20)

    async def connect(self, token: str = "") -> dict[str, Any]:
        """The result of `connect`."""
        reply = await self.call(connect={"token": token} if token else {})
        assert "connect" in reply, reply
        result: dict[str, Any] = reply["connect"]
        return result

    async def subscribe(self, channel: str, token: str = "", **fields: Any) -> dict[str, Any]:
        """The result of `subscribe`."""
        reply = await self.call(subscribe={"channel": channel, **({"token": token} if token else {}), **fields})
        assert "subscribe" in reply, reply
        result: dict[str, Any] = reply["subscribe"]
        return result

    def pushed(self, channel: str, kind: str) -> list[dict[str, Any]]:
        """The bodies of all pushes of one kind in one channel so far."""
        return [push[kind] for push in self.pushes if push.get("channel") == channel and kind in push]

    @property
    def close_code(self) -> int | None:
        return self._connection.close_code

    async def end(self) -> None:
        await self._connection.close()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for frame in self._connection:
                for line in str(frame).split("\n"):
                    await self._take(json.loads(line))
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(ConnectionError(f"closed with {self.close_code}"))

    async def _take(self, message: dict[str, Any]) -> None:
        if not message:
            await self._connection.send("{}")
        elif "push" in message:
            self.pushes.append(message["push"])
        else:
            reply = self._replies.pop(message["id"])
            if not reply.done():
                reply.set_result(message)


@contextlib.asynccontextmanager
async def json_client(ws_url: str) -> AsyncIterator[JsonClient]:
    """An open socket, before its `connect` command."""
    async with websockets.connect(ws_url, proxy=None) as connection:
        client = JsonClient(connection)
        try:
            yield client
        finally:
            await client.end()
