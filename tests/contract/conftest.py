"""A running hub with one small page, as foreign clients meet it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from tests.support.hub import HubProcess

STATUSES = ("degraded_performance", "operational")


@dataclass
class LivePage:
    """A page with components, and an operator who changes it through REST."""

    hub: HubProcess
    operator: httpx2.AsyncClient
    slug: str = "acme"
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


async def make_live_page(hub: HubProcess, operator: httpx2.AsyncClient, **fields: object) -> LivePage:
    page = LivePage(hub, operator, **fields)  # type: ignore[arg-type]
    answer = await operator.post("/api/v1/pages", json={"slug": page.slug, "title": "Acme"})
    assert answer.status_code == 201, answer.text
    for name in ("API", "Website", "Mail"):
        answer = await operator.post(f"/api/v1/pages/{page.slug}/components", json={"name": name})
        assert answer.status_code == 201, answer.text
        page.components.append(answer.json()["data"]["id"])
    return page


@pytest.fixture
async def live_hub(make_hub: Callable[..., HubProcess], database_url: str, redis_url: str) -> HubProcess:
    """A hub whose pings come often enough for tests of a few seconds."""
    env = {"HUB_PING_INTERVAL_S": "0.5", "HUB_PONG_TIMEOUT_S": "1", "JWT_LEEWAY_S": "0"}
    hub = make_hub(database_url=database_url, redis_url=redis_url, env=env)
    await hub.start()
    return hub


@pytest.fixture
async def live_page(live_hub: HubProcess) -> AsyncIterator[LivePage]:
    async with await live_hub.admin_client() as operator:
        yield await make_live_page(live_hub, operator)
