"""The life cycle of an incident and its impact."""

from collections.abc import Iterable
from enum import StrEnum

from hub.domain.status import Status, worst


class IncidentStatus(StrEnum):
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    POSTMORTEM = "postmortem"


class Impact(StrEnum):
    NONE = "none"
    MAINTENANCE = "maintenance"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


OPEN_STATUSES = frozenset({IncidentStatus.INVESTIGATING, IncidentStatus.IDENTIFIED, IncidentStatus.MONITORING})

_IMPACT_OF = {
    Status.OPERATIONAL: Impact.NONE,
    Status.UNDER_MAINTENANCE: Impact.MAINTENANCE,
    Status.DEGRADED_PERFORMANCE: Impact.MINOR,
    Status.PARTIAL_OUTAGE: Impact.MAJOR,
    Status.MAJOR_OUTAGE: Impact.CRITICAL,
}


def is_open(status: IncidentStatus) -> bool:
    return status in OPEN_STATUSES


def may_follow(previous: IncidentStatus | None, following: IncidentStatus) -> bool:
    """May an update with state `following` be posted on an incident whose state is `previous` (None: a new one)?

    Any order of the open states, resolving from any of them, and reopening are allowed. A postmortem needs an
    ended incident, and a new incident cannot begin with one.
    """
    if following is not IncidentStatus.POSTMORTEM:
        return True
    return previous in {IncidentStatus.RESOLVED, IncidentStatus.POSTMORTEM}


def derived_impact(words: Iterable[Status]) -> Impact:
    """Impact from the worst status any affected component had under this incident, over all of its updates."""
    return _IMPACT_OF[worst(words)]
