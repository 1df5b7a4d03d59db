"""Deltas between edited JSON texts: what our decoder and a foreign client's make of them."""

import json
import random

import pytest
from centrifuge.fossil import apply_delta
from hypothesis import given
from hypothesis import strategies as st

from hub.protocol.delta import apply, create

WORDS = ("größe", "ok", "日本語", "🙂🙃", "status", "x", "operational", "é", "-- ", "", "\u0000", '"', "major outage")
ROUND_TRIPS = 3000

edits = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 30), st.text(max_size=12)), max_size=5)


def document(random_: random.Random, depth: int = 0):
    kind = random_.random()
    if kind < 0.5 or depth > 3:
        return " ".join(random_.choices(WORDS, k=random_.randint(0, 12)))
    if kind < 0.75:
        return [document(random_, depth + 1) for _ in range(random_.randint(0, 6))]
    return {f"{random_.choice(WORDS)}{n}": document(random_, depth + 1) for n in range(random_.randint(0, 6))}


def edited(text: str, random_: random.Random) -> str:
    for _ in range(random_.randint(0, 4)):
        at = random_.randint(0, len(text))
        text = text[:at] + random_.choice(WORDS) + text[at + random_.randint(0, 20) :]
    return text


def check(base: str, target: str) -> bool:
    """Whether it became a delta."""
    base_bytes, target_bytes = base.encode(), target.encode()
    delta = create(base_bytes, target_bytes)
    if delta is None:
        return False
    delta.decode()  # it travels as text
    assert len(delta) < len(target_bytes)
    assert delta == create(base_bytes, target_bytes)
    assert apply(base_bytes, delta) == target_bytes
    assert apply_delta(base_bytes, delta) == target_bytes
    return True


def test_thousands_of_edited_documents_come_back_from_their_deltas():
    random_ = random.Random(17)
    deltas = 0
    for _ in range(ROUND_TRIPS):
        base = json.dumps(document(random_), ensure_ascii=False)
        deltas += check(base, edited(base, random_))
    assert deltas > ROUND_TRIPS // 3


@given(base=st.text(max_size=600), edits=edits)
def test_any_edited_text_comes_back(base, edits):
    target = base
    for at, removed, added in edits:
        target = target[:at] + added + target[at + removed :]
    check(base, target)


@given(base=st.text(alphabet="aé🙂🙃", min_size=20, max_size=200), target=st.text(alphabet="aé🙂🙃", max_size=200))
def test_texts_of_few_characters_come_back(base, target):
    """They share runs everywhere, most of them beginning and ending inside of a character."""
    check(base, target)


@given(base=st.binary(max_size=200), delta=st.binary(max_size=60))
def test_whatever_is_no_delta_is_refused_with_a_value_error(base, delta):
    with pytest.raises(ValueError, match="delta"):
        apply(base, delta + b"!")


@given(data=st.data())
def test_a_damaged_delta_is_refused_or_means_what_it_means_to_a_client(data):
    base = b'{"components":[{"name":"api","status":"operational"},{"name":"web","status":"operational"}]}'
    delta = create(base, base.replace(b"operational", b"major_outage", 1))
    assert delta is not None
    at = data.draw(st.integers(0, len(delta) - 1))
    damaged = delta[:at] + data.draw(st.binary(max_size=3)) + delta[at + 1 :]
    try:
        result = apply(base, damaged)
    except ValueError:
        return
    assert result == apply_delta(base, damaged)
