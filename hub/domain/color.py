"""A page's brand colour: its shade for links and focus rings, readable on the page's light and dark grounds. Pure.

Contrast is WCAG 2.2's: (L1 + 0.05) / (L2 + 0.05) of relative luminances. `client_demo/console-color.js` is the same in
JavaScript, for operators who choose a colour, and is held to this by a browser test.
"""

import re
from typing import NamedTuple

# What text stands on: `--ground` and `--card` of client_demo/base.css, in light and in dark.
LIGHT_GROUNDS = ("#fbfbfa", "#ffffff")
DARK_GROUNDS = ("#0f1214", "#171b1f")
READABLE = 4.5

_COLOR = re.compile("#[0-9a-f]{6}")
_STEPS = 256


class Shades(NamedTuple):
    """The brand colour as it is shown on light and on dark grounds: `#rrggbb`."""

    light: str
    dark: str


def is_color(text: str) -> bool:
    """`#rrggbb`, in lower case."""
    return _COLOR.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black and white)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """Relative luminance of `#rrggbb`: 0 of black, 1 of white."""
    red, green, blue = (_linear(part / 255) for part in _parts(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def shades(color: str) -> Shades:
    """`color`, mixed with as little black (on light) or white (on dark) as makes it readable there."""
    return Shades(_toward("#000000", color, LIGHT_GROUNDS), _toward("#ffffff", color, DARK_GROUNDS))


def _toward(end: str, color: str, grounds: tuple[str, ...]) -> str:
    for step in range(_STEPS + 1):
        shade = _mixed(color, end, step)
        if all(contrast(shade, ground) >= READABLE for ground in grounds):
            return shade
    raise AssertionError("black and white can be read on every ground")


def _mixed(color: str, end: str, step: int) -> str:
    """`step` of 256 parts of `end`, in whole numbers, so that every program mixes the same."""
    mixed = (
        (one * (_STEPS - step) + other * step + _STEPS // 2) // _STEPS
        for one, other in zip(_parts(color), _parts(end), strict=True)
    )
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _parts(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
