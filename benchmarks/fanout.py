"""One message to thousands of sockets: the whole hub, other servers and a C loop of `send()`, on one core each in turn.

    python -m benchmarks.fanout                 everything, 5,000 viewers, about 8 minutes
    python -m benchmarks.fanout --quick         the hub alone, 1,000 viewers, about a minute
    python -m benchmarks.fanout --only hub-page node    some of them

Servers run on core 0; viewers, publishers, Redis and PostgreSQL on core 1. Exit code 1 when a message was lost, doubled
or out of order.
"""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from benchmarks import joining, report
from benchmarks.peers import PEERS
from benchmarks.places import open_places
from benchmarks.processes import LOAD_CORE, BenchError, Load, pinned, raise_file_limit
from benchmarks.rounds import PACE_S, Joining, Mode, Stage, paired
from benchmarks.targets import Places, Target, floor, hub

MAX_VIEWERS = 10_000
SPARE_FILES = 500
OURS: dict[str, Callable[[Places], AbstractContextManager[Target]]] = {
    "hub-page": partial(hub, kind="page"),
    "hub-custom": partial(hub, kind="custom"),
    "hub-two-workers": partial(hub, kind="page", workers=2),
}


@dataclass(slots=True)
class Result:
    """All that is known of one target; `absent`: why there is nothing."""

    name: str
    joining: Joining | None = None
    modes: dict[str, Mode] = field(default_factory=dict)
    absent: str = ""


@contextlib.contextmanager
def staged(target: Target) -> Iterator[Stage]:
    with Load(target.port, target.path, target.script) as load:
        yield Stage(target, load)


def measure(
    name: str, opened: AbstractContextManager[Target], floor_stage: Stage, chosen: argparse.Namespace
) -> Result:
    """A peer that cannot be had, or breaks down, says so in its row; the hub must not."""
    result = Result(name)
    try:
        with opened as target, staged(target) as stage:
            result.name = target.name
            result.joining = stage.join(chosen.viewers)
            one = partial(paired, stage, floor_stage, repeats=chosen.repeats)
            stage.window(1, 0.2)
            modes = result.modes
            modes["w1"] = one(one=lambda it: it.window(1, chosen.seconds))
            if modes["w1"].of(lambda run: run.us).median * chosen.viewers / 1e6 < PACE_S:
                modes["w8"] = one(one=lambda it: it.window(8, chosen.seconds))
                modes["paced"] = one(one=lambda it: it.paced(chosen.seconds))
    except BenchError as error:
        result.absent = str(error)
    return result


def main() -> None:
    chosen = arguments()
    raise_file_limit(max(2 * chosen.viewers, chosen.storm) + SPARE_FILES)
    names = [name for name in (*OURS, *PEERS) if name in chosen.only]
    with pinned(LOAD_CORE), open_places() as places, floor(chosen.viewers) as loop, staged(loop) as floor_stage:
        floor_stage.load.open(chosen.viewers)
        floor_stage.window(1, 0.2)
        results = []
        for name in names:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            results.append(measure(name, {**OURS, **PEERS}[name](places), floor_stage, chosen))
        floor_stage.load.close_viewers()
        storm = joining.measure(places, chosen.viewers, chosen.storm) if chosen.storm else None
    print(report.render(results, storm, chosen))
    if any(result.absent for result in results if result.name.startswith("hub")):
        raise SystemExit(1)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each kind")
    parser.add_argument("--storm", type=int, default=10_000, help="signed-in viewers that come at once; 0: none")
    parser.add_argument("--only", nargs="*", choices=[*OURS, *PEERS], default=[*OURS, *PEERS])
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.viewers, chosen.seconds, chosen.repeats, chosen.storm = 1_000, 1.0, 2, 2_000
        chosen.only = [name for name in chosen.only if name in {"hub-page", "hub-custom"}]
    if not (0 < chosen.viewers <= MAX_VIEWERS and 0 <= chosen.storm <= MAX_VIEWERS):
        parser.error(f"at most {MAX_VIEWERS} viewers")
    return chosen


if __name__ == "__main__":
    main()
