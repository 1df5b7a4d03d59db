"""What a lax JSON parser would let pass. `tests/integration/api/test_requests.py` sends the same to the running API."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.api.body import is_fit, refuse_hidden_traps
from hub.errors import BadRequest, Invalid


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"{'a':1}", b'{"a":1}}', b"\xff", b"\xef\xbb\xbf{}", b"NaN", b"[Infinity]", b"-Infinity", b"1e999",
        b"-1e999",
        b"9" * 20, b"-" + b"1" * 5000, b'{"a":1,"a":1}', b'[{"b":{"a":1,"a":2}}]', b"[" * 1_000_000, b'{"a":' * 5000,
        b'"\x00"', b'"\n"', b'"\\ud83d', b'"\\u00"', b"nul", b"[1,]", b"01", b"\x00",
    ],
    ids=lambda raw: repr(raw[:20]),
)  # fmt: skip
def test_what_is_not_plain_json_is_a_bad_request(raw):
    with pytest.raises(BadRequest):
        refuse_hidden_traps(raw)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b'{"a":"\\u0000"}', "a"), (b'{"a":["x",{"b":"\\ud800"}]}', "a.1.b"), (b'"\\udc00"', "body"),
        (b'{"a":{"\\u0007":1}}', "a"), (b'{"\\udfff":1}', "body"), (b'["\\ude00\\ud83d"]', "0"),
        (b'{"a":"\\u001b[31m"}', "a"),
    ],
    ids=repr,
)  # fmt: skip
def test_text_that_cannot_be_stored_or_shown_is_named_by_its_path(raw, path):
    with pytest.raises(Invalid) as caught:
        refuse_hidden_traps(raw)
    assert list(caught.value.fields) == [path]


@pytest.mark.parametrize(
    "raw", [b"{}", b" [1, -2.5e3, true, null] ", b'{"a":"\\ud83d\\ude00","b":"tab\\tline\\n"}', '{"ä":"🙂"}'.encode()]
)
def test_plain_json_passes(raw):
    refuse_hidden_traps(raw)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_whatever_json_is_sent_is_either_refused_or_safe_to_encode(value):
    raw = json.dumps(value).encode()
    try:
        refuse_hidden_traps(raw)
    except Invalid:
        assert not all(map(is_fit, _texts(value)))
    else:
        assert all(map(is_fit, _texts(value)))


@given(st.binary(max_size=200))
def test_no_bytes_make_the_check_fail_in_another_way(raw):
    with contextlib.suppress(BadRequest, Invalid):
        refuse_hidden_traps(raw)


def _texts(value):
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            for key, item in value.items():
                yield key
                yield from _texts(item)
