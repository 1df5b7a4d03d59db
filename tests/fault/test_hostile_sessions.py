"""Hostile clients of the whole hub: nonsense, floods and silence end in their documented codes, and in no other's pain.

W12, W14, W15 and W19 of the fault plan over one running hub; a well-behaved viewer looks on in each encoding (G4, G7).
"""

import asyncio
import base64
import contextlib
import json
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from hub.ids import new_id
from hub.protocol import schema
from tests.support.crowd import BINARY, BINARY_HANDSHAKE, CONNECT, TEXT, RawClient, open_all, open_one, text
from tests.support.hub import HubProcess
from tests.support.servers import Servers
from tests.support.waiting import wait_until
from tests.support.wire_server import client_frame

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]

API_KEY = "a key of the tests"
CONNECT_DEADLINE_S = 4.0
ANYBODY = {"allow_subscribe_for_client": True, "allow_subscribe_for_anonymous": True}
ANYBODY |= {"allow_publish_for_client": True, "allow_publish_for_anonymous": True}
ANYBODY |= {"allow_history_for_client": True, "allow_history_for_anonymous": True}
CHANNELS = {
    "namespaces": [
        {"name": "kept", "history_size": 20, "history_ttl": "60s", "force_recovery": True, **ANYBODY},
        {"name": "plain", **ANYBODY},
    ],
}
PATIENCE_S = 30.0  # for what happens at once on a machine that has nothing else to do


@dataclass
class Arena:
    hub: HubProcess

    async def client(self, first: bytes = b"", **options: Any) -> RawClient:
        client = RawClient(first, **options)
        await open_one(client, self.hub.port)
        return client

    async def ended(self, first: bytes, **options: Any) -> int | None:
        """The code that the hub ends a client with that begins like this."""
        client = await self.client(first, **options)
        await wait_until(lambda: client.is_gone, within_s=PATIENCE_S)
        return client.close_code


