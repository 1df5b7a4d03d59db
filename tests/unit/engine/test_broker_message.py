"""What travels between nodes can be read back, and nothing else is taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.engine.broker import FLAG_CUT, FLAG_REMAP, MAX_CARRIED_BYTES, Message, decode_message, encode_message

MESSAGE = Message("page:acme@verified+group-ops", "x8k2", 18, FLAG_REMAP | FLAG_CUT, 7, 1_700_000_000_000, b'{"a":1}')


@given(
    offset=st.integers(1, 2**53),
    flags=st.integers(0, 3),
    rights=st.integers(0, 2**53),
    payload=st.none() | st.binary(max_size=200),
)
def test_round_trip(offset, flags, rights, payload):
    message = Message("page:acme", "e1", offset, flags, rights, 5, payload)
    assert decode_message(encode_message(message)) == message


def test_a_payload_too_large_to_travel_is_left_out():
    large = Message("page:acme", "e1", 1, 0, 0, 5, b"x" * (MAX_CARRIED_BYTES + 1))
    assert decode_message(encode_message(large)).payload is None
    full = Message("page:acme", "e1", 1, 0, 0, 5, b"x" * MAX_CARRIED_BYTES)
    assert decode_message(encode_message(full)) == full


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"{}",
        encode_message(MESSAGE).replace(b"1 page", b"2 page", 1),
        encode_message(MESSAGE).replace(b" 18 ", b" -18 "),
        encode_message(MESSAGE).replace(b" 18 ", b" 1.8 "),
        encode_message(MESSAGE).replace(b" 18 ", b" " + b"9" * 30 + b" "),
        encode_message(MESSAGE).replace(b"+\n", b"-\n"),
        encode_message(MESSAGE).replace(b"+\n", b"?\n"),
        encode_message(MESSAGE).replace(b"x8k2", b""),
        encode_message(MESSAGE).replace(b"page:acme", b"\xff"),
        encode_message(MESSAGE).partition(b"\n")[0],
    ],
)
def test_anything_else_is_refused(raw):
    with pytest.raises(ValueError):  # noqa: PT011  UnicodeDecodeError among them
        decode_message(raw)


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_only_value_error_is_raised(raw):
    with pytest.raises(ValueError):  # noqa: PT011
        decode_message(b"?" + raw)
