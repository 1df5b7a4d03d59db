from collections.abc import AsyncIterator

import httpx2
import pytest

from hub.settings import Settings
from tests.support.api import Api, data_of, open_api


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    async with open_api(settings) as api:
        yield api


@pytest.fixture
async def admin(api: Api) -> httpx2.AsyncClient:
    return await api.client_of("admin@example.test", is_admin=True)


@pytest.fixture
async def page(admin: httpx2.AsyncClient) -> dict:
    """A public page, `acme`, with nothing on it."""
    return data_of(await admin.post("/api/v1/pages", json={"slug": "acme", "title": "Acme"}), 201)