@pytest.fixture(scope="module")
def arena(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """One hub for all of them."""
    directory = tmp_path_factory.mktemp("hub")
    channels = directory / "channels.json"
    channels.write_text(json.dumps(CHANNELS))
    database_url = servers.create_database()
    env = {
        "HUB_CHANNELS_FILE": str(channels),
        "HUB_SERVER_API_KEY": API_KEY,
        "HUB_CONNECT_DEADLINE_S": str(CONNECT_DEADLINE_S),
        "HUB_PREAUTH_SOCKETS_PER_ADDRESS": "0",
    }
    hub = HubProcess(database_url=database_url, redis_url=servers.valkey.url, directory=directory, env=env)

    try:
        asyncio.run(hub.start(within_s=60))
        yield Arena(hub)
    finally:
        asyncio.run(hub.stop())
        servers.drop_database(database_url)


def binary(*commands: dict[str, Any]) -> bytes:
    """One frame of commands in the binary encoding."""
    return client_frame(BINARY, b"".join(delimited(schema.Command(**one).SerializeToString()) for one in commands))


def delimited(message: bytes) -> bytes:
    length, digits = len(message), b""
    while length > 127:
        digits += bytes([length & 127 | 128])
        length >>= 7
    return digits + bytes([length]) + message


@dataclass
class Watched:
    """A channel with a viewer in each encoding."""

    channel: str
    text_viewer: RawClient
    binary_viewer: RawClient
    hub: HubProcess
    back_end: httpx2.AsyncClient

    async def publish(self, body: bytes) -> httpx2.Response:
        """By the server API."""
        return await self.back_end.post("/api/publish", content=body)

    async def expect_unharmed(self) -> None:
        """What is published now comes to both, in one piece."""
        marker = f"marker-{new_id()}".encode()
        answer = await self.publish(b'{"channel":"%s","data":"%s"}' % (self.channel.encode(), marker))
        assert "result" in answer.json()

        def has_come(viewer: RawClient) -> bool:
            assert not viewer.is_gone, viewer.close_code
            return any(marker in message for message in viewer.messages)

        await wait_until(lambda: has_come(self.text_viewer) and has_come(self.binary_viewer), within_s=PATIENCE_S)
        for message in self.text_viewer.messages:
            for line in message.splitlines():
                json.loads(line)
        assert "Traceback" not in self.hub.log
        assert " 500 " not in self.hub.log


@contextlib.asynccontextmanager
async def watched(arena: Arena, namespace: str) -> AsyncIterator[Watched]:
    channel = f"{namespace}:{new_id()}"
    subscribe = {"id": 2, "subscribe": {"channel": channel}}
    viewers = [
        await arena.client(CONNECT + text(subscribe)),
        await arena.client(binary({"id": 1, "connect": {}}, subscribe), handshake=BINARY_HANDSHAKE),
    ]
    try:
        await wait_until(lambda: len(viewers[0].replies) == 2 and viewers[1].received, within_s=PATIENCE_S)
        async with httpx2.AsyncClient(
            base_url=arena.hub.base_url, headers={"X-API-Key": API_KEY}, timeout=20
        ) as back_end:
            yield Watched(channel, *viewers, arena.hub, back_end)
    finally:
        for viewer in viewers:
            viewer.leave()


@pytest.fixture(params=["kept", "plain"])
async def channel(request: pytest.FixtureRequest, arena: Arena) -> AsyncIterator[Watched]:
    async with watched(arena, request.param) as found:
        yield found


@pytest.fixture
async def kept(arena: Arena) -> AsyncIterator[Watched]:
    async with watched(arena, "kept") as found:
        yield found


# W12: texts that parsers choke on

DIGITS = b"9" * 5_000
DEEP = b"[" * 30_000 + b"]" * 30_000  # as deep as fits into a frame
UNREADABLE: dict[str, bytes] = {  # not JSON, or JSON that common parsers cannot read
    "NaN": b"NaN",
    "infinity": b"-Infinity",
    "depth": DEEP,
    "depth of objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "depth past what parsers stand": b"[" * 600 + b"]" * 600,
    "5,000 digits": DIGITS,
    "-5,000 digits inside": b'{"a":[1,-' + DIGITS + b"]}",
    "escaped lone surrogate": b'"\\ud800"',
    "escaped lone surrogate in a key": b'{"\\udc00":1}',
    "raw NUL": b'"a\0b"',
    "open brackets": b"[" * 60_000,
    "two values": b"1 2",
    "half a text": b'"abc',
    "a byte order mark": b"\xef\xbb\xbf1",
}
READABLE: dict[str, bytes] = {  # odd, but JSON, and passed on as it is
    "1e999": b"1e999",
    "1,000 digits": b"9" * 1_000,
    "5,000 digits in a text": b'"' + DIGITS + b'"',
    "doubled keys": b'{"a":1,"a":2}',
    "escaped NUL": b'"a\\u0000b"',
    "line separators": '"\u2028\u2029\u0085"'.encode(),
    "brackets in a text": b'"' + b"[" * 30_000 + b'"',
    "blanks and line ends": b' {"a" :\r\n[1,\n\n2]\t}\r\n',
    "depth that everybody stands": b"[" * 100 + b"]" * 100,
    "huge": b'"' + b"x" * 60_000 + b'"',
}
SURROGATE_BYTES = b'"\xed\xa0\x80"'  # a lone surrogate as UTF-8 would write it


@pytest.mark.parametrize("what", UNREADABLE)
async def test_w12_what_parsers_choke_on_is_refused_in_every_way_in(kept: Watched, arena: Arena, what: str) -> None:
    """As a client's publication in both encodings, as a back end's, as a REST body and as a command."""
    data = UNREADABLE[what]
    publish = b'{"id":2,"publish":{"channel":"%s","data":%s}}' % (kept.channel.encode(), data)
    by_text = await arena.client(CONNECT + client_frame(TEXT, publish))
    await wait_until(lambda: by_text.is_gone or by_text.errors(), within_s=PATIENCE_S)
    assert by_text.close_code == 3501 or by_text.errors() == {107: 1}
    by_text.leave()

    by_binary = await arena.client(
        binary({"id": 1, "connect": {}}, {"id": 2, "publish": {"channel": kept.channel, "data": data}}),
        handshake=BINARY_HANDSHAKE,
    )
    refused = schema.Reply(id=2, error={"code": 107, "message": "bad request"}).SerializeToString()
    await wait_until(lambda: any(refused in message for message in by_binary.messages), within_s=PATIENCE_S)
    by_binary.leave()

    name = kept.channel.encode()
    bodies = [b'{"channel":"%s","data":%s}' % (name, data)]
    bodies.append(b'{"channel":"%s","b64data":"%s"}' % (name, base64.b64encode(data)))
    for body in bodies:
        answer = await kept.publish(body)
        assert answer.status_code == 400 or answer.json()["error"]["code"] == 107, answer.text
    body, headers = b'{"email":"a@example.test","password":%s}' % data, {"Content-Type": "application/json"}
    answer = await kept.back_end.post("/api/v1/auth/login", content=body, headers=headers)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["status"] == "error"

    await kept.expect_unharmed()
    seen = [message for message in kept.text_viewer.messages if b'"pub"' in message]
    assert len(seen) == 1, "the marker alone"


@pytest.mark.parametrize("what", READABLE)
async def test_w12_odd_json_reaches_every_viewer_as_it_is(channel: Watched, arena: Arena, what: str) -> None:
    data = READABLE[what]
    command = {"id": 2, "publish": {"channel": channel.channel, "data": data}}
    by_binary = await arena.client(binary({"id": 1, "connect": {}}, command), handshake=BINARY_HANDSHAKE)
    published = schema.Reply(id=2, publish={}).SerializeToString()
    await wait_until(lambda: any(published in message for message in by_binary.messages), within_s=PATIENCE_S)
    by_binary.leave()
    answer = await channel.publish(b'{"channel":"%s","data":%s}' % (channel.channel.encode(), data))
    assert "result" in answer.json(), answer.text
    await channel.expect_unharmed()
    told = [reply["push"]["pub"]["data"] for reply in channel.text_viewer.replies if "push" in reply]
    assert told[:2] == [json.loads(data)] * 2
    assert len(told) == 3


COMMANDS: dict[str, tuple[bytes, int | None]] = {  # the frame, and the code it ends with; None: it is answered
    "depth 100,000": (b'{"id":1,"connect":{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", 3501),
    "depth": (b'{"id":1,"connect":{"data":' + DEEP + b"}}", 3501),
    "64 KiB of brackets": (b"[" * 65_536, 3501),
    "an id of 5,000 digits": (b'{"id":' + DIGITS + b',"connect":{}}', 3501),
    "an offset of 5,000 digits": (b'{"id":1,"connect":{"subs":{"a":{"offset":' + DIGITS + b"}}}}", 3501),
    "5,000 digits where nobody looks": (b'{"id":1,"connect":{"data":' + DIGITS + b"}}", None),
    "an id of NaN": (b'{"id":NaN,"connect":{}}', 3501),
    "an id of 1e999": (b'{"id":1e999,"connect":{}}', 3501),
    "an id of -1": (b'{"id":-1,"connect":{}}', 3501),
    "an id of 2^32": (b'{"id":4294967296,"connect":{}}', 3501),
    "an id as text": (b'{"id":"1","connect":{}}', 3501),
    "a doubled id": (b'{"id":7,"id":1,"connect":{}}', None),
    "a doubled method": (b'{"id":1,"connect":{"token":"x"},"connect":{}}', None),
    "two methods": (b'{"id":1,"connect":{},"history":{}}', 3501),
    "an escaped lone surrogate": (b'{"id":1,"connect":{"name":"\\ud800"}}', 3501),
    "a surrogate's bytes": (b'{"id":1,"connect":{"name":' + SURROGATE_BYTES + b"}}", 1007),
    "a raw NUL": (b'{"id":1,"connect":{"name":"a\0"}}', 3501),
    "a NUL in a token": (b'{"id":1,"connect":{"token":"\\u0000"}}', 3500),
    "a NUL in a channel": (b'{"id":1,"connect":{"subs":{"a\\u0000":{}}}}', 3501),
    "a null": (b'{"id":1,"connect":null}', 3501),
    "an empty line between": (b'{"id":1,"connect":{}}\n\n{"id":2,"ping":{}}', 3501),
    "10,000 pongs": (b'{"id":1,"connect":{}}' + b"\n{}" * 10_000, None),
    "10,000 pongs before anything": (b"{}\n" * 10_000, 3501),
    "10,000 commands of a few bytes": (b'{"id":1,"connect":{}}' + b'\n{"x":1}' * 10_000, 3501),
    "too many commands": (b'{"id":1,"connect":{}}' + b'\n{"id":2,"rpc":{}}' * 3_000, 3509),
    "commands of no method": (b'{"id":1,"connect":{}}' + b'\n{"id":2}' * 10, 3501),
    "an unknown method": (b'{"id":1,"connect":{}}\n{"id":2,"dance":{}}', None),
}


@pytest.mark.parametrize("what", COMMANDS)
async def test_w12_a_command_out_of_order_ends_with_its_code(arena: Arena, what: str) -> None:
    frame, code = COMMANDS[what]
    if code is not None:
        assert await arena.ended(client_frame(TEXT, frame)) == code
    else:
        client = await arena.client(client_frame(TEXT, frame))
        await wait_until(lambda: any("connect" in reply for reply in client.replies), within_s=PATIENCE_S)
        client.say(text({"id": 99, "rpc": {"method": "x"}}))
        await wait_until(lambda: client.errors()[108], within_s=PATIENCE_S)
        client.leave()
    assert "Traceback" not in arena.hub.log


BINARY_FRAMES: dict[str, bytes] = {
    "nothing": b"",
    "half a length": b"\xff",
    "a length without an end": b"\xff" * 10,
    "a length of 4 GiB": b"\xff\xff\xff\xff\x0f",
    "a length of 2^70": b"\x80" * 9 + b"\x7f",
    "one byte less than promised": b"\x02\x08",
    "half a field": b"\x01\x08",
    "a group that never ends": b"\x01\x0b",
    "a wire type that is none": b"\x02\x0f\x00",
    "depth": delimited(b"\x22\x01" * 500),
    "groups in groups": delimited(b"\x0b" * 10_000),
    "a field of 2 GiB": b"\x06\x22\xff\xff\xff\xff\x07",
    "text that is not UTF-8": delimited(b"\x08\x01\x22\x04\x0a\x02\xed\xa0"),
    "a surrogate in a channel": delimited(b"\x08\x02\x2a\x05\x0a\x03\xed\xa0\x80"),
    "JSON": b'{"id":1,"connect":{}}',
}


@pytest.mark.parametrize("is_connected", [False, True])
@pytest.mark.parametrize("what", BINARY_FRAMES)
async def test_w19_a_binary_frame_that_is_none_ends_with_3501(arena: Arena, what: str, is_connected: bool) -> None:
    first = binary({"id": 1, "connect": {}}) if is_connected else b""
    frame = client_frame(BINARY, BINARY_FRAMES[what])
    assert await arena.ended(first + frame, handshake=BINARY_HANDSHAKE) == 3501
    assert "Traceback" not in arena.hub.log


# W14: floods of commands


def subscriptions(kept: Watched) -> list[bytes]:
    return [
        text({"id": 2, "subscribe": {"channel": kept.channel}}, {"id": 3, "unsubscribe": {"channel": kept.channel}})
    ] * 500


def histories(kept: Watched) -> list[bytes]:
    return [text({"id": 2, "history": {"channel": kept.channel, "limit": -1}})] * 1_000


def publications(kept: Watched) -> list[bytes]:
    return [text({"id": 2, "publish": {"channel": kept.channel, "data": 1}})] * 1_000


@pytest.mark.parametrize("flood", [subscriptions, histories, publications])
async def test_w14_a_flood_of_commands_is_answered_with_111_and_then_ended_with_3509(
    kept: Watched, arena: Arena, flood: Any
) -> None:
    """Two floods at a time; whoever behaves gets what is published meanwhile, and soon."""
    floods = [await arena.client(CONNECT, keeps=True) for _ in range(2)]
    await wait_until(lambda: all(client.received for client in floods), within_s=PATIENCE_S)
    for client in floods:
        client.say(b"".join(flood(kept)))
    took_s = []
    while len(took_s) < 3 or not all(client.is_gone for client in floods):
        started = time.monotonic()
        await kept.expect_unharmed()
        took_s.append(time.monotonic() - started)
        assert len(took_s) < 1_000
    print(f"publish to delivery beside floods: {statistics.median(took_s) * 1e3:.1f} ms")  # noqa: T201
    for client in floods:
        assert client.close_code == 3509
        refused = client.errors()
        assert 100 <= refused[111] <= 110, refused
        assert refused.keys() <= {111, 107}, "107: taken back by an unsubscribe that came too soon"
    assert statistics.median(took_s) < 2


async def test_w14_one_channel_too_many_is_106_and_a_name_too_long_107(arena: Arena) -> None:
    channels = [{"id": 2 + n, "subscribe": {"channel": f"plain:{n}"}} for n in range(129)]
    too_long = {"id": 200, "subscribe": {"channel": "plain:" + "x" * 250}}
    client = await arena.client(CONNECT + text(*channels, too_long))
    await wait_until(lambda: len(client.replies) == 131, within_s=PATIENCE_S)
    errors = {reply["id"]: reply["error"]["code"] for reply in client.replies if "error" in reply}
    assert errors == {130: 106, 200: 107}
    client.say(
        text({"id": 201, "unsubscribe": {"channel": "plain:0"}}, {"id": 202, "subscribe": {"channel": "plain:x"}})
    )
    await wait_until(lambda: len(client.replies) == 133, within_s=PATIENCE_S)
    assert "subscribe" in client.replies[-1]
    client.leave()


@pytest.mark.parametrize(
    "first",
    [
        CONNECT + CONNECT,
        text({"id": 1, "connect": {}}, {"id": 2, "connect": {}}),
        text({"id": 1, "subscribe": {"channel": "plain:a"}}, {"id": 2, "connect": {}}),
        text({"id": 1, "history": {"channel": "plain:a"}}),
        text({"id": 1, "publish": {"channel": "plain:a", "data": 1}}),
        text({"connect": {}}),
    ],
    ids=["twice", "twice in a frame", "subscribe first", "history first", "publish first", "without an id"],
)
async def test_w14_a_second_connect_and_a_command_before_it_end_with_3501(arena: Arena, first: bytes) -> None:
    assert await arena.ended(first) == 3501


# W15


async def test_w15_a_thousand_who_say_nothing_are_gone_by_the_deadline(kept: Watched, arena: Arena) -> None:
    silent = [RawClient() for _ in range(1_000)]
    await open_all(silent, arena.hub.port)
    await wait_until(lambda: all(client.status for client in silent), within_s=PATIENCE_S)
    started = time.monotonic()
    await kept.expect_unharmed()
    await wait_until(lambda: all(client.is_gone for client in silent), within_s=CONNECT_DEADLINE_S + PATIENCE_S)
    print(f"all gone {time.monotonic() - started:.1f} s after the last one came")  # noqa: T201
    assert [client.status for client in silent] == [101] * 1_000
    assert [client.close_code for client in silent] == [3502] * 1_000
    await kept.expect_unharmed()
