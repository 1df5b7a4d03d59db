"""Cases for the two folds, `hub.domain.event.apply` and `client_demo/reducer.js`, shared as reducer_vectors.json.

`python -m tests.support.reducer_vectors` writes the file anew; a unit test fails while it is out of date.
"""

import json
import random
from pathlib import Path
from typing import Any

from hub.domain.event import apply
from hub.domain.snapshot import LISTS, SINGLES

FILE = Path(__file__).with_name("reducer_vectors.json")
CASES = 20
# Names whose order by code point differs from that by UTF-16 unit, by locale or by case.
NAMES = ("API", "api", "Ärger", "Zebra", "\uff5e wide", "🔥 fire", "データベース", "é", "e\u0301", "")
STAMPS = tuple(f"2026-11-{day:02}T0{hour}:00:00.000Z" for day in (9, 10, 25) for hour in (1, 2))

Json = dict[str, Any]


def make() -> list[Json]:
    """`[{"before", "event", "after"}, …]`, the same at every call."""
    rng = random.Random(20261125)
    cases = []
    for _ in range(CASES):
        before: Json = {"channel": "page:acme", "epoch": "e", "offset": 1}
        before |= {name: _single(rng) for name in SINGLES}
        before |= {name: [_item(rng, key) for key in _keys(rng)] for name in LISTS}
        before = apply(before, {})  # in order, as every snapshot is
        event = _event(rng)
        cases.append({"before": before, "event": event, "after": apply(before, event)})
    return cases


def _event(rng: random.Random) -> Json:
    changed: Json = {name: _single(rng) for name in SINGLES if rng.random() < 0.3}
    removed: Json = {}
    for name in LISTS:
        keys = _keys(rng)
        gone = {key for key in keys if rng.random() < 0.3}
        if rng.random() < 0.5:
            changed[name] = [_item(rng, key) for key in keys if key not in gone]
        if rng.random() < 0.5:
            removed[name] = sorted(gone)
    return {"type": "page.updated", "at": STAMPS[0], "set": changed, "remove": removed}


def _keys(rng: random.Random) -> list[str]:
    return rng.sample("abcdef", rng.randint(0, 4))


def _single(rng: random.Random) -> Json | None:
    return rng.choice([None, {"value": rng.randint(0, 9)}])


def _item(rng: random.Random, key: str) -> Json:
    """One object that fits every list: it has the fields of all their orders."""
    return {
        "id": key,
        "name": rng.choice(NAMES),
        "position": rng.randint(0, 2),
        "started_at": rng.choice(STAMPS),
        "created_at": rng.choice(STAMPS),
        "scheduled_for": rng.choice(STAMPS),
        "resolved_at": rng.choice([None, *STAMPS]),
        "mark": rng.randint(0, 9),
    }


def main() -> None:
    lines = [json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in make()]
    FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
