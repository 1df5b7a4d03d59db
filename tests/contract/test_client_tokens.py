"""What tokens of other applications open, and what they do not: `#<id>` of an account of the hub is its own."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from tests.support.client_tokens import client_token
from tests.support.hub import HubProcess
from tests.support.json_client import json_client
from tests.support.servers import Servers
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

KEY = "a key of the tests"


@dataclass
class Account:
    id: str
    token: str


@pytest.fixture(scope="module")
def hub(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    directory = tmp_path_factory.mktemp("hub")
    channels_file = directory / "channels.json"
    channels_file.write_text(
        json.dumps(
            {
                "without_namespace": {"allow_publish_for_subscriber": True},
                "client": {"user_subscribe_to_personal": {"enabled": True}},
            }
        )
    )
    env = {
        "HUB_CHANNELS_FILE": str(channels_file),
        "HUB_CLIENT_TOKEN_SECRET": "secret",
        "HUB_SERVER_API_KEY": KEY,
        "HUB_CONNECTIONS_PER_USER": "2",
    }
    database_url = servers.create_database()
    servers.flush_redis()
    hub = HubProcess(database_url=database_url, redis_url=servers.valkey.url, directory=directory, env=env)
    try:
        asyncio.run(hub.start())
        yield hub
    finally:
        asyncio.run(hub.stop())
        servers.drop_database(database_url)


@pytest.fixture(scope="module")
def account(hub: HubProcess) -> Account:
    async def make() -> Account:
        token = await hub.token(await hub.create_user("ann@example.test"))
        async with httpx2.AsyncClient(base_url=hub.base_url) as client:
            answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        return Account(answer.json()["data"]["id"], token)

    return asyncio.run(make())


async def test_a_forged_sub_or_channel_does_not_reach_the_account(hub: HubProcess, account: Account) -> None:
    name, inner = f"#{account.id}", f"account:{account.id}"
    async with json_client(hub.ws_url) as owner, json_client(hub.ws_url) as forger, httpx2.AsyncClient() as back_end:
        assert (await owner.connect(account.token))["subs"].keys() == {name}
        forged = client_token(sub=account.id, channels=[name, inner, "control", "page:acme@all"])
        assert (await forger.connect(forged))["subs"].keys() == {name}
        assert (await forger.call(subscribe={"channel": inner}))["error"]["code"] == 103
        token = client_token(sub=account.id, channel=inner)
        assert (await forger.call(subscribe={"channel": inner, "token": token}))["error"]["code"] == 103
        assert "publish" in await forger.call(publish={"channel": name, "data": "forged"})
        told = await back_end.post(
            f"{hub.base_url}/api/publish", headers={"X-API-Key": KEY}, json={"channel": inner, "data": "forged"}
        )
        assert told.json()["error"]["code"] == 103
        await wait_until(lambda: forger.pushed(name, "pub"))
        assert (await owner.call(rpc={"method": "m"}))["error"]["code"] == 108
        assert owner.pushes == []


async def test_one_account_has_so_many_sockets_on_a_node(hub: HubProcess) -> None:
    token = client_token(sub="busy")
    async with json_client(hub.ws_url) as first, json_client(hub.ws_url) as second, json_client(hub.ws_url) as third:
        await first.connect(token)
        await second.connect(token)
        with pytest.raises(ConnectionError, match="3504"):
            await third.connect(token)
    async with json_client(hub.ws_url) as again:
        await again.connect(token)


async def test_a_subscription_token_opens_its_channel_while_it_lasts(hub: HubProcess) -> None:
    now = int(time.time())

    def token(**claims: object) -> str:
        return client_token(**{"sub": "ann", "channel": "room", "exp": now + 600, **claims})

    async with json_client(hub.ws_url) as ann:
        await ann.connect(client_token(sub="ann"))
        for refused, code in (
            ("", 103),
            (token(exp=now - 60), 109),  # the client fetches another
            (token(channel="other"), 103),
            (token(sub="bob"), 103),
            (token() + "x", 103),
        ):
            reply = await ann.call(subscribe={"channel": "room", "token": refused})
            assert reply["error"]["code"] == code, refused
        joined = await ann.subscribe("room", token())
        assert joined["expires"]
        assert 590 < joined["ttl"] <= 600
        longer = await ann.call(sub_refresh={"channel": "room", "token": token(exp=now + 900)})
        assert longer["sub_refresh"]["ttl"] > 850
        forged = await ann.call(sub_refresh={"channel": "room", "token": token(sub="bob")})
        assert forged["error"]["code"] == 103
        late = {"id": 99, "sub_refresh": {"channel": "room", "token": token(exp=now - 60)}}
        await ann.send(late)  # answered by a push: an error would be final
        await wait_until(lambda: ann.pushed("room", "unsubscribe"))
        assert ann.pushed("room", "unsubscribe")[0]["code"] == 2501
