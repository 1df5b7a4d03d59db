"""Fixtures for everything that needs the real servers. Unit and property tests use none of them."""

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from playwright.async_api import Browser, Page
from sqlalchemy.ext.asyncio import AsyncEngine

from hub.children import Guard
from hub.embedded import DataDirectory, Postgres, Valkey
from hub.services.database import Sessions, create_engine, create_sessions
from hub.settings import Settings
from tests.support.browser import chromium_path, open_browser
from tests.support.hub import SECRET_KEY, UNHURRIED, HubProcess
from tests.support.servers import Servers

# How long an example takes says more about the machine's other work than about the example.
hypothesis_settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("unhurried")


def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking through it again and again costs a tenth of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


CAPTURES = Path(__file__).parents[2] / "shared" / "data" / "captures"


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Valkey of this test process. A test that kills one uses `own_postgres` or `own_valkey`."""
    servers = Servers()
    servers.start()
    yield servers
    servers.close()


@pytest.fixture
def database_url(servers: Servers) -> Iterator[str]:
    """A database of this test's own with all tables, empty."""
    address = servers.create_database()
    yield address
    servers.drop_database(address)


@pytest.fixture
def empty_database_url(servers: Servers) -> Iterator[str]:
    """A database of this test's own without any table."""
    address = servers.create_database(migrated=False)
    yield address
    servers.drop_database(address)


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """The shared Valkey, emptied."""
    servers.flush_redis()
    return servers.valkey.url


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings of an application built inside the test; change with `settings.model_copy(update={…})`."""
    return Settings.model_validate(
        {
            "database_url": database_url,
            "redis_url": redis_url,
            "hub_secret_key": SECRET_KEY,
            "hub_data_dir": tmp_path,
            "hub_port": 0,
            "hub_drain_s": 0.2,
            **UNHURRIED,
        }
    )


@pytest.fixture
async def db_engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url, pool_size=10)
    yield engine
    await engine.dispose()


@pytest.fixture
def sessions(db_engine: AsyncEngine) -> Sessions:
    """`async with sessions.begin() as session:` over this test's database."""
    return create_sessions(db_engine)


@pytest.fixture
def server_directory(tmp_path: Path) -> Iterator[DataDirectory]:
    """Where `own_postgres` and `own_valkey` live."""
    directory = DataDirectory(tmp_path / "servers")
    directory.acquire()
    yield directory
    directory.release()


@pytest.fixture
def guard() -> Iterator[Guard]:
    """Ends the children it was told of, should the test process be killed."""
    guard = Guard()
    yield guard
    guard.close()


@pytest.fixture
def own_postgres(server_directory: DataDirectory, guard: Guard) -> Iterator[Postgres]:
    """A PostgreSQL that the test may stop, kill, pause and start again; database `hub`, without tables."""
    server = Postgres(server_directory, is_durable=False)
    with (server_directory.path / "postgres.log").open("wb") as log:
        server.start(output=log, guard=guard)
        yield server
        server.stop()


@pytest.fixture
def own_valkey(server_directory: DataDirectory, guard: Guard) -> Iterator[Valkey]:
    """A Valkey that the test may stop, kill, pause and start again."""
    server = Valkey(server_directory, is_durable=False)
    with (server_directory.path / "valkey.log").open("wb") as log:
        server.start(output=log, guard=guard)
        yield server
        server.stop()


@pytest.fixture
async def make_hub(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Callable[..., HubProcess]]:
    """Makes hub processes that end with the test; the test starts them: `await make_hub(database_url=…).start()`."""
    made: list[HubProcess] = []

    def make(**options: object) -> HubProcess:
        hub = HubProcess(directory=tmp_path, **options)  # type: ignore[arg-type]
        made.append(hub)
        return hub

    yield make
    for hub in made:
        await hub.stop()
        request.node.add_report_section("teardown", f"log of the hub on port {hub.port}", hub.log[-20_000:])


@pytest.fixture
async def hub(database_url: str, redis_url: str, make_hub: Callable[..., HubProcess]) -> HubProcess:
    """A running hub over this test's database and Redis."""
    hub = make_hub(database_url=database_url, redis_url=redis_url)
    await hub.start()
    return hub


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if chromium_path() is None:
        pytest.skip("no Chromium: .ci/install-tools.sh installs it")
    async with open_browser() as browser:
        yield browser


@pytest.fixture
async def browser_page(browser: Browser) -> AsyncIterator[Page]:
    """An empty tab of a fresh profile."""
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


@pytest.fixture
def captures() -> Path:
    """Real Statuspage documents; they are not part of the repository."""
    if not CAPTURES.is_dir():
        pytest.skip("no captures beside the repository")
    return CAPTURES
