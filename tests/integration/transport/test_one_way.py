"""The one-way endpoints: bare pushes, wishes instead of commands, disconnects instead of errors."""

import asyncio
import json
import socket
from datetime import timedelta

import httpx2
import pytest
import websockets

from hub.auth.tokens import Tokens
from hub.clock import SystemClock
from hub.settings import Settings
from tests.integration.transport.conftest import LocalHub, Page, open_page, running
from tests.support.streams import ONE_WAY, open_stream
from tests.support.waiting import wait_until
from tests.support.wire_server import client_frame, read_frame, read_until, upgrade_request

one_way = pytest.mark.parametrize("kind", ONE_WAY)


def wish(*channels: str, **fields: object) -> str:
    return json.dumps({"subs": {channel: {} for channel in channels}, **fields})


@one_way
async def test_a_wish_is_granted_and_followed(kind: str, local_hub: LocalHub, page: Page) -> None:
    async with open_stream(local_hub.base_url, kind, wish(page.channel)) as stream:
        connect = await stream.connected()
        granted = connect["subs"][page.channel]
        assert granted["data"]["channel"] == page.channel
        assert connect["session"]
        assert "pong" not in connect
        assert "node" not in connect
        await page.change(3)
        await wait_until(lambda: len(stream.offsets()) >= 3)
    assert stream.messages[0].keys() == {"connect"}
    assert all(message.keys() == {"channel", "pub"} for message in stream.messages[1:])
    assert stream.offsets() == [granted["offset"] + n for n in (1, 2, 3)]


@one_way
async def test_a_wish_that_may_not_be_granted_is_left_out(kind: str, local_hub: LocalHub, page: Page) -> None:
    async with (
        open_page(local_hub, audience="verified") as hidden,
        open_stream(
            local_hub.base_url, kind, wish(page.channel, hidden.channel, "page:nowhere", f"{page.channel}@all")
        ) as stream,
    ):
        assert (await stream.connected())["subs"].keys() == {page.channel}


@one_way
async def test_what_was_missed_since_a_position_comes_with_the_connect(
    kind: str, local_hub: LocalHub, page: Page
) -> None:
    async with open_stream(local_hub.base_url, kind, wish(page.channel)) as stream:
        start = (await stream.connected())["subs"][page.channel]
    await page.change(3)
    position = {"recover": True, "epoch": start["epoch"], "offset": start["offset"]}
    async with open_stream(local_hub.base_url, kind, json.dumps({"subs": {page.channel: position}})) as stream:
        again = (await stream.connected())["subs"][page.channel]
    assert again["recovered"] is True
    assert [one["offset"] for one in again["publications"]] == [start["offset"] + n for n in (1, 2, 3)]


@one_way
async def test_a_token_gives_the_view_of_its_account(kind: str, local_hub: LocalHub, page: Page) -> None:
    async with open_stream(local_hub.base_url, kind, wish(page.channel, token=page.token)) as stream:
        subs = (await stream.connected())["subs"]
        assert subs[page.channel]["data"]["channel"] == page.channel + "@all"


async def test_nothing_said_is_an_empty_connect(local_hub: LocalHub) -> None:
    async with open_stream(local_hub.base_url, "uni_http_stream", "") as stream:
        assert (await stream.connected())["client"]
    async with (
        httpx2.AsyncClient(base_url=local_hub.base_url) as client,
        client.stream("GET", "/connection/uni_sse") as response,
        asyncio.timeout(20),
    ):
        assert (await anext(response.aiter_lines())).startswith('data: {"connect":{"client":')


async def test_a_connect_may_be_written_on_several_lines(local_hub: LocalHub, page: Page) -> None:
    pretty = json.dumps({"subs": {page.channel: {}}}, indent=2)
    async with open_stream(local_hub.base_url, "uni_sse", pretty, method="POST") as stream:
        assert page.channel in (await stream.connected())["subs"]


@one_way
@pytest.mark.parametrize("first", ["{", "[]", "null", '{"token":1}', '{"subs":{"a":{"offset":-1}}}', "[" * 2_000])
async def test_what_is_no_connect_ends_with_3501(kind: str, first: str, local_hub: LocalHub) -> None:
    async with open_stream(local_hub.base_url, kind, first) as stream:
        assert await stream.disconnected() == 3501
    assert stream.messages == [{"disconnect": {"code": 3501, "reason": "bad request"}}]


def expired_token(settings: Settings, token: str) -> str:
    """A token of the same session that ended an hour ago."""
    tokens, now = Tokens.of(settings), SystemClock().now()
    claims = tokens.verify(token, now)
    return tokens.issue(
        account_id=claims.account_id, session_id=claims.session_id, version=claims.version, now=now - timedelta(hours=2)
    )


@one_way
async def test_a_refusal_is_a_disconnect(kind: str, local_hub: LocalHub, page: Page, settings: Settings) -> None:
    """An expired token may be fetched anew, so the code says reconnect; a bad one never becomes good."""
    for token, code in ((expired_token(settings, page.token), 3005), (page.token[:-6] + "AAAAAA", 3500)):
        async with open_stream(local_hub.base_url, kind, wish(page.channel, token=token)) as stream:
            assert await stream.disconnected() == code
        assert len(stream.messages) == 1


