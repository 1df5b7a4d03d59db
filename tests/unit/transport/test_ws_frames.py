"""Frames: what a peer may send in which pieces, and what ends it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from hub.transport.ws_frames import (
    FrameParser,
    FrameViolation,
    Op,
    binary_frame,
    close_frame,
    pong_frame,
    read_close,
    text_frame,
)

CONT = 0


def frame(op: int, payload: bytes = b"", *, is_final: bool = True, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    """A client's frame."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65_536:
        length = bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([0x80 | 127]) + size.to_bytes(8, "big")
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes([(0x80 if is_final else 0) | op]) + length + mask + masked


def parser(size_limit: int = 65_536, fragment_limit: int = 1_024) -> FrameParser:
    return FrameParser(size_limit, fragment_limit)


def events(data: bytes, *, piece: int = 0, of: FrameParser | None = None) -> list[tuple[Op, bytes]]:
    """All that `data` holds, fed in pieces of `piece` bytes (0: at once)."""
    reader, found = of or parser(), []
    for start in range(0, len(data), piece or len(data)):
        reader.feed(data[start : start + (piece or len(data))])
        while (event := reader.next_event()) is not None:
            found.append(event)
    return found


def violation(data: bytes, **limits: int) -> int:
    with pytest.raises(FrameViolation) as caught:
        events(data, of=parser(**limits))
    return caught.value.code


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536])
@pytest.mark.parametrize("piece", [0, 1, 1_000])
def test_a_message_of_any_size_comes_whole(size: int, piece: int) -> None:
    payload = bytes(n % 251 for n in range(size))
    assert events(frame(Op.BINARY, payload), piece=piece) == [(Op.BINARY, payload)]


def test_one_byte_segments_inside_characters_and_heads_change_nothing() -> None:
    """N9, without sockets."""
    text = "späté řeč €𝄞".encode()
    data = frame(Op.TEXT, text[:3], is_final=False) + frame(Op.PING, b"p") + frame(CONT, text[3:]) + frame(Op.PONG)
    assert events(data, piece=1) == events(data) == [(Op.PING, b"p"), (Op.TEXT, text), (Op.PONG, b"")]


@st.composite
def messages(draw: st.DrawFn) -> tuple[Op, list[bytes]]:
    op = draw(st.sampled_from([Op.TEXT, Op.BINARY]))
    payload = draw(st.text(max_size=300)).encode() if op is Op.TEXT else draw(st.binary(max_size=300))
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4)))
    return op, [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]


@given(st.lists(messages(), max_size=5), st.binary(min_size=4, max_size=4), st.integers(1, 50))
def test_whatever_the_cuts_of_frames_and_segments_the_messages_are_the_same(
    sent: list[tuple[Op, list[bytes]]], mask: bytes, piece: int
) -> None:
    data = b""
    for op, parts in sent:
        for at, part in enumerate(parts):
            is_final = at == len(parts) - 1
            data += frame(op if at == 0 else CONT, part, is_final=is_final, mask=mask)
            if not is_final:
                data += frame(Op.PING, b"between", mask=mask)
    reader = parser()
    found = events(data, piece=piece, of=reader)
    assert [event for event in found if event[0] is not Op.PING] == [(op, b"".join(parts)) for op, parts in sent]
    assert reader.frames == sum(2 * len(parts) - 1 for _, parts in sent)
    assert not reader.is_mid_message


@given(st.binary(max_size=200), st.integers(1, 20))
def test_any_bytes_give_events_or_one_violation(data: bytes, piece: int) -> None:
    code = 1002
    try:
        events(data, piece=piece)
    except FrameViolation as violation:
        code = violation.code
    assert code in {1002, 1007, 3501}


def test_a_parser_between_messages_holds_nothing() -> None:
    reader = parser()
    events(frame(Op.TEXT, b"a" * 1_000), of=reader)
    assert not reader.is_mid_message
    assert reader._buffer == b""


@pytest.mark.parametrize(
    "start", [b"\x81", frame(Op.TEXT, b"abc")[:-1], frame(Op.TEXT, b"a", is_final=False), frame(Op.PING, b"p")[:-1]]
)
def test_what_has_begun_is_known_to_have_begun(start: bytes) -> None:
    reader = parser()
    assert events(start, of=reader) == []
    assert reader.is_mid_message


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\x02hi",  # not masked
        b"\xc1\x80\x00\x00\x00\x00",
        b"\xa1\x80\x00\x00\x00\x00",
        b"\x91\x80\x00\x00\x00\x00",
        frame(3),
        frame(7),
        frame(11),
        frame(15),
        frame(CONT),
        frame(CONT, is_final=False),
        frame(Op.TEXT, b"a", is_final=False) + frame(Op.TEXT, b"b"),
        frame(Op.PING, is_final=False),
        frame(Op.PING, b"a" * 126),
        frame(Op.CLOSE, b"a" * 126),
        b"\x81\xfe\x00\x05" + bytes(4) + b"hello",  # 5 said in 16 bits
        b"\x81\xff" + (126).to_bytes(8, "big"),
        b"\x81\xff" + (2**63).to_bytes(8, "big"),
    ],
)
def test_a_broken_frame_is_a_protocol_error(data: bytes) -> None:
    assert violation(data) == 1002


