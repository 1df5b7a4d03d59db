"""The style sheet of a page's own, and its address. Pure.

One sheet has both: the brand colour as custom properties, then the operators' CSS. It is linked, never written into the
page, so that the content policy needs no exception; its digest is part of its address, which can be kept for ever.
"""

import hashlib
from functools import lru_cache

from hub.domain.color import shades
from hub.domain.pictures import EXTENSIONS

DIGEST_LENGTH = 20  # hexadecimal digits in an address: 80 bits
_BRAND = """\
:root{{--brand:{light};--focus:{light}}}
:root[data-theme="dark"]{{--brand:{dark};--focus:{dark}}}
@media (prefers-color-scheme:dark){{:root:not([data-theme="light"]){{--brand:{dark};--focus:{dark}}}}}
main a:not(.button){{color:var(--brand)}}
"""


@lru_cache(maxsize=512)
def style_sheet(brand_color: str | None, custom_css: str | None) -> bytes | None:
    """What a page loads after the hub's own sheets; None when it has neither a colour nor CSS of its own."""
    parts = []
    if brand_color is not None:
        light, dark = shades(brand_color)
        parts.append(_BRAND.format(light=light, dark=dark))
    if custom_css:
        parts.append(custom_css if custom_css.endswith("\n") else custom_css + "\n")
    return "".join(parts).encode() if parts else None


@lru_cache(maxsize=512)
def style_digest(brand_color: str | None, custom_css: str | None) -> str | None:
    """The part of the sheet's address that changes with it."""
    sheet = style_sheet(brand_color, custom_css)
    return None if sheet is None else digest_of(sheet)[:DIGEST_LENGTH]


def digest_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def logo_name(digest: str, media_type: str) -> str:
    """The file name of a logo in its page's addresses."""
    return f"logo-{digest[:DIGEST_LENGTH]}.{EXTENSIONS[media_type]}"
