"""http_stream and sse with `/emulation`: what each request and each message may and must be."""

import asyncio
import contextlib
import json
import socket

import httpx2
import pytest
from centrifuge.protocol import client_pb2
from pydantic import SecretStr

from hub.embedded import Valkey
from hub.settings import Settings
from tests.integration.transport.conftest import LocalHub, Page, open_page, running
from tests.support.streams import TWO_WAY, RawStream, commands, open_stream, opening
from tests.support.waiting import wait_until
from tests.support.wire_server import read_until

CONNECT = commands({"connect": {}})
two_way = pytest.mark.parametrize("kind", TWO_WAY)


async def subscribed(stream: RawStream) -> int:
    """The offset of the snapshot."""
    return int((await stream.reply(2))["subscribe"]["offset"])


async def post(hub: LocalHub, path: str, content: str | bytes, **headers: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=hub.base_url) as client:
        return await client.post(path, content=content, headers=headers)


# The stream


@two_way
async def test_the_connect_reply_tells_where_commands_go_and_asks_for_no_pongs(kind: str, local_hub: LocalHub) -> None:
    async with (
        open_stream(local_hub.base_url, kind, CONNECT) as one,
        open_stream(local_hub.base_url, kind, CONNECT) as other,
    ):
        first, second = await one.connected(), await other.connected()
    assert len(first["session"]) >= 32
    assert first["session"] != second["session"]
    assert first["node"] == second["node"]
    assert "pong" not in first
    assert first["ping"] == 25


@two_way
async def test_proxies_are_told_to_keep_their_hands_off(kind: str, local_hub: LocalHub) -> None:
    async with open_stream(local_hub.base_url, kind, CONNECT) as stream:
        headers = stream.response.headers
    assert stream.response.status_code == 200
    assert "no-store" in headers["cache-control"]
    assert "no-transform" in headers["cache-control"]
    assert headers["x-accel-buffering"] == "no"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    expected = {"http_stream": "application/x-ndjson", "sse": "text/event-stream; charset=utf-8"}
    assert headers["content-type"] == expected[kind]


@two_way
async def test_a_viewer_gets_the_snapshot_then_each_change_in_order(kind: str, local_hub: LocalHub, page: Page) -> None:
    async with open_stream(local_hub.base_url, kind, opening(page.channel)) as stream:
        start = await subscribed(stream)
        await page.change(5)
        await wait_until(lambda: len(stream.offsets()) >= 5)
        assert stream.offsets() == [start + n for n in (1, 2, 3, 4, 5)]


@two_way
async def test_a_token_in_the_first_command_gives_the_view_of_its_account(
    kind: str, local_hub: LocalHub, page: Page
) -> None:
    async with open_stream(local_hub.base_url, kind, opening(page.channel, page.token)) as stream:
        assert (await stream.reply(2))["subscribe"]["data"]["channel"] == page.channel + "@all"


async def test_an_event_stream_can_be_asked_for_by_post(local_hub: LocalHub) -> None:
    async with open_stream(local_hub.base_url, "sse", CONNECT, method="POST") as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert (await stream.connected())["session"]


async def test_an_event_stream_without_a_command_is_a_bad_request(local_hub: LocalHub) -> None:
    async with httpx2.AsyncClient(base_url=local_hub.base_url) as client:
        assert (await client.get("/connection/sse")).status_code == 400
        assert (await client.get("/connection/sse?cf_connect=")).status_code == 400
        assert (await client.post("/connection/sse")).status_code == 400
        assert (await client.get("/connection/http_stream")).status_code == 405


@two_way
@pytest.mark.parametrize("first", ["{", "[]", '{"id":1,"subscribe":{"channel":"page:x"}}', "\x00", "null", "1e999"])
async def test_what_is_no_connect_ends_with_3501(kind: str, first: str, local_hub: LocalHub) -> None:
    async with open_stream(local_hub.base_url, kind, first) as stream:
        assert await stream.disconnected() == 3501
        assert len(stream.messages) == 1


