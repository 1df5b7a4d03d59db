"""The npm SDK, unchanged, where WebSockets are blocked: http_stream and sse keep the same promises."""

import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from hub.domain.event import apply
from tests.contract.conftest import LivePage
from tests.support.hub import HubProcess, free_port
from tests.support.proxy import tcp_proxy
from tests.support.sdk import Viewer, named, offsets, open_viewer, told
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

by_transport = pytest.mark.parametrize("transport", ["http_stream", "sse"])


@contextlib.asynccontextmanager
async def open_fallback(
    transport: str, page: LivePage, *, port: int = 0, emulation_port: int = 0, max_ping_delay_s: float = 10.0
) -> AsyncIterator[Viewer]:
    """The SDK on one transport; both legs go to the page's hub unless a port is named."""
    base_url = f"http://127.0.0.1:{port or page.hub.port}"
    async with open_viewer(
        "javascript",
        "",
        page.channel,
        transports=[(transport, f"{base_url}/connection/{transport}")],
        emulation_url=f"http://127.0.0.1:{emulation_port or port or page.hub.port}/emulation",
        max_ping_delay_s=max_ping_delay_s,
    ) as viewer:
        yield viewer


async def follow(viewer: Viewer, until: int) -> None:
    await wait_until(lambda: until in offsets(viewer), within_s=20)


@by_transport
async def test_a_visitor_gets_the_snapshot_then_each_change_live(transport: str, live_page: LivePage) -> None:
    async with open_fallback(transport, live_page) as viewer:
        joined = await told(viewer, "subscribed", within_s=20)
        assert named(viewer, "connected")[0]["transport"] == transport
        state = joined["data"]
        await live_page.change(5)
        await follow(viewer, state["offset"] + 5)
        assert offsets(viewer) == [state["offset"] + n for n in (1, 2, 3, 4, 5)]
        for publication in named(viewer, "publication"):
            state = {**apply(state, publication["data"]), "offset": publication["offset"]}
        assert state == await live_page.snapshot()
        await viewer.do("history", limit=100)
        assert (await told(viewer, "history"))["offsets"][-5:] == offsets(viewer)


async def test_the_binary_encoding_goes_through_http_stream_too(live_page: LivePage) -> None:
    base_url = live_page.hub.base_url
    async with open_viewer(
        "javascript",
        "",
        live_page.channel,
        transports=[("http_stream", f"{base_url}/connection/http_stream")],
        emulation_url=f"{base_url}/emulation",
        is_binary=True,
    ) as viewer:
        state = (await told(viewer, "subscribed", within_s=20))["data"]
        await live_page.change(3)
        await follow(viewer, state["offset"] + 3)
        for publication in named(viewer, "publication"):
            state = {**apply(state, publication["data"]), "offset": publication["offset"]}
        assert state == await live_page.snapshot()
        await viewer.do("history", limit=100)
        assert (await told(viewer, "history", within_s=20))["offsets"][-3:] == offsets(viewer)


@by_transport
async def test_an_unsubscribed_client_hears_nothing_and_recovers_when_it_returns(
    transport: str, live_page: LivePage
) -> None:
    async with open_fallback(transport, live_page) as viewer:
        start = (await told(viewer, "subscribed", within_s=20))["offset"]
        await live_page.change()
        await follow(viewer, start + 1)
        await viewer.do("unsubscribe")
        await told(viewer, "unsubscribed")
        await live_page.change(3)
        assert offsets(viewer) == [start + 1]
        await viewer.do("subscribe")
        again = await told(viewer, "subscribed", times=2, within_s=20)
        await follow(viewer, start + 4)
        assert again["recovered"]
        assert offsets(viewer) == [start + n for n in (1, 2, 3, 4)]


@by_transport
@pytest.mark.parametrize("cut", ["reset", "finish", pytest.param("black_hole", marks=pytest.mark.slow)])
async def test_a_cut_stream_costs_nothing(transport: str, cut: str, live_page: LivePage) -> None:
    async with (
        tcp_proxy(live_page.hub.port) as proxy,
        open_fallback(transport, live_page, port=proxy.port, max_ping_delay_s=2.0) as viewer,
    ):
        start = (await told(viewer, "subscribed", within_s=20))["offset"]
        for number in range(10):
            await live_page.change()
            if number % 4 == 2:
                getattr(proxy, cut)()
                if cut == "black_hole":
                    await told(viewer, "connecting", times=len(named(viewer, "connecting")) + 1, within_s=20)
                    proxy.pass_on()
        await follow(viewer, start + 10)
        assert offsets(viewer) == list(range(start + 1, start + 11))
        rejoined = named(viewer, "subscribed")[1:]
        assert rejoined, "the stream was never cut"
        assert all(one["was_recovering"] and one["recovered"] for one in rejoined)


async def test_the_next_transport_is_tried_where_one_is_blocked(live_page: LivePage) -> None:
    """No WebSocket at all, an http_stream that some proxy answers by itself: what is left is sse."""
    base_url, blocked = live_page.hub.base_url, free_port()
    websocket = ("websocket", f"ws://127.0.0.1:{blocked}/connection/websocket")
    stream = ("http_stream", f"{base_url}/connection/http_stream")
    for transports, expected in (
        ([websocket, stream], "http_stream"),
        ([websocket, ("http_stream", f"{base_url}/blocked"), ("sse", f"{base_url}/connection/sse")], "sse"),
    ):
        async with open_viewer(
            "javascript", "", live_page.channel, transports=transports, emulation_url=f"{base_url}/emulation"
        ) as viewer:
            start = (await told(viewer, "subscribed", within_s=20))["offset"]
            assert named(viewer, "connected")[0]["transport"] == expected
            await live_page.change()
            await follow(viewer, start + 1)


@pytest.mark.slow
@by_transport
async def test_a_hub_that_leaves_says_so_and_its_clients_come_back(transport: str, own_live_page: LivePage) -> None:
    page = own_live_page
    async with open_fallback(transport, page) as viewer:
        start = (await told(viewer, "subscribed", within_s=20))["offset"]
        assert await page.hub.stop() == 0
        await wait_until(lambda: 3001 in [one["code"] for one in named(viewer, "connecting")])
        await page.hub.start()
        await told(viewer, "subscribed", times=2, within_s=20)
        await page.change(2)
        await follow(viewer, start + 2)
        assert offsets(viewer) == [start + 1, start + 2]


@by_transport
async def test_commands_find_their_stream_through_another_node(
    transport: str, own_live_page: LivePage, make_hub: Callable[..., HubProcess], database_url: str, redis_url: str
) -> None:
    page = own_live_page
    other = make_hub(database_url=database_url, redis_url=redis_url)
    await other.start()
    async with open_fallback(transport, page, emulation_port=other.port) as viewer:
        start = (await told(viewer, "subscribed", within_s=20))["offset"]
        await page.change()
        await follow(viewer, start + 1)
        await viewer.do("unsubscribe")
        await told(viewer, "unsubscribed")
        await page.change()
        await viewer.do("subscribe")
        assert (await told(viewer, "subscribed", times=2, within_s=20))["recovered"]
        await follow(viewer, start + 2)
        assert len(named(viewer, "connected")) == 1
