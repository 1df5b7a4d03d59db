"""What a Fossil delta looks like, which ones are refused, and when the whole payload is sent instead."""

import json

import pytest

from hub.protocol.delta import apply, as_deltas, create
from hub.protocol.stream import Form, Publication

BASE = json.dumps({"components": [{"name": f"Größe {n}", "status": "operational"} for n in range(40)]}).encode()
TEXT = "Wartung läuft — bitte warten 🙂".encode()


def test_two_edits_far_apart_stay_a_short_delta():
    target = BASE.replace(b"1", b"11", 1).replace(b"operational", b"major_outage", 30)
    target = target.replace(b"major_outage", b"operational", 29)
    delta = create(BASE, target)
    assert delta is not None
    assert len(delta) < len(target) // 20
    assert apply(BASE, delta) == target


def test_a_small_payload_with_two_edits_stays_a_delta():
    base = b'{"first":{"value":1,"unit":"ms"},"second":{"value":2,"unit":"ms"},"third":{"value":3,"unit":"ms"}}'
    target = base.replace(b"1", b"10").replace(b"3", b"30")
    delta = create(base, target)
    assert delta is not None
    assert delta.count(b"@") == 3
    assert apply(base, delta) == target


def test_an_entry_like_its_neighbours_is_copied_from_them():
    target = BASE.replace(b"]}", b', {"name": "neu", "status": "operational"}]}')
    delta = create(BASE, target)
    assert delta is not None
    assert b"operational" not in delta
    assert apply(BASE, delta) == target


def test_the_same_payload_again_is_one_copy():
    assert create(b"0123456789" * 10, b"0123456789" * 10) == b"1_\n1_@0,PCX_i;"


def test_an_insert_never_cuts_a_character():
    """The two faces share their first three bytes, as do the letters their first one."""
    base = ("abcdefgh🙂" + "ijklmnop é " * 4).encode()
    target = ("abcdefgh🙃" + "ijklmnop è " * 4).encode()
    delta = create(base, target)
    assert delta is not None
    assert "🙃" in delta.decode()
    assert apply(base, delta) == target


@pytest.mark.parametrize(
    ("base", "target"),
    [(b"", b""), (b"", TEXT), (TEXT, b""), (b"0123456789", b"0123456789"), (BASE, b"{}"), (b"[1]", b"[2]")],
)
def test_a_delta_that_would_not_be_shorter_is_none(base, target):
    assert create(base, target) is None


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 63, 64, 65, 4095, 4096, 4097])
def test_every_length_comes_back_whole(size):
    base = b"x" * 5000
    target = (b"x" * 20 + b"yz") * 300
    for text in (base[:size], target[:size]):
        delta = create(base, text)
        assert delta is None or apply(base, delta) == text


def test_bytes_that_are_no_text_come_back_as_well():
    base = bytes(range(128, 192)) * 8
    target = base[3:200] + b"\xff" + base[77:]
    delta = create(base, target)
    assert delta is not None
    assert apply(base, delta) == target


def test_large_texts_without_anything_in_common_cost_a_bounded_number_of_look_ups():
    base = bytes(range(32, 64)) * 65_536
    target = bytes(range(64, 96)) * 65_536
    assert create(base, target) is None
    late = target[:100_000] + base + b"!"  # beyond the bound nothing is looked for any more
    assert create(base, late) is None


@pytest.mark.parametrize(
    "delta",
    [
        b"",
        b"\n",
        b"4",
        b"4\n",
        b"4;",
        b"4\n4@0,",
        b"4\n4@0,0;",  # checksum of something else
        b"4\n4@0,1XObD_",
        b"4\n4@0,1XObD_;x",  # something behind the end
        b"4\n3@0,1XObD_;",  # shorter than announced
        b"3\n4@0,1XObD_;",  # longer than announced
        b"4\n4@9,1XObD_;",  # beyond the base
        b"4\n4@0;1XObD_;",
        b"4\n4:abc",
        b"4\n~~~~~~~~~:abcd1XObD_;",
        b"4\n-4:abcd1XObD_;",
        b"4\n4#abcd1XObD_;",
        b"4\n@0,1XObD_;",
        b"\xff\n4@0,1XObD_;",
        b"~~~~~\n4@0,1XObD_;",
    ],
)
def test_a_malformed_delta_is_refused(delta):
    assert apply(b"abcd", b"4\n4@0,1XObD_;") == b"abcd"
    with pytest.raises(ValueError, match="delta"):
        apply(b"abcd", delta)


def test_a_delta_for_another_base_is_refused():
    delta = create(BASE, BASE.replace(b"operational", b"degraded_performance", 1))
    assert delta is not None
    with pytest.raises(ValueError, match="another base"):
        apply(BASE.replace(b"components", b"something!"), delta)


def test_a_run_of_publications_begins_in_full_and_goes_on_in_deltas():
    payloads = [BASE, BASE.replace(b"operational", b"major_outage", 1), b'{"gone":true}', BASE]
    items = as_deltas(Publication(n, data, 7, tags={"n": str(n)}) for n, data in enumerate(payloads, 5))
    assert [item.form for item in items] == [Form.FULL, Form.DELTA, Form.FULL, Form.FULL]
    assert apply(BASE, items[1].data) == payloads[1]
    assert [item.data for item in items if item.form is Form.FULL] == [payloads[0], payloads[2], payloads[3]]
    assert [(item.offset, item.tags["n"], item.time_ms) for item in items] == [(n, str(n), 7) for n in range(5, 9)]


def test_no_publications_are_no_deltas():
    assert as_deltas([]) == []
