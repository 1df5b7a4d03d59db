"""What a page's figures must be, told again by somebody who knows nothing of the hub's ways: instant by instant.

Keeps what operators said in plain records and asks at each stretch between two instants of which anything was said:
what was this component then? Nothing is imported from the hub.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

ORDER = ("operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage")
OPEN = {"investigating", "identified", "monitoring"}


def midnight(day: date, zone: str) -> datetime:
    """When `day` begins by the clocks of `zone`, in UTC."""
    return datetime.combine(day, time(0), ZoneInfo(zone)).astimezone(UTC)


@dataclass
class NaiveIncident:
    """`updates`: (shown at, state, words), in their order."""

    started_at: datetime
    resolved_at: datetime | None
    updates: list[tuple[datetime, str, dict[str, str]]]

    def word(self, component: str, at: datetime) -> str | None:
        """What it holds a component at."""
        if at < self.started_at or (self.resolved_at is not None and at >= self.resolved_at):
            return None
        told = [item for index, item in enumerate(self.updates) if index == 0 or item[0] <= at]
        after = [item for item in self.updates if item[1] in OPEN and item[0] > at]
        is_closed_for_a_while = told[-1][1] not in OPEN and (self.resolved_at is None or bool(after))
        if is_closed_for_a_while and (len(told) > 1 or at >= told[0][0]):
            return None
        while told[-1][1] not in OPEN and len(told) > 1:
            told.pop()  # words of the end count from the end on, and nothing holds after that
        words: dict[str, str] = {}
        for _, _, said in told:
            words.update(said)
        return words.get(component)


@dataclass
class NaiveWindow:
    components: list[str]
    started_at: datetime
    completed_at: datetime | None


@dataclass
class NaiveComponent:
    """`base`: (since, status), ascending. `told_since`: since when start dates of its life say that it was there."""

    made_at: datetime
    base: list[tuple[datetime, str]]
    start_date: date | None = None
    told_since: datetime | None = None
    group: str | None = None
    is_public: bool = True


@dataclass
class NaivePage:
    zone: str
    weights: dict[str, float]
    components: dict[str, NaiveComponent] = field(default_factory=dict)
    incidents: dict[str, NaiveIncident] = field(default_factory=dict)
    windows: dict[str, NaiveWindow] = field(default_factory=dict)

    def known_since(self, key: str) -> datetime:
        """The first instant of which something is known."""
        item = self.components[key]
        firsts = [item.made_at] if item.told_since is None else [item.made_at, item.told_since]
        for incident in self.incidents.values():
            edges = self._edges_of(incident)
            firsts += [at for at in edges if incident.word(key, at) not in {None, "operational"}]
        firsts += [window.started_at for window in self.windows.values() if key in window.components]
        since = min(firsts)
        return since if item.start_date is None else max(since, midnight(item.start_date, self.zone))

    def status(self, key: str, at: datetime) -> str:
        layers = ["operational"]
        for since, status in self.components[key].base:
            if since <= at:
                layers[0] = status
        layers += [word for item in self.incidents.values() if (word := item.word(key, at)) is not None]
        for window in self.windows.values():
            if key in window.components and window.started_at <= at:
                layers += ["under_maintenance"] if window.completed_at is None or at < window.completed_at else []
        return max(layers, key=ORDER.index)

    def history(self, key: str, now: datetime) -> list[tuple[datetime, datetime, str]]:
        """(from, to, status) of all that is known of a component."""
        edges = {self.known_since(key), now}
        edges |= {at for at, _ in self.components[key].base}
        for incident in self.incidents.values():
            edges |= set(self._edges_of(incident))
        for window in self.windows.values():
            edges |= {window.started_at} | ({window.completed_at} if window.completed_at else set())
        known = sorted(at for at in edges if self.known_since(key) <= at <= now)
        return [(start, end, self.status(key, start)) for start, end in pairwise(known)]

    def ratio(self, spent: Counter[str], *, without_maintenance: bool = False) -> float | None:
        known = sum(spent.values()) - (spent["under_maintenance"] if without_maintenance else 0)
        lost = sum(spent[status] * weight for status, weight in self.weights.items())
        return 1 - lost / known if known else None

    @staticmethod
    def _edges_of(incident: NaiveIncident) -> list[datetime]:
        ends = [] if incident.resolved_at is None else [incident.resolved_at]
        return sorted({incident.started_at, *(at for at, _, _ in incident.updates), *ends})


def spent(history: list[tuple[datetime, datetime, str]], since: datetime, until: datetime) -> Counter[str]:
    """Microseconds at each status within [since, until) of a `history`."""
    found: Counter[str] = Counter()
    for start, end, status in history:
        if start < until and end > since:
            found[status] += (min(end, until) - max(start, since)) // timedelta(microseconds=1)
    return found


def mean(ratios: list[float | None]) -> float | None:
    known = [ratio for ratio in ratios if ratio is not None]
    return sum(known) / len(known) if known else None
