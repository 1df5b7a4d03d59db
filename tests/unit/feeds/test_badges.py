"""Badges: drawn for any text, without script or style, readable without colours (cases 92, 97)."""

import itertools
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.status import Indicator, Status
from hub.feeds.badge import Badge, page_badge, render_badge, status_badge, uptime_badge

SVG = "{http://www.w3.org/2000/svg}"
PLAIN = {"svg", "title", "rect", "path", "circle", "g", "text"}


def drawn(badge: Badge) -> ET.Element:
    """The image, which holds shapes and text and nothing that could do or load anything."""
    root = ET.fromstring(render_badge(badge))  # noqa: S314 (our own)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= PLAIN
    for element in root.iter():
        assert not [
            name for name in element.attrib if name in {"style", "id", "class", "href"} or name.startswith("on")
        ]
    return root


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize(
    "name",
    ["<img src=x onerror=alert(1)>", '"><script>alert(1)</script>', "a & b", "🔥 データ \u200fעברית", "x\x00\x1b"],
)
def test_a_name_of_any_kind_comes_out_as_text(name: str):
    """Case 92."""
    root = drawn(status_badge(name, "operational"))
    shown = name.replace("\x00", "\ufffd").replace("\x1b", "\ufffd")
    assert texts(root) == [shown, "operational"]
    assert root.get("role") == "img"
    assert root.get("aria-label") == root.findtext(f"{SVG}title") == f"{shown}: operational"


@given(st.text())
def test_no_text_breaks_a_badge(text: str):
    drawn(status_badge(text, "major_outage"))


def test_each_status_has_a_word_a_shape_and_a_colour_of_its_own():
    """Case 97. In greyscale the shape and the word remain."""
    roots = [drawn(status_badge("API", status.value)) for status in Status]
    assert len({texts(root)[1] for root in roots}) == len(Status)
    assert len({ET.tostring(next(root.iter(f"{SVG}g")).find(f"{SVG}g") or root) for root in roots}) == len(Status)
    for indicator in Indicator:
        assert texts(drawn(page_badge("Acme", indicator.value, "Words"))) == ["Acme", "Words"]


def test_white_text_reaches_four_and_a_half_to_one_on_every_ground():
    grounds = {
        element.get("fill") or ""
        for status in Status
        for element in itertools.chain(
            *(drawn(status_badge("x", status.value)).iter(f"{SVG}{tag}") for tag in ("rect", "path"))
        )
        if len(element.get("fill") or "") == 7
    }
    assert len(grounds) == len(Status) + 1
    assert min(1.05 / (_luminance(ground) + 0.05) for ground in grounds) >= 4.5


@pytest.mark.parametrize(
    ("ratio", "word"),
    [(1.0, "100 %"), (0.999999, "99.99 %"), (0.99444, "99.44 %"), (0.5, "50.00 %"), (0.0, "0.00 %"), (None, "no data")],
)
def test_a_figure_is_cut_and_never_rounded_up(ratio: float | None, word: str):
    assert texts(drawn(uptime_badge("API", ratio, 90))) == ["API 90 d", word]


def test_a_long_label_is_cut():
    label, _ = texts(drawn(status_badge("x" * 500, "operational")))
    assert len(label) == 80


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
