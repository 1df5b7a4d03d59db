"""Many signed-in viewers at once: what each costs, and how long the collector and the event loop stand still."""

import struct
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Load
from benchmarks.rounds import Joining, Stage
from benchmarks.targets import Places, hub

ACCOUNTS = 500
STORM_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Storm:
    """`signed_in`: a quiet arrival with tokens of `ACCOUNTS` accounts; the rest is of the storm after it."""

    signed_in: Joining
    storm: Joining
    worst_pause_ms: float
    pauses_ms: float
    loop_gap_ms: float


class Probe:
    """What `probe/sitecustomize.py` notes."""

    _figures = struct.Struct("=ddd")

    def __init__(self, path: Path) -> None:
        self._path = path

    def clear(self) -> None:
        """In place: the server has the file mapped."""
        with self._path.open("r+b") as file:
            file.write(bytes(self._figures.size))

    def read(self) -> tuple[float, float, float]:
        """Worst pause of the collector, sum of its pauses, longest gap of the loop; seconds."""
        return self._figures.unpack(self._path.read_bytes())


def measure(places: Places, viewers: int, storm: int) -> Storm:
    """A hub of its own, with the probe in it."""
    with (
        hub(places, signed_in=ACCOUNTS, is_probed=True) as target,
        Load(target.port, target.path, target.script) as load,
    ):
        stage = Stage(target, load)
        signed_in = stage.join(viewers)
        load.close_viewers()
        probe = Probe(target.notes["probe"])
        probe.clear()
        stormed = stage.join(storm, STORM_AT_ONCE)
        worst_s, total_s, gap_s = probe.read()
    return Storm(signed_in, stormed, worst_s * 1e3, total_s * 1e3, gap_s * 1e3)
