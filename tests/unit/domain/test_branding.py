"""Colours that can be read, style sheets that load nothing, pictures that are pictures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain import branding, css, pictures
from hub.domain.color import DARK_GROUNDS, LIGHT_GROUNDS, READABLE, contrast, is_color, shades

colors = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 8 8">{}</svg>'


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)
    assert contrast("#0b6ef3", "#0b6ef3") == 1


@given(colors)
def test_every_brand_colour_comes_out_readable_on_light_and_on_dark(color: str):
    light, dark = shades(color)
    assert all(contrast(light, ground) >= READABLE for ground in LIGHT_GROUNDS)
    assert all(contrast(dark, ground) >= READABLE for ground in DARK_GROUNDS)
    assert is_color(light)
    assert is_color(dark)


def test_a_colour_that_can_be_read_stays_as_it_is():
    assert shades("#0b5fd9").light == "#0b5fd9"
    assert shades("#7aa2ff").dark == "#7aa2ff"
    assert shades("#ffee00").light != "#ffee00"


@pytest.mark.parametrize("text", ["#fff", "#GGGGGG", "red", "#12345", "#1234567", "#ABCDEF", "#123456;", "#12345\n"])
def test_what_is_no_colour_is_none(text: str):
    assert not is_color(text)


# ── style sheets ─────────────────────────────────────────────────────────────────────────────────────────────

PICTURE = 'url("data:image/png;base64,iVBORw0KGgo=")'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "main { max-inline-size: 960px }",
        ".top > a::after { content: '\\2014 \"x\"' }",
        f"body {{ background: {PICTURE} no-repeat }}",
        "body { background: url( 'data:image/svg+xml,%3Csvg/%3E' ) }",
        '@media (min-width: 600px) { h1 { font: 600 2rem "Inter", serif } }',
        "@layer a, b; @supports (display: grid) { p { --x: calc(1px + (2px * 3)) } }",
        "/* url(https://x.example) @import */ p { color: #fff }",
        'a[href^="/p/"] { color: hsl(200 50% 40% / .5) } :is(h1, h2):not(.x) { margin: 0 }',
        "p::before { content: 'data: \U0001f525 データ' }",
    ],
)
def test_an_honest_style_sheet_is_taken(text: str):
    assert css.problem_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        '@import "https://evil.example/x.css";',
        "@import url(//evil.example/x.css);",
        "@\\69mport 'x';",
        "@IMPORT 'x';",
        "@font-face { font-family: x; src: url(x) }",
        "@namespace x 'y';",
        "@charset 'utf-8';",
        "p { background: url(https://evil.example/a.png) }",
        "p { background: url('https://evil.example/a.png') }",
        "p { background: url(/static/x.png) }",
        "p { background: u\\72l(https://evil.example) }",
        "p { background: \\75rl(https://evil.example) }",
        "p { background: URL('//evil.example') }",
        "p { background: url('data:text/html,<b>') }",
        "p { background: url(data:image/png;base64,AAAA) }",
        "p { background: url('data:image/png;base64,' '//evil.example') }",
        "p { background: url('data:image/p\\6eg,x') }",
        "p { background: url(/**/'https://evil.example') }",
        "p { background: image-set('https://evil.example' 1x) }",
        "p { background: -webkit-image-set('https://evil.example' 1x) }",
        "p { background: image('https://evil.example') }",
        "p { background: cross-fade('https://evil.example', red) }",
        "p { background: src('https://evil.example') }",
        "p { background: element(#x) }",
        "p { width: expression(alert(1)) }",
        "p { behavior: none }",
        "p { BEHAVIOR: none }",
        "p { -moz-binding: none }",
        "p { } </style><script>alert(1)</script>",
        "<!-- p { } -->",
        "p { color: red",
        "p { color: red }}",
        "p { color: rgb(1, 2, 3 }",
        "p { content: 'x }",
        'p { content: "a\nb" }',
        "p { } /* never closed",
        "p { color: red \\}",
        "p { color: red\x00 }",
        "p { color: red\x0c }",
        "@ media { }",
        "(" * 30 + ")" * 30,
        "é" * 10_001,
    ],
)
def test_a_style_sheet_that_loads_hides_or_does_not_end_is_refused(text: str):
    """What CSS could tell others (attribute selectors with an address behind them) needs an address: there is none."""
    assert css.problem_of(text) is not None


@given(st.text(max_size=200), st.sampled_from(["{}", "p {{ {} }}", "p {{ background: {} }}", "@{}", "'{}", "/*{}"]))
def test_whatever_is_taken_has_no_address_in_it_and_is_closed(text: str, around: str):
    sheet = around.format(text)
    if css.problem_of(sheet) is None:
        assert len(sheet.encode()) <= css.MAX_BYTES
        assert "</" not in sheet


def test_the_sheet_of_a_page_is_its_colour_and_then_its_css():
    assert branding.style_sheet(None, None) is None
    assert branding.style_digest(None, "") is None
    sheet = (branding.style_sheet("#ffee00", "p { margin: 0 }") or b"").decode()
    light, dark = shades("#ffee00")
    assert sheet.startswith(f":root{{--brand:{light};--focus:{light}}}")
    assert f"--focus:{dark}" in sheet
    assert sheet.endswith("p { margin: 0 }\n")
    assert css.problem_of(sheet) is None
    assert branding.style_digest("#ffee00", None) != branding.style_digest("#ffee01", None)


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff\xe0...", "image/jpeg"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (SVG.format('<path d="M0 0h8v8z" style="fill:#123;stroke:none"/>').encode(), "image/svg+xml"),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- made -->' + SVG.format("<g/>").encode(), "image/svg+xml"),
        (
            SVG.format(
                '<defs><linearGradient id="a"><stop offset="1" stop-color="red"/></linearGradient></defs>'
                '<use xlink:href="#b"/><rect fill="url(#a)" width="1" height="1" xml:space="preserve"/>'
            ).encode(),
            "image/svg+xml",
        ),
        (b"", None),
        (b"<html></html>", None),
        (b"RIFF....WAVE", None),
        (b"%PDF-1.7", None),
        (b"<script>alert(1)</script>", None),
        (b"GIF8", None),
    ],
)
def test_the_kind_of_a_picture_is_told_from_its_bytes(body: bytes, media_type: str | None):
    assert pictures.media_type_of(body) == media_type


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        "<foreignObject/>",
        "<style>p{}</style>",
        "<image href='x'/>",
        "<image xlink:href='https://evil.example/x.png'/>",
        "<a href='#x'/>",
        "<animate/>",
        "<set/>",
        "<use href='https://evil.example/x.svg#a'/>",
        "<use xlink:href='data:image/svg+xml,x'/>",
        "<use href='javascript:alert(1)'/>",
        "<rect onload='alert(1)'/>",
        "<rect ONLOAD='alert(1)'/>",
        "<rect fill='url(https://evil.example/#a)'/>",
        "<rect fill='url( //evil.example )'/>",
        "<rect style='fill:u\\72l(//evil.example)'/>",
        "<rect style='background:url(//evil.example)'/>",
        "<rect style='@import \"x\"'/>",
        "<g xml:base='https://evil.example/'/>",
        "<g xmlns='http://www.w3.org/1999/xhtml'/>",
        "<x:script xmlns:x='http://www.w3.org/2000/svg'>1</x:script>",
        "<![CDATA[<script>]]>",
        "<?php x ?>",
        "&undeclared;",
        "<g>",
        "<g/>" * 5_001,
    ],
)
def test_an_svg_that_does_more_than_paint_is_refused(inside: str):
    body = SVG.format(inside).encode()
    assert pictures.svg_problem(body) is not None
    assert pictures.media_type_of(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + SVG.format("&b;").encode(),
        b'<!DOCTYPE svg SYSTEM "http://evil.example/x.dtd">' + SVG.format("").encode(),
        b'<?xml-stylesheet href="https://evil.example/x.css"?>' + SVG.format("").encode(),
        b'<?xml version="1.0" encoding="UTF-7"?>' + SVG.format("").encode(),
        SVG.format("").encode("utf-16"),
        b"<svg></svg>",
        SVG.format("<g>" * 100_000).encode(),
    ],
    ids=["entities", "dtd", "stylesheet", "utf-7", "utf-16", "no namespace", "deep"],
)
def test_an_svg_that_is_more_than_one_plain_document_is_refused(body: bytes):
    assert pictures.svg_problem(body) is not None
