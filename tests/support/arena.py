"""One running hub for hostile clients, with custom channels that anybody may use, and somebody who looks on."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from hub.ids import new_id
from hub.protocol import schema
from tests.support.crowd import BINARY, BINARY_HANDSHAKE, CONNECT, RawClient, open_one, text
from tests.support.hub import HubProcess
from tests.support.servers import Servers
from tests.support.waiting import wait_until
from tests.support.wire_server import client_frame

API_KEY = "a key of the tests"
CONNECT_DEADLINE_S = 4.0
ANYBODY = {"allow_subscribe_for_client": True, "allow_subscribe_for_anonymous": True}
ANYBODY |= {"allow_publish_for_client": True, "allow_publish_for_anonymous": True}
ANYBODY |= {"allow_history_for_client": True, "allow_history_for_anonymous": True}
CHANNELS = {
    "namespaces": [
        {"name": "kept", "history_size": 20, "history_ttl": "60s", "force_recovery": True, **ANYBODY},
        {"name": "plain", **ANYBODY},
    ],
}
PATIENCE_S = 30.0  # for what happens at once on a machine that has nothing else to do


@dataclass
class Arena:
    hub: HubProcess

    async def client(self, first: bytes = b"", **options: Any) -> RawClient:
        client = RawClient(first, **options)
        await open_one(client, self.hub.port)
        return client

    async def ended(self, first: bytes, **options: Any) -> int | None:
        """The code that the hub ends a client with that begins like this."""
        client = await self.client(first, **options)
        await wait_until(lambda: client.is_gone, within_s=PATIENCE_S)
        return client.close_code


@contextlib.contextmanager
def open_arena(servers: Servers, directory: Path, more: Mapping[str, str] | None = None) -> Iterator[Arena]:
    """A hub over a fresh database while the block runs; `more` settings."""
    channels = directory / "channels.json"
    channels.write_text(json.dumps(CHANNELS))
    database_url = servers.create_database()
    env = {
        "HUB_CHANNELS_FILE": str(channels),
        "HUB_SERVER_API_KEY": API_KEY,
        "HUB_CONNECT_DEADLINE_S": str(CONNECT_DEADLINE_S),
        "HUB_PREAUTH_SOCKETS_PER_ADDRESS": "0",
        **(more or {}),
    }
    hub = HubProcess(database_url=database_url, redis_url=servers.valkey.url, directory=directory, env=env)
    try:
        asyncio.run(hub.start(within_s=60))
        yield Arena(hub)
    finally:
        asyncio.run(hub.stop())
        servers.drop_database(database_url)


def binary(*commands: dict[str, Any]) -> bytes:
    """One frame of commands in the binary encoding."""
    return client_frame(BINARY, b"".join(delimited(schema.Command(**one).SerializeToString()) for one in commands))


def delimited(message: bytes) -> bytes:
    length, digits = len(message), b""
    while length > 127:
        digits += bytes([length & 127 | 128])
        length >>= 7
    return digits + bytes([length]) + message


@dataclass
class Watched:
    """A channel with a viewer in each encoding."""

    channel: str
    text_viewer: RawClient
    binary_viewer: RawClient
    hub: HubProcess
    back_end: httpx2.AsyncClient

    async def publish(self, body: bytes) -> httpx2.Response:
        """By the server API."""
        return await self.back_end.post("/api/publish", content=body)

    async def expect_unharmed(self) -> None:
        """What is published now comes to both, in one piece."""
        marker = f"marker-{new_id()}".encode()
        answer = await self.publish(b'{"channel":"%s","data":"%s"}' % (self.channel.encode(), marker))
        assert "result" in answer.json()

        def has_come(viewer: RawClient) -> bool:
            assert not viewer.is_gone, viewer.close_code
            return any(marker in message for message in viewer.messages)

        await wait_until(lambda: has_come(self.text_viewer) and has_come(self.binary_viewer), within_s=PATIENCE_S)
        for message in self.text_viewer.messages:
            for line in message.splitlines():
                json.loads(line)
        assert "Traceback" not in self.hub.log
        assert " 500 " not in self.hub.log


@contextlib.asynccontextmanager
async def watched(arena: Arena, namespace: str) -> AsyncIterator[Watched]:
    channel = f"{namespace}:{new_id()}"
    subscribe = {"id": 2, "subscribe": {"channel": channel}}
    by_text = await arena.client(CONNECT + text(subscribe))
    by_binary = await arena.client(binary({"id": 1, "connect": {}}, subscribe), handshake=BINARY_HANDSHAKE)
    try:
        await wait_until(lambda: len(by_text.replies) == 2 and by_binary.received, within_s=PATIENCE_S)
        async with httpx2.AsyncClient(
            base_url=arena.hub.base_url, headers={"X-API-Key": API_KEY}, timeout=20
        ) as back_end:
            yield Watched(channel, by_text, by_binary, arena.hub, back_end)
    finally:
        by_text.leave()
        by_binary.leave()
