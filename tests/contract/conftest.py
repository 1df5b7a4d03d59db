"""A running hub with one small page, as foreign clients meet it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from hub.children import Guard
from hub.ids import new_id
from tests.support.hub import HubProcess
from tests.support.redis_sets import make_cluster
from tests.support.servers import Servers

STATUSES = ("degraded_performance", "operational")


@dataclass
class LivePage:
    """A page with components, and an operator who changes it through REST."""

    hub: HubProcess
    operator: httpx2.AsyncClient
    token: str
    slug: str
    components: list[str] = field(default_factory=list)
    changes: int = 0

    @property
    def channel(self) -> str:
        return f"page:{self.slug}"

    async def change(self, times: int = 1) -> None:
        """Flip a component's status; each is one publication in every view."""
        for _ in range(times):
            component = self.components[self.changes % len(self.components)]
            status = STATUSES[(self.changes // len(self.components)) % len(STATUSES)]
            self.changes += 1
            path = f"/api/v1/pages/{self.slug}/components/{component}"
            answer = await self.operator.patch(path, json={"status": status})
            assert answer.status_code == 200, answer.text

    async def snapshot(self) -> dict[str, Any]:
        """What an anonymous visitor reads by REST."""
        async with httpx2.AsyncClient(base_url=self.hub.base_url) as visitor:
            answer = await visitor.get(f"/api/v1/pages/{self.slug}/snapshot")
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    async def history(self, after: int, limit: int = 100) -> dict[str, Any]:
        async with httpx2.AsyncClient(base_url=self.hub.base_url) as visitor:
            answer = await visitor.get(f"/api/v1/pages/{self.slug}/history", params={"after": after, "limit": limit})
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data


async def make_live_page(hub: HubProcess, token: str) -> LivePage:
    """A page of its own name with three components; close its `operator` in the end."""
    operator = httpx2.AsyncClient(base_url=hub.base_url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
    page = LivePage(hub, operator, token, slug=f"acme-{new_id()}")
    answer = await operator.post("/api/v1/pages", json={"slug": page.slug, "title": "Acme"})
    assert answer.status_code == 201, answer.text
    for name in ("API", "Website", "Mail"):
        answer = await operator.post(f"/api/v1/pages/{page.slug}/components", json={"name": name})
        assert answer.status_code == 201, answer.text
        page.components.append(answer.json()["data"]["id"])
    return page


@dataclass
class RunningHub:
    hub: HubProcess
    token: str


@pytest.fixture(scope="session")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    guard = Guard()
    with ThreadPoolExecutor(1) as beside:  # fixtures run within the test's loop; and children end with their thread
        cluster = make_cluster(tmp_path_factory.mktemp("cluster"), guard, masters=3)
        beside.submit(lambda: asyncio.run(cluster.start())).result(60)
        yield cluster.url
        cluster.close()
    guard.close()


@pytest.fixture(scope="module")
def shared_hub(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub for the tests that do not stop it, with pings often enough for tests of a few seconds."""
    database_url = servers.create_database()
    env = {"HUB_PING_INTERVAL_S": "0.5", "HUB_PONG_TIMEOUT_S": "4"}
    hub = HubProcess(
        database_url=database_url, redis_url=servers.valkey.url, directory=tmp_path_factory.mktemp("hub"), env=env
    )

    async def start() -> str:
        await hub.start()
        return await hub.token(await hub.create_user("admin@example.test", admin=True))

    try:
        yield RunningHub(hub, asyncio.run(start()))
    finally:
        asyncio.run(hub.stop())
        servers.drop_database(database_url)


@pytest.fixture
async def live_page(shared_hub: RunningHub) -> AsyncIterator[LivePage]:
    page = await make_live_page(shared_hub.hub, shared_hub.token)
    yield page
    await page.operator.aclose()


@pytest.fixture
async def own_live_page(
    database_url: str, redis_url: str, make_hub: Callable[..., HubProcess]
) -> AsyncIterator[LivePage]:
    """A page on a hub that the test may stop."""
    hub = make_hub(database_url=database_url, redis_url=redis_url, env={"HUB_PING_INTERVAL_S": "0.5"})
    await hub.start()
    token = await hub.token(await hub.create_user("admin@example.test", admin=True))
    page = await make_live_page(hub, token)
    yield page
    await page.operator.aclose()
