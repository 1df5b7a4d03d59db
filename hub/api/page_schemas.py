"""Bodies and queries about pages and what is on them."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from hub.api.fields import (
    Audience,
    Day,
    Description,
    Id,
    In,
    Instant,
    Limit,
    Name,
    Position,
    Query,
    Slug,
    Text,
    Version,
    Word,
    left_out,
)
from hub.domain.archive import Month
from hub.domain.incident import Impact, IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.status import Status
from hub.services.components import NewComponent
from hub.services.groups import NewGroup
from hub.services.incidents import NewIncident, NewUpdate
from hub.services.maintenance_windows import REMIND_BEFORE_MIN
from hub.services.maintenances import NewMaintenance
from hub.services.pages import NewPage

Locale = Annotated[str, StringConstraints(pattern="^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]
Color = Annotated[str, StringConstraints(pattern="^#[0-9A-Fa-f]{6}$", to_lower=True)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Minutes = Annotated[int, Field(ge=1, le=40_320)]  # up to four weeks
RRule = Annotated[str, StringConstraints(min_length=1, max_length=500)]
ComponentIds = Annotated[list[Id], Field(max_length=500)]
Words = Annotated[dict[Id, Status], Field(max_length=500)]


class Patch(In):
    """A change: what is left out stays. `version`: the version this change was made from (as `If-Match`)."""

    version: Version | None = None

    def changes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.model_fields_set - {"version"}}


class PageIn(In):
    slug: Slug
    title: Name
    description: Description | None = None
    time_zone: Word = "Etc/UTC"
    locale: Locale = "en"
    audience: Audience = "public"

    def to_domain(self) -> NewPage:
        return NewPage(**dict(self))


class Weights(In):
    """What share of downtime a second at each status counts, 0 to 1; what is left out stays."""

    major_outage: Share = left_out()
    partial_outage: Share = left_out()
    degraded_performance: Share = left_out()


class PagePatch(Patch):
    """`brand_color`: `#rrggbb`. `custom_css` loads nothing (docs/settings.md). `custom_domain`: a host name, bare."""

    title: Name = left_out()
    description: Description | None = None
    time_zone: Word = left_out()
    locale: Locale = left_out()
    audience: Audience = left_out()
    brand_color: Color | None = None
    custom_css: Annotated[str, StringConstraints(max_length=20_000)] | None = None
    custom_domain: Annotated[str, StringConstraints(max_length=253)] | None = None
    weights: Weights = left_out()

    def changes(self) -> dict[str, Any]:
        changes = super().changes()
        if "custom_css" in changes:
            changes["custom_css"] = changes["custom_css"] or None
        if (weights := changes.pop("weights", None)) is not None:
            changes["weights"] = {Status(name): getattr(weights, name) for name in weights.model_fields_set}
        return changes


class GroupIn(In):
    name: Name
    description: Description | None = None
    position: Position | None = None

    def to_domain(self) -> NewGroup:
        return NewGroup(**dict(self))


class GroupPatch(Patch):
    name: Name = left_out()
    description: Description | None = None
    position: Position = left_out()


class ComponentIn(In):
    """`status` is the operator's own word; `audience` null: that of the page; `position` null: after the last."""

    name: Name
    description: Description | None = None
    group_id: Id | None = None
    position: Position | None = None
    showcase: bool = True
    only_show_if_degraded: bool = False
    start_date: Day | None = None
    audience: Audience | None = None
    status: Status = Status.OPERATIONAL

    def to_domain(self) -> NewComponent:
        return NewComponent(**dict(self))


class ComponentPatch(Patch):
    name: Name = left_out()
    description: Description | None = None
    group_id: Id | None = None
    position: Position = left_out()
    showcase: bool = left_out()
    only_show_if_degraded: bool = left_out()
    start_date: Day | None = None
    audience: Audience | None = None
    status: Status = left_out()


