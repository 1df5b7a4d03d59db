"""A machine's key opens sockets and streams for its pages (T15), and closes them when it is revoked or over."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest
from sqlalchemy import text

from hub.auth.machine_keys import new_key
from hub.settings import Settings
from tests.integration.transport.conftest import LocalHub, Page, open_page
from tests.support.api import data_of
from tests.support.json_client import JsonClient, json_client
from tests.support.local_hub import running
from tests.support.waiting import wait_until

SECRET = "zanzibar"


@pytest.fixture
async def secret(page: Page) -> str:
    """A component that operators alone see."""
    path = f"/api/v1/pages/{page.slug}/components"
    body = {"name": "Vault", "audience": "verified", "description": SECRET}
    component: str = data_of(await page.operator.post(path, json=body), 201)["id"]
    return component


async def make_key(page: Page, *scopes: str, **more: object) -> dict[str, str]:
    body = {"name": "robot", "pages": [page.slug], "scopes": list(scopes or ["read"]), **more}
    made: dict[str, str] = data_of(await page.operator.post("/api/v1/keys", json=body), 201)
    return made


@contextlib.asynccontextmanager
async def watching(hub: LocalHub, page: Page, key: str) -> AsyncIterator[JsonClient]:
    async with json_client(hub.ws_url) as client:
        assert "subs" not in await client.connect(key)  # news of its own are for accounts
        assert SECRET in json.dumps(await client.subscribe(page.channel))
        yield client


async def test_a_key_watches_all_of_its_page(local_hub: LocalHub, page: Page, secret: str) -> None:
    made = await make_key(page)
    async with watching(local_hub, page, made["key"]) as client:
        path = f"/api/v1/pages/{page.slug}/components/{secret}"
        data_of(await page.operator.patch(path, json={"description": SECRET + "!"}))
        await wait_until(lambda: SECRET + "!" in json.dumps(client.pushed(page.channel, "pub")))


@pytest.mark.usefixtures("secret")
async def test_a_key_sees_of_other_pages_what_everybody_sees(local_hub: LocalHub, page: Page) -> None:
    made = await make_key(page, "admin")
    async with (
        open_page(local_hub, audience="verified") as hidden,
        open_page(local_hub) as public,
        json_client(local_hub.ws_url) as client,
    ):
        await client.connect(made["key"])
        for channel in (hidden.channel, f"{public.channel}@all"):
            refused = await client.call(subscribe={"channel": channel})
            assert refused["error"]["code"] == 103
        await client.subscribe(public.channel)
        await client.subscribe(f"{page.channel}@all")


async def test_a_revoked_key_closes_its_sockets_on_every_node(
    settings: Settings, local_hub: LocalHub, page: Page, secret: str
) -> None:
    """T15. Here, on another node, and as server-sent events; another key's socket stays."""
    made, other = await make_key(page), await make_key(page)
    async with running(settings) as far_hub, contextlib.AsyncExitStack() as stack:
        near = await stack.enter_async_context(watching(local_hub, page, made["key"]))
        far = await stack.enter_async_context(watching(far_hub, page, made["key"]))
        spared = await stack.enter_async_context(watching(far_hub, page, other["key"]))
        http = await stack.enter_async_context(httpx2.AsyncClient(base_url=far_hub.base_url, timeout=20))
        headers = {"Authorization": f"Bearer {made['key']}"}
        events = await stack.enter_async_context(http.stream("GET", f"/p/{page.slug}/events", headers=headers))
        lines = events.aiter_lines()
        async with asyncio.timeout(20):
            while SECRET not in await anext(lines):
                pass
        data_of(await page.operator.delete(f"/api/v1/keys/{made['id']}"))
        await wait_until(lambda: near.close_code == far.close_code == 3500)
        async with asyncio.timeout(20):
            assert SECRET not in "".join([line async for line in lines])
        path = f"/api/v1/pages/{page.slug}/components/{secret}"
        data_of(await page.operator.patch(path, json={"description": SECRET + "!"}))
        await wait_until(lambda: SECRET + "!" in json.dumps(spared.pushed(page.channel, "pub")))
        assert SECRET + "!" not in json.dumps([near.pushes, far.pushes])
        assert spared.close_code is None


async def test_a_socket_ends_with_its_key(settings: Settings) -> None:
    async with running(settings.model_copy(update={"hub_expiry_grace_s": 0.0})) as hub, open_page(hub) as page:
        made = await make_key(page, expires_in_s=60)
        async with hub.state["db"].begin() as session:
            await session.execute(
                text("UPDATE machine_key SET expires_at = :at"), {"at": hub.state["clock"].now() + timedelta(seconds=2)}
            )
        async with json_client(hub.ws_url) as client:
            await client.connect(made["key"])
            await wait_until(lambda: client.close_code is not None)
            assert client.close_code in {3005, 3500}


@pytest.mark.parametrize("text_", ["hub_", "hub_guess", new_key(), "HUB_" + new_key()[4:]], ids=range(4))
async def test_what_is_no_key_opens_no_socket(local_hub: LocalHub, text_: str) -> None:
    """T15."""
    async with json_client(local_hub.ws_url) as client:
        with pytest.raises(ConnectionError, match="3500"):
            await client.connect(text_)


@pytest.mark.usefixtures("secret")
async def test_a_key_in_the_address_of_a_socket_opens_nothing(local_hub: LocalHub, page: Page) -> None:
    """T15, T10."""
    made = await make_key(page)
    for name in ("token", "access_token", "key"):
        async with json_client(f"{local_hub.ws_url}?{name}={made['key']}") as client:
            await client.connect()
            assert SECRET not in json.dumps(await client.subscribe(page.channel))


async def test_a_key_is_nobody_in_custom_channels_and_no_accounts_channel(local_hub: LocalHub, page: Page) -> None:
    made = await make_key(page, "admin")
    async with json_client(local_hub.ws_url) as client:
        await client.connect(made["key"])
        for channel in (f"#key:{made['id']}", "control", f"account:{made['id']}", f"account:key:{made['id']}"):
            refused = await client.call(subscribe={"channel": channel})
            assert refused["error"]["code"] in {102, 103}, channel
