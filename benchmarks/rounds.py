"""How a server is driven and what is taken down: runs of one kind, each between two runs of the C loop."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.processes import BenchError, Load, cpu_s, rss_bytes
from benchmarks.targets import Target, message

PACE_S = 0.1
WARM_VIEWERS = 100
SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `us`: server CPU per delivery."""

    deliveries: int
    took_s: float
    us: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        return self.deliveries / self.took_s


@dataclass(frozen=True, slots=True)
class Range:
    """A median with its least and greatest."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Range":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(slots=True)
class Mode:
    """The runs of one kind, with those of the floor: `floors[i]` before and `floors[i + 1]` after `runs[i]`."""

    runs: list[Run] = field(default_factory=list)
    floors: list[Run] = field(default_factory=list)

    def of(self, figure: Callable[[Run], float]) -> Range:
        return Range.of([figure(run) for run in self.runs])

    def ratio(self, figure: Callable[[Run], float]) -> Range:
        around = zip(self.runs, self.floors, self.floors[1:], strict=False)
        return Range.of([figure(run) * 2 / (figure(before) + figure(after)) for run, before, after in around])


@dataclass(frozen=True, slots=True)
class Joining:
    """What it took to let everybody in."""

    viewers: int
    took_s: float
    us: float  # CPU per viewer
    kib: float  # memory per idle viewer


class Stage:
    """A target with its viewers."""

    def __init__(self, target: Target, load: Load) -> None:
        self.target = target
        self.load = load

    def join(self, viewers: int, at_once: int = 256) -> Joining:
        """A few come and go first, so that what is made once is made."""
        pids = self.target.pids
        self.load.open(min(WARM_VIEWERS, viewers))
        self.load.close_viewers()
        time.sleep(SETTLE_S)
        memory, used_s = rss_bytes(pids), cpu_s(pids)
        took_s = self.load.open(viewers, at_once)
        used_s = cpu_s(pids) - used_s
        time.sleep(SETTLE_S)
        grown = rss_bytes(pids) - memory
        return Joining(viewers, took_s, used_s / viewers * 1e6, grown / viewers / 1024)

    def window(self, in_flight: int, seconds: float) -> Run:
        """Keep `in_flight` messages on their way: the next is published when one has reached everybody."""
        number = arrived = 0
        used_s, begun_at = self._begin()
        while arrived < number or not number or time.monotonic() - begun_at < seconds:
            while number - arrived < in_flight and (not number or time.monotonic() - begun_at < seconds):
                number += 1
                self.target.publish(message(number))
            if arrived < number:
                self._wait(number)
                arrived += 1
        return self._end(number, used_s, begun_at)

    def paced(self, seconds: float) -> Run:
        """Ten messages a second, whatever becomes of them."""
        count = max(1, round(seconds / PACE_S))
        used_s, begun_at = self._begin()
        for number in range(1, count + 1):
            time.sleep(max(0.0, begun_at + number * PACE_S - time.monotonic()))
            self.target.publish(message(number))
        for _ in range(count):
            self._wait(count)
        return self._end(count, used_s, begun_at)

    def _begin(self) -> tuple[float, float]:
        self.load.reset()
        return cpu_s(self.target.pids), time.monotonic()

    def _wait(self, published: int) -> None:
        try:
            self.load.got()
        except BenchError as error:
            raise BenchError(f"{self.target.name}: {error}; {published} were published, {self.load.stats()}") from None

    def _end(self, messages: int, used_s: float, begun_at: float) -> Run:
        took_s = time.monotonic() - begun_at
        used_s = cpu_s(self.target.pids) - used_s
        stats = self.load.stats()
        expected = messages * self.load.viewers
        if stats.messages != expected or stats.disorders or stats.lost:
            raise BenchError(
                f"{self.target.name}: {stats.messages} of {expected} arrived, {stats.disorders} out of order, "
                f"{stats.lost} viewers were lost"
            )
        return Run(expected, took_s, used_s / expected * 1e6, stats.p50_us / 1e3, stats.p99_us / 1e3)


def paired(stage: Stage, floor: Stage, one: Callable[[Stage], Run], repeats: int) -> Mode:
    """`repeats` runs of the stage, the floor's before, between and after them."""
    mode = Mode(floors=[one(floor)])
    for _ in range(repeats):
        mode.runs.append(one(stage))
        mode.floors.append(one(floor))
    return mode
