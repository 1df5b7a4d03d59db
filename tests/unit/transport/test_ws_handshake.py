"""The opening handshake: which heads become a WebSocket, and what the others are told."""

import contextlib
import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.transport.ws_answers import Refused, refusal, response
from hub.transport.ws_handshake import Handshake, read_handshake, switching_protocols

GOOD = [
    (b"host", b"hub.test:8000"),
    (b"connection", b"keep-alive, Upgrade"),
    (b"upgrade", b"websocket"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
]
Headers = list[tuple[bytes, bytes]]


def read(headers: Headers, method: str = "GET", version: str = "1.1") -> Handshake:
    return read_handshake(method, version, headers)


def without(name: bytes) -> Headers:
    return [header for header in GOOD if header[0] != name]


def with_value(name: bytes, value: bytes) -> Headers:
    return [*without(name), (name, value)]


def status(headers: Headers, method: str = "GET", version: str = "1.1") -> int:
    with pytest.raises(Refused) as caught:
        read(headers, method, version)
    return caught.value.status


def test_the_accept_of_the_rfc() -> None:
    assert read(GOOD) == Handshake(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", [])


@pytest.mark.parametrize(
    "headers",
    [
        with_value(b"upgrade", b"WebSocket"),
        with_value(b"connection", b"UPGRADE"),
        [*GOOD, (b"connection", b"close")],
        with_value(b"host", b"[::1]:8000"),
        [*GOOD, (b"content-length", b"0")],
        [*GOOD, (b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits")],
        with_value(b"sec-websocket-version", b" 13\t"),
    ],
)
def test_forms_that_are_good(headers: Headers) -> None:
    assert read(headers).accept == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (without(b"host"), 400),
        ([*GOOD, (b"host", b"other")], 400),
        (with_value(b"host", b"a b"), 400),
        (with_value(b"host", b""), 400),
        (with_value(b"host", "é".encode()), 400),
        (with_value(b"connection", b"keep-alive"), 426),
        (with_value(b"connection", b",,"), 400),
        (with_value(b"upgrade", b"h2c"), 426),
        (with_value(b"upgrade", b"websocket, h2c"), 426),
        ([*GOOD, (b"upgrade", b"websocket")], 426),
        (with_value(b"sec-websocket-version", b"12"), 426),
        (without(b"sec-websocket-version"), 400),
        ([*GOOD, (b"sec-websocket-version", b"13")], 400),
        (without(b"sec-websocket-key"), 400),
        ([*GOOD, (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")], 400),
        (with_value(b"sec-websocket-key", b"short"), 400),
        (with_value(b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==="), 400),
        (with_value(b"sec-websocket-key", b"\xff" * 24), 400),
        ([*GOOD, (b"content-length", b"5")], 400),
        ([*GOOD, (b"transfer-encoding", b"chunked")], 400),
        ([*GOOD, (b"sec-websocket-protocol", b"\xe9\xff")], 400),
        ([*GOOD, (b"sec-websocket-protocol", b"a b")], 400),
        ([*GOOD, (b"sec-websocket-protocol", b"a," * 4_000)], 400),
        ([*GOOD, (b"sec-websocket-extensions", b";;")], 400),
        ([*GOOD, (b"sec-websocket-extensions", b"a" * 2_000)], 400),
        ([*GOOD, (b"authorization", b"a" * 8_190)], 431),
    ],
)
def test_forms_that_are_refused(headers: Headers, expected: int) -> None:
    assert status(headers) == expected


def test_other_methods_and_versions_are_refused() -> None:
    assert status(GOOD, method="POST") == 405
    assert status(GOOD, version="1.0") == 400


def test_subprotocols_are_read_in_order_from_all_headers() -> None:
    headers = [*GOOD, (b"sec-websocket-protocol", b"b, a"), (b"sec-websocket-protocol", b"c")]
    assert read(headers).subprotocols == ["b", "a", "c"]


@given(st.lists(st.tuples(st.sampled_from([name for name, _ in GOOD]), st.binary(max_size=40)), max_size=8))
def test_any_headers_are_read_or_refused(headers: Headers) -> None:
    for some in (headers, GOOD + headers):
        with contextlib.suppress(Refused):
            read(some)


def test_the_101_holds_what_was_agreed() -> None:
    assert switching_protocols(b"abc=", "centrifuge-json", [(b"x-a", b"1")]).split(b"\r\n") == [
        b"HTTP/1.1 101 Switching Protocols",
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-accept: abc=",
        b"sec-websocket-protocol: centrifuge-json",
        b"x-a: 1",
        b"",
        b"",
    ]


@pytest.mark.parametrize(
    "header", [(b"a\r\nb", b"1"), (b"a b", b"1"), (b"a", b"1\r\nb: 2"), (b"", b""), (b"a", b"\x00")]
)
def test_no_header_splits_an_answer(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="not a header"):
        response(200, [header], b"")
    with pytest.raises(ValueError, match="not a header"):
        switching_protocols(b"abc=", None, [header])


def test_an_answer_ends_the_connection_and_says_its_length() -> None:
    head, _, body = response(418, [(b"X-Tea", b"pot")], b"short").partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 418 I'm a Teapot"
    assert {b"X-Tea: pot", b"content-length: 5", b"connection: close"} <= set(lines)
    assert body == b"short"
    assert response(299, [], b"").startswith(b"HTTP/1.1 299 \r\n")


@pytest.mark.parametrize("status", [400, 403, 405, 408, 414, 426, 429, 431, 500, 503])
def test_a_refusal_speaks_like_the_api(status: int) -> None:
    head, _, body = refusal(HTTPStatus(status), [(b"retry-after", b"1")]).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nretry-after: 1\r\n" in head
    answer = json.loads(body)
    assert set(answer) == {"status", "data", "error", "meta"}
    assert answer["error"]["code"]
