"""Text in and out: instants as text, Markdown made safe, and what no stored text may hold."""

import re
from datetime import UTC, datetime
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_TAGS = {"p", "br", "strong", "em", "code", "pre", "blockquote", "ul", "ol", "li", "a", "h1", "h2", "h3", "h4", "hr"}
_TAGS |= {"s", "table", "thead", "tbody", "tr", "th", "td"}
_LINE_BREAK = re.compile(r"<br\s*/?>(?:\r?\n)?", re.IGNORECASE)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def iso(instant: datetime) -> str:
    """`2026-11-25T03:44:25.123Z`: UTC, always three decimals, so that text order is time order."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def iso_or_none(instant: datetime | None) -> str | None:
    return None if instant is None else iso(instant)


def hundredths(ratio: float, point: str = ".") -> str:
    """`100`, `99.98`: a ratio of 0..1 in per cent, cut, never rounded up, so that an outage never shows as 100 %."""
    whole = int(ratio * 10_000 + 1e-6)
    return "100" if whole >= 10_000 else f"{whole // 100}{point}{whole % 100:02}"


def is_storable(text: str) -> bool:
    """False for text with NUL or a lone surrogate: PostgreSQL and UTF-8 refuse them later, in worse places."""
    return _UNSTORABLE.search(text) is None


@lru_cache(maxsize=2048)
def render_markdown(body: str) -> str:
    """Sanitised HTML of a Markdown text; raw HTML in it comes out as text, but for `<br>`.

    Safe to insert into a page.
    """
    return nh3.clean(
        _MARKDOWN.render(_LINE_BREAK.sub("\n", body)),
        tags=_TAGS,
        attributes={"a": {"href", "title"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    ).strip()