@two_way
async def test_a_bad_token_ends_with_3500(kind: str, local_hub: LocalHub) -> None:
    async with open_stream(local_hub.base_url, kind, commands({"connect": {"token": "a.b.c"}})) as stream:
        assert await stream.disconnected() == 3500


async def test_a_body_is_as_long_as_a_frame_at_most(local_hub: LocalHub) -> None:
    for path in ("/connection/http_stream", "/connection/sse", "/emulation"):
        assert (await post(local_hub, path, b"x" * 65_537)).status_code == 413


@two_way
async def test_a_node_that_leaves_says_so_and_ends_the_stream(kind: str, settings: Settings) -> None:
    async with running(settings) as hub, open_stream(hub.base_url, kind, CONNECT) as stream:
        await stream.connected()
        hub.server.should_exit = True
        assert await stream.disconnected() == 3001


# Commands


@two_way
async def test_commands_come_by_other_requests_and_are_answered_on_the_stream(
    kind: str, local_hub: LocalHub, page: Page
) -> None:
    async with open_stream(local_hub.base_url, kind, CONNECT) as stream:
        await stream.connected()
        start = (await stream.call(subscribe={"channel": page.channel}))["subscribe"]["offset"]
        await page.change()
        await wait_until(lambda: stream.offsets() == [start + 1])
        assert (await stream.call(unsubscribe={"channel": page.channel}))["unsubscribe"] == {}
        await page.change(2)
        missed = await stream.call(history={"channel": page.channel, "limit": 2, "reverse": True})
        assert [one["offset"] for one in missed["history"]["publications"]] == [start + 3, start + 2]
        assert stream.offsets() == [start + 1]


@two_way
async def test_a_frame_may_hold_several_commands_and_a_pong_nobody_asked_for(
    kind: str, local_hub: LocalHub, page: Page
) -> None:
    async with open_stream(local_hub.base_url, kind, CONNECT) as stream:
        frame = json.dumps({"id": 2, "subscribe": {"channel": page.channel}})
        frame += "\n{}\n" + json.dumps({"id": 3, "history": {"channel": page.channel}})
        assert await stream.emulate(frame) == 204
        assert "subscribe" in await stream.reply(2)
        assert "history" in await stream.reply(3)


async def test_a_broken_frame_ends_its_own_stream_alone(local_hub: LocalHub) -> None:
    async with (
        open_stream(local_hub.base_url, "http_stream", CONNECT) as broken,
        open_stream(local_hub.base_url, "http_stream", CONNECT) as sound,
    ):
        assert await broken.emulate("{") == 204
        assert await broken.disconnected() == 3501
        assert await broken.emulate(commands({"history": {"channel": "page:x"}})) == 204
        assert "error" in await sound.call(history={"channel": "page:nowhere"})


async def test_a_session_that_has_gone_is_no_error_and_an_unknown_node_is(local_hub: LocalHub) -> None:
    async with open_stream(local_hub.base_url, "sse", CONNECT) as stream:
        connect = await stream.connected()
    await wait_until(lambda: not len(local_hub.emulation))
    body = {"session": connect["session"], "node": connect["node"], "data": CONNECT}
    assert (await post(local_hub, "/emulation", json.dumps(body))).status_code == 204
    for node in ("nobody0node0", "", "*", "x" * 65, "a:b", "ü", connect["node"] + "\n"):
        answer = await post(local_hub, "/emulation", json.dumps({**body, "node": node}))
        assert answer.status_code == 404, node
        assert connect["node"] not in answer.text


async def test_a_guessed_session_reaches_nobody(local_hub: LocalHub, page: Page) -> None:
    """W20. Whatever is guessed, the answer is the same and the stream that is there hears nothing."""
    async with open_stream(local_hub.base_url, "sse", opening(page.channel, page.token)) as stream:
        await subscribed(stream)
        connect = await stream.connected()
        guesses = ["", connect["client"], connect["session"][:-1], connect["session"].swapcase(), "*", "\x00"]
        unsubscribe = json.dumps({"id": 9, "unsubscribe": {"channel": page.channel}})
        for guess in guesses:
            body = {"session": guess, "node": connect["node"], "data": unsubscribe}
            answer = await post(local_hub, "/emulation", json.dumps(body))
            assert (answer.status_code, answer.content) == (204, b"")
        await page.change()
        await wait_until(stream.offsets)
        assert all(message.get("id") != 9 for message in stream.messages)


