"""A hub with the demo page, an operator, and tabs that fail a test on any script error."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page

from tests.support.hub import HubProcess

PASSWORD = "correct horse battery"


@dataclass
class Site:
    """The demo page of a running hub, and an operator who changes it through REST."""

    hub: HubProcess
    operator: httpx2.AsyncClient
    email: str
    slug: str = "demo"
    password: str = PASSWORD
    components: dict[str, str] = field(default_factory=dict)  # name → id

    @property
    def url(self) -> str:
        return f"{self.hub.base_url}/p/{self.slug}"

    async def set_status(self, name: str, status: str) -> None:
        await self.send("PATCH", f"components/{self.components[name]}", {"status": status})

    async def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = await self.operator.request(method, f"/api/v1/pages/{self.slug}/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    async def open_incident(self, name: str, components: dict[str, str], body: str = "We are looking.") -> Any:
        words = {self.components[key]: status for key, status in components.items()}
        return await self.send(
            "POST", "incidents", {"name": name, "status": "investigating", "body": body, "components": words}
        )


@pytest.fixture
async def site(hub: HubProcess) -> AsyncIterator[Site]:
    seeded = await hub.run("seed")
    assert seeded.returncode == 0, seeded.stderr
    email = await hub.create_user("operator@example.test", PASSWORD, admin=True)
    headers = {"Authorization": f"Bearer {await hub.token(email)}"}
    async with httpx2.AsyncClient(base_url=hub.base_url, headers=headers, timeout=10) as operator:
        site = Site(hub, operator, email)
        site.components = {item["name"]: item["id"] for item in await site.send("GET", "components")}
        yield site


OpenTab = Callable[..., Awaitable[Page]]


@pytest.fixture
async def open_tab(browser: Browser) -> AsyncIterator[OpenTab]:
    """`await open_tab(url, width=1280, scheme="light", js=True, …)`: a tab of a fresh profile."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    async def open_tab(
        url: str, *, width: int = 1280, height: int = 800, scheme: str = "light", js: bool = True, **options: Any
    ) -> Page:
        context = await browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=js, **options
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if _is_fault(message.text) else None)
        await page.goto(url)
        return page

    yield open_tab
    for context in contexts:
        await context.close()
    assert not faults


def _is_fault(text: str) -> bool:
    """A breach of the content policy is a fault; a refused or lost connection is what some tests are about."""
    return "Content Security Policy" in text


async def is_live(page: Page) -> None:
    await page.wait_for_selector("body[data-live=live]", timeout=10_000)
