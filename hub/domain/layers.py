"""The history of one component's effective status, worked out from the layers that hold it.

Layers: the operators' base status, each incident's words, maintenance. Where several hold at once the worst counts, so
the end of one shows the others again. What is known of a component begins with its base, or before that with the
first trouble that names it: whoever tells of an outage before the component was made says that it was there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from hub.domain.incident import IncidentStatus, is_open
from hub.domain.page import Incident, Maintenance
from hub.domain.status import Status
from hub.domain.uptime import Interval, Span, timeline


def effective_spans(base: Sequence[Interval], troubles: Iterable[Interval], now: datetime) -> list[Span]:
    """Known time of one component up to `now`, ordered, without overlap, neighbours of one status joined.

    `base` ascends; `troubles` is what incidents and maintenances held it at, in any order. Nothing holds a component
    while it is deleted: there its base has ended, or has a gap.
    """
    troubles = [item for item in troubles if item.status is not Status.OPERATIONAL and item.start < now]
    base = list(base)
    first = min((item.start for item in troubles), default=None)
    if first is not None and (not base or first < base[0].start):
        base.insert(0, Interval(Status.OPERATIONAL, first, base[0].start if base else None))
    lives = timeline((replace(item, status=Status.OPERATIONAL) for item in base), now)
    return timeline((*base, *_within(lives, troubles, now)), now)


def held_by_incident(incident: Incident) -> Iterator[tuple[str, Interval]]:
    """(component, what the incident held it at) over the incident's life.

    An update's words hold from the time it is shown at, the first one's from the incident's start, until the incident's
    next word on the component. A resolved incident holds until `resolved_at`, whenever the updates that only tell of
    its end are shown, and nothing after it; a reopened one holds again.
    """
    updates = incident.updates
    starts = [max(item.display_at, incident.started_at) for item in updates]
    starts[:1] = [incident.started_at] * len(starts[:1])
    over = len(updates)  # where the updates begin that only tell of the end
    while over and not is_open(IncidentStatus(updates[over - 1].status)):
        over -= 1
    end = incident.resolved_at or (starts[over] if over < len(updates) else None)
    words: dict[str, Status] = {}
    holding = max(over, 1)  # one that was told of when it was over has its words in what tells of the end
    for position, update in enumerate(updates[:holding]):
        words.update((item.id, item.word) for item in update.affected)
        ends = [*starts[position + 1 : holding][:1], *([] if end is None else [end])]
        if position >= over or is_open(IncidentStatus(update.status)):
            for component_id, status in words.items():
                yield component_id, Interval(status, starts[position], min(ends, default=None))
        elif position == 0:  # told of when it was over, and opened again since
            for component_id, status in words.items():
                yield component_id, Interval(status, starts[0], update.display_at)


def held_by_maintenance(maintenance: Maintenance) -> Iterator[tuple[str, Interval]]:
    """(component, under maintenance from when to when): what really happened, not the window that was announced."""
    if maintenance.started_at is None or (maintenance.completed_at is None and not maintenance.is_active):
        return
    for component_id in maintenance.component_ids:
        yield component_id, Interval(Status.UNDER_MAINTENANCE, maintenance.started_at, maintenance.completed_at)


def _within(lives: Sequence[Span], troubles: Iterable[Interval], now: datetime) -> Iterator[Interval]:
    """The parts of `troubles` in `lives`."""
    for trouble in troubles:
        for life in lives:
            start, end = max(trouble.start, life.start), min(trouble.end or now, life.end)
            if start < end:
                yield Interval(trouble.status, start, end)
