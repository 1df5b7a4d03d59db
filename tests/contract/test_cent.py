"""Centrifugo's own Python client for back ends, unchanged, against a running hub with clients on it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator

import cent
import pytest

from hub.ids import new_id
from tests.support.client_tokens import client_token
from tests.support.hub import HubProcess
from tests.support.json_client import JsonClient, json_client
from tests.support.servers import Servers
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

KEY = "a key of the tests"
OPTIONS = {
    "history_size": 10,
    "history_ttl": "60s",
    "force_recovery": True,
    "presence": True,
    "join_leave": True,
    "force_push_join_leave": True,
}
CHANNELS = {
    "namespaces": [{"name": "chat", **OPTIONS}],
    "client": {"user_subscribe_to_personal": {"enabled": True}},
}


@pytest.fixture(scope="module")
def hubs(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubProcess, HubProcess]]:
    """Two nodes: what a back end asks of one reaches clients of the other."""
    directory = tmp_path_factory.mktemp("hubs")
    channels_file = directory / "channels.json"
    channels_file.write_text(json.dumps(CHANNELS))
    env = {
        "HUB_CHANNELS_FILE": str(channels_file),
        "HUB_CLIENT_TOKEN_SECRET": "secret",
        "HUB_SERVER_API_KEY": KEY,
    }
    database_url = servers.create_database()
    servers.flush_redis()

    def make() -> HubProcess:
        return HubProcess(database_url=database_url, redis_url=servers.valkey.url, directory=directory, env=env)

    near, far = make(), make()

    async def start() -> None:
        await asyncio.gather(near.start(), far.start())

    async def stop() -> None:
        await asyncio.gather(near.stop(), far.stop())

    try:
        asyncio.run(start())
        yield near, far
    finally:
        asyncio.run(stop())
        servers.drop_database(database_url)


@pytest.fixture
def room() -> str:
    """A channel that no other test knows."""
    return f"chat:{new_id()}"


@pytest.fixture
async def back_end(hubs: tuple[HubProcess, HubProcess]) -> AsyncIterator[cent.AsyncClient]:
    client = cent.AsyncClient(f"{hubs[0].base_url}/api", KEY)
    yield client
    await client.close()


@contextlib.asynccontextmanager
async def user(hub: HubProcess, sub: str, *channels: str) -> AsyncIterator[JsonClient]:
    """A connected client of `sub`, in these channels by subscription tokens."""
    async with json_client(hub.ws_url) as client:
        await client.connect(client_token(sub=sub, info={"name": sub}))
        for channel in channels:
            await client.subscribe(channel, client_token(sub=sub, channel=channel))
        yield client


async def test_what_a_back_end_publishes_is_on_every_node_and_in_the_history(
    hubs: tuple[HubProcess, HubProcess], back_end: cent.AsyncClient, room: str
) -> None:
    async with user(hubs[0], "ann", room) as near, user(hubs[1], "bob", room, room + "-2") as far:
        first = await back_end.publish(cent.PublishRequest(channel=room, data={"n": 1}, tags={"a": "b"}))
        assert first.offset == 1
        await back_end.broadcast(cent.BroadcastRequest(channels=[room, room + "-2"], data={"n": 2}))
        await wait_until(lambda: len(near.pushed(room, "pub")) == 2)
        await wait_until(lambda: len(far.pushed(room, "pub")) == 2 and far.pushed(room + "-2", "pub"))
        assert far.pushed(room, "pub") == near.pushed(room, "pub")
        assert [one["data"] for one in far.pushed(room, "pub")] == [{"n": 1}, {"n": 2}]
        assert far.pushed(room, "pub")[0]["tags"] == {"a": "b"}
    read = await back_end.history(cent.HistoryRequest(channel=room, limit=10))
    assert [(one.offset, one.data) for one in read.publications] == [(1, {"n": 1}), (2, {"n": 2})]
    assert (read.offset, read.epoch) == (2, first.epoch)
    await back_end.history_remove(cent.HistoryRemoveRequest(channel=room))
    assert (await back_end.history(cent.HistoryRequest(channel=room, limit=10))).publications == []


async def test_presence_counts_the_clients_of_all_nodes(
    hubs: tuple[HubProcess, HubProcess], back_end: cent.AsyncClient, room: str
) -> None:
    async with (
        user(hubs[0], "ann", room),
        user(hubs[1], "ann", room),
        user(hubs[1], "bob", room),
    ):

        async def is_counted() -> bool:
            stats = await back_end.presence_stats(cent.PresenceStatsRequest(channel=room))
            return (stats.num_clients, stats.num_users) == (3, 2)

        await wait_until(is_counted)
        present = (await back_end.presence(cent.PresenceRequest(channel=room))).presence
        assert sorted((who.user, who.conn_info["name"]) for who in present.values()) == [
            ("ann", "ann"),
            ("ann", "ann"),
            ("bob", "bob"),
        ]
        assert all(client == who.client for client, who in present.items())

        async def is_listed() -> bool:
            listed = (await back_end.channels(cent.ChannelsRequest(pattern=room))).channels
            return {name: one.num_clients for name, one in listed.items()} == {room: 3}

        await wait_until(is_listed, within_s=20)
        assert len((await back_end.info(cent.InfoRequest())).nodes) == 2


async def test_a_user_is_subscribed_and_unsubscribed_on_every_node(
    hubs: tuple[HubProcess, HubProcess], back_end: cent.AsyncClient, room: str
) -> None:
    async with user(hubs[0], "ann") as near, user(hubs[1], "ann") as far, user(hubs[1], "bob") as other:
        await back_end.subscribe(cent.SubscribeRequest(user="ann", channel=room, data={"hello": 1}))
        for client in (near, far):
            await wait_until(lambda client=client: client.pushed(room, "subscribe"))
            assert client.pushed(room, "subscribe")[0]["data"] == {"hello": 1}
        await back_end.publish(cent.PublishRequest(channel=room, data=1))
        for client in (near, far):
            await wait_until(lambda client=client: client.pushed(room, "pub"))
        await back_end.unsubscribe(cent.UnsubscribeRequest(user="ann", channel=room))
        for client in (near, far):
            await wait_until(lambda client=client: client.pushed(room, "unsubscribe"))
            assert client.pushed(room, "unsubscribe")[0]["code"] == 2000
        await back_end.publish(cent.PublishRequest(channel="#bob", data="a fence"))
        await wait_until(lambda: other.pushed("#bob", "pub"))
        assert {push["channel"] for push in other.pushes} == {"#bob"}


async def test_a_user_is_disconnected_on_every_node(
    hubs: tuple[HubProcess, HubProcess], back_end: cent.AsyncClient
) -> None:
    async with user(hubs[0], "ann") as near, user(hubs[1], "ann") as far, json_client(hubs[1].ws_url) as spared:
        kept = (await spared.connect(client_token(sub="ann")))["client"]
        async with user(hubs[1], "bob") as other:
            await back_end.disconnect(
                cent.DisconnectRequest(
                    user="ann", whitelist=[kept], disconnect=cent.Disconnect(code=4500, reason="out")
                )
            )
            await wait_until(lambda: near.close_code == far.close_code == 4500)
            await back_end.disconnect(cent.DisconnectRequest(user="ann"))
            await wait_until(lambda: spared.close_code == 3503)
            await back_end.publish(cent.PublishRequest(channel="#bob", data="still here"))
            await wait_until(lambda: other.pushed("#bob", "pub"))


async def test_a_user_whose_connection_is_expired_is_told_to_come_back(
    hubs: tuple[HubProcess, HubProcess], back_end: cent.AsyncClient
) -> None:
    async with user(hubs[1], "ann") as far:
        await back_end.refresh(cent.RefreshRequest(user="ann", expired=True))
        await wait_until(lambda: far.close_code == 3005)


async def test_errors_and_batches_are_what_the_library_expects(back_end: cent.AsyncClient, room: str) -> None:
    with pytest.raises(cent.CentApiResponseError) as refused:
        await back_end.publish(cent.PublishRequest(channel="page:demo", data=1))
    assert refused.value.code == 103
    replies = await back_end.batch(
        cent.BatchRequest(
            requests=[
                cent.PublishRequest(channel=room, data=1),
                cent.PresenceStatsRequest(channel=room),
            ]
        )
    )
    assert replies.replies[0].offset == 1
    assert replies.replies[1].num_clients == 0


async def test_another_key_is_unauthorized(hubs: tuple[HubProcess, HubProcess]) -> None:
    stranger = cent.AsyncClient(f"{hubs[0].base_url}/api", "another key")
    try:
        with pytest.raises(cent.CentUnauthorizedError):
            await stranger.info(cent.InfoRequest())
    finally:
        await stranger.close()
