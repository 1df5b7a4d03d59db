"""A page's desk for each test, and one running hub for all tests of a module that leave it as it was."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from hub.services.database import Sessions
from hub.settings import Settings
from tests.support.desk import Desk, open_desk
from tests.support.hub import SECRET_KEY
from tests.support.leak_world import World, open_lobby, open_world
from tests.support.servers import Servers


@pytest.fixture
async def desk(sessions: Sessions) -> Desk:
    """A page and whoever changes it, of this test's own."""
    return await open_desk(sessions)


@pytest.fixture(scope="module")
def module_settings(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """As `settings`, for a hub that all tests of a module share."""
    address = servers.create_database()
    servers.flush_redis()
    yield Settings.model_validate(
        {
            "database_url": address,
            "redis_url": servers.valkey.url,
            "hub_secret_key": SECRET_KEY,
            "hub_data_dir": tmp_path_factory.mktemp("hub"),
            "hub_port": 0,
            "hub_drain_s": 0.2,
        }
    )
    servers.drop_database(address)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(module_settings: Settings) -> AsyncIterator[World]:
    """For tests that only look at it, or leave it as it was."""
    async with open_world(module_settings) as world:
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lobby(module_settings: Settings) -> AsyncIterator[World]:
    """A hub without pages; each test makes its own."""
    async with open_lobby(module_settings) as lobby:
        yield lobby