class UpdateIn(In):
    """`components`: what this update says of each component it names. `version`: of the incident.

    `display_at`: when it was so, for what is told afterwards; null: now.
    """

    status: IncidentStatus
    body: Text
    components: Words = Field(default_factory=dict)
    notify: bool = True
    display_at: Instant | None = None
    version: Version | None = None

    def to_domain(self) -> NewUpdate:
        return NewUpdate(self.status, self.body, self.components, self.notify, self.display_at)


class IncidentIn(In):
    """`started_at` null: now. `impact` null: derived. `audience` counts only while no component is named.

    `resolved_at`: of one that is over; null: now. `display_at`: of the first update. `notify` null: yes, unless it was
    over before it was told.
    """

    name: Name
    status: IncidentStatus
    body: Text
    components: Words = Field(default_factory=dict)
    impact: Impact | None = None
    started_at: Instant | None = None
    resolved_at: Instant | None = None
    display_at: Instant | None = None
    audience: Audience | None = None
    notify: bool | None = None

    def to_domain(self) -> NewIncident:
        first = NewUpdate(self.status, self.body, self.components, self.notify, self.display_at)
        return NewIncident(self.name, first, self.impact, self.started_at, self.audience, self.resolved_at)


class IncidentPatch(Patch):
    """`impact` null: derived again. Status and components change by updates."""

    name: Name = left_out()
    impact: Impact | None = None
    started_at: Instant = left_out()
    resolved_at: Instant = left_out()
    audience: Audience | None = None


class UpdatePatch(In):
    """`display_at`: another time, between those of the updates around it. `notify`: tell people of the correction.

    `version`: of the incident or the maintenance.
    """

    body: Text = left_out()
    display_at: Instant = left_out()
    notify: bool = False
    version: Version | None = None


class MaintenanceIn(In):
    """`rrule`: RFC 5545, in the page's zone. `body` is the first update too. `remind_before_min` null: no reminder."""

    name: Name
    body: Text
    scheduled_for: Instant
    scheduled_until: Instant
    components: ComponentIds = Field(default_factory=list)
    rrule: RRule | None = None
    auto_start: bool = True
    auto_complete: bool = True
    audience: Audience | None = None
    remind_before_min: Minutes | None = REMIND_BEFORE_MIN
    notify: bool = True

    def to_domain(self) -> NewMaintenance:
        return NewMaintenance(**dict(self))


class MaintenancePatch(Patch):
    """`started_at`, `completed_at`: when one that has ended really ran."""

    name: Name = left_out()
    body: Text = left_out()
    scheduled_for: Instant = left_out()
    scheduled_until: Instant = left_out()
    started_at: Instant = left_out()
    completed_at: Instant = left_out()
    components: ComponentIds = left_out()
    rrule: RRule | None = None
    auto_start: bool = left_out()
    auto_complete: bool = left_out()
    audience: Audience | None = None
    remind_before_min: Minutes | None = None


class MaintenanceUpdateIn(In):
    """`version`: of the maintenance."""

    status: MaintenanceStatus
    body: Text
    notify: bool = True
    version: Version | None = None


class SnapshotQuery(Query):
    """`at`: an instant in the past."""

    at: Instant | None = None


MonthText = Annotated[str, StringConstraints(pattern=r"^(19[7-9]|20\d|21\d)\d-(0[1-9]|1[0-2])$")]


class HistoryQuery(Query):
    """`epoch`: that of the offset, so that an offset of another history is noticed even if it is small enough."""

    after: Annotated[int, Field(ge=0, le=2**53)] = 0
    epoch: Annotated[str, StringConstraints(max_length=32)] | None = None
    limit: Annotated[int, Field(ge=1, le=300)] = 100


class ListQuery(Query):
    """`before`: the `meta.next` of the page before this one. `month`: only what began in it, by the page's calendar."""

    before: Annotated[str, StringConstraints(max_length=200)] | None = None
    month: MonthText | None = None
    limit: Limit = 50

    @property
    def in_month(self) -> Month | None:
        return None if self.month is None else Month.parse(self.month)
