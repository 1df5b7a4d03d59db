"""JSON that is passed on as text, never decoded on its way."""

import re

import msgspec

MAX_DEPTH = 200
MAX_DIGITS = 1_000
"""What the parsers of all SDKs can read; a deeper text or a longer number ends the connection of whoever gets it."""

_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_DIGITS = bytes(ord("9") if byte in b"-+.0123456789eE" else ord(" ") for byte in range(256))
_TOO_LONG = b"9" * (MAX_DIGITS + 1)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def one_line(text: bytes | msgspec.Raw) -> bytes:
    """The same JSON without blanks and line breaks, fit to stand in a line of its own.

    Raises ValueError for all else; a `msgspec.Raw` may be that, for its parser skipped it without a look at its UTF-8.
    """
    try:
        compact = msgspec.json.format(bytes(text), indent=-1)
        compact.decode()
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("not JSON") from error
    if not _is_digestible(compact):
        raise ValueError("JSON that many parsers cannot read")
    return compact


def _is_digestible(text: bytes) -> bool:
    """Costs next to nothing for a text that has neither many brackets nor, be it in its strings, a long number."""
    has_long, has_many = _has_long_number(text), text.count(b"[") + text.count(b"{") > MAX_DEPTH
    if not has_long and not has_many:
        return True
    bare = _TEXT.sub(b"", text)
    return not (has_long and _has_long_number(bare)) and not (has_many and _is_deep(bare))


def _has_long_number(text: bytes) -> bool:
    return len(text) > MAX_DIGITS and _TOO_LONG in text.translate(_DIGITS)


def _is_deep(bare: bytes) -> bool:
    """Of a JSON text without its strings: each round takes the innermost brackets away."""
    left = bare.translate(_BRACKETS, _ALL_BUT_BRACKETS)
    for _ in range(MAX_DEPTH):
        if not left:
            break
        left = left.replace(b"[]", b"")
    return bool(left)
