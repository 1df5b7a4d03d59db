"""How many connections a user may have; and when its server-side subscriptions send a connection back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from hub.settings import Settings
from tests.integration.transport.conftest import LocalHub, running
from tests.support.client_tokens import client_token
from tests.support.json_client import JsonClient, json_client
from tests.support.waiting import wait_until

SECRET = "secret"
LIMIT = 3
CHANNELS = {
    "namespaces": [
        {
            "name": "room",
            "history_size": 10,
            "history_ttl": "60s",
            "force_recovery": True,
            "allow_subscribe_for_client": True,
        }
    ]
}


@pytest.fixture
async def hub(settings: Settings, tmp_path: Path) -> AsyncIterator[LocalHub]:
    file = tmp_path / "channels.json"
    file.write_text(json.dumps(CHANNELS))
    changed = {"hub_channels_file": file, "hub_client_token_secret": SECRET, "hub_connections_per_user": LIMIT}
    async with running(Settings.model_validate(settings.model_dump() | changed)) as hub:
        yield hub


def address_of(hub: LocalHub) -> str:
    return f"ws://127.0.0.1:{hub.port}/connection/websocket"


@pytest.fixture
async def client(hub: LocalHub) -> AsyncIterator[JsonClient]:
    async with json_client(address_of(hub)) as client:
        yield client


def token_of(user: str, *channels: str) -> str:
    return client_token(SECRET, sub=user, channels=list(channels))


async def connected(client: JsonClient, token: str) -> bool:
    """Whether it is in; False when the hub closed it instead."""
    with contextlib.suppress(ConnectionError):
        await client.connect(token)
        return True
    return False


async def test_of_ten_connections_of_a_user_at_once_as_many_stay_as_may(hub: LocalHub) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(json_client(address_of(hub))) for _ in range(10)]
        others = [await stack.enter_async_context(json_client(address_of(hub))) for _ in range(5)]
        are_in = await asyncio.gather(*(connected(client, token_of("ann")) for client in clients))
        assert sum(are_in) == LIMIT
        refused = [client for client, is_in in zip(clients, are_in, strict=True) if not is_in]
        assert {client.close_code for client in refused} == {3504}
        assert await asyncio.gather(*(connected(client, "") for client in others)) == [True] * 5, "nobody is no user"
        assert hub.node.sessions.count("ann") == LIMIT
        await clients[are_in.index(True)].end()
        await wait_until(lambda: hub.node.sessions.count("ann") == LIMIT - 1, within_s=20)
        again = await stack.enter_async_context(json_client(address_of(hub)))
        assert await connected(again, token_of("ann"))
    await wait_until(lambda: hub.node.sessions.count("ann") == 0, within_s=20)


async def test_a_refreshed_token_with_the_same_channels_goes_on(client: JsonClient) -> None:
    result = await client.connect(token_of("ann", "room:1"))
    assert result["subs"].keys() == {"room:1"}
    assert "refresh" in await client.call(refresh={"token": token_of("ann", "room:1")})
    assert client.close_code is None


@pytest.mark.parametrize("channels", [(), ("room:2",), ("room:1", "room:2")])
async def test_a_refreshed_token_with_other_channels_sends_the_client_back(
    client: JsonClient, channels: tuple[str, ...]
) -> None:
    await client.connect(token_of("ann", "room:1"))
    with pytest.raises(ConnectionError):
        await client.call(refresh={"token": token_of("ann", *channels)})
    assert client.close_code == 3010


async def test_a_refreshed_token_of_somebody_else_ends_it_for_good(client: JsonClient) -> None:
    await client.connect(token_of("ann", "room:1"))
    with pytest.raises(ConnectionError):
        await client.call(refresh={"token": token_of("bob", "room:1")})
    assert client.close_code == 3500


async def test_a_new_life_of_a_channel_sends_back_whom_the_server_subscribed_and_recalls_the_others(
    hub: LocalHub, client: JsonClient, redis_url: str
) -> None:
    """Who asked for the channel himself can ask again; the others can only come back as a whole."""
    await client.connect(token_of("ann", "room:1"))
    async with json_client(address_of(hub)) as other, Redis.from_url(redis_url) as redis:
        await other.connect(token_of("bob"))
        before = await other.subscribe("room:1")
        await hub.node.custom.publish("room:1", b"1")
        await wait_until(lambda: other.pushed("room:1", "pub") and client.pushed("room:1", "pub"), within_s=20)
        await redis.flushdb()
        await hub.node.custom.publish("room:1", b"2")
        await wait_until(lambda: client.close_code == 3010, within_s=20)
        await wait_until(lambda: other.pushed("room:1", "unsubscribe"), within_s=20)
        assert other.pushed("room:1", "unsubscribe")[0]["code"] == 2500
        position = {"recover": True, "epoch": before["epoch"], "offset": 1}
        after = await other.subscribe("room:1", **position)
        assert "recovered" not in after
        assert after["epoch"] != before["epoch"]
