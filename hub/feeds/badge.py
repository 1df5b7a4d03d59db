"""Badges: one small SVG that says how a page or a component is, to be put anywhere as an image.

Own ground, so it reads on light and dark; shape and word besides colour, so it reads in grey; attributes alone, no
style and no script, so it is shown under any content policy.
"""

import math
from dataclasses import dataclass
from html import escape

from hub.domain.text import hundredths
from hub.domain.words import STATUS_WORDS, TONES
from hub.feeds.entries import xml_text

MEDIA_TYPE = "image/svg+xml"
MAX_LABEL = 80
_RING = '<circle cx="6" cy="6" r="4.25" fill="none" stroke="#fff" stroke-width="1.5"/>'
# Colours that white text has 4.5 : 1 on, and the shape of each; drawn in a square of 12.
_SHAPES = {
    "operational": ("#18794e", '<circle cx="6" cy="6" r="5"/>'),
    "degraded_performance": (
        "#946800",
        _RING + '<path d="M6 1.75a4.25 4.25 0 0 0 0 8.5z"/>',
    ),
    "partial_outage": ("#bd4b00", '<path d="M6 1l5.5 10h-11z"/>'),
    "major_outage": ("#ca2a30", '<rect x="1.5" y="1.5" width="9" height="9"/>'),
    "under_maintenance": ("#2b5fd9", '<path d="M6 .5L11.5 6 6 11.5.5 6z"/>'),
    "none": ("#5c636b", _RING),
}
_LABEL_GROUND = "#3d444b"
_FONT = 'font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11"'
# Advances of Verdana at 11 px, rounded up; `textLength` makes any other font fit.
_NARROW, _WIDE = frozenset("fijlrtI.,:;|!'()[]/ "), frozenset("mwMWQOGD%@&")


@dataclass(frozen=True, slots=True)
class Badge:
    """`tone`: a component status, or `none` where nothing is known."""

    label: str
    word: str
    tone: str


NOT_FOUND = Badge("status", "not found", "none")


def status_badge(label: str, status: str) -> Badge:
    """How a component is."""
    return Badge(label, STATUS_WORDS[status].lower(), status)


def page_badge(label: str, indicator: str, description: str) -> Badge:
    """The roll-up of a page, in its own words."""
    return Badge(label, description, TONES[indicator])


def uptime_badge(label: str, ratio: float | None, days: int) -> Badge:
    """The figure over so many days. Coloured as found: 99.9 % and more, 99 % and more, 95 % and more, less."""
    label = f"{label} {days} d"
    if ratio is None:
        return Badge(label, "no data", "none")
    steps = ((0.999, "operational"), (0.99, "degraded_performance"), (0.95, "partial_outage"))
    tone = next((tone for least, tone in steps if ratio >= least), "major_outage")
    return Badge(label, f"{hundredths(ratio)} %", tone)


def render_badge(badge: Badge) -> bytes:
    """The image. Texts of any kind come out as text; a long label is cut."""
    label, word = _cut(badge.label), _cut(badge.word)
    colour, shape = _SHAPES[badge.tone]
    label_px, word_px = _width(label), _width(word)
    left, right = label_px + 12, word_px + 30
    said = escape(f"{label}: {word}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" '
        f'viewBox="0 0 {left + right} 20" role="img" aria-label="{said}"><title>{said}</title>'
        f'<rect width="{left + right}" height="20" rx="4" fill="{colour}"/>'
        f'<path d="M4 0H{left}V20H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z" fill="{_LABEL_GROUND}"/>'
        f'<g fill="#fff" {_FONT}>'
        f'<text x="6" y="14" textLength="{label_px}" lengthAdjust="spacingAndGlyphs">{escape(label)}</text>'
        f'<g transform="translate({left + 6} 4)">{shape}</g>'
        f'<text x="{left + 23}" y="14" textLength="{word_px}" lengthAdjust="spacingAndGlyphs">{escape(word)}</text>'
        "</g></svg>"
    ).encode()


def _cut(text: str) -> str:
    """One line of text that XML can hold."""
    text = " ".join(xml_text(text).split())
    return text if len(text) <= MAX_LABEL else text[: MAX_LABEL - 1] + "…"


def _width(text: str) -> int:
    """Pixels that `text` takes, about."""
    return max(1, math.ceil(sum(map(_advance, text))))


def _advance(letter: str) -> float:
    if letter in _NARROW:
        return 4.6
    if letter in _WIDE:
        return 9.6
    return 7.0 if ord(letter) < 0x1100 else 12.0
