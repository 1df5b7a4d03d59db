"""What the engine of one node has done since it began: plain numbers that fan-out can afford to keep."""

from bisect import bisect_left
from dataclasses import dataclass, field

LATENCY_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(slots=True)
class Latency:
    """A histogram: `counts[n]` observations up to the n-th bound, the last one above all of them."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS_S) + 1))
    sum_s: float = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        self.counts[bisect_left(LATENCY_BOUNDS_S, seconds)] += times
        self.sum_s += seconds * times


@dataclass(slots=True)
class Tally:
    deliveries: int = 0  # publications × members that they were written to
    delivered_bytes: int = 0
    writes: int = 0  # a tick may write several publications at once
    slow: int = 0  # members that were skipped and told to come back
    recalls: int = 0  # members that were told to come back for another reason
    recovered_from_ring: int = 0
    recovered_from_log: int = 0
    joined_with_snapshot: int = 0
    joined_at_top: int = 0  # custom channels have no snapshots
    gaps: int = 0  # publications that did not come by the broker and were fetched
    rebases: int = 0
    suspicions: int = 0  # times that the broker may have lost something
    latency: Latency = field(default_factory=Latency)  # from the change's instant to the write
