"""Nonsense on the whole hub ends in its documented code, never in a 500, and harms nobody who looks on (G4, G7).

W12 and W19 of the fault plan; the rows of the wire below are in `test_hostile_websocket.py`.
"""

import base64
import json
from collections.abc import AsyncIterator, Iterator

import pytest

from hub.protocol import schema
from tests.support.arena import PATIENCE_S, Arena, Watched, binary, delimited, open_arena, watched
from tests.support.crowd import BINARY, BINARY_HANDSHAKE, CONNECT, TEXT, text
from tests.support.servers import Servers
from tests.support.waiting import wait_until
from tests.support.wire_server import client_frame

pytestmark = [pytest.mark.fault, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def arena(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with open_arena(servers, tmp_path_factory.mktemp("hub")) as arena:
        yield arena


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
