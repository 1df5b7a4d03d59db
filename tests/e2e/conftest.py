"""A hub with the demo page, an operator, and tabs that fail a test on any script error."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route

from hub.auth.permissions import SYSTEM
from hub.services import seed
from hub.services.database import Sessions
from tests.support.hub import HubProcess

EMAIL, PASSWORD = "operator@example.test", "correct horse battery"
CLIENT = Path(__file__).parents[2] / "client_demo"


@dataclass
class Site:
    """The demo page of a running hub, and an operator who changes it through REST."""

    hub: HubProcess
    operator: httpx2.AsyncClient
    slug: str = seed.DEMO_SLUG
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
async def site(hub: HubProcess, sessions: Sessions) -> AsyncIterator[Site]:
    async with sessions.begin() as session:
        await seed.seed_demo(session, by=SYSTEM, now=datetime.now(UTC), email=EMAIL, password=PASSWORD)
    async with httpx2.AsyncClient(base_url=hub.base_url, timeout=10) as operator:
        answer = await operator.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
        operator.cookies.clear()
        operator.headers["Authorization"] = f"Bearer {answer.json()['data']['access_token']}"
        site = Site(hub, operator)
        site.components = {item["name"]: item["id"] for item in await site.send("GET", "components")}
        yield site


@pytest.fixture
async def module_tab(open_tab: "OpenTab") -> Page:
    """A tab that can import the browser modules; no hub runs."""
    tab = await open_tab("about:blank")

    async def file(route: Route) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        is_module = name.endswith(".js")
        body = (CLIENT / name).read_text() if is_module else "<!doctype html>"
        await route.fulfill(body=body, content_type="text/javascript" if is_module else "text/html")

    await tab.route("http://client.test/**", file)
    await tab.goto("http://client.test/")
    return tab


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
