"""A hub with pages, an operator, and tabs that fail a test on any script error."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route

from hub.auth.permissions import SYSTEM
from hub.ids import new_id
from hub.services import seed
from hub.services.database import create_engine, create_sessions
from hub.settings import Settings
from tests.e2e.people import Town
from tests.support.hub import SECRET_KEY, HubProcess
from tests.support.servers import Servers

EMAIL, PASSWORD = "operator@example.test", "correct horse battery"
COMPONENTS = {
    "Shipping API": ("Rates & labels", "Tracking"),
    "Platform": ("Sign-in", "Billing", "Dashboard"),
    "": ("Developer docs",),
}
# Many tests come from one address; that there are limits is another test's business.
NO_LIMITS = dict.fromkeys(
    (
        "HUB_READS_PER_ACCOUNT_PER_MINUTE",
        "HUB_READS_PER_ADDRESS_PER_MINUTE",
        "HUB_WRITES_PER_ACCOUNT_PER_MINUTE",
        "HUB_WRITES_PER_ADDRESS_PER_MINUTE",
        "HUB_PAGES_PER_ADDRESS_PER_MINUTE",
        "HUB_LOGIN_TRIES_PER_ADDRESS_PER_15_MIN",
        "HUB_REGISTRATIONS_PER_ADDRESS_PER_HOUR",
    ),
    "0",
)
CLIENT = Path(__file__).parents[2] / "client_demo"


@dataclass
class Site:
    """A page of a running hub, and an operator who changes it through REST."""

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


@asynccontextmanager
async def signed_in(hub: HubProcess) -> AsyncIterator[httpx2.AsyncClient]:
    """The operator's REST client."""
    async with httpx2.AsyncClient(base_url=hub.base_url, timeout=10) as operator:
        answer = await operator.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
        operator.cookies.clear()
        operator.headers["Authorization"] = f"Bearer {answer.json()['data']['access_token']}"
        yield operator


async def make_page(hub: HubProcess, operator: httpx2.AsyncClient) -> Site:
    """A page of its own name: two groups, one component by itself, a past incident, a planned maintenance."""
    site = Site(hub, operator, slug=f"acme-{new_id()}")
    answer = await operator.post("/api/v1/pages", json={"slug": site.slug, "title": "Ternwick"})
    assert answer.is_success, answer.text
    for group, names in COMPONENTS.items():
        group_id = (await site.send("POST", "groups", {"name": group}))["id"] if group else None
        for name in names:
            made = await site.send("POST", "components", {"name": name, "group_id": group_id})
            site.components[name] = made["id"]
    past = await site.open_incident("Webhooks delivered twice", {"Tracking": "operational"})
    await site.send("POST", f"incidents/{past['id']}/updates", {"status": "resolved", "body": "Sent once again."})
    start = datetime.now(UTC) + timedelta(days=2)
    window = {"scheduled_for": start.isoformat(), "scheduled_until": (start + timedelta(hours=1)).isoformat()}
    await site.send("POST", "maintenances", {"name": "Database upgrade", "body": "Brief pauses.", **window})
    return site


async def prepare(hub: HubProcess, database_url: str) -> None:
    """Start `hub` with the demo page and the operator's account."""
    engine = create_engine(database_url, pool_size=1)
    async with create_sessions(engine).begin() as session:
        await seed.seed_demo(session, by=SYSTEM, now=datetime.now(UTC), email=EMAIL, password=PASSWORD)
    await engine.dispose()
    await hub.start()


@pytest.fixture(scope="session")
def shared_hub(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """One hub for the tests that do not stop it."""
    address = servers.create_database()
    hub = HubProcess(
        database_url=address,
        redis_url=servers.valkey.url,
        directory=tmp_path_factory.mktemp("browser-hub"),
        env=NO_LIMITS,
    )
    try:
        asyncio.run(prepare(hub, address))
        yield hub
    finally:
        asyncio.run(hub.stop())
        servers.drop_database(address)


@pytest.fixture
async def site(shared_hub: HubProcess) -> AsyncIterator[Site]:
    """A small page of the test's own on the shared hub."""
    async with signed_in(shared_hub) as operator:
        yield await make_page(shared_hub, operator)


@pytest.fixture
async def town(shared_hub: HubProcess) -> AsyncIterator[Town]:
    """The people of the shared hub."""
    engine = create_engine(shared_hub.env["DATABASE_URL"], pool_size=2)
    known = {"hub_data_dir": shared_hub.directory, "hub_secret_key": SECRET_KEY}
    yield Town(shared_hub, create_sessions(engine), Settings.model_validate(known))
    await engine.dispose()


@pytest.fixture
async def demo(shared_hub: HubProcess) -> AsyncIterator[Site]:
    """The demo page, to look at and not to change."""
    async with signed_in(shared_hub) as operator:
        site = Site(shared_hub, operator)
        site.components = {item["name"]: item["id"] for item in await site.send("GET", "components")}
        yield site


@pytest.fixture
async def own_site(database_url: str, redis_url: str, make_hub: Callable[..., HubProcess]) -> AsyncIterator[Site]:
    """The demo page on a hub that the test may stop and change."""
    hub = make_hub(database_url=database_url, redis_url=redis_url)
    await prepare(hub, database_url)
    async with signed_in(hub) as operator:
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
    """Waits through the longest pause between two attempts to connect (20 s)."""
    await page.wait_for_selector("body[data-live=live]", timeout=25_000)


async def tell(console: Page, answer: str) -> None:
    """What notifies is shown first; say that it may go."""
    await console.locator("#question[open]").get_by_role("button", name=answer, exact=True).click()


async def sign_in(site: Site, open_tab: OpenTab, **options: object) -> Page:
    """The console of `site`, reached as an operator would."""
    tab = await open_tab(f"{site.hub.base_url}/console?page={site.slug}", **options)
    await tab.wait_for_url("**/login**")
    await tab.fill("#email", EMAIL)
    await tab.fill("#password", PASSWORD)
    await tab.keyboard.press("Enter")
    await tab.wait_for_url("**/console?page=**")
    await is_live(tab)
    return tab
