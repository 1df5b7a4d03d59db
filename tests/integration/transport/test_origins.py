"""Which pages of other origins may use the streams, and what of the visitor."""

import httpx2
import pytest

from hub.settings import Settings
from tests.integration.transport.conftest import LocalHub, Page, open_page, running
from tests.support.streams import TWO_WAY, open_stream, opening

two_way = pytest.mark.parametrize("kind", TWO_WAY)


@pytest.mark.parametrize("path", ["/connection/http_stream", "/connection/sse", "/emulation"])
async def test_a_page_of_any_origin_may_ask_first(path: str, local_hub: LocalHub) -> None:
    headers = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    async with httpx2.AsyncClient(base_url=local_hub.base_url) as client:
        answer = await client.options(path, headers=headers)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "content-type" in answer.headers["access-control-allow-headers"].lower()


async def test_an_allowed_origin_may_bring_the_cookie(settings: Settings) -> None:
    friend = "https://shop.example"
    settings = settings.model_copy(update={"hub_allowed_origins": (friend,)})
    async with running(settings) as hub, open_page(hub) as page:
        cookie = {"Cookie": f"hub_access={page.token}"}

        async def view(kind: str, **headers: str) -> tuple[str, httpx2.Headers]:
            async with open_stream(hub.base_url, kind, opening(page.channel), headers={**cookie, **headers}) as stream:
                return (await stream.reply(2))["subscribe"]["data"]["channel"], stream.response.headers

        for kind in TWO_WAY:
            channel, headers = await view(kind, Origin=friend)
            assert channel == page.channel + "@all"
            assert headers["access-control-allow-origin"] == friend
            assert headers["access-control-allow-credentials"] == "true"
            assert headers["vary"] == "Origin"
            assert (await view(kind, Origin=hub.base_url))[0] == page.channel + "@all"
        # Without an Origin a browser's POST is none; its GET comes from our own page, unless it says otherwise.
        assert (await view("http_stream"))[0] == page.channel
        assert (await view("sse"))[0] == page.channel + "@all"
        assert (await view("sse", **{"Sec-Fetch-Site": "same-origin"}))[0] == page.channel + "@all"
        assert (await view("sse", **{"Sec-Fetch-Site": "cross-site"}))[0] == page.channel


@two_way
async def test_a_foreign_page_may_watch_but_not_with_the_cookie(kind: str, local_hub: LocalHub, page: Page) -> None:
    foreign = {"Origin": "https://elsewhere.example"}
    async with open_stream(local_hub.base_url, kind, opening(page.channel), headers=foreign) as stream:
        assert (await stream.reply(2))["subscribe"]["data"]["channel"] == page.channel
        assert stream.response.headers["access-control-allow-origin"] == "*"
    for origin in ("https://elsewhere.example", "null", local_hub.base_url + ".elsewhere.example"):
        headers = {"Origin": origin, "Cookie": f"hub_access={page.token}"}
        async with open_stream(local_hub.base_url, kind, opening(page.channel), headers=headers) as stream:
            assert stream.response.status_code == 403


async def test_the_stream_of_a_page_may_be_read_from_anywhere_but_not_with_the_cookie(
    local_hub: LocalHub, page: Page
) -> None:
    """What is embedded on other sites reads it so: as anybody, or with a token that its script has (ADR 0024)."""
    address, foreign = f"/p/{page.channel.removeprefix('page:')}/events", {"Origin": "https://elsewhere.example"}
    async with httpx2.AsyncClient(base_url=local_hub.base_url, timeout=10) as client:
        asked = await client.options(
            address,
            headers={
                **foreign,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "authorization",
            },
        )
        assert asked.status_code == 204
        assert "authorization" in asked.headers["access-control-allow-headers"].lower()
        for headers, channel in (
            ({}, page.channel),
            ({"Authorization": f"Bearer {page.token}"}, page.channel + "@all"),
        ):
            async with client.stream("GET", address, headers={**foreign, **headers}) as answer:
                assert answer.headers["access-control-allow-origin"] == "*"
                assert "access-control-allow-credentials" not in answer.headers
                async for line in answer.aiter_lines():
                    if line.startswith("data:"):
                        assert f'"channel":"{channel}"' in line
                        break
        refused = await client.get(address, headers={**foreign, "Cookie": f"hub_access={page.token}"})
        assert refused.status_code == 403
        assert page.channel not in refused.text