def test_what_came_before_a_broken_frame_is_given_first() -> None:
    reader = parser()
    reader.feed(frame(Op.TEXT, b"a") + frame(CONT))
    assert reader.next_event() == (Op.TEXT, b"a")
    with pytest.raises(FrameViolation):
        reader.next_event()


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\xff" + (65_537).to_bytes(8, "big"),  # from the head alone
        b"\x82\xff" + (2**62).to_bytes(8, "big"),
        frame(Op.TEXT, b"a" * 40_000, is_final=False) + b"\x80\xfe" + (40_000).to_bytes(2, "big"),
    ],
)
def test_too_big_a_message_is_told_before_it_comes(data: bytes) -> None:
    assert violation(data) == 3501


def test_a_message_may_be_as_big_as_the_limit() -> None:
    data = frame(Op.TEXT, b"a" * 65_535, is_final=False) + frame(CONT, b"a")
    assert events(data) == [(Op.TEXT, b"a" * 65_536)]


def test_one_fragment_too_many() -> None:
    data = frame(Op.TEXT, b"a", is_final=False) + frame(CONT, b"", is_final=False) * 3
    assert violation(data + frame(CONT), fragment_limit=4) == 3501
    assert events(data + frame(CONT), of=parser(fragment_limit=5)) == [(Op.TEXT, b"a")]


@pytest.mark.parametrize("wrong", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90", b"\xf8\x88\x80\x80\x80"])
def test_invalid_utf8_is_told_at_its_first_byte(wrong: bytes) -> None:
    """The message is not complete, and need not be."""
    assert violation(frame(Op.TEXT, "é€".encode() + wrong, is_final=False)) == 1007
    assert violation(frame(Op.TEXT, "é€".encode() + wrong + b"more")[: -len(b"more")]) == 1007


@pytest.mark.parametrize("cut", [b"\xc3", b"\xe2\x82", b"\xf0\x9d\x84"])
def test_a_character_cut_off_by_the_end_is_invalid(cut: bytes) -> None:
    assert violation(frame(Op.TEXT, b"a" + cut)) == 1007
    assert violation(frame(Op.TEXT, b"a" + cut, is_final=False) + frame(CONT)) == 1007


def test_binary_may_be_anything() -> None:
    assert events(frame(Op.BINARY, b"\xff\xfe")) == [(Op.BINARY, b"\xff\xfe")]


@pytest.mark.parametrize(
    ("payload", "meaning"),
    [(b"", (1005, "")), (b"\x03\xe8", (1000, "")), (b"\x03\xe8bye", (1000, "bye")), (b"\x0b\xb8\xc3\xa9", (3000, "é"))],
)
def test_a_close_says_code_and_reason(payload: bytes, meaning: tuple[int, str]) -> None:
    assert read_close(payload) == meaning


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
def test_a_code_that_may_not_be_on_the_wire_is_an_error(code: int) -> None:
    with pytest.raises(FrameViolation):
        read_close(code.to_bytes(2, "big"))
    if code != 1005:
        with pytest.raises(ValueError, match="close code"):
            close_frame(code)


@pytest.mark.parametrize("payload", [b"\x03", b"\x03\xe8\xff"])
def test_half_a_code_or_an_unreadable_reason_is_an_error(payload: bytes) -> None:
    with pytest.raises(FrameViolation):
        read_close(payload)


def parsed(data: bytes) -> Frame:
    """`data` as the websockets package reads it."""
    reader = StreamReader()
    reader.feed_data(data)
    with pytest.raises(StopIteration) as done:
        next(Frame.parse(reader.read_exact, mask=False))
    frame: Frame = done.value.value
    return frame


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_another_implementation_reads_our_frames(size: int) -> None:
    payload = b"a" * size
    assert parsed(text_frame(payload)) == Frame(Opcode.TEXT, payload)
    assert parsed(binary_frame(payload)) == Frame(Opcode.BINARY, payload)


def test_another_implementation_reads_our_controls() -> None:
    assert parsed(pong_frame(b"p")) == Frame(Opcode.PONG, b"p")
    assert parsed(close_frame(3001, "shutdown")) == Frame(Opcode.CLOSE, b"\x0b\xb9shutdown")
    assert parsed(close_frame(1005)) == Frame(Opcode.CLOSE, b"")


def test_a_long_reason_is_cut_between_two_characters() -> None:
    assert parsed(close_frame(3000, "é" * 100)).data == b"\x0b\xb8" + ("é" * 61).encode()
    with pytest.raises(ValueError, match="125"):
        pong_frame(b"a" * 126)
