"""One bar a day as SVG paths, one path per status: pure geometry, repeated by `client_demo/bars.js`.

A status is told by colour and by notches cut out of the bar, so the row reads in greyscale. One path per status keeps
a component's ninety days at a handful of nodes. Good days, by far the most, are lines: a run of them is a few
bytes, and `page.css` dashes it into bars.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

LETTERS = {
    "operational": "o",
    "degraded_performance": "d",
    "partial_outage": "p",
    "major_outage": "m",
    "under_maintenance": "u",
    None: "n",
}
STATUSES = {letter: status or "no_data" for status, letter in LETTERS.items()}
STEP, WIDTH, HEIGHT = 4, 3, 32
# Segments (from, to) of a bar's height that stay filled.
SEGMENTS: Mapping[str, Sequence[tuple[int, int]]] = {
    "d": ((0, 8), (11, 32)),
    "p": ((0, 8), (11, 18), (21, 32)),
    "m": ((0, 6), (8, 14), (16, 22), (24, 32)),
    "u": ((0, 21), (24, 32)),
}


@dataclass(frozen=True, slots=True)
class Bars:
    """What one component's row of days shows; `days` has one letter per day, oldest first, today last."""

    days: str
    first_day: date
    ratios: Mapping[int, float]  # index of the day → uptime, where it is known and below 1
    uptime: float | None  # over the whole window; None without any data

    @property
    def ratios_text(self) -> str:
        """`12:0.9931 40:0`: what the tooltip needs, short."""
        return " ".join(f"{index}:{ratio:.5g}" for index, ratio in sorted(self.ratios.items()))

    @property
    def paths(self) -> Sequence[tuple[str, str]]:
        """(status, path data) for each status that occurs."""
        return tuple(_paths(self.days))

    @property
    def view_width(self) -> int:
        return len(self.days) * STEP - (STEP - WIDTH)

    @property
    def uptime_text(self) -> str:
        """Cut, as `percent` is, to what moves it."""
        return f"{int((self.uptime or 0) * 1e6) / 1e6:g}"

    @property
    def known_days(self) -> int:
        return len(self.days) - self.days.count("n")

    @property
    def bad_days(self) -> int:
        return sum(letter in "dpm" for letter in self.days)


def _paths(days: str) -> Iterator[tuple[str, str]]:
    if "o" in days:
        runs = re.finditer("o+", days)
        yield "operational", "".join(f"M{run.start() * STEP} 16h{len(run[0]) * STEP - 1}" for run in runs)
    for letter, status in STATUSES.items():
        if letter == "o":
            continue
        indexes = [index for index, other in enumerate(days) if other == letter]
        if indexes:
            yield status, "".join(_bar(index * STEP, letter) for index in indexes)


def _bar(x: int, letter: str) -> str:
    if letter == "n":  # hollow: a frame, drawn as two rectangles under the even-odd rule
        return f"M{x} 0h{WIDTH}v{HEIGHT}h-{WIDTH}zM{x + 0.5} 1h2v30h-2z"
    return "".join(f"M{x} {top}h{WIDTH}v{bottom - top}h-{WIDTH}z" for top, bottom in SEGMENTS[letter])
