"""A Statuspage v2 document → what to import of it. The shape: docs/protocol.md#statuspage-documents.

Reads `summary.json`, `components.json`, `incidents.json`, `incidents/unresolved.json` and
`scheduled-maintenances.json`, alone or several of one page together. Keys it does not know are passed over; keys that
older documents lack have defaults.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from hub.domain.document import Fault, Value
from hub.domain.import_plan import (
    ImportPlan,
    PlannedComponent,
    PlannedGroup,
    PlannedIncident,
    PlannedMaintenance,
    PlannedPage,
    PlannedUpdate,
    PlannedWord,
)
from hub.domain.incident import Impact, IncidentStatus, is_open
from hub.domain.maintenance import ACTIVE_STATUSES, MaintenanceStatus
from hub.domain.status import Status
from hub.domain.zone import zone_names
from hub.errors import Invalid

_LONGEST_ID = _LONGEST_NAME = 255
_LONGEST_BODY = 25_000  # the format's own limit
MOST_FAULTS = 50  # named in one answer
_MAINTENANCES = "scheduled_maintenances"


class DocumentInvalid(Invalid):
    """The document cannot be imported; `fields` maps the path of each bad value to what is wrong with it."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        named = {fault.path or "document": fault.problem for fault in faults[:MOST_FAULTS]}
        super().__init__(f"{faults[0]}{more}", fields=named)


def parse(documents: Sequence[object]) -> ImportPlan:
    """The records of `documents`, all of one page, as they stand there (`import_plan.settle` finds the layers).

    A record that several documents hold counts once, as the newest of them has it. Raises DocumentInvalid naming
    every bad record.
    """
    reader = _Reader()
    for index, raw in enumerate(documents):
        reader.read(Value(raw, f"documents[{index}]" if len(documents) > 1 else ""))
    return reader.plan()


_Told = TypeVar("_Told", PlannedIncident, PlannedMaintenance)


class _Reader:
    """Collects the records of several documents, and the faults of all of them."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.page: PlannedPage | None = None
        self.groups: dict[str, PlannedGroup] = {}
        self.components: dict[str, PlannedComponent] = {}
        self.incidents: dict[str, PlannedIncident] = {}
        self.maintenances: dict[str, PlannedMaintenance] = {}
        self._groups_named: list[tuple[Value, str]] = []
        self._bad_groups: set[object] = set()

    def read(self, document: Value) -> None:
        try:
            if all(document[key].is_absent for key in ("page", "components", "incidents", _MAINTENANCES)):
                raise document.fault("holds no page, components, incidents or scheduled_maintenances")
            if not document["page"].is_absent:
                self._keep_page(document["page"])
        except Fault as fault:
            self.faults.append(fault)
            return
        self._each(document["components"], self._keep_row)
        self._each(document["incidents"], self._keep_incident)
        self._each(document[_MAINTENANCES], self._keep_maintenance)

    def plan(self) -> ImportPlan:
        for value, group in self._groups_named:
            if group not in self.groups and group not in self._bad_groups:
                self.faults.append(value.fault(f"names no group of the document: {group!r}"))
        if self.faults:
            raise DocumentInvalid(self.faults)
        return ImportPlan(
            page=self.page,
            groups=tuple(self.groups.values()),
            components=tuple(self.components.values()),
            incidents=tuple(self._with_plain_names(item) for item in self.incidents.values()),
            maintenances=tuple(self._with_plain_names(item) for item in self.maintenances.values()),
        )

    def _with_plain_names(self, record: _Told) -> _Told:
        """Updates name components as `Group - Component`; here each of the two is known by its own name."""
        updates = [replace(update, words=tuple(map(self._plain, update.words))) for update in record.updates]
        return replace(record, updates=tuple(updates))

    def _plain(self, word: PlannedWord) -> PlannedWord:
        """What does not begin with the name of a group that it can have been in stays as it is."""
        component = self.components.get(word.component)
        if component is None:
            return word
        now = [self.groups[component.group]] if component.group in self.groups else []
        for group in [*now, *self.groups.values()]:
            name = word.name.removeprefix(f"{group.name} - ")
            if name and name != word.name and (group in now or name == component.name):
                return replace(word, name=name, group=group.external_id)
        return word

    def _each(self, array: Value, keep: Callable[[Value], str]) -> None:
        """Keep every record of `array`: a bad one does not hide the next. `keep` returns the record's id."""
        seen: set[str] = set()
        try:
            for value in array.elements():
                try:
                    external_id = keep(value)
                    if external_id in seen:
                        raise value["id"].fault(f"occurs twice: {external_id!r}")
                    seen.add(external_id)
                except Fault as fault:
                    self.faults.append(fault)
        except Fault as fault:  # not an array
            self.faults.append(fault)

    def _keep_page(self, value: Value) -> None:
        page = _page(value)
        if self.page is not None and self.page.external_id != page.external_id:
            raise value["id"].fault("is another page than that of the documents before")
        self.page = page

    def _keep_row(self, value: Value) -> str:
        if value["group"].flag():
            try:
                group = _group(value)
            except Fault:
                if isinstance(value["id"].raw, str):
                    self._bad_groups.add(value["id"].raw)
                raise
            self.groups[group.external_id] = _newer(self.groups.get(group.external_id), group)
            return group.external_id
        component = _component(value)
        if component.group is not None:
            self._groups_named.append((value["group_id"], component.group))
        known = self.components.get(component.external_id)
        self.components[component.external_id] = (
            component if known is None or known.is_embedded else _newer(known, component)
        )
        return component.external_id

    def _keep_embedded(self, value: Value) -> str:
        component = _component(value, is_embedded=True)
        if not value["group"].flag():
            self.components.setdefault(component.external_id, component)
        return component.external_id

    def _keep_incident(self, value: Value) -> str:
        self._each(value["components"], self._keep_embedded)
        incident = _incident(value, self._updates(value["incident_updates"], IncidentStatus))
        self.incidents[incident.external_id] = _newer(self.incidents.get(incident.external_id), incident)
        return incident.external_id

    def _keep_maintenance(self, value: Value) -> str:
        self._each(value["components"], self._keep_embedded)
        maintenance = _maintenance(value, self._updates(value["incident_updates"], MaintenanceStatus))
        known = self.maintenances.get(maintenance.external_id)
        self.maintenances[maintenance.external_id] = _newer(known, maintenance)
        return maintenance.external_id

    def _updates(self, array: Value, words: type[StrEnum]) -> tuple[PlannedUpdate, ...]:
        """Oldest first. Documents list the newest first; where two bear the same instant, that order decides."""
        updates: list[PlannedUpdate] = []

        def keep(value: Value) -> str:
            updates.append(_update(value, words))
            return updates[-1].external_id

        self._each(array, keep)
        updates.reverse()
        return tuple(sorted(updates, key=lambda update: (update.display_at, update.created_at)))


