"""Whether a page's own style sheet may be served: it loads nothing, tells nobody anything, ends where it ends. Pure.

A small tokenizer after CSS Syntax Level 3 §4. Escapes are for texts alone: outside of them a backslash is refused, so
that every name is spelled as it is read. The content policy of the page stands behind all of this.
"""

import re
from collections.abc import Iterator

MAX_BYTES = 20_000
MOST_OPEN = 20  # brackets within brackets

_AT_RULES = frozenset({"media", "supports", "container", "layer", "keyframes", "-webkit-keyframes", "starting-style"})
# They take addresses: as arguments, as plain text, or in words of their own.
_LOADING = frozenset({"src", "image", "image-set", "-webkit-image-set", "cross-fade", "-webkit-cross-fade", "element",
                      "-moz-element", "paint", "expression"})  # fmt: skip
_PROPERTIES = frozenset({"behavior", "-moz-binding", "-ms-behavior"})
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml)[;,]", re.IGNORECASE)
_TOKEN = re.compile(
    r"""
      (?P<comment>  /\*.*?\*/ )
    | (?P<string>   "(?:[^"\\\n\r\f]|\\.)*" | '(?:[^'\\\n\r\f]|\\.)*' )
    | (?P<name>     [@\#]?[-\w\u0080-\U0010ffff]+ )
    | (?P<space>    \s+ )
    | (?P<other>    . )
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"{": "}", "(": ")", "[": "]"}


def problem_of(css: str) -> str | None:
    """What is wrong with a style sheet, in words for its author; None when it can be served."""
    if len(css.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return f"must be at most {MAX_BYTES} bytes"
    if any((char < " " and char not in "\t\n\r") or "\ud800" <= char <= "\udfff" for char in css):
        return "must not hold control characters"
    if "</" in css or "<!" in css or "-->" in css:
        return "must hold no markup"
    return next(_problems(css), None)


def _problems(css: str) -> Iterator[str]:
    open_brackets: list[str] = []
    tokens = [(match.lastgroup, match[0]) for match in _TOKEN.finditer(css)]
    tokens = [token for token in tokens if token[0] != "comment"]
    for index, (kind, text) in enumerate(tokens):
        following = tokens[index + 1 : index + 6]
        if kind == "name":
            yield from _problems_of_name(text.lower(), following)
        elif text == "/" and following[:1] == [("other", "*")]:
            yield "has a comment without an end"
        elif text in "\"'":
            yield "has a text without a closing quote"
        elif text == "\\":
            yield "must not use a backslash outside of quotes"
        elif text == "@":
            yield "has an @ that names nothing"
        elif text in _CLOSING:
            open_brackets.append(_CLOSING[text])
            if len(open_brackets) > MOST_OPEN:
                yield f"has more than {MOST_OPEN} brackets within each other"
        elif text in "})]" and (not open_brackets or open_brackets.pop() != text):
            yield f"has a {text} that closes nothing"
    if open_brackets:
        yield f"lacks a {open_brackets[-1]} at its end"


def _problems_of_name(name: str, following: list[tuple[str | None, str]]) -> Iterator[str]:
    if name.startswith("@"):
        if name[1:] not in _AT_RULES:
            yield f"must not use {name}: it may use @{', @'.join(sorted(_AT_RULES))}"
        return
    called = following[:1] == [("other", "(")]
    if called and name == "url":
        yield from _problems_of_address(following[1:])
    elif called and name in _LOADING:
        yield f"must not use {name}(): nothing is loaded from elsewhere"
    elif name in _PROPERTIES:
        yield f"must not use {name}"


def _problems_of_address(following: list[tuple[str | None, str]]) -> Iterator[str]:
    """`following`: what stands after `url(`. A picture written out as data, in quotes, is all that it may be."""
    rest = [token for token in following if token[0] != "space"]
    is_quoted = len(rest) > 1 and rest[0][0] == "string" and rest[1] == ("other", ")")
    if not is_quoted or "\\" in rest[0][1] or not _PICTURE.match(rest[0][1][1:-1]):
        yield 'must not use url(): only url("data:image/…"), in quotes, loads nothing'
