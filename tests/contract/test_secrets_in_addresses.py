"""T10. EventSource can put its connect command only into the address; from there it reaches no log and no figure."""

from collections.abc import Callable
from urllib.parse import quote

import httpx2
import pytest
import websockets

from tests.support.hub import HubProcess
from tests.support.streams import commands, open_stream
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SECRET = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LW9mLXRoaXMtdGVzdA.c2lnbmF0dXJl"


async def test_a_token_in_an_address_is_in_no_log_metric_or_answer(
    database_url: str, redis_url: str, make_hub: Callable[..., HubProcess]
) -> None:
    hub = make_hub(database_url=database_url, redis_url=redis_url, env={"HUB_LOG_LEVEL": "debug"})
    await hub.start()
    told = ""
    connect = {"connect": {"token": SECRET}}
    for kind, first in (("sse", commands(connect)), ("uni_sse", f'{{"token":"{SECRET}"}}'), ("sse", f"{{{SECRET}")):
        async with open_stream(hub.base_url, kind, first) as stream:
            assert await stream.disconnected() in {3500, 3501}
            told += f"{stream.response.headers} {stream.messages}"
    query = f"cf_connect={quote(commands(connect))}&access_token={SECRET}"
    async with websockets.connect(f"{hub.ws_url.removesuffix('websocket')}uni_websocket?{query}", proxy=None) as socket:
        told += str(await socket.recv())
    async with httpx2.AsyncClient(base_url=hub.base_url) as client:
        refused = [
            await client.get(f"/connection/http_stream?{query}"),
            await client.post(f"/emulation?{query}"),
            await client.get(f"/connection/sse?{query}", headers={"Origin": "null", "Cookie": "hub_access=x"}),
            await client.get(f"/connection/sse?{query}", headers={"X-Filler": "x" * 20_000}),
            await client.get(f"/connection/uni_websocket?{query}"),
            await client.get(f"/connection/nothing?{query}"),
        ]
        assert [answer.status_code for answer in refused] == [405, 400, 403, 431, 404, 404]
        told += "".join(f"{answer.headers} {answer.text}" for answer in refused)
        told += (await client.get("/metrics")).text
    await wait_until(lambda: hub.log.count("/connection/sse") >= 3)
    assert await hub.stop() == 0
    for text in (told, hub.log):
        assert SECRET not in text
        assert "cf_connect=" not in text
