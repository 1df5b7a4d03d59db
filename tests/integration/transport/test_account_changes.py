"""What an account does to itself by REST, as its open socket learns it. Case 85, case 71."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.integration.transport.conftest import LocalHub, Page
from tests.support.accounts import PASSWORD, add_account, letters_to
from tests.support.api import Api, data_of
from tests.support.json_client import JsonClient, json_client
from tests.support.waiting import wait_until

ADA, SECRET = "ada@example.test", "zanzibar"


@dataclass
class Ada:
    """An account that has proven nothing, signed in; the page has a component for verified accounts alone."""

    hub: LocalHub
    page: Page
    api: Api
    id: str
    client: httpx2.AsyncClient
    grant: dict[str, Any]

    @contextlib.asynccontextmanager
    async def socket(self) -> AsyncIterator[JsonClient]:
        async with json_client(self.hub.ws_url) as client:
            await client.connect(self.grant["access_token"])
            yield client

    async def look(self, client: JsonClient) -> bool:
        """Subscribe; whether the secret is shown."""
        return SECRET in json.dumps(await client.subscribe(self.page.channel, flag=1))

    async def is_moved(self, client: JsonClient, times: int = 1) -> None:
        """The socket was sent back to ask again, `times` times in all."""
        await wait_until(lambda: len(client.pushed(self.page.channel, "unsubscribe")) == times, within_s=20)
        assert {push["code"] for push in client.pushed(self.page.channel, "unsubscribe")} == {2500}

    async def token_mailed_to(self, email: str) -> str:
        return (await letters_to(self.api, email))[-1].token

    async def verify(self, email: str) -> None:
        body = {"token": await self.token_mailed_to(email)}
        data_of(await self.client.post("/api/v1/auth/verify", json=body))


@pytest.fixture
async def ada(local_hub: LocalHub, page: Page) -> AsyncIterator[Ada]:
    body = {"name": "Vault", "audience": "verified", "description": SECRET}
    data_of(await page.operator.post(f"/api/v1/pages/{page.slug}/components", json=body), 201)
    async with httpx2.AsyncClient(base_url=local_hub.base_url, timeout=20) as client:
        api = Api(local_hub.state, client)
        account_id = await add_account(api, ADA)
        login = {"email": ADA, "password": PASSWORD}
        grant = data_of(await client.post("/api/v1/auth/login", json=login))
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {grant['access_token']}"
        yield Ada(local_hub, page, api, account_id, client, grant)


async def test_proving_the_address_opens_the_rest_and_asking_for_another_closes_it(ada: Ada) -> None:
    async with ada.socket() as client:
        assert not await ada.look(client)
        data_of(await ada.client.post("/api/v1/me/verification"))
        await ada.verify(ADA)
        await ada.is_moved(client)
        assert await ada.look(client)
        body = {"email": "new@example.test", "current_password": PASSWORD}
        data_of(await ada.client.post("/api/v1/me/email", json=body))
        await ada.is_moved(client, times=2)
        assert not await ada.look(client)
        await ada.verify("new@example.test")
        await ada.is_moved(client, times=3)
        assert await ada.look(client)
        assert client.close_code is None


@pytest.mark.parametrize("end", ["logout", "password", "reset", "disabled", "deleted", "reuse"])
async def test_the_end_of_a_sign_in_closes_its_socket(ada: Ada, end: str) -> None:
    """T8."""
    async with ada.socket() as client:
        await ada.look(client)
        refresh = {"refresh_token": ada.grant["refresh_token"]}
        match end:
            case "logout":
                answer = await ada.client.post("/api/v1/auth/logout")
            case "password":
                body = {"current_password": PASSWORD, "new_password": "a quite different one"}
                answer = await ada.client.post("/api/v1/me/password", json=body)
            case "reset":
                data_of(await ada.client.post("/api/v1/auth/forgot", json={"email": ADA}))
                body = {"token": await ada.token_mailed_to(ADA), "new_password": "a quite different one"}
                answer = await ada.client.post("/api/v1/auth/reset", json=body)
            case "disabled":
                answer = await ada.page.operator.patch(f"/api/v1/accounts/{ada.id}", json={"disabled": True})
            case "deleted":
                answer = await ada.client.request("DELETE", "/api/v1/me", json={"current_password": PASSWORD})
            case _:
                data_of(await ada.client.post("/api/v1/auth/refresh", json=refresh))
                assert client.close_code is None
                thief = {"User-Agent": "another program"}
                answer = await ada.client.post("/api/v1/auth/refresh", json=refresh, headers=thief)
        assert answer.status_code == (401 if end == "reuse" else 200), answer.text
        await wait_until(lambda: client.close_code == 3500, within_s=20)
