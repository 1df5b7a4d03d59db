"""The status scale, the layers of one component, and the roll-up component → group → page.

Source of the roll-up table and its sentences: the Statuspage v2 shape (docs/protocol.md#status).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What a component can be. Order of badness: `SEVERITY`."""

    OPERATIONAL = "operational"
    UNDER_MAINTENANCE = "under_maintenance"
    DEGRADED_PERFORMANCE = "degraded_performance"
    PARTIAL_OUTAGE = "partial_outage"
    MAJOR_OUTAGE = "major_outage"


SEVERITY = {status: rank for rank, status in enumerate(Status)}


class Indicator(StrEnum):
    """The page's roll-up in one word."""

    NONE = "none"
    MAINTENANCE = "maintenance"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class RollUp:
    """Indicator and its fixed English sentence."""

    indicator: Indicator
    description: str


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of `statuses`; `operational` when there are none. Maintenance is the mildest trouble."""
    return max(statuses, key=SEVERITY.__getitem__, default=Status.OPERATIONAL)


def effective_status(
    base: Status,
    *,
    incident_words: Iterable[Status] = (),
    alerts: Iterable[Status] = (),
    in_maintenance: bool = False,
) -> Status:
    """Worst of all layers that hold a component: base status, each open incident's latest word, alerts, maintenance.

    Layers are never overwritten: closing one reveals the others, and maintenance never hides an outage.
    """
    maintenance = (Status.UNDER_MAINTENANCE,) if in_maintenance else ()
    return worst((base, *incident_words, *alerts, *maintenance))


_ALL_GOOD = RollUp(Indicator.NONE, "All Systems Operational")
_PARTIAL_SYSTEM = RollUp(Indicator.MAJOR, "Partial System Outage")
_MAJOR_SYSTEM = RollUp(Indicator.CRITICAL, "Major System Outage")
_PARTIALLY_DEGRADED = RollUp(Indicator.MINOR, "Partially Degraded Service")
_UNDER_MAINTENANCE = RollUp(Indicator.MAINTENANCE, "Service Under Maintenance")

_SINGLE = {
    Status.OPERATIONAL: _ALL_GOOD,
    Status.DEGRADED_PERFORMANCE: _PARTIALLY_DEGRADED,
    Status.PARTIAL_OUTAGE: _PARTIAL_SYSTEM,
    Status.MAJOR_OUTAGE: _MAJOR_SYSTEM,
    Status.UNDER_MAINTENANCE: _UNDER_MAINTENANCE,
}

# (status, when every leaf has it, when any leaf has it), first match wins.
_MANY = (
    (Status.MAJOR_OUTAGE, _MAJOR_SYSTEM, _PARTIAL_SYSTEM),
    (Status.PARTIAL_OUTAGE, _PARTIAL_SYSTEM, RollUp(Indicator.MINOR, "Minor Service Outage")),
    (
        Status.DEGRADED_PERFORMANCE,
        RollUp(Indicator.MINOR, "Degraded System Service"),
        _PARTIALLY_DEGRADED,
    ),
    (Status.UNDER_MAINTENANCE, _UNDER_MAINTENANCE, _UNDER_MAINTENANCE),
)


def roll_up(leaves: Sequence[Status]) -> RollUp:
    """The page's status from the effective statuses of its components that this viewer may see (groups excluded)."""
    if not leaves:
        return _ALL_GOOD
    if len(leaves) == 1:
        return _SINGLE[leaves[0]]
    for status, when_every, when_any in _MANY:
        count = leaves.count(status)
        if count == len(leaves):
            return when_every
        if count:
            return when_any
    return _ALL_GOOD