_Dated = TypeVar("_Dated", bound=PlannedGroup | PlannedComponent | PlannedIncident | PlannedMaintenance)


def _newer(known: _Dated | None, record: _Dated) -> _Dated:
    if known is None or known.updated_at is None or record.updated_at is None:
        return record
    return record if record.updated_at > known.updated_at else known


def _page(value: Value) -> PlannedPage:
    zone = value["time_zone"]
    return PlannedPage(
        external_id=value["id"].text(_LONGEST_ID),
        title=value["name"].text(_LONGEST_NAME),
        description=_optional(value["page_description"], lambda it: it.text(_LONGEST_BODY, shortest=0)),
        time_zone=_optional(zone, _time_zone),
        updated_at=_optional(value["updated_at"], Value.instant),
    )


def _time_zone(value: Value) -> str:
    name = value.text(80)
    if name not in zone_names():
        raise value.fault(f"is not a known IANA time zone: {name!r}")
    return name


def _group(value: Value) -> PlannedGroup:
    return PlannedGroup(
        external_id=value["id"].text(_LONGEST_ID),
        name=value["name"].text(_LONGEST_NAME),
        position=_position(value["position"]),
        created_at=_optional(value["created_at"], Value.instant),
        updated_at=_optional(value["updated_at"], Value.instant),
        description=_optional(value["description"], lambda it: it.text(_LONGEST_BODY, shortest=0)),
    )


def _component(value: Value, *, is_embedded: bool = False) -> PlannedComponent:
    status = value["status"].word(Status)
    return PlannedComponent(
        external_id=value["id"].text(_LONGEST_ID),
        name=value["name"].text(_LONGEST_NAME),
        description=_optional(value["description"], lambda it: it.text(_LONGEST_BODY, shortest=0)),
        group=_optional(value["group_id"], lambda it: it.text(_LONGEST_ID)),
        position=_position(value["position"]),
        showcase=value["showcase"].flag(default=True),
        only_show_if_degraded=value["only_show_if_degraded"].flag(),
        start_date=_optional(value["start_date"], Value.day),
        status=status,
        base_status=status,
        created_at=_optional(value["created_at"], Value.instant),
        updated_at=_optional(value["updated_at"], Value.instant),
        is_embedded=is_embedded,
    )


