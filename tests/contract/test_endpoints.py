"""The two live endpoints as any client may call them: upgrades, sign-in by cookie, history, resuming, leaving."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import psutil
import pytest
import websockets
from websockets import Subprotocol

from tests.contract.conftest import LivePage, make_live_page
from tests.support.hub import HubProcess
from tests.support.waiting import wait_until
from tests.support.wire_server import client_frame, read_frame, read_to_end, read_until, upgrade_request

pytestmark = pytest.mark.e2e


class RawClient:
    """Speaks the protocol by hand; `pushes` holds what came without an id."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.socket = connection
        self.pushes: list[dict[str, Any]] = []
        self._last_id = 0

    async def call(self, **command: Any) -> dict[str, Any]:
        self._last_id += 1
        await self.socket.send(json.dumps({"id": self._last_id, **command}))
        async with asyncio.timeout(20):
            while True:
                for line in str(await self.socket.recv()).splitlines():
                    reply = json.loads(line)
                    if reply.get("id") == self._last_id:
                        return reply
                    await self._take(reply)

    async def take_publications(self, count: int) -> list[int]:
        """The offsets of the publications pushed so far and from now on, once there are `count`."""
        async with asyncio.timeout(20):
            while len(self._offsets()) < count:
                for line in str(await self.socket.recv()).splitlines():
                    await self._take(json.loads(line))
        return self._offsets()

    def _offsets(self) -> list[int]:
        return [push["pub"]["offset"] for push in self.pushes if "pub" in push]

    async def _take(self, push: dict[str, Any]) -> None:
        if push:
            self.pushes.append(push["push"])
        else:
            await self.socket.send("{}")


@contextlib.asynccontextmanager
async def raw_client(page: LivePage, **options: Any) -> AsyncIterator[RawClient]:
    async with websockets.connect(page.hub.ws_url, proxy=None, **options) as connection:
        yield RawClient(connection)


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


async def test_the_subprotocols_of_both_encodings_are_taken_up_and_others_refused(live_page: LivePage) -> None:
    for name in ("centrifuge-json", "centrifuge-protobuf"):
        async with websockets.connect(live_page.hub.ws_url, subprotocols=[Subprotocol(name)]) as socket:
            assert socket.subprotocol == name
    assert await refusal(live_page, subprotocols=["graphql-ws"]) == 400


@pytest.mark.parametrize("query", ["?cf_protocol=protobuf", "?format=protobuf"])
async def test_a_query_can_ask_for_the_binary_encoding(live_page: LivePage, query: str) -> None:
    async with websockets.connect(live_page.hub.ws_url + query) as socket:
        await socket.send(bytes([6, 8, 1, 34, 2, 10, 0]))  # {id: 1, connect: {token: ""}} behind its length
        reply = await socket.recv()
    assert isinstance(reply, bytes)
    assert b"status-hub" in reply


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
        for channel in ("page:nowhere", live_page.channel + "@all"):
            assert (await client.call(history={"channel": channel}))["error"]["code"] == 103
        assert (await client.call(history={"channel": "#someone"}))["error"]["code"] == 108


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
        live = await client.take_publications(2 - len(missed))  # a change may reach the node after its answer to us
        assert missed + live == [first["offset"] + 1, first["offset"] + 2]


async def test_the_figures_follow_what_viewers_get(live_page: LivePage) -> None:
    async def figures() -> dict[str, float]:
        async with httpx2.AsyncClient(base_url=live_page.hub.base_url) as visitor:
            lines = (await visitor.get("/metrics")).text.splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    before = await figures()
    async with raw_client(live_page) as client:
        await client.call(connect={})
        await client.call(subscribe={"channel": live_page.channel})
        await live_page.change(3)
        await client.take_publications(3)
        during = await figures()
    grown = {name: during[name] - before.get(name, 0) for name in during}
    assert grown["hub_connections"] == 1
    assert grown["hub_deliveries_total"] == 3
    assert grown["hub_delivered_bytes_total"] > 300
    assert grown["hub_publish_to_write_seconds_count"] == 3
    assert grown['hub_joins_total{from="snapshot"}'] == 1
    assert live_page.channel not in str(during)

    async def is_gone() -> bool:
        return (await figures())["hub_connections"] == before["hub_connections"]

    await wait_until(is_gone)


# The event stream


async def read_events(stream: httpx2.Response, count: int) -> list[dict[str, str]]:
    events: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    async with asyncio.timeout(20):
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
            assert await page.hub.stop(within_s=20) == 0
            assert any([line.startswith("retry: ") async for line in lines])
        await wait_until(lambda: client.socket.close_code is not None)
        assert client.socket.close_code == 3001


# Slow viewers


@pytest.mark.fault
@pytest.mark.slow
async def test_a_viewer_that_stops_reading_delays_nobody_and_is_dropped(
    database_url: str, redis_url: str, make_hub: Callable[..., HubProcess]
) -> None:
    """G4. Its buffer is bounded; the others see every change at once; it comes back to the state of now."""
    env = {"HUB_SEND_BUFFER_LIMIT_BYTES": "65536", "HUB_STALL_DEADLINE_S": "1.5"}
    hub = make_hub(database_url=database_url, redis_url=redis_url, env=env)
    await hub.start()
    page = await make_live_page(hub, await hub.token(await hub.create_user("admin@example.test", admin=True)))
    stalled = await asyncio.to_thread(_stalled_viewer, hub.port, page.channel)
    try:
        async with raw_client(page) as quick:
            await quick.call(connect={})
            start = (await quick.call(subscribe={"channel": page.channel}))["subscribe"]["offset"]
            body = {"name": "Trouble", "status": "investigating", "body": "x" * 20_000}
            made = await page.operator.post(f"/api/v1/pages/{page.slug}/incidents", json=body)
            incident = made.json()["data"]["id"]
            for _ in range(12):  # each event carries the whole incident: about 1.6 MB in all
                update = {"status": "investigating", "body": "y" * 20_000}
                path = f"/api/v1/pages/{page.slug}/incidents/{incident}/updates"
                assert (await page.operator.post(path, json=update)).status_code == 201
            offsets = await quick.take_publications(13)
            assert offsets == list(range(start + 1, start + 14))
        await wait_until(lambda: not _is_held(hub, stalled), within_s=20)
        assert len(await asyncio.to_thread(read_to_end, stalled)) < 600_000
        assert (await page.snapshot())["offset"] == start + 13
    finally:
        stalled.close()
        await page.operator.aclose()


def _stalled_viewer(port: int, channel: str) -> socket.socket:
    """Subscribes, sees its snapshot and then reads no more."""
    viewer = socket.socket()
    viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    viewer.settimeout(10)
    viewer.connect(("127.0.0.1", port))
    viewer.sendall(upgrade_request("/connection/websocket"))
    assert read_until(viewer, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
    subscribe = json.dumps({"id": 2, "subscribe": {"channel": channel}})
    viewer.sendall(client_frame(1, b'{"id":1,"connect":{}}\n' + subscribe.encode()))
    seen = b""
    while b'"subscribe"' not in seen:
        frame = read_frame(viewer)
        assert frame is not None
        seen = frame[1]
    return viewer


def _is_held(hub: HubProcess, viewer: socket.socket) -> bool:
    """Whether the hub still has its end of the viewer's connection."""
    port = viewer.getsockname()[1]
    return any(one.raddr and one.raddr.port == port for one in psutil.Process(hub.pid).net_connections("tcp"))
