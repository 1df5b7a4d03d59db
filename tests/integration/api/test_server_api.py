"""The server API as back ends call it: keys, shapes, errors and what is left as it was, over the wired application."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hub.settings import Settings
from tests.support.api import Api, open_api

KEY = "a key of the tests"
HISTORY = {"history_size": 5, "history_ttl": "60s"}
CHANNELS = {
    "namespaces": [
        {"name": "chat", **HISTORY, "force_recovery": True, "presence": True},
        {"name": "plain"},
    ],
    "without_namespace": {**HISTORY},
}
METHODS = ["publish", "broadcast", "history", "history_remove", "presence", "presence_stats"]
METHODS += ["subscribe", "unsubscribe", "disconnect", "refresh", "channels", "info", "batch"]


@pytest.fixture
def channels_file(tmp_path: Path) -> Path:
    path = tmp_path / "channels.json"
    path.write_text(json.dumps(CHANNELS))
    return path


@pytest.fixture
async def server_api(settings: Settings, channels_file: Path) -> AsyncIterator[Api]:
    changed = settings.model_dump() | {"hub_channels_file": channels_file, "hub_server_api_key": KEY}
    async with open_api(Settings.model_validate(changed)) as api:
        yield api


@pytest.fixture
def back_end(server_api: Api) -> httpx2.AsyncClient:
    return server_api.client({"X-API-Key": KEY})


async def call(back_end: httpx2.AsyncClient, method: str, **body: Any) -> dict[str, Any]:
    """The whole answer to one method."""
    answer = await back_end.post(f"/api/{method}", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


async def result(back_end: httpx2.AsyncClient, method: str, **body: Any) -> dict[str, Any]:
    answer = await call(back_end, method, **body)
    assert set(answer) == {"result"}, answer
    found: dict[str, Any] = answer["result"]
    return found


async def error(back_end: httpx2.AsyncClient, method: str, **body: Any) -> int:
    answer = await call(back_end, method, **body)
    assert set(answer) == {"error"}, answer
    assert answer["error"]["message"]
    return int(answer["error"]["code"])


# The door


async def test_without_a_key_in_the_settings_there_is_no_server_api(api: Api) -> None:
    for method in METHODS:
        answer = await api.client({"X-API-Key": ""}).post(f"/api/{method}", json={})
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"


async def test_a_wrong_key_opens_nothing(server_api: Api) -> None:
    wrong: list[dict[str, str]] = [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "another"},
        {"X-API-Key": KEY + "x"},
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"apikey {KEY}x"},
        {"Authorization": "apikey"},
    ]
    for headers in wrong:
        for method in METHODS:
            answer = await server_api.client(headers).post(f"/api/{method}", json={"channel": "room", "data": 1})
            assert answer.status_code == 401, (method, headers)
            assert answer.json()["error"]["code"] == "unauthenticated"


async def test_the_key_comes_in_either_header(server_api: Api) -> None:
    right = [{"X-API-Key": KEY}, {"Authorization": f"apikey {KEY}"}, {"Authorization": f"Apikey {KEY}"}]
    for headers in right:
        assert "result" in await call(server_api.client(headers), "publish", channel="room", data=1)


async def test_only_post_is_a_call(server_api: Api, back_end: httpx2.AsyncClient) -> None:
    answer = await back_end.get("/api/publish")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert (await back_end.post("/api/dance", json={})).status_code == 404


async def test_what_cannot_be_read_is_a_400_and_changes_nothing(back_end: httpx2.AsyncClient) -> None:
    unreadable = [
        b"",
        b"{",
        b"[]",
        b'{"data": 1}',
        b'{"channel": 1, "data": 1}',
        b'{"channel": "room", "data": 1, "tags": {"a": 1}}',
        b'{"channel": "room", "data": nul}',
        b'{"channel": "room", "data": "\xff"}',
        b'{"channel": "room", "data": ' + b"[" * 100_000,
    ]
    for body in unreadable:
        answer = await back_end.post("/api/publish", content=body)
        assert answer.status_code == 400, body[:50]
        assert answer.json()["error"]["code"] == "bad_request"
    assert (await result(back_end, "history", channel="room"))["offset"] == 0


async def test_a_large_body_is_refused(back_end: httpx2.AsyncClient) -> None:
    answer = await back_end.post("/api/publish", json={"channel": "room", "data": "x" * 1_100_000})
    assert answer.status_code == 413


# Publishing and reading


async def test_a_publication_gets_the_next_offset_and_is_read_back(back_end: httpx2.AsyncClient) -> None:
    first = await result(back_end, "publish", channel="chat:1", data={"n": 1}, tags={"a": "b"})
    second = await result(back_end, "publish", channel="chat:1", data=[2, None, "три"])
    assert (first["offset"], second["offset"]) == (1, 2)
    assert first["epoch"] == second["epoch"] != ""
    read = await result(back_end, "history", channel="chat:1", limit=10)
    assert read == {
        "publications": [
            {"data": {"n": 1}, "offset": 1, "tags": {"a": "b"}},
            {"data": [2, None, "три"], "offset": 2},
        ],
        "offset": 2,
        "epoch": first["epoch"],
    }


async def test_a_channel_without_history_gives_no_position(back_end: httpx2.AsyncClient) -> None:
    assert await result(back_end, "publish", channel="plain:1", data=1) == {}
    assert await error(back_end, "history", channel="plain:1") == 108
    assert await error(back_end, "history_remove", channel="plain:1") == 108
    assert await error(back_end, "presence", channel="plain:1") == 108
    assert await error(back_end, "presence_stats", channel="plain:1") == 108


async def test_history_gives_the_part_that_is_asked_for(back_end: httpx2.AsyncClient) -> None:
    for n in range(1, 8):
        await result(back_end, "publish", channel="chat:1", data=n)
    top = await result(back_end, "history", channel="chat:1")
    assert (top["publications"], top["offset"]) == ([], 7)

    async def read(**asked: Any) -> list[int]:
        found = await result(back_end, "history", channel="chat:1", **asked)
        return [one["data"] for one in found["publications"]]

    epoch = top["epoch"]
    assert await read(limit=-1) == [3, 4, 5, 6, 7]
    assert await read(limit=2) == [3, 4]
    assert await read(limit=2, reverse=True) == [7, 6]
    assert await read(limit=10, since={"offset": 5, "epoch": epoch}) == [6, 7]
    assert await read(limit=10, since={"offset": 5, "epoch": epoch}, reverse=True) == [4, 3]
    assert await error(back_end, "history", channel="chat:1", limit=1, since={"offset": 1, "epoch": "other"}) == 112


async def test_a_removed_history_is_gone_and_offsets_go_on(back_end: httpx2.AsyncClient) -> None:
    await result(back_end, "publish", channel="chat:1", data=1)
    assert await result(back_end, "history_remove", channel="chat:1") == {}
    assert (await result(back_end, "history", channel="chat:1", limit=-1))["publications"] == []


async def test_the_same_idempotency_key_publishes_once(back_end: httpx2.AsyncClient) -> None:
    body = {"channel": "chat:1", "data": 1, "idempotency_key": "one"}
    first, second = await result(back_end, "publish", **body), await result(back_end, "publish", **body)
    assert first == second
    assert (await result(back_end, "history", channel="chat:1", limit=-1))["offset"] == 1


async def test_what_would_break_the_history_or_is_too_large_is_refused(back_end: httpx2.AsyncClient) -> None:
    assert await error(back_end, "publish", channel="chat:1", data=1, skip_history=True) == 108
    assert await result(back_end, "publish", channel="plain:1", data=1, skip_history=True) == {}
    assert await error(back_end, "publish", channel="plain:1", data="x" * 70_000) == 107


async def test_data_may_come_in_base64(back_end: httpx2.AsyncClient) -> None:
    await result(back_end, "publish", channel="chat:1", b64data="eyJhIjogMX0=")
    read = await result(back_end, "history", channel="chat:1", limit=1)
    assert read["publications"][0]["data"] == {"a": 1}
    assert await error(back_end, "publish", channel="chat:1", b64data="/w==") == 107
    assert await error(back_end, "publish", channel="chat:1", b64data="%") == 107


async def test_a_broadcast_answers_for_each_channel(back_end: httpx2.AsyncClient) -> None:
    told = await result(back_end, "broadcast", channels=["chat:1", "news:1", "plain:1", "page:acme"], data=1)
    answers = told["responses"]
    assert answers[0]["result"]["offset"] == 1
    assert answers[1]["error"]["code"] == 102
    assert answers[2] == {"result": {}}
    assert answers[3]["error"]["code"] == 103


async def test_pages_and_unknown_channels_are_out_of_reach(back_end: httpx2.AsyncClient, page: dict[str, Any]) -> None:
    refused = {"page:acme": 103, "page:acme@all": 103, "control": 103, "beat": 103, "news:1": 102}
    refused |= {"": 107, "a b": 107, "x" * 256: 107}
    for method in ("publish", "history", "history_remove", "presence", "presence_stats", "subscribe", "unsubscribe"):
        for channel, code in refused.items():
            assert await error(back_end, method, channel=channel, data=1, user="42", limit=1) == code


# Connections


async def test_whose_connections_are_meant_has_to_be_said(back_end: httpx2.AsyncClient) -> None:
    channel = {"channel": "chat:1"}
    for method, body in {"subscribe": channel, "unsubscribe": channel, "disconnect": {}, "refresh": {}}.items():
        assert await result(back_end, method, user="nobody-here", **body) == {}
        assert await result(back_end, method, user="", client="c1", **body) == {}
        assert await error(back_end, method, user="", **body) == 107
        assert await error(back_end, method, user="42", session="s", **body) == 107
        assert (await back_end.post(f"/api/{method}", json=body)).status_code == 400


async def test_a_goodbye_that_clients_misread_is_refused(back_end: httpx2.AsyncClient) -> None:
    misread = [(1000, "x"), (5000, "x"), (4000, "x" * 124), (4000, "123"), (4000, '{"reconnect": false}')]
    for code, reason in misread:
        said = {"code": code, "reason": reason}
        assert await error(back_end, "disconnect", user="42", disconnect=said) == 107
    assert await result(back_end, "disconnect", user="42", disconnect={"code": 4000, "reason": "bye"}) == {}


async def test_channels_and_info_answer_without_members(back_end: httpx2.AsyncClient) -> None:
    assert await result(back_end, "channels", pattern="chat:*") == {"channels": {}}
    assert await result(back_end, "info") == {"nodes": []}


# Batches


@pytest.mark.parametrize("parallel", [False, True])
async def test_a_batch_answers_each_command_by_itself(back_end: httpx2.AsyncClient, parallel: bool) -> None:
    commands = [
        {"publish": {"channel": "chat:1", "data": 1}},
        {"dance": {}},
        {"publish": {"channel": "news:1", "data": 1}},
        {"publish": {"data": 1}},
        {"presence_stats": {"channel": "chat:1"}},
        {},
    ]
    replies = (await call(back_end, "batch", commands=commands, parallel=parallel))["replies"]
    assert replies[0]["publish"]["offset"] == 1
    assert [reply.get("error", {}).get("code") for reply in replies] == [None, 104, 102, 107, None, 107]
    assert replies[4] == {"presence_stats": {"num_clients": 0, "num_users": 0}}


async def test_a_batch_is_done_in_its_order(back_end: httpx2.AsyncClient) -> None:
    commands = [{"publish": {"channel": "chat:1", "data": n}} for n in range(20)]
    replies = (await call(back_end, "batch", commands=commands))["replies"]
    assert [reply["publish"]["offset"] for reply in replies] == list(range(1, 21))


async def test_a_batch_has_a_limit(back_end: httpx2.AsyncClient) -> None:
    answer = await call(back_end, "batch", commands=[{"info": {}}] * 1001)
    assert answer["error"]["code"] == 106
