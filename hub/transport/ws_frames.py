"""WebSocket frames, a server's side of RFC 6455 §5 and §7.4: bytes → messages and controls, and back. Pure.

Nothing is negotiated, so there are no extensions here. A parser between two messages holds no buffer.
"""

import codecs
import struct
from enum import IntEnum

try:
    from websockets.speedups import apply_mask
except ImportError:  # installed where it could not be compiled
    from websockets.utils import apply_mask

BAD_REQUEST = 3501  # docs/protocol.md: terminal for the client, unlike the close codes below 3000
PROTOCOL_ERROR = 1002
NO_CODE = 1005  # what a close frame without a code means; never on the wire
INVALID_DATA = 1007
CONTROL_LIMIT_BYTES = 125
REASON_LIMIT_BYTES = 123

_utf8_decoder = codecs.getincrementaldecoder("utf-8")


class Op(IntEnum):
    """What `FrameParser.next_event` found; the numbers are the wire's."""

    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


_CONTINUATION = 0
_OPS = {op.value: op for op in Op}


class FrameViolation(Exception):
    """The peer broke a rule: end the connection with `code` and `reason`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class FrameParser:
    """Takes bytes in pieces of any size, gives whole messages and controls in order.

    What is wrong is told as early as it can be known: a size from the frame's head, invalid UTF-8 at its first byte.
    After a `FrameViolation` the parser is of no more use.
    """

    __slots__ = (
        "_buffer",
        "_decoder",
        "_fragment_limit",
        "_fragments",
        "_is_final",
        "_left",
        "_mask",
        "_op",
        "_parts",
        "_position",
        "_size_limit",
        "frames",
    )

    def __init__(self, size_limit: int, fragment_limit: int) -> None:
        """`size_limit`: bytes of a message; `fragment_limit`: frames of a message."""
        self._size_limit = size_limit
        self._fragment_limit = fragment_limit
        self._buffer = b""  # what was fed and not used up, from `_position` on
        self._position = 0
        self._op: Op | None = None  # of the message that has begun
        self._parts: bytearray | None = None  # its payload so far, when it did not come in one piece
        self._fragments = 0
        self._decoder: codecs.IncrementalDecoder | None = None  # checks a text that is here in part
        self._left = -1  # payload bytes that the frame at hand lacks; -1: no frame at hand
        self._mask = b""  # turned so that it fits the next byte
        self._is_final = False
        self.frames = 0  # met since somebody last set it to 0

    @property
    def is_mid_message(self) -> bool:
        """Whether something has begun that is not complete."""
        return self._op is not None or self._position < len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add what the peer sent; then ask for events until there is none."""
        self._buffer = self._buffer[self._position :] + data if self._buffer else data
        self._position = 0

    def next_event(self) -> tuple[Op, bytes] | None:
        """The next message or control and its payload; None when more must be fed first. Raises FrameViolation."""
        while True:
            if self._left < 0:
                is_here, control = self._read_head()
                if control is not None:
                    return control
                if not is_here:
                    self._forget_used()
                    return None
            message = self._take_payload()
            if message is not None:
                return message
            if self._left >= 0:
                self._forget_used()
                return None

    def _forget_used(self) -> None:
        if self._position >= len(self._buffer):
            self._buffer, self._position = b"", 0

    def _read_head(self) -> tuple[bool, tuple[Op, bytes] | None]:
        """Whether a frame's head was here, and the frame if it is a control, which is taken whole."""
        buffer, at = self._buffer, self._position
        end = len(buffer)
        if end - at < 2:
            return False, None
        first, second = buffer[at], buffer[at + 1]
        opcode, size = first & 0x0F, second & 0x7F
        self._check_head(first, second, opcode)
        at += 2
        if size > CONTROL_LIMIT_BYTES:
            width = 2 if size == 126 else 8
            if end - at < width:
                return False, None
            size = int.from_bytes(buffer[at : at + width], "big")
            if size < (126 if width == 2 else 65_536) or size >> 63:
                raise FrameViolation(PROTOCOL_ERROR, "wrong form of a length")
            at += width
        if opcode < Op.CLOSE:
            self._check_limits(opcode, size)
        at += 4
        is_control = opcode >= Op.CLOSE
        if end < at + (size if is_control else 0):
            return False, None
        self.frames += 1
        mask = buffer[at - 4 : at]
        if is_control:
            self._position = at + size
            return True, (_OPS[opcode], apply_mask(buffer[at : at + size], mask))
        self._position = at
        self._fragments += 1
        self._left, self._mask, self._is_final = size, mask, first >= 0x80
        if opcode != _CONTINUATION:
            self._op = _OPS[opcode]
        return True, None

    def _check_head(self, first: int, second: int, opcode: int) -> None:
        problem = ""
        if first & 0x70:
            problem = "reserved bits"
        elif opcode != _CONTINUATION and opcode not in _OPS:
            problem = "unknown opcode"
        elif opcode >= Op.CLOSE and (first < 0x80 or second & 0x7F > CONTROL_LIMIT_BYTES):
            problem = "control frame too long or in pieces"
        elif opcode < Op.CLOSE and (opcode == _CONTINUATION) == (self._op is None):
            problem = "piece of another message"
        elif second < 0x80:
            problem = "frame is not masked"
        if problem:
            raise FrameViolation(PROTOCOL_ERROR, problem)

    def _check_limits(self, opcode: int, size: int) -> None:
        # 1009 would be the RFC's code: it stops some SDKs for good and makes others come back with the same.
        if size + len(self._parts or b"") > self._size_limit:
            raise FrameViolation(BAD_REQUEST, "message too big")
        if opcode == _CONTINUATION and self._fragments >= self._fragment_limit:
            raise FrameViolation(BAD_REQUEST, "too many fragments")

    def _take_payload(self) -> tuple[Op, bytes] | None:
        """Use up what is here of the frame at hand; the message if that completes one."""
        assert self._op is not None
        data = self._buffer[self._position : self._position + self._left]
        size = len(data)
        self._position += size
        self._left -= size
        data = apply_mask(data, self._mask)
        if turn := size & 3:
            self._mask = self._mask[turn:] + self._mask[:turn]
        is_frame_over = self._left == 0
        is_over = is_frame_over and self._is_final
        if self._op is Op.TEXT:
            self._check_text(data, is_over=is_over)
        if is_frame_over:
            self._left = -1
        if not is_over:
            if self._parts is None:
                self._parts = bytearray()
            self._parts += data
            return None
        if self._parts is not None:
            data = bytes(self._parts + data)
        op, self._op, self._parts, self._decoder, self._fragments = self._op, None, None, None, 0
        return op, data

    def _check_text(self, data: bytes, *, is_over: bool) -> None:
        if self._decoder is None:
            if data.isascii():
                return
            self._decoder = _utf8_decoder()
        try:
            self._decoder.decode(data, is_over)
        except UnicodeDecodeError:
            raise FrameViolation(INVALID_DATA, "invalid UTF-8") from None