@one_way
async def test_pings_come_and_want_no_answer(kind: str, settings: Settings) -> None:
    settings = settings.model_copy(update={"hub_ping_interval_s": 0.2, "hub_pong_timeout_s": 0.1})
    async with running(settings) as hub, open_stream(hub.base_url, kind, "{}") as stream:
        await wait_until(lambda: stream.pings >= 4, within_s=20)
        assert not stream.is_over


@one_way
async def test_a_node_that_leaves_says_so(kind: str, settings: Settings) -> None:
    async with running(settings) as hub, open_stream(hub.base_url, kind, "{}") as stream:
        await stream.connected()
        hub.server.should_exit = True
        assert await stream.disconnected() == 3001


@one_way
async def test_the_session_of_a_one_way_stream_takes_no_commands(kind: str, local_hub: LocalHub, page: Page) -> None:
    async with open_stream(local_hub.base_url, kind, wish(page.channel)) as stream:
        session = (await stream.connected())["session"]
        data = json.dumps({"id": 1, "unsubscribe": {"channel": page.channel}})
        body = {"session": session, "node": local_hub.emulation.node, "data": data}
        async with httpx2.AsyncClient(base_url=local_hub.base_url) as client:
            assert (await client.post("/emulation", json=body)).status_code == 204
        await page.change()
        await wait_until(stream.offsets)


@one_way
async def test_nothing_is_left_of_a_client_that_hung_up(kind: str, local_hub: LocalHub, page: Page) -> None:
    async with open_stream(local_hub.base_url, kind, wish(page.channel)) as stream:
        await stream.connected()
        assert local_hub.node.member_counts() == {page.channel: 1}
    await wait_until(lambda: not local_hub.requests)
    assert local_hub.node.member_counts() == {}


# The socket


def socket_url(hub: LocalHub, query: str = "") -> str:
    return f"ws://127.0.0.1:{hub.port}/connection/uni_websocket{query}"


async def take(connection: websockets.ClientConnection) -> dict:
    async with asyncio.timeout(20):
        while (message := json.loads(await connection.recv())) == {}:
            pass
    return message


async def test_a_socket_is_opened_by_its_first_message(local_hub: LocalHub, page: Page) -> None:
    async with websockets.connect(socket_url(local_hub), proxy=None) as connection:
        await connection.send(wish(page.channel))
        start = (await take(connection))["connect"]["subs"][page.channel]["offset"]
        await page.change(2)
        pushes = [await take(connection), await take(connection)]
        assert [push["pub"]["offset"] for push in pushes] == [start + 1, start + 2]
        await connection.send("whatever comes later is not looked at")
        await page.change()
        assert (await take(connection))["channel"] == page.channel


async def test_a_socket_may_be_opened_by_its_address(local_hub: LocalHub) -> None:
    async with websockets.connect(socket_url(local_hub, "?cf_connect=%7B%7D"), proxy=None) as connection:
        assert (await take(connection))["connect"]["client"]


@pytest.mark.parametrize(("first", "code"), [("{", 3501), (b"{}", 3501), ('{"token":"a.b.c"}', 3500)])
async def test_a_socket_ends_with_a_push_and_a_close_code(first: str | bytes, code: int, local_hub: LocalHub) -> None:
    async with websockets.connect(socket_url(local_hub), proxy=None) as connection:
        await connection.send(first)
        assert (await take(connection))["disconnect"]["code"] == code
        with pytest.raises(websockets.ConnectionClosed):
            await take(connection)
        assert connection.close_code == code


async def test_a_socket_that_says_nothing_is_stale(settings: Settings) -> None:
    settings = settings.model_copy(update={"hub_connect_deadline_s": 0.2})
    async with running(settings) as hub, websockets.connect(socket_url(hub), proxy=None) as connection:
        assert (await take(connection))["disconnect"]["code"] == 3502


async def test_pings_of_the_socket_go_with_those_of_the_protocol(settings: Settings) -> None:
    settings = settings.model_copy(update={"hub_ping_interval_s": 0.2})
    async with running(settings) as hub:
        frames = await asyncio.to_thread(_first_frames, hub.port, 5)
    assert frames[0][0] == 1
    assert frames[1:] == [(1, b"{}"), (9, b""), (1, b"{}"), (9, b"")]


def _first_frames(port: int, count: int) -> list[tuple[int, bytes]]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(upgrade_request("/connection/uni_websocket"))
        assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        client.sendall(client_frame(1, b"{}"))
        frames = [read_frame(client) for _ in range(count)]
    return [frame for frame in frames if frame is not None]


async def test_a_foreign_page_may_not_open_a_socket_with_the_cookie(local_hub: LocalHub, page: Page) -> None:
    cookie = {"Cookie": f"hub_access={page.token}"}
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(
            socket_url(local_hub), proxy=None, additional_headers=cookie, origin="https://elsewhere.example"
        )
    assert refused.value.response.status_code == 403
    async with websockets.connect(
        socket_url(local_hub), proxy=None, additional_headers=cookie, origin=local_hub.base_url
    ) as connection:
        await connection.send(wish(page.channel))
        assert (await take(connection))["connect"]["subs"][page.channel]["data"]["channel"] == page.channel + "@all"
