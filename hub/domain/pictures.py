"""What kind of picture some bytes are, told from the bytes alone; and whether an SVG is only a drawing. Pure.

An SVG is a document: it can hold scripts, load files and name entities without end. Only one that consists of what is
listed here is a picture for us. It is kept as it came, never mended.
"""

import re
from xml.etree.ElementTree import Element, ParseError, XMLParser

MAX_BYTES = 200_000
EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/svg+xml": "svg",
}

_SVG, _XLINK, _XML = (
    "{http://www.w3.org/2000/svg}",
    "{http://www.w3.org/1999/xlink}",
    "{http://www.w3.org/XML/1998/namespace}",
)
_ELEMENT_NAMES = """
    svg g defs symbol use path rect circle ellipse line polyline polygon text tspan title desc linearGradient
    radialGradient stop clipPath mask pattern
    """
_ATTRIBUTE_NAMES = """
    id class style d x y x1 y1 x2 y2 cx cy r rx ry fx fy dx dy width height viewBox preserveAspectRatio points
    transform version fill fill-opacity fill-rule clip-path clip-rule mask opacity color stroke stroke-width
    stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray stroke-dashoffset offset stop-color
    stop-opacity gradientUnits gradientTransform spreadMethod clipPathUnits maskUnits maskContentUnits patternUnits
    patternContentUnits patternTransform font-family font-size font-weight font-style font-variant letter-spacing
    word-spacing text-anchor dominant-baseline alignment-baseline rotate textLength lengthAdjust vector-effect
    shape-rendering text-rendering color-interpolation paint-order overflow display visibility role aria-label
    aria-hidden href
    """
_ELEMENTS, _ATTRIBUTES = frozenset(_ELEMENT_NAMES.split()), frozenset(_ATTRIBUTE_NAMES.split())
_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml\s[^?<>]*\?>")
_UNFIT_STYLE = re.compile(r"[\\@<{}]|expression|javascript|-moz-binding|behavior", re.IGNORECASE)
_URL = re.compile(r"url\s*\(", re.IGNORECASE)
_OWN_URL = re.compile(r"""url\(\s*(["']?)#[\w.:-]+\1\s*\)""", re.IGNORECASE)
_MOST_ELEMENTS = 5_000


def media_type_of(body: bytes) -> str | None:
    """The media type of a PNG, JPEG, GIF, WebP or harmless SVG; None for everything else."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if looks_like_svg(body) and svg_problem(body) is None else None


def looks_like_svg(body: bytes) -> bool:
    """Whether somebody means it as one: it is told why it is refused."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in body


def svg_problem(body: bytes) -> str | None:
    """Why an SVG is refused, in words for its author; None for a drawing that does nothing and loads nothing."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "is not UTF-8"
    declaration = _DECLARATION.match(text)
    if declaration is not None:
        named = re.search(r"encoding\s*=\s*[\"']([^\"']*)", declaration[0])
        if named is not None and named[1].lower() != "utf-8":
            return "is not UTF-8"
        text = text[declaration.end() :]
    if re.search(r"<!(?!--)|<\?", text):
        return "must have no document type, entities, CDATA or processing instructions"
    try:
        parser = XMLParser()  # noqa: S314 (without a document type there are no entities to expand)
        parser.feed(text.removeprefix("\ufeff"))
        root: Element = parser.close()
    except (ParseError, ValueError) as error:
        return f"is not XML: {error}"
    return _problem_of_tree(root)


def _problem_of_tree(root: Element) -> str | None:
    if root.tag != f"{_SVG}svg":
        return "is no SVG drawing"
    for count, element in enumerate(root.iter(), 1):
        if count > _MOST_ELEMENTS:
            return f"has more than {_MOST_ELEMENTS} elements"
        name = str(element.tag).removeprefix(_SVG)
        if name not in _ELEMENTS:
            return f"must not hold <{name.rpartition('}')[2]}>"
        for attribute, value in element.attrib.items():
            if (problem := _problem_of_attribute(attribute, value)) is not None:
                return problem
    return None


def _problem_of_attribute(attribute: str, value: str) -> str | None:
    if attribute.startswith(_XML):
        return None if attribute in {f"{_XML}space", f"{_XML}lang"} else "must not use xml:base"
    name = attribute.removeprefix(_XLINK)
    if name not in _ATTRIBUTES or (attribute.startswith(_XLINK) and name != "href"):
        return f"must not hold the attribute {attribute.rpartition('}')[2]}"
    if name == "href":
        return None if re.fullmatch(r"#[\w.:-]+", value) else "must refer to nothing but its own parts"
    if len(_URL.findall(value)) != len(_OWN_URL.findall(value)):
        return "must refer to nothing but its own parts"
    if name == "style" and _UNFIT_STYLE.search(value):
        return "has a style that does more than paint"
    return None
