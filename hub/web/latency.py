"""Response times as a line of SVG: pure geometry and words, repeated by `client_demo/latency.js`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.web.messages import _
from hub.web.words import parse

BUCKET_S = 1_800
BUCKETS = 48  # a day
WIDTH, HEIGHT = BUCKETS - 1, 20


@dataclass(frozen=True, slots=True)
class Line:
    """`path` draws over `WIDTH` × `HEIGHT`, the latest half hour at the right; zero is the lower edge."""

    path: str
    last: str
    said: str


def line_of(samples: Sequence[Mapping[str, Any]], now: datetime) -> Line | None:
    """`hub.services.latency.recent` of one component, `[{at, latency_ms}]`, oldest first; None without any."""
    end = int(now.timestamp()) // BUCKET_S
    found: dict[int, list[float]] = {}
    for sample in samples:
        back = end - int(parse(sample["at"]).timestamp()) // BUCKET_S
        if 0 <= back < BUCKETS:
            found.setdefault(BUCKETS - 1 - back, []).append(sample["latency_ms"])
    if not found:
        return None
    means = {x: sum(values) / len(values) for x, values in sorted(found.items())}
    values = list(means.values())
    low, high, last = _whole(min(values)), _whole(max(values)), _whole(values[-1])
    said = _("Response time in the last 24 hours: {low} to {high} ms, {last} ms at last", low=low, high=high, last=last)
    return Line(_path(means, max(values) or 1), _("{ms} ms", ms=last), said)


def _path(means: Mapping[int, float], high: float) -> str:
    """Steps from point to point, and a new beginning after a gap; a lone point is a dash."""
    parts: list[str] = []
    before: tuple[int, int] | None = None
    for x, mean in means.items():
        y = HEIGHT - 1 - _whole(mean / high * (HEIGHT - 2))
        if before is None or before[0] != x - 1:
            parts.append(f"M{x} {y}h0")
        else:
            parts.append(f"l1 {y - before[1]}" if y != before[1] else "h1")
        before = x, y
    return "".join(parts)


def _whole(value: float) -> int:
    """Half is rounded up, as in the browser."""
    return int(value + 0.5)
