"""The shapes of answers about pages, for the document. `hub.domain.snapshot` makes the values.

Fields with a default are told to operators of the page only.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec
from pydantic import Field

from hub.api.fields import DayText, InstantText, Out, left_out
from hub.domain.incident import Impact, IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.status import Indicator, Status
from hub.domain.text import iso
from hub.services.history import History

Json = dict[str, Any]


class ShadesOut(Out):
    """A colour that can be read on light grounds, and one on dark grounds."""

    light: str
    dark: str


class WeightsOut(Out):
    """What share of downtime a second at each status counts."""

    major_outage: float
    partial_outage: float
    degraded_performance: float


class PageOut(Out):
    """`brand`: the shades of `brand_color` that are shown. `logo_url` and `css_url` are paths that change with it.

    `custom_css` is told where a page is asked for by itself.
    """

    id: str
    slug: str
    title: str
    description: str | None
    time_zone: str
    locale: str
    brand_color: str | None
    brand: ShadesOut | None
    logo_url: str | None
    css_url: str | None
    created_at: InstantText
    updated_at: InstantText
    audience: str = Field(default="")
    custom_domain: str | None = Field(default=None)
    weights: WeightsOut = left_out()
    custom_css: str | None = Field(default=None)
    version: int = Field(default=0)


class GroupOut(Out):
    """`status`: the worst of its components."""

    id: str
    name: str
    description: str | None
    position: int
    status: Status
    created_at: InstantText
    updated_at: InstantText
    version: int = Field(default=0)


class ComponentOut(Out):
    """`status` is the effective one, the worst of all that holds the component; `base_status` the operator's word."""

    id: str
    name: str
    description: str | None
    group_id: str | None
    position: int
    status: Status
    status_since: InstantText | None
    showcase: bool
    only_show_if_degraded: bool
    start_date: DayText | None
    created_at: InstantText
    updated_at: InstantText
    base_status: Status = Field(default=Status.OPERATIONAL)
    audience: str | None = Field(default=None)
    version: int = Field(default=0)


class AffectedOut(Out):
    id: str
    name: str
    old_status: Status
    new_status: Status


class UpdateOut(Out):
    """`body` is Markdown, `body_html` its sanitised rendering. `components`: id → what this update said of it."""

    id: str
    status: str
    body: str
    body_html: str
    display_at: InstantText
    created_at: InstantText
    updated_at: InstantText
    deliver_notifications: bool
    components: dict[str, Status]
    affected: list[AffectedOut]


class IncidentOut(Out):
    """`components`: id → the latest word of this incident on it. `updates`: newest first."""

    id: str
    name: str
    status: IncidentStatus
    impact: Impact
    started_at: InstantText
    monitoring_at: InstantText | None
    resolved_at: InstantText | None
    created_at: InstantText
    updated_at: InstantText
    components: dict[str, Status]
    updates: list[UpdateOut]
    audience: str | None = Field(default=None)
    impact_override: Impact | None = Field(default=None)
    is_backdated: bool = Field(default=False)
    postmortem_draft: str | None = Field(default=None)
    notes_count: int = Field(default=0)
    notes_updated_at: InstantText | None = Field(default=None)
    version: int = Field(default=0)


class MaintenanceOut(Out):
    """One with `cancelled_at` was called off before it began. `series_id`: that of all the windows of one rule."""

    id: str
    name: str
    status: MaintenanceStatus
    body: str
    body_html: str
    scheduled_for: InstantText
    scheduled_until: InstantText
    started_at: InstantText | None
    completed_at: InstantText | None
    auto_start: bool
    auto_complete: bool
    rrule: str | None
    series_id: str | None
    sequence: int
    remind_before_min: int | None
    reminded_at: InstantText | None
    cancelled_at: InstantText | None
    announced_at: InstantText
    created_at: InstantText
    updated_at: InstantText
    components: list[str]
    updates: list[UpdateOut]
    audience: str | None = Field(default=None)
    notes_count: int = Field(default=0)
    notes_updated_at: InstantText | None = Field(default=None)
    version: int = Field(default=0)


class RollUpOut(Out):
    indicator: Indicator
    description: str


class SnapshotOut(Out):
    """`incidents` are the open ones, `maintenances` those not completed, `history` the last incidents that ended.

    `at`: the instant that was asked for; only where one was.
    """

    at: InstantText = left_out()
    channel: str
    epoch: str
    offset: int
    page: PageOut
    status: RollUpOut
    groups: list[GroupOut]
    components: list[ComponentOut]
    incidents: list[IncidentOut]
    maintenances: list[MaintenanceOut]
    history: list[IncidentOut]
    summary: Json | None
    report: Json | None


class PublicationOut(Out):
    """`data`: an event, to be folded into the snapshot before it (docs/protocol.md#events)."""

    offset: int
    data: Json
    time: InstantText


class HistoryOut(Out):
    """`offset` is the channel's last; `recovered`: nothing between the asked offset and these is missing."""

    epoch: str
    offset: int
    publications: list[PublicationOut]
    recovered: bool


def history_json(past: History, *, is_same_life: bool) -> Json:
    """As `HistoryOut`; publications go through as they are stored."""
    return {
        "epoch": past.epoch,
        "offset": past.offset,
        "publications": [
            {
                "offset": item.offset,
                "data": msgspec.Raw(item.data),
                "time": iso(datetime.fromtimestamp(item.time_ms / 1000, UTC)),
            }
            for item in (past.publications if is_same_life else ())
        ],
        "recovered": past.is_recovered and is_same_life,
    }
