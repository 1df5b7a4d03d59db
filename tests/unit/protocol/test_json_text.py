"""What may be passed on as JSON: text that every SDK's parser can read, and nothing else."""

import json

import pytest

from hub.protocol.json_text import MAX_DEPTH, MAX_DIGITS, one_line

DIGITS = b"9" * MAX_DIGITS


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b' {"a" : [ 1 ,\r\n2 ]\t} ', b'{"a":[1,2]}'),
        (b'{"a":1,"a":2}', b'{"a":1,"a":2}'),
        ('"\u2028é\\u0000"'.encode(), '"\u2028é\\u0000"'.encode()),
        (DIGITS, DIGITS),
        (b"[-1.5e10," + DIGITS + b"]", b"[-1.5e10," + DIGITS + b"]"),
        (b'"' + DIGITS * 2 + b'"', b'"' + DIGITS * 2 + b'"'),
        (b'["\\"' + DIGITS * 2 + b'"]', b'["\\"' + DIGITS * 2 + b'"]'),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, b"[" * MAX_DEPTH + b"]" * MAX_DEPTH),
        (b'"' + b"[" * 5_000 + b'"', b'"' + b"[" * 5_000 + b'"'),
        (b"[" + b"[]," * 5_000 + b"[]]", b"[" + b"[]," * 5_000 + b"[]]"),
    ],
)
def test_json_that_everybody_can_read_becomes_one_line(text: bytes, line: bytes) -> None:
    assert one_line(text) == line
    json.loads(line)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"NaN",
        b"1 2",
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"a\nb"',
        DIGITS + b"9",
        b"-" + DIGITS,
        b'["9",[1,' + DIGITS + b".5]]",
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"]":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b'["]",' * (MAX_DEPTH + 1) + b"1" + b"]" * (MAX_DEPTH + 1),
        b"[" * 100_000,
    ],
    ids=range(13),
)
def test_what_is_no_json_or_breaks_common_parsers_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|utf-8"):
        one_line(text)