async def test_a_frame_finds_its_session_on_another_node(settings: Settings) -> None:
    """W20. A node that has gone, and a session of a node that has not, are told apart; nothing else is."""
    async with running(settings) as near, open_page(near) as page:
        async with running(settings) as far, open_stream(far.base_url, "sse", CONNECT) as stream:
            connect = await stream.connected()
            assert connect["node"] != near.emulation.node
            frame = json.dumps({"id": 2, "subscribe": {"channel": page.channel}})
            assert await stream.emulate(frame, base_url=near.base_url) == 204
            assert "subscribe" in await stream.reply(2)
            gone = {"session": "another", "node": connect["node"], "data": frame}
            assert (await post(near, "/emulation", json.dumps(gone))).status_code == 204
        assert (await post(near, "/emulation", json.dumps(gone))).status_code == 404


async def test_without_redis_a_node_still_serves_its_own_sessions(settings: Settings, own_valkey: Valkey) -> None:
    settings = settings.model_copy(update={"redis_url": SecretStr(own_valkey.url)})
    async with running(settings) as hub, open_stream(hub.base_url, "sse", CONNECT) as stream:
        await stream.connected()
        own_valkey.stop()
        body = {"session": "x", "node": "nobody0node0", "data": "{}"}
        assert (await post(hub, "/emulation", json.dumps(body))).status_code == 503
        assert "error" in await stream.call(history={"channel": "page:nowhere"})


@pytest.mark.parametrize("kind", ["binary", "text"])
async def test_frames_come_in_both_encodings(kind: str, local_hub: LocalHub, page: Page) -> None:
    """The request's own encoding is that of the stream, but nothing hangs on it."""
    async with open_stream(local_hub.base_url, "http_stream", opening(page.channel)) as stream:
        await subscribed(stream)
        connect = await stream.connected()
        frame = json.dumps({"id": 9, "unsubscribe": {"channel": page.channel}})
        request = {"session": connect["session"], "node": connect["node"], "data": frame}
        if kind == "binary":
            body = client_pb2.EmulationRequest(**{**request, "data": frame.encode()}).SerializeToString()
            answer = await post(local_hub, "/emulation", body, **{"Content-Type": "application/octet-stream"})
        else:
            answer = await post(local_hub, "/emulation", json.dumps(request), **{"Content-Type": "application/json"})
        assert answer.status_code == 204
        assert "unsubscribe" in await stream.reply(9)


async def test_garbage_in_the_binary_encoding_is_a_bad_request(local_hub: LocalHub) -> None:
    binary = {"Content-Type": "application/octet-stream"}
    for body in (b"\x0a", b"\xff" * 100, b"\x0a\x02\xff\xff"):
        assert (await post(local_hub, "/emulation", body, **binary)).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '{"session":"a","node":"b"}',
        '{"session":1,"node":"b","data":""}',
        '{"session":"a","node":"b","data":{}}',
        '{"session":"a","node":"b","data":"\\ud800"}',
        "[" * 60_000,
    ],
)
async def test_a_malformed_emulation_request_is_a_bad_request(body: str, local_hub: LocalHub) -> None:
    assert (await post(local_hub, "/emulation", body)).status_code == 400


# Ends


@two_way
async def test_nothing_is_left_of_a_client_that_hung_up(kind: str, local_hub: LocalHub, page: Page) -> None:
    for _ in range(3):
        streams = [open_stream(local_hub.base_url, kind, opening(page.channel)) for _ in range(5)]
        for stream in await asyncio.gather(*(stream.__aenter__() for stream in streams)):
            await subscribed(stream)
        assert local_hub.node.member_counts() == {page.channel: 5}
        assert len(local_hub.emulation) == 5
        await asyncio.gather(*(stream.__aexit__(None, None, None) for stream in streams))
        await wait_until(lambda: not local_hub.requests)
        assert local_hub.node.member_counts() == {}
        assert len(local_hub.emulation) == 0
        assert not local_hub.context.tasks


