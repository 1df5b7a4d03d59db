"""What a page is made of, as values: everything an operator may know of it. `project` decides who sees what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from hub.domain.incident import Impact, IncidentStatus, derived_impact, is_open
from hub.domain.maintenance import MaintenanceStatus, is_active
from hub.domain.status import Status, effective_status


@dataclass(frozen=True, slots=True)
class Page:
    """`logo`: the file name of its picture, with the picture's digest in it."""

    id: str
    slug: str
    title: str
    description: str | None
    time_zone: str  # IANA name
    locale: str
    audience: str
    weights: Mapping[Status, float]  # share of downtime that a second in this status counts
    version: int
    created_at: datetime
    updated_at: datetime
    external_id: str | None = None
    brand_color: str | None = None  # #rrggbb
    custom_css: str | None = None
    custom_domain: str | None = None  # a host name
    logo: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    id: str
    name: str
    position: int
    version: int
    created_at: datetime
    updated_at: datetime
    external_id: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """`status_since`: start of the open status interval, None until there is one. `audience` None: the page's."""

    id: str
    name: str
    description: str | None
    group_id: str | None
    position: int
    showcase: bool
    only_show_if_degraded: bool
    start_date: date | None
    audience: str | None
    base_status: Status
    version: int
    created_at: datetime
    updated_at: datetime
    status_since: datetime | None = None
    is_deleted: bool = False
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Affected:
    """What one update said of one component; the name is the one it had then.

    `held`: at what the incident holds it all the same, where the component was set by hand afterwards elsewhere.
    """

    id: str
    name: str
    old_status: Status
    new_status: Status
    held: Status | None = None

    @property
    def word(self) -> Status:
        """What counts of it."""
        return self.held or self.new_status


@dataclass(frozen=True, slots=True)
class Update:
    """One update of an incident or a maintenance. `display_at` is the time shown, and the order."""

    id: str
    status: str
    body: str
    affected: tuple[Affected, ...]
    display_at: datetime
    created_at: datetime
    updated_at: datetime
    external_id: str | None = None
    deliver_notifications: bool = True

    @property
    def order(self) -> tuple[datetime, datetime, str]:
        return (self.display_at, self.created_at, self.id)


def place_problem(updates: Sequence[Update], position: int, display_at: datetime, now: datetime) -> str | None:
    """Why the update at `position` (oldest first) cannot be shown at `display_at`, if it is to keep its place."""
    if display_at > now:
        return "must not lie in the future"
    if position > 0 and display_at <= updates[position - 1].display_at:
        return "must come after the update before it"
    if position + 1 < len(updates) and display_at >= updates[position + 1].display_at:
        return "must come before the update after it"
    return None


@dataclass(frozen=True, slots=True)
class Incident:
    """`updates` are oldest first. `audience` counts only when no component is named by any update.

    `is_backdated`: it was over when it was told of. `postmortem_draft` and `notes_…` are the operators' own.
    """

    id: str
    name: str
    status: IncidentStatus
    impact_override: Impact | None
    audience: str | None
    started_at: datetime
    monitoring_at: datetime | None
    resolved_at: datetime | None
    updates: tuple[Update, ...]
    version: int
    created_at: datetime
    updated_at: datetime
    external_id: str | None = None
    is_backdated: bool = False
    postmortem_draft: str | None = None
    notes_count: int = 0
    notes_updated_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return is_open(self.status)

    @property
    def words(self) -> dict[str, Status]:
        """The latest word of this incident on each component it ever named."""
        return {item.id: item.word for update in self.updates for item in update.affected}

    @property
    def impact(self) -> Impact:
        if self.impact_override is not None:
            return self.impact_override
        return derived_impact(item.new_status for update in self.updates for item in update.affected)


@dataclass(frozen=True, slots=True)
class Maintenance:
    """`updates` are oldest first; `component_ids` are held under maintenance while it is active.

    `series_id`: the first window that a rule has made, on all of them; `sequence`: how often its time was changed.
    One that was called off is completed, has `cancelled_at`, and has never begun.
    """

    id: str
    name: str
    body: str
    status: MaintenanceStatus
    audience: str | None
    scheduled_for: datetime
    scheduled_until: datetime
    started_at: datetime | None
    completed_at: datetime | None
    auto_start: bool
    auto_complete: bool
    rrule: str | None
    component_ids: tuple[str, ...]
    updates: tuple[Update, ...]
    version: int
    created_at: datetime
    updated_at: datetime
    external_id: str | None = None
    series_id: str | None = None
    sequence: int = 0
    remind_before_min: int | None = None
    reminded_at: datetime | None = None
    cancelled_at: datetime | None = None
    announced_at: datetime | None = None  # where it was first announced elsewhere
    notes_count: int = 0
    notes_updated_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        return is_active(self.status)


@dataclass(frozen=True)
class PageState:
    """A page at one moment, for all audiences together.

    `incidents` are the open ones, `ended_incidents` the last few that ended, `maintenances` those not completed.
    `summaries` has each view's latest summary by view key, `report` the latest daily report over all audiences.
    """

    page: Page
    groups: tuple[Group, ...] = ()
    components: tuple[Component, ...] = ()
    incidents: tuple[Incident, ...] = ()
    ended_incidents: tuple[Incident, ...] = ()
    maintenances: tuple[Maintenance, ...] = ()
    summaries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    report: Mapping[str, Any] | None = None

    @cached_property
    def components_by_id(self) -> dict[str, Component]:
        """Deleted ones included."""
        return {component.id: component for component in self.components}

    def group_told(self, component: Component) -> dict[str, str] | None:
        """The group that a component is in, as updates keep it beside the component's name."""
        names = {group.id: group.name for group in self.groups}
        return {"id": component.group_id, "name": names[component.group_id]} if component.group_id in names else None

    @cached_property
    def statuses(self) -> dict[str, Status]:
        """The effective status of every component that is not deleted."""
        words: dict[str, list[Status]] = {}
        for incident in self.incidents:
            for component_id, word in incident.words.items():
                words.setdefault(component_id, []).append(word)
        held = {
            component_id
            for maintenance in self.maintenances
            if maintenance.is_active
            for component_id in maintenance.component_ids
        }
        return {
            component.id: effective_status(
                component.base_status,
                incident_words=words.get(component.id, ()),
                in_maintenance=component.id in held,
            )
            for component in self.components
            if not component.is_deleted
        }

    def audience_of(self, component: Component) -> str:
        return component.audience or self.page.audience
