"""What is hidden is looked for like what does not exist: by the same questions, and so in the same time (G2)."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import event

from hub.settings import Settings
from tests.support.api import Api, data_of, open_api

API, NOBODY = "/api/v1/pages", "zzzzzzzzzzzz"
PAGE = (
    "/p/{}", "/p/{}/embed", "/p/{}/history", "/p/{}/history.atom", "/p/{}/maintenance.ics", "/p/{}/badge.svg",
    "/p/{}/api/v2/summary.json", f"/p/{{}}/components/{NOBODY}/badge.svg", "/p/{}/events",
    f"{API}/{{}}", f"{API}/{{}}/snapshot", f"{API}/{{}}/uptime", f"{API}/{{}}/incidents", f"{API}/{{}}/maintenances",
)  # fmt: skip

COMPONENT = (
    "/p/acme/components/{}/badge.svg", f"{API}/acme/components/{{}}", f"{API}/acme/components/{{}}/latency",
)  # fmt: skip
ABOUT_A_PAGE = re.compile(r"page\.slug\b|page_id\b")
BESIDE = re.compile("custom_domain IS NOT NULL|token_version")  # which hosts are pages', and who asks: once for many


@contextlib.contextmanager
def asked(api: Api) -> Iterator[list[str]]:
    """What the node asks of pages meanwhile."""
    engine = api.state["db"].kw["bind"].sync_engine
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if ABOUT_A_PAGE.search(statement) and not BESIDE.search(statement):
            found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


async def work_for(api: Api, client: httpx2.AsyncClient, path: str) -> list[str]:
    with asked(api) as found:
        assert (await client.get(path)).status_code == 404, path
    return found


@pytest.mark.parametrize("who", ["anonymous", "fake"])
async def test_a_hidden_page_is_looked_for_like_one_that_is_not_there(settings: Settings, who: str):
    async with open_api(settings) as api:
        admin = await api.client_of("admin@example.test", is_admin=True)
        data_of(await admin.post(API, json={"slug": "hidden", "title": "Hidden", "audience": "verified"}), 201)
        data_of(await admin.post(f"{API}/hidden/components", json={"name": "API"}), 201)
        data_of(await admin.get(f"{API}/hidden/snapshot"))
        client = api.anonymous if who == "anonymous" else await api.client_of("fake@example.test", is_verified=False)
        for path in PAGE:
            hidden = await work_for(api, client, path.format("hidden"))
            assert hidden == await work_for(api, client, path.format("missing")), path
            assert hidden, path


@pytest.mark.parametrize("query", ["", "?show=uptime"])
async def test_a_hidden_component_is_looked_for_like_one_that_is_not_there(settings: Settings, query: str):
    """Case 77."""
    async with open_api(settings) as api:
        admin = await api.client_of("admin@example.test", is_admin=True)
        data_of(await admin.post(API, json={"slug": "acme", "title": "Acme"}), 201)
        hidden = data_of(await admin.post(f"{API}/acme/components", json={"name": "API", "audience": "verified"}), 201)
        for path in COMPONENT:
            await work_for(api, api.anonymous, path.format(NOBODY) + query)  # makes what is kept
            missing = await work_for(api, api.anonymous, path.format(NOBODY) + query)
            assert missing == await work_for(api, api.anonymous, path.format(hidden["id"]) + query), path
