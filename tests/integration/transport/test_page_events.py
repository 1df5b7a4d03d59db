"""`/p/{slug}/events` while nothing happens."""

import asyncio

import httpx2
import pytest

from tests.integration.transport.conftest import LocalHub, Page


async def silence(hub: LocalHub, path: str) -> list[str]:
    """The lines that come after the snapshot of a page on which nothing happens, up to the next blank one."""
    async with httpx2.AsyncClient(base_url=hub.base_url, timeout=60) as client, client.stream("GET", path) as stream:
        lines: list[str] = []
        has_snapshot = False
        async for line in stream.aiter_lines():
            if has_snapshot and line:
                lines.append(line)
            elif lines:
                break
            has_snapshot = has_snapshot or line.startswith("data: ")
    return lines


@pytest.mark.slow
async def test_a_quiet_page_keeps_proxies_awake_and_tells_scripts_that_ask(local_hub: LocalHub, page: Page) -> None:
    path = f"/p/{page.slug}/events"
    plain, asked = await asyncio.gather(silence(local_hub, path), silence(local_hub, f"{path}?alive=event"))
    assert plain == [": still here"]
    assert asked == ["event: alive", "data: {}"]
