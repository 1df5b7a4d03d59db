from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hub.settings import Settings
from tests.support.hub import SECRET_KEY
from tests.support.leak_world import World, open_world
from tests.support.servers import Servers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One world for all tests of a module that only look at it."""
    address = servers.create_database()
    servers.flush_redis()
    settings = Settings.model_validate(
        {
            "database_url": address,
            "redis_url": servers.valkey.url,
            "hub_secret_key": SECRET_KEY,
            "hub_data_dir": tmp_path_factory.mktemp("leaks"),
            "hub_port": 0,
            "hub_drain_s": 0.2,
        }
    )
    async with open_world(settings) as world:
        yield world
    servers.drop_database(address)
