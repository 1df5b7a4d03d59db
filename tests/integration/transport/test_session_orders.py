"""Orders of a back end reach the connections of a user on whichever node they are, and nobody else's."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hub.settings import Settings
from tests.integration.transport.conftest import LocalHub, running
from tests.support.client_tokens import client_token
from tests.support.json_client import JsonClient, json_client
from tests.support.waiting import wait_until

API_KEY = "a key of the tests"
SECRET = "secret"
HISTORY = {"history_size": 10, "history_ttl": "60s", "force_recovery": True}
CHANNELS = {
    "namespaces": [
        {"name": "room", **HISTORY, "presence": True, "allow_subscribe_for_client": True},
        {"name": "closed", **HISTORY},
    ]
}


@dataclass
class TwoNodes:
    """`ann` is on both of them, `bob` on the second."""

    hubs: list[LocalHub]
    back_end: httpx2.AsyncClient  # speaks to the first
    ann: list[JsonClient] = field(default_factory=list)
    bob: list[JsonClient] = field(default_factory=list)
    ids: dict[JsonClient, str] = field(default_factory=dict)

    @property
    def everybody(self) -> list[JsonClient]:
        return [*self.ann, *self.bob]

    async def order(self, method: str, **body: Any) -> None:
        answer = await self.back_end.post(f"/api/{method}", json=body)
        assert answer.json() == {"result": {}}, answer.text

    async def publish(self, channel: str, data: object) -> None:
        answer = await self.back_end.post("/api/publish", json={"channel": channel, "data": data})
        assert "result" in answer.json(), answer.text

    async def subscribe(self, channel: str) -> None:
        for client in self.everybody:
            await client.subscribe(channel)

    async def expect_open(self, *clients: JsonClient) -> None:
        for client in clients:
            assert (await client.call(rpc={"method": "x"}))["error"]["code"] == 108


@pytest.fixture
async def nodes(settings: Settings, tmp_path: Path) -> AsyncIterator[TwoNodes]:
    file = tmp_path / "channels.json"
    file.write_text(json.dumps(CHANNELS))
    words = {"hub_channels_file": file, "hub_server_api_key": API_KEY, "hub_client_token_secret": SECRET}
    changed = Settings.model_validate(settings.model_dump() | words | {"hub_expiry_grace_s": 0.1})
    async with contextlib.AsyncExitStack() as stack:
        hubs = [await stack.enter_async_context(running(changed)) for _ in range(2)]
        headers = {"X-API-Key": API_KEY}
        back_end = await stack.enter_async_context(httpx2.AsyncClient(base_url=hubs[0].base_url, headers=headers))
        nodes = TwoNodes(hubs, back_end)
        for user, who, hub in (("ann", nodes.ann, 0), ("ann", nodes.ann, 1), ("bob", nodes.bob, 1)):
            url = f"ws://127.0.0.1:{hubs[hub].port}/connection/websocket"
            client = await stack.enter_async_context(json_client(url))
            nodes.ids[client] = (await client.connect(client_token(SECRET, sub=user)))["client"]
            who.append(client)
        yield nodes


async def test_a_user_is_disconnected_everywhere(nodes: TwoNodes) -> None:
    await nodes.order("disconnect", user="ann")
    await wait_until(lambda: [client.close_code for client in nodes.ann] == [3503, 3503], within_s=20)
    await nodes.expect_open(*nodes.bob)


async def test_a_disconnect_says_what_the_back_end_says_and_spares_whom_it_spares(nodes: TwoNodes) -> None:
    here, there = nodes.ann
    words = {"code": 4321, "reason": "another device"}
    await nodes.order("disconnect", user="ann", disconnect=words, whitelist=[nodes.ids[here]])
    await wait_until(lambda: there.close_code == 4321, within_s=20)
    await nodes.expect_open(here, *nodes.bob)


async def test_one_connection_of_a_user_is_disconnected_by_its_id(nodes: TwoNodes) -> None:
    here, there = nodes.ann
    await nodes.order("disconnect", user="ann", client=nodes.ids[there])
    await wait_until(lambda: there.close_code == 3503, within_s=20)
    await nodes.expect_open(here, *nodes.bob)


async def test_an_unsubscribed_user_gets_nothing_more_of_the_channel_and_is_no_longer_seen_there(
    nodes: TwoNodes,
) -> None:
    await nodes.subscribe("room:1")
    await nodes.order("unsubscribe", user="ann", channel="room:1")
    for client in nodes.ann:
        await wait_until(lambda client=client: client.pushed("room:1", "unsubscribe"), within_s=20)
        assert client.pushed("room:1", "unsubscribe") == [{"code": 2000, "reason": "server unsubscribe"}]
    await nodes.publish("room:1", "after")
    await wait_until(lambda: nodes.bob[0].pushed("room:1", "pub"), within_s=20)
    await nodes.expect_open(*nodes.everybody)
    assert not any(client.pushed("room:1", "pub") for client in nodes.ann)

    async def is_alone() -> bool:
        answer = await nodes.back_end.post("/api/presence", json={"channel": "room:1"})
        return list(answer.json()["result"]["presence"]) == [nodes.ids[nodes.bob[0]]]

    await wait_until(is_alone, within_s=20)
    assert (await nodes.ann[0].subscribe("room:1"))["offset"] == 1, "it may come back"


async def test_a_user_is_brought_into_a_channel_that_it_could_not_enter_itself(nodes: TwoNodes) -> None:
    assert (await nodes.ann[0].call(subscribe={"channel": "closed:1"}))["error"]["code"] == 103
    await nodes.order("subscribe", user="ann", channel="closed:1", data={"welcome": True})
    for client in nodes.ann:
        await wait_until(lambda client=client: client.pushed("closed:1", "subscribe"), within_s=20)
        (told,) = client.pushed("closed:1", "subscribe")
        assert told["data"] == {"welcome": True}
        assert told["recoverable"] is True
        assert (await client.call(subscribe={"channel": "closed:1"}))["error"]["code"] == 105
    await nodes.publish("closed:1", 1)
    for client in nodes.ann:
        await wait_until(lambda client=client: client.pushed("closed:1", "pub"), within_s=20)
        assert [kind for push in client.pushes for kind in push if kind != "channel"] == ["subscribe", "pub"]
    assert nodes.bob[0].pushes == []
    await nodes.order("unsubscribe", user="ann", channel="closed:1")
    for client in nodes.ann:
        await wait_until(lambda client=client: client.pushed("closed:1", "unsubscribe"), within_s=20)


async def test_a_refreshed_token_leaves_alone_what_the_back_end_has_ordered(nodes: TwoNodes) -> None:
    client = nodes.ann[0]
    await nodes.order("subscribe", user="ann", channel="closed:1")
    await wait_until(lambda: client.pushed("closed:1", "subscribe"), within_s=20)
    assert "refresh" in await client.call(refresh={"token": client_token(SECRET, sub="ann", exp=2**31)})
    await nodes.publish("closed:1", 1)
    await wait_until(lambda: client.pushed("closed:1", "pub"), within_s=20)
    await nodes.expect_open(client)


async def test_the_same_order_twice_changes_nothing(nodes: TwoNodes) -> None:
    for _ in range(3):
        await nodes.order("subscribe", user="ann", channel="closed:1")
    await nodes.publish("closed:1", 1)
    for client in nodes.ann:
        await wait_until(lambda client=client: client.pushed("closed:1", "pub"), within_s=20)
        await nodes.expect_open(client)
        assert len(client.pushed("closed:1", "subscribe")) == len(client.pushed("closed:1", "pub")) == 1


async def test_connections_of_a_user_end_when_the_back_end_says(nodes: TwoNodes) -> None:
    await nodes.order("refresh", user="ann", expire_at=int(time.time()) + 1)
    await wait_until(lambda: [client.close_code for client in nodes.ann] == [3005, 3005], within_s=20)
    await nodes.order("refresh", user="bob", expired=True)
    await wait_until(lambda: nodes.bob[0].close_code == 3005, within_s=20)


async def test_orders_in_a_row_are_obeyed_in_their_order(nodes: TwoNodes) -> None:
    """Into the channel and out of it again, many times: in the end nobody is in it, on either node."""
    for _ in range(20):
        await nodes.order("subscribe", user="ann", channel="closed:1")
        await nodes.order("unsubscribe", user="ann", channel="closed:1")
    await nodes.order("subscribe", user="bob", channel="closed:1")
    await wait_until(lambda: nodes.bob[0].pushed("closed:1", "subscribe"), within_s=20)

    async def is_bob_alone() -> bool:
        await asyncio.sleep(0)
        return [hub.node.member_counts().get("closed:1", 0) for hub in nodes.hubs] == [0, 1]

    await wait_until(is_bob_alone, within_s=20)
    for client in nodes.ann:
        told = [kind for push in client.pushes for kind in push if kind != "channel"]
        assert told == ["subscribe", "unsubscribe"] * (len(told) // 2)