def _update(value: Value, words: type[StrEnum]) -> PlannedUpdate:
    created_at = value["created_at"].instant()
    return PlannedUpdate(
        external_id=value["id"].text(_LONGEST_ID),
        status=value["status"].word(words),
        body=value["body"].text(_LONGEST_BODY, shortest=0),
        words=tuple(_word(item) for item in value["affected_components"].elements()),
        display_at=_optional(value["display_at"], Value.instant) or created_at,
        created_at=created_at,
        updated_at=_optional(value["updated_at"], Value.instant) or created_at,
        deliver_notifications=_optional(value["deliver_notifications"], Value.flag),
        is_silent=value["affected_components"].is_absent,
    )


def _word(value: Value) -> PlannedWord:
    new_status = value["new_status"].word(Status)
    return PlannedWord(
        component=value["code"].text(_LONGEST_ID),
        name=value["name"].text(2 * _LONGEST_NAME + 3),  # `Group - Component`
        old_status=_optional(value["old_status"], lambda it: it.word(Status)) or new_status,
        new_status=new_status,
    )


def _incident(value: Value, updates: tuple[PlannedUpdate, ...]) -> PlannedIncident:
    status = value["status"].word(IncidentStatus)
    created_at = value["created_at"].instant()
    updated_at = _optional(value["updated_at"], Value.instant) or created_at
    resolved_at = None
    if not is_open(status):
        resolved_at = (
            _optional(value["resolved_at"], Value.instant)
            or _first_shown(updates, {IncidentStatus.RESOLVED})
            or updated_at
        )
    return PlannedIncident(
        external_id=value["id"].text(_LONGEST_ID),
        name=value["name"].text(_LONGEST_NAME),
        status=status,
        impact=_optional(value["impact"], lambda it: it.word(Impact)),
        started_at=_optional(value["started_at"], Value.instant) or created_at,
        monitoring_at=_optional(value["monitoring_at"], Value.instant),
        resolved_at=resolved_at,
        components=_listed(value),
        updates=updates,
        created_at=created_at,
        updated_at=updated_at,
    )


def _maintenance(value: Value, updates: tuple[PlannedUpdate, ...]) -> PlannedMaintenance:
    status = value["status"].word(MaintenanceStatus)
    scheduled_for, scheduled_until = value["scheduled_for"].instant(), value["scheduled_until"].instant()
    if scheduled_until <= scheduled_for:
        raise value["scheduled_until"].fault("is not after scheduled_for")
    created_at = value["created_at"].instant()
    updated_at = _optional(value["updated_at"], Value.instant) or created_at
    completed_at = started_at = None
    if status is not MaintenanceStatus.SCHEDULED:
        started_at = _first_shown(updates, ACTIVE_STATUSES) or scheduled_for
    if status is MaintenanceStatus.COMPLETED:
        completed_at = (
            _optional(value["resolved_at"], Value.instant)
            or _first_shown(updates, {MaintenanceStatus.COMPLETED})
            or updated_at
        )
    words = {word.component: None for update in updates for word in update.words}  # in order, once
    return PlannedMaintenance(
        external_id=value["id"].text(_LONGEST_ID),
        name=value["name"].text(_LONGEST_NAME),
        body=updates[0].body if updates else "",
        status=status,
        scheduled_for=scheduled_for,
        scheduled_until=scheduled_until,
        started_at=started_at,
        completed_at=completed_at,
        auto_start=_optional(value["scheduled_auto_in_progress"], Value.flag),
        auto_complete=_optional(value["scheduled_auto_completed"], Value.flag),
        components=_listed(value) or tuple(words),
        updates=updates,
        created_at=created_at,
        updated_at=updated_at,
        announced_at=_optional(value["started_at"], Value.instant),
    )


def _listed(record: Value) -> tuple[str, ...]:
    """External ids of the components that a record lists, group rows left out."""
    return tuple(item["id"].text(_LONGEST_ID) for item in record["components"].elements() if not item["group"].flag())


def _first_shown(updates: Iterable[PlannedUpdate], words: Collection[str]) -> datetime | None:
    return next((update.display_at for update in updates if update.status in words), None)


def _position(value: Value) -> int:
    return 1 if value.is_absent else value.integer()


_Read = TypeVar("_Read")


def _optional(value: Value, read: Callable[[Value], _Read]) -> _Read | None:
    return None if value.is_absent else read(value)
