"""A hub in the test's own loop, and a page on it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest

from hub.ids import new_id
from hub.settings import Settings
from tests.support.api import Api, data_of
from tests.support.local_hub import LocalHub, running


@pytest.fixture
async def local_hub(settings: Settings) -> AsyncIterator[LocalHub]:
    async with running(settings) as hub:
        yield hub


@dataclass
class Page:
    """A page with one component, and an operator who changes it."""

    operator: httpx2.AsyncClient
    token: str
    slug: str
    component: str
    changes: int = 0

    @property
    def channel(self) -> str:
        return f"page:{self.slug}"

    async def change(self, times: int = 1) -> None:
        """Flip the component's status; each is one publication in every view."""
        for _ in range(times):
            status = ("degraded_performance", "operational")[self.changes % 2]
            self.changes += 1
            path = f"/api/v1/pages/{self.slug}/components/{self.component}"
            data_of(await self.operator.patch(path, json={"status": status}))

    async def shout(self, times: int, body: str) -> None:
        """Open an incident and add to it: publications that grow by `body` each."""
        path = f"/api/v1/pages/{self.slug}/incidents"
        incident = data_of(
            await self.operator.post(path, json={"name": "Trouble", "status": "investigating", "body": body}), 201
        )
        for _ in range(times - 1):
            update = {"status": "investigating", "body": body}
            data_of(await self.operator.post(f"{path}/{incident['id']}/updates", json=update), 201)


@contextlib.asynccontextmanager
async def open_page(hub: LocalHub, *, audience: str = "public") -> AsyncIterator[Page]:
    async with httpx2.AsyncClient() as anonymous:
        operator = await Api(hub.state, anonymous).client_of(f"{new_id()}@example.test", is_admin=True)
        async with httpx2.AsyncClient(base_url=hub.base_url, headers=operator.headers, timeout=10) as client:
            await operator.aclose()
            slug = f"acme-{new_id()}"
            data_of(await client.post("/api/v1/pages", json={"slug": slug, "title": "Acme", "audience": audience}), 201)
            component = data_of(await client.post(f"/api/v1/pages/{slug}/components", json={"name": "API"}), 201)
            token = client.headers["authorization"].partition(" ")[2]
            yield Page(client, token, slug, component["id"])


@pytest.fixture
async def page(local_hub: LocalHub) -> AsyncIterator[Page]:
    async with open_page(local_hub) as page:
        yield page
