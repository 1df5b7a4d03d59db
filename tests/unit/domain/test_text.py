"""Instants as text, Markdown made safe, and text that cannot be stored."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from hub.domain.text import is_storable, iso, render_markdown


def test_instants_are_utc_with_three_decimals():
    assert iso(datetime(2026, 11, 25, 3, 4, 5, 6_000, tzinfo=UTC)) == "2026-11-25T03:04:05.006Z"
    assert iso(datetime(2026, 11, 25, 3, tzinfo=timezone(timedelta(hours=5, minutes=45)))) == "2026-11-24T21:15:00.000Z"


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "[click](data:text/html;base64,PHNjcmlwdD4=)",
        "<a href='javascript:alert(1)'>x</a>",
        "[a](<javascript:alert(1)>)",
        '![x](x" onerror="alert(1))',
        "<svg/onload=alert(1)>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "<style>*{display:none}</style>",
    ],
)
def test_no_markup_of_an_author_survives_as_markup(body):
    html = render_markdown(body).lower()
    for opening in ("<script", "<img", "<svg", "<style", "<iframe"):
        assert opening not in html
    assert 'href="javascript' not in html
    assert 'href="data' not in html


def test_markdown_says_what_it_should():
    assert render_markdown("We **know** it.\nSee [docs](https://example.com).") == (
        '<p>We <strong>know</strong> it.<br>\nSee <a href="https://example.com" '
        'rel="noopener noreferrer nofollow">docs</a>.</p>'
    )


def test_tables_and_what_is_struck_out_are_told_as_such():
    """Without the style attributes that no page may have."""
    html = render_markdown("| Region | Delay |\n|---|--:|\n| North | ~~9~~ 2 min |\n| <b>x</b> | [a](javascript:b) |")
    assert "<thead>\n<tr>\n<th>Region</th>\n<th>Delay</th>\n</tr>\n</thead>" in html
    assert "<td>North</td>\n<td><s>9</s> 2 min</td>" in html
    assert "style" not in html
    assert "<b>" not in html
    assert "href" not in html


@pytest.mark.parametrize(
    ("text", "fit"),
    [("🔥 データベース \u200fעברית", True), ("", True), ("a\x00b", False), ("\ud800", False), ("ok\udfff", False)],
)
def test_nul_and_lone_surrogates_cannot_be_stored(text, fit):
    assert is_storable(text) is fit