def stalled(hub: LocalHub, first: str) -> socket.socket:
    """A client that reads the response's head and then no more."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.settimeout(20)
    client.connect(("127.0.0.1", hub.port))
    body = first.encode()
    head = f"POST /connection/http_stream HTTP/1.1\r\nHost: hub.test\r\nContent-Length: {len(body)}\r\n\r\n"
    client.sendall(head.encode() + body)
    assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    return client


@pytest.mark.slow
async def test_a_client_that_stops_reading_is_dropped_and_delays_nobody(settings: Settings) -> None:
    """G4."""
    limit = 65_536
    settings = settings.model_copy(update={"hub_send_buffer_limit_bytes": limit, "hub_stall_deadline_s": 1.0})
    async with running(settings) as hub, open_page(hub) as page:
        client = await asyncio.to_thread(stalled, hub, opening(page.channel))
        with client:
            await wait_until(lambda: len(hub.emulation) == 1)
            async with open_stream(hub.base_url, "http_stream", opening(page.channel)) as quick:
                start = await subscribed(quick)
                await page.shout(12, "x" * 20_000)
                await wait_until(lambda: len(quick.offsets()) >= 12)
                assert quick.offsets() == list(range(start + 1, start + 13))
                await wait_until(lambda: len(hub.emulation) == 1, within_s=20)
                await wait_until(lambda: hub.requests == 1, within_s=20)


@pytest.mark.slow
async def test_a_client_that_asks_on_and_on_and_reads_nothing_is_too_slow(settings: Settings) -> None:
    """G4. Its commands come on other connections, so that not reading those cannot stop it."""
    settings = settings.model_copy(update={"hub_send_buffer_limit_bytes": 65_536, "hub_stall_deadline_s": 1.0})
    async with running(settings) as hub, open_page(hub) as page:
        await page.shout(6, "x" * 20_000)
        client = await asyncio.to_thread(stalled, hub, CONNECT)
        with client:
            line = await asyncio.to_thread(read_until, client, b"}}\n")
            connect = json.loads(line.splitlines()[1])["connect"]
            for number in range(2, 60):
                frame = json.dumps({"id": number, "history": {"channel": page.channel, "limit": 100}})
                body = {"session": connect["session"], "node": connect["node"], "data": frame}
                assert (await post(hub, "/emulation", json.dumps(body))).status_code == 204
            await wait_until(lambda: not len(hub.emulation), within_s=20)
            await wait_until(lambda: not hub.requests, within_s=20)


async def test_a_process_that_is_full_takes_no_more_streams(settings: Settings) -> None:
    async with running(settings.model_copy(update={"hub_sockets_limit": 2})) as hub, open_page(hub) as page:
        async with open_stream(hub.base_url, "sse", CONNECT) as one, open_stream(hub.base_url, "uni_sse", "{}") as two:
            await one.connected()
            await two.connected()
            async with open_stream(hub.base_url, "http_stream", CONNECT) as refused:
                assert refused.response.status_code == 503
                assert refused.response.headers["access-control-allow-origin"] == "*"
                assert int(refused.response.headers["retry-after"]) > 0
            async with httpx2.AsyncClient(base_url=hub.base_url) as client:
                assert (await client.get(f"/p/{page.slug}/events")).status_code == 503
        await wait_until(lambda: not hub.requests)
        async with open_stream(hub.base_url, "sse", CONNECT) as stream:
            await stream.connected()


async def test_strangers_of_one_address_are_few_and_visitors_many(settings: Settings) -> None:
    """A stream is a stranger's only until its first command is answered."""
    settings = settings.model_copy(update={"hub_preauth_sockets_per_address": 1})
    async with running(settings) as hub, contextlib.AsyncExitStack() as streams:
        for _ in range(3):
            stream = await streams.enter_async_context(open_stream(hub.base_url, "http_stream", CONNECT))
            await stream.connected()
