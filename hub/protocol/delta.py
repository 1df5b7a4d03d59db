"""Fossil deltas: a payload told as pieces of the one before it (docs/protocol.md#deltas).

A delta is `<target length>\\n`, then copies `<n>@<offset>,` and inserts `<n>:<bytes>`, then `<checksum>;`, with numbers
in base 64. It travels as text in JSON, so an insert never cuts a character: the delta of two UTF-8 texts is UTF-8.
"""

import re
import struct
from collections.abc import Iterable
from dataclasses import replace

from hub.protocol.stream import Form, Publication

_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_PART = re.compile(rb"([0-9A-Z_a-z~]{1,6})([@:;\n])")
_OFFSET = re.compile(rb"([0-9A-Z_a-z~]{1,6}),")

_BLOCK_BYTES = 8  # shortest run that a copy starts from; a copy costs about six
_STRIDE_BYTES = 4  # between the indexed blocks, so that every common run of eleven bytes is found
_INDEXED_BLOCKS = 8192  # a larger base is indexed more coarsely: building the index stays below 2 ms
_AROUND_BYTES = 512  # of the base beside what changed, for what was added in the form of its neighbours
_NEAR_BYTES = 1024  # how far behind the last copy the same text is looked for first
_MISSES = 32_768  # look-ups without a find; what is left of the target then goes in as it is


def create(base: bytes, target: bytes) -> bytes | None:
    """The delta that makes `target` of `base`; None when it is not shorter than `target`.

    The same two texts give the same delta. Cost grows with their length, a few ms at 64 KiB, and is bounded by
    `_MISSES` look-ups.
    """
    parts = [_number(len(target)), b"\n"]
    written = 0
    for at, offset, size in _copies(base, target):
        if at > written:
            parts += (_number(at - written), b":", target[written:at])
        parts += (_number(size), b"@", _number(offset), b",")
        written = at + size
    if written < len(target):
        parts += (_number(len(target) - written), b":", target[written:])
    parts += (_number(_checksum(target)), b";")
    delta = b"".join(parts)
    return delta if len(delta) < len(target) else None


def apply(base: bytes, delta: bytes) -> bytes:
    """The target of `delta`; raises ValueError for one that is malformed or was made for another base."""
    head = _PART.match(delta)
    if head is None or head[2] != b"\n":
        raise ValueError("delta without a length")
    size, at = _value(head[1]), head.end()
    parts: list[bytes] = []
    left = size
    while part := _PART.match(delta, at):
        count, at = _value(part[1]), part.end()
        match part[2]:
            case b"@" if place := _OFFSET.match(delta, at):
                offset, at = _value(place[1]), place.end()
                piece = base[offset : offset + count]
            case b":":
                piece = delta[at : at + count]
                at += count
            case b";" if left == 0 and at == len(delta) and count == _checksum(target := b"".join(parts)):
                return target
            case _:
                break
        if len(piece) != count or count > left:
            raise ValueError("delta reaches out of bounds")
        parts.append(piece)
        left -= count
    raise ValueError("delta is malformed or of another base")


def as_deltas(publications: Iterable[Publication], base: bytes | None = None) -> list[Publication]:
    """The same for a receiver that negotiated deltas and holds `base`; if it holds nothing, the first is in full.

    One whose delta would not be shorter is in full again.
    """
    encoded: list[Publication] = []
    for item in publications:
        delta = None if base is None else create(base, item.data)
        encoded.append(replace(item, form=Form.FULL) if delta is None else replace(item, data=delta, form=Form.DELTA))
        base = item.data
    return encoded


def _copies(base: bytes, target: bytes) -> Iterable[tuple[int, int, int]]:
    """Runs that the two have in common, ascending in the target: (place in the target, place in the base, length)."""
    head = _this_character(target, _common(base, 0, target, 0))
    tail = _common(base[head:][::-1], 0, target[head:][::-1], 0)
    stop = len(target) - tail
    if head >= _BLOCK_BYTES:
        yield 0, 0, head
    # Most changes are small: only what lies between the ends that stayed, and around it, is worth an index.
    first, last = max(0, head - _AROUND_BYTES), min(len(base), len(base) - tail + _AROUND_BYTES)
    stride = max(_STRIDE_BYTES, (last - first) // _INDEXED_BLOCKS)
    block = max(_BLOCK_BYTES, stride)
    at = written = head if head >= _BLOCK_BYTES else 0
    index = {}
    if stop - at >= block:
        index = {base[place : place + block]: place for place in reversed(range(first, last - block + 1, stride))}
    followed, misses = head, 0
    while at + block <= stop and misses < _MISSES:
        found = index.get(target[at : at + block])
        if found is None:
            at += 1
            misses += 1
            continue
        size = _common(base, found, target, at)
        # Texts repeat themselves. What follows the last copy is the likelier origin, and often the longer one.
        near = base.find(target[at : at + block], followed, followed + _NEAR_BYTES)
        if near not in {-1, found} and (near_size := _common(base, near, target, at)) >= size:
            found, size = near, near_size
        start, end = at, at + size
        back = 0
        while start - back > written and found > back and target[start - back - 1] == base[found - back - 1]:
            back += 1
        start = _next_character(target, start - back)
        end = _this_character(target, end)
        if end - start >= _BLOCK_BYTES:
            yield start, found + start - at, end - start
            at = written = end
            followed = found + size
        else:  # nearly nothing is left of it between whole characters
            at += 1
            misses += 1
    start = max(written, _next_character(target, stop))
    if len(target) - start >= _BLOCK_BYTES:
        yield start, start + len(base) - len(target), len(target) - start


def _common(a: bytes, i: int, b: bytes, j: int) -> int:
    """How many bytes from `a[i]` and `b[j]` on are the same, compared in growing, then shrinking steps."""
    start, step, grows = i, 32, True
    while step:
        piece = a[i : i + step]
        if len(piece) == step and piece == b[j : j + step]:
            i += step
            j += step
            step = step * 2 if grows else step // 2
        else:
            grows = False
            step //= 2
    return i - start


def _next_character(text: bytes, at: int) -> int:
    """`at`, or the first start of a character behind it; in text that is not UTF-8 anywhere near."""
    for _ in range(3):
        if at == len(text) or text[at] & 0xC0 != 0x80:
            break
        at += 1
    return at


def _this_character(text: bytes, at: int) -> int:
    """`at`, or the start of the character that it would cut; in text that is not UTF-8 anywhere near."""
    for _ in range(3):
        if at == len(text) or text[at] & 0xC0 != 0x80:
            break
        at -= 1
    return at


def _number(value: int) -> bytes:
    if value < 64:
        return _DIGITS[value : value + 1]
    return _number(value >> 6) + _DIGITS[value & 63 : (value & 63) + 1]


def _value(digits: bytes) -> int:
    value = 0
    for digit in digits:
        value = value << 6 | _VALUES[digit]
    return value


def _checksum(data: bytes) -> int:
    """The sum of the big-endian 32-bit words of `data`, padded with zeros."""
    count = -(-len(data) // 4)
    words: tuple[int, ...] = struct.unpack(f">{count}I", data.ljust(count * 4, b"\0"))
    return sum(words) & 0xFFFFFFFF
