"""The two live endpoints as any client may call them: upgrades, sign-in by cookie, history, resuming, leaving."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import websockets

from tests.contract.conftest import LivePage
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


class RawClient:
    """Speaks the protocol by hand; `pushes` holds what came without an id."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.pushes: list[dict[str, Any]] = []
        self._last_id = 0

    async def call(self, **command: Any) -> dict[str, Any]:
        self._last_id += 1
        await self.socket.send(json.dumps({"id": self._last_id, **command}))
        async with asyncio.timeout(10):
            while True:
                for line in str(await self.socket.recv()).splitlines():
                    reply = json.loads(line)
                    if reply.get("id") == self._last_id:
                        return reply
                    await self._take(reply)

    async def _take(self, push: dict[str, Any]) -> None:
        if push:
            self.pushes.append(push["push"])
        else:
            await self.socket.send("{}")


@contextlib.asynccontextmanager
async def raw_client(page: LivePage, **options: Any) -> AsyncIterator[RawClient]:
    async with websockets.connect(page.hub.ws_url, proxy=None, **options) as socket:
        yield RawClient(socket)


async def refusal(page: LivePage, path: str = "", **options: Any) -> int:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(page.hub.ws_url + path, proxy=None, **options)
    return refused.value.response.status_code


async def viewed_channel(page: LivePage, **options: Any) -> str:
    async with raw_client(page, **options) as client:
        await client.call(connect={})
        reply = await client.call(subscribe={"channel": page.channel})
        return str(reply["subscribe"]["data"]["channel"])


# Upgrades


async def test_the_json_subprotocol_is_taken_up_and_a_binary_one_refused(live_page: LivePage) -> None:
    async with raw_client(live_page, subprotocols=["centrifuge-json"]) as client:
        assert client.socket.subprotocol == "centrifuge-json"
    assert await refusal(live_page, subprotocols=["centrifuge-protobuf"]) == 400
    assert await refusal(live_page, path="?cf_protocol=protobuf") == 400


async def test_the_cookie_counts_for_pages_of_this_hub_alone(live_page: LivePage) -> None:
    cookie = {"Cookie": f"hub_access={live_page.token}"}
    own = live_page.hub.base_url
    operators = live_page.channel + "@all"
    assert await viewed_channel(live_page, additional_headers=cookie, origin=own) == operators
    assert await viewed_channel(live_page, additional_headers=cookie) == live_page.channel
    assert await refusal(live_page, additional_headers=cookie, origin="https://elsewhere.example") == 403
    assert await refusal(live_page, additional_headers=cookie, origin=own + ".elsewhere.example") == 403
    assert await refusal(live_page, additional_headers=cookie, origin="null") == 403


async def test_without_a_cookie_a_page_of_any_origin_may_watch(live_page: LivePage) -> None:
    assert await viewed_channel(live_page, origin="https://elsewhere.example") == live_page.channel


async def test_a_cookie_that_is_no_longer_good_leaves_a_visitor(live_page: LivePage) -> None:
    cookie = {"Cookie": "hub_access=a.b.c"}
    assert (
        await viewed_channel(live_page, additional_headers=cookie, origin=live_page.hub.base_url) == live_page.channel
    )


async def test_a_plain_get_on_the_socket_path_gets_an_answer(live_page: LivePage) -> None:
    async with httpx2.AsyncClient(base_url=live_page.hub.base_url) as visitor:
        assert 400 <= (await visitor.get("/connection/websocket")).status_code < 500


# Commands


async def test_history_of_a_page_and_none_of_what_is_hidden(live_page: LivePage) -> None:
    async with raw_client(live_page) as client:
        await client.call(connect={})
        top = (await client.call(history={"channel": live_page.channel}))["history"]
        assert top["publications"] == []
        await live_page.change(4)
        since = {"offset": top["offset"], "epoch": top["epoch"]}
        found = await client.call(history={"channel": live_page.channel, "since": since, "limit": -1})
        assert [one["offset"] for one in found["history"]["publications"]] == [top["offset"] + n for n in (1, 2, 3, 4)]
        newest = await client.call(history={"channel": live_page.channel, "limit": 1, "reverse": True})
        assert [one["offset"] for one in newest["history"]["publications"]] == [top["offset"] + 4]
        foreign = await client.call(history={"channel": live_page.channel, "since": {"epoch": "x"}, "limit": 1})
        assert foreign["error"]["code"] == 112
        for channel in ("page:nowhere", live_page.channel + "@all", "#someone"):
            assert (await client.call(history={"channel": channel}))["error"]["code"] == 103


async def test_an_unrecoverable_position_is_refused_on_request(live_page: LivePage) -> None:
    async with raw_client(live_page) as client:
        await client.call(connect={})
        lost = {"channel": live_page.channel, "recover": True, "epoch": "other", "offset": 3}
        assert (await client.call(subscribe={**lost, "flag": 2}))["error"]["code"] == 112
        reply = (await client.call(subscribe=lost))["subscribe"]
        assert reply["was_recovering"] is True
        assert "publications" not in reply
        assert reply["data"]["offset"] == reply["offset"]


async def test_a_channel_can_be_left_and_joined_again_on_one_connection(live_page: LivePage) -> None:
    async with raw_client(live_page) as client:
        await client.call(connect={})
        first = (await client.call(subscribe={"channel": live_page.channel}))["subscribe"]
        assert (await client.call(subscribe={"channel": live_page.channel}))["error"]["code"] == 105
        await client.call(unsubscribe={"channel": live_page.channel})
        await live_page.change(2)
        position = {"recover": True, "epoch": first["epoch"], "offset": first["offset"]}
        second = (await client.call(subscribe={"channel": live_page.channel, **position}))["subscribe"]
        missed = [one["offset"] for one in second["publications"]]
        assert missed == [first["offset"] + 1, first["offset"] + 2]
        assert client.pushes == []


# The event stream


async def read_events(stream: httpx2.Response, count: int) -> list[dict[str, str]]:
    events: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    async with asyncio.timeout(10):
        async for line in stream.aiter_lines():
            if not line:
                if "data" in fields:
                    events.append(fields)
                fields = {}
                if len(events) == count:
                    break
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
    return events


@pytest.mark.parametrize("last", ["", "-1", "x", "1e3", "9" * 30, "１"])
async def test_a_resume_point_that_is_none_gets_a_snapshot(live_page: LivePage, last: str) -> None:
    headers = {"Last-Event-ID": last.encode()}
    async with (
        httpx2.AsyncClient(base_url=live_page.hub.base_url) as visitor,
        visitor.stream("GET", f"/p/{live_page.slug}/events", headers=headers) as stream,
    ):
        (event,) = await read_events(stream, 1)
    assert event["event"] == "snapshot"
    assert int(event["id"]) == json.loads(event["data"])["offset"]


async def test_the_stream_tells_proxies_to_keep_their_hands_off(live_page: LivePage) -> None:
    path = f"/p/{live_page.slug}/events"
    async with httpx2.AsyncClient(base_url=live_page.hub.base_url) as visitor:
        head = await visitor.head(path)
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-type"].startswith("text/event-stream")
        assert "no-store" in head.headers["cache-control"]
        assert head.headers["x-accel-buffering"] == "no"
        assert (await visitor.head("/p/nowhere/events")).status_code == 404


async def test_a_signed_in_visitor_streams_the_view_of_his_rights(live_page: LivePage) -> None:
    headers = {"Authorization": f"Bearer {live_page.token}"}
    async with (
        httpx2.AsyncClient(base_url=live_page.hub.base_url) as visitor,
        visitor.stream("GET", f"/p/{live_page.slug}/events", headers=headers) as stream,
    ):
        (event,) = await read_events(stream, 1)
    assert json.loads(event["data"])["channel"] == live_page.channel + "@all"


# Leaving


async def test_sigterm_tells_sockets_and_streams_to_come_back(own_live_page: LivePage) -> None:
    """G8: 3001 on sockets, a retry time on streams, and an exit that waits for nobody."""
    page = own_live_page
    async with raw_client(page) as client, httpx2.AsyncClient(base_url=page.hub.base_url) as visitor:
        await client.call(connect={})
        await client.call(subscribe={"channel": page.channel})
        async with visitor.stream("GET", f"/p/{page.slug}/events") as stream:
            lines = stream.aiter_lines()
            async for line in lines:
                if line.startswith("data:"):
                    break
            assert await page.hub.stop(within_s=10) == 0
            assert any([line.startswith("retry: ") async for line in lines])
        await wait_until(lambda: client.socket.close_code is not None)
        assert client.socket.close_code == 3001