def read_close(payload: bytes) -> tuple[int, str]:
    """Code and reason of a close frame, `NO_CODE` when it has none. Raises FrameViolation (RFC 6455 §5.5.1, §7.4)."""
    if not payload:
        return NO_CODE, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not is_close_code(code):
        raise FrameViolation(PROTOCOL_ERROR, "close code")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameViolation(INVALID_DATA, "invalid UTF-8") from None


def is_close_code(code: int) -> bool:
    """Whether `code` may be on the wire: registered by IANA, or a library's or an application's own."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def text_frame(payload: bytes) -> bytes:
    """`payload` (UTF-8) as one unmasked, final text frame (RFC 6455 §5.2), ready for every member's `Wire`."""
    return _frame(0x80 | Op.TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    """`payload` as one unmasked, final binary frame, ready for every member's `Wire`."""
    return _frame(0x80 | Op.BINARY, payload)


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping; raises ValueError over 125 bytes."""
    if len(payload) > CONTROL_LIMIT_BYTES:
        raise ValueError("the payload of a control frame has 125 bytes at most")
    return _frame(0x80 | Op.PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """The goodbye; `NO_CODE` leaves the code away, and a reason over 123 bytes is cut at a character's end.

    Raises ValueError for a code that may not be sent.
    """
    if code == NO_CODE:
        return _frame(0x80 | Op.CLOSE, b"")
    if not is_close_code(code):
        raise ValueError(f"{code} is not a close code to send")
    text = reason.encode()[:REASON_LIMIT_BYTES].decode(errors="ignore").encode()
    return _frame(0x80 | Op.CLOSE, struct.pack("!H", code) + text)


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload
