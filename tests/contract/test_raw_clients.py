"""curl and bare sockets: what needs no SDK works without one."""

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import websockets

from hub.domain.event import apply
from tests.contract.conftest import LivePage
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


class Curl:
    """`curl -N` on the event stream; `events` holds (id, name, data)."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.events: list[tuple[int | None, str, Any]] = []
        self._process = process
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        fields: dict[str, str] = {}
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            line = raw.decode().rstrip("\r\n")
            if not line:
                if "data" in fields:
                    number = int(fields["id"]) if "id" in fields else None
                    self.events.append((number, fields.get("event", "message"), json.loads(fields["data"])))
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value

    async def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reading


@contextlib.asynccontextmanager
async def curl(url: str, *args: str) -> AsyncIterator[Curl]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    process = await asyncio.create_subprocess_exec(
        "curl", "-sN", "--max-time", "30", *args, url, stdout=subprocess.PIPE, limit=2**22
    )
    running = Curl(process)
    try:
        yield running
    finally:
        await running.stop()


async def close_code(client: websockets.ClientConnection) -> int | None:
    """The code that the hub ends the connection with."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(20):
            async for _ in client:
                pass
    return client.close_code


async def test_curl_sees_the_snapshot_and_each_change_and_resumes_where_it_was(live_page: LivePage) -> None:
    url = f"{live_page.hub.base_url}/p/{live_page.slug}/events"
    async with curl(url) as first:
        await wait_until(lambda: first.events, within_s=20)
        offset, name, state = first.events[0]
        assert name == "snapshot"
        assert offset == state["offset"]
        await live_page.change(3)
        await wait_until(lambda: len(first.events) == 4, within_s=20)
    await live_page.change(4)
    async with curl(url, "-H", f"Last-Event-ID: {offset + 3}") as second:
        await wait_until(lambda: len(second.events) == 4, within_s=20)
        await live_page.change()
        await wait_until(lambda: len(second.events) == 5, within_s=20)
    events = first.events[1:] + second.events
    assert [one[0] for one in events] == list(range(offset + 1, offset + 9))
    for number, _, event in events:
        state = {**apply(state, event), "offset": number}
    assert state == await live_page.snapshot()


async def test_a_resume_point_that_never_was_gets_a_snapshot(live_page: LivePage) -> None:
    url = f"{live_page.hub.base_url}/p/{live_page.slug}/events"
    async with curl(url, "-H", "Last-Event-ID: 999999") as stream:
        await wait_until(lambda: stream.events, within_s=20)
        assert stream.events[0][1] == "snapshot"


async def test_the_stream_of_an_unknown_page_is_a_404_in_the_envelope(live_page: LivePage) -> None:
    async with httpx2.AsyncClient(base_url=live_page.hub.base_url) as visitor:
        answer = await visitor.get("/p/nowhere/events")
    assert answer.status_code == 404


async def test_a_client_that_never_answers_pings_is_sent_away(live_page: LivePage) -> None:
    async with websockets.connect(live_page.hub.ws_url, proxy=None) as client:
        await client.send('{"id":1,"connect":{}}')
        assert await close_code(client) == 3012


async def test_pipelined_first_commands_are_answered_in_one_go(live_page: LivePage) -> None:
    async with websockets.connect(live_page.hub.ws_url, proxy=None) as client:
        subscribe = json.dumps({"id": 2, "subscribe": {"channel": live_page.channel, "flag": 1}})
        await client.send('{"id":1,"connect":{}}\n' + subscribe)
        answers: dict[int, Any] = {}
        while len(answers) < 2:
            for line in str(await asyncio.wait_for(client.recv(), 20)).splitlines():
                reply = json.loads(line)
                answers[reply["id"]] = reply
        assert answers[1]["connect"]["ping"] >= 0
        assert answers[2]["subscribe"]["data"]["channel"] == live_page.channel


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("not json", 3501),
        ("", 3501),
        ("[" * 60_000, 3501),
        ('{"id":1,"subscribe":{"channel":"page:acme"}}', 3501),
        ('{"id":1,"connect":{}}\n{"id":2,"connect":{}}', 3501),
        ('{"id":1,"connect":{"token":"a.b.c"}}', 3500),
        ('{"id":1,"connect":{"token":"' + "x" * 60_000 + '"}}', 3500),
        ('{"id":1,"connect":{"data":' + "9" * 5_000 + "}}", None),
        ("x" * 65_537, 3501),
        (b"\x00\x01", 3501),
    ],
)
async def test_nonsense_ends_with_its_code_and_hurts_nobody(
    live_page: LivePage, sent: str | bytes, code: int | None
) -> None:
    async with websockets.connect(live_page.hub.ws_url, proxy=None) as client:
        await client.send(sent)
        if code is not None:
            assert await close_code(client) == code
    assert (await live_page.snapshot())["channel"] == live_page.channel
    assert "Traceback" not in live_page.hub.log


async def test_no_query_string_reaches_the_log(live_page: LivePage) -> None:
    async with websockets.connect(live_page.hub.ws_url + "?token=canary-1", proxy=None):
        pass
    async with httpx2.AsyncClient(base_url=live_page.hub.base_url) as visitor:
        await visitor.get(f"/p/{live_page.slug}?access_token=canary-2")
        await visitor.get(f"/api/v1/pages/{live_page.slug}/snapshot?access_token=canary-3")
    await wait_until(lambda: f"/api/v1/pages/{live_page.slug}/snapshot" in live_page.hub.log)
    assert "canary" not in live_page.hub.log
