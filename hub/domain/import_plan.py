"""What an import wants on a page: records keyed by the ids of their source, and the layers behind each status."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from hub.domain.incident import Impact, IncidentStatus, is_open
from hub.domain.maintenance import MaintenanceStatus, is_active
from hub.domain.status import SEVERITY, Status, worst


@dataclass(frozen=True, slots=True)
class PlannedPage:
    external_id: str
    title: str
    description: str | None
    time_zone: str | None
    updated_at: datetime | None = None  # the last change of anything on it


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    external_id: str
    name: str
    position: int
    created_at: datetime | None
    updated_at: datetime | None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedComponent:
    """`status` is the effective one; `base_status` what is left of it when incidents and maintenances end.

    `is_embedded`: known only from the copy that an incident carries, so its group may be unknown too.
    """

    external_id: str
    name: str
    description: str | None
    group: str | None  # external id
    position: int
    showcase: bool
    only_show_if_degraded: bool
    start_date: date | None
    status: Status
    base_status: Status
    created_at: datetime | None
    updated_at: datetime | None
    is_embedded: bool = False


@dataclass(frozen=True, slots=True)
class PlannedWord:
    """What one update says of one component. `held`: at what it is held all the same.

    `group`: external id of the group that the component was in then.
    """

    component: str  # external id
    name: str
    old_status: Status
    new_status: Status
    held: Status | None = None
    group: str | None = None

    @property
    def word(self) -> Status:
        """What counts of it."""
        return self.held or self.new_status


@dataclass(frozen=True, slots=True)
class PlannedUpdate:
    """`deliver_notifications`: whether the source told its subscribers; None where it does not say.

    `is_silent`: it says nothing of components, not even that it is about none.
    """

    external_id: str
    status: str
    body: str
    words: tuple[PlannedWord, ...]
    display_at: datetime
    created_at: datetime
    updated_at: datetime
    deliver_notifications: bool | None = None
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class PlannedIncident:
    """`updates` are oldest first; `components` are the external ids that the record lists beside its updates."""

    external_id: str
    name: str
    status: IncidentStatus
    impact: Impact | None
    started_at: datetime
    monitoring_at: datetime | None
    resolved_at: datetime | None
    components: tuple[str, ...]
    updates: tuple[PlannedUpdate, ...]
    created_at: datetime
    updated_at: datetime

    @property
    def latest_words(self) -> dict[str, Status]:
        return {word.component: word.word for update in self.updates for word in update.words}


@dataclass(frozen=True, slots=True)
class PlannedMaintenance:
    """`updates` are oldest first; `auto_start` and `auto_complete` are None where the source does not say."""

    external_id: str
    name: str
    body: str
    status: MaintenanceStatus
    scheduled_for: datetime
    scheduled_until: datetime
    started_at: datetime | None
    completed_at: datetime | None
    auto_start: bool | None
    auto_complete: bool | None
    components: tuple[str, ...]
    updates: tuple[PlannedUpdate, ...]
    created_at: datetime
    updated_at: datetime
    announced_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """All that the source says of a page. `warnings`: where it contradicts itself, and what was made of that."""

    page: PlannedPage | None = None
    groups: tuple[PlannedGroup, ...] = ()
    components: tuple[PlannedComponent, ...] = ()
    incidents: tuple[PlannedIncident, ...] = ()
    maintenances: tuple[PlannedMaintenance, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def updates(self) -> list[PlannedUpdate]:
        """Of all incidents, then of all maintenances."""
        records: list[PlannedIncident | PlannedMaintenance] = [*self.incidents, *self.maintenances]
        return [update for record in records for update in record.updates]


def settle(plan: ImportPlan, standing: Mapping[str, Sequence[Status]] | None = None) -> ImportPlan:
    """`plan` with layers under every status: the hub's effective status will be what the source shows.

    `standing`: by component, what is held by open records of earlier imports that this source does not hold.

    The source has one status a component, the hub has layers. So what an open incident or a running maintenance
    holds is theirs, and the component's own base is operational beneath it: when they end, it turns green. What they
    do not account for is the base. Where an open incident says worse than the component's status, somebody set the
    component by hand afterwards, and the status wins: the incident's latest word on it counts for no more than that.
    """
    components = {component.external_id: component for component in plan.components}
    warnings: list[str] = []
    incidents = [_settled_incident(incident, components, warnings) for incident in plan.incidents]
    maintenances = [_settled_maintenance(item, components, warnings) for item in plan.maintenances]
    layers = {key: list(words) for key, words in (standing or {}).items()}
    for incident in incidents:
        if is_open(incident.status):
            for component_id, word in incident.latest_words.items():
                layers.setdefault(component_id, []).append(word)
    for maintenance in maintenances:
        if is_active(maintenance.status):
            for component_id in maintenance.components:
                layers.setdefault(component_id, []).append(Status.UNDER_MAINTENANCE)
    return replace(
        plan,
        components=tuple(_with_base(item, layers.get(item.external_id, ())) for item in plan.components),
        incidents=tuple(incidents),
        maintenances=tuple(maintenances),
        warnings=(*plan.warnings, *warnings),
    )


def _with_base(component: PlannedComponent, layers: Iterable[Status]) -> PlannedComponent:
    is_held = worst(layers) is component.status
    return replace(component, base_status=Status.OPERATIONAL if is_held else component.status)


def _settled_incident(
    incident: PlannedIncident, components: dict[str, PlannedComponent], warnings: list[str]
) -> PlannedIncident:
    """`incident` naming every component it lists, its latest words no worse than the statuses of the source."""
    updates = list(incident.updates)
    words = incident.latest_words
    silent = [components[key] for key in incident.components if key not in words and key in components]
    if updates and silent:
        said = tuple(
            PlannedWord(item.external_id, item.name, Status.OPERATIONAL, _first_word(incident, item), group=item.group)
            for item in silent
        )
        updates[0] = replace(updates[0], words=(*updates[0].words, *said))
    if is_open(incident.status):
        for key, word in words.items():
            status = components[key].status if key in components else word
            if SEVERITY[word] > SEVERITY[status]:
                # Maintenance is another layer's to say; an incident that is milder than it says nothing.
                lowered = Status.OPERATIONAL if status is Status.UNDER_MAINTENANCE else status
                _lower_latest(updates, key, lowered)
                warnings.append(
                    f"{components[key].name!r} is {status}, although the open incident {incident.name!r} "
                    f"last said {word}: imported as {status}"
                )
    return replace(incident, updates=tuple(updates))


def _first_word(incident: PlannedIncident, component: PlannedComponent) -> Status:
    """What an incident that lists `component` without a word on it says of it."""
    if is_open(incident.status) and component.status is not Status.UNDER_MAINTENANCE:
        return component.status
    return Status.OPERATIONAL


def _lower_latest(updates: list[PlannedUpdate], component_id: str, status: Status) -> None:
    for index in reversed(range(len(updates))):
        update = updates[index]
        if any(word.component == component_id for word in update.words):
            words = (replace(w, held=status) if w.component == component_id else w for w in update.words)
            updates[index] = replace(update, words=tuple(words))
            return


def _settled_maintenance(
    maintenance: PlannedMaintenance, components: dict[str, PlannedComponent], warnings: list[str]
) -> PlannedMaintenance:
    """`maintenance` without the components that it would hold although the source shows them operational."""
    if not is_active(maintenance.status):
        return maintenance
    held = []
    for key in maintenance.components:
        if key in components and components[key].status is Status.OPERATIONAL:
            warnings.append(
                f"{components[key].name!r} is operational, although the maintenance {maintenance.name!r} "
                f"is {maintenance.status}: imported as operational"
            )
        else:
            held.append(key)
    return replace(maintenance, components=tuple(held))
