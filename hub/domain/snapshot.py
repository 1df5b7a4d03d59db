"""All that a page shows at one moment to one view: the only place where rows become something a viewer gets.

`project` is the gate of every output (HTML, REST, sockets, streams): what it leaves out does not exist for that
view. The shape is described in docs/protocol.md#snapshot. The operators' view carries a few more fields, which
operators need in order to edit (`version`, `audience`, `base_status`, `impact_override`, …); of their notes no more
than how many there are.
"""

from collections.abc import Callable, Sequence
from typing import Any

from hub.domain.audience import View
from hub.domain.branding import style_digest
from hub.domain.color import shades
from hub.domain.incident import derived_impact
from hub.domain.page import Component, Group, Incident, Maintenance, Page, PageState, Update
from hub.domain.report import for_view
from hub.domain.status import RollUp, Status, roll_up, worst
from hub.domain.text import iso, iso_or_none, render_markdown

Json = dict[str, Any]

SINGLES = ("page", "status", "summary", "report")
LISTS = ("groups", "components", "incidents", "maintenances", "history")


def project(state: PageState, view: View, changed_at: str) -> Json | None:
    """The snapshot of `state` for `view`, without channel and position; None when the page itself is not for it.

    `changed_at`: instant (text) of the last change this view could see; it becomes the page's `updated_at`.
    """
    if not view.admits(state.page.audience):
        return None
    visible = visible_components(state, view)
    shown = [item for item in state.components if item.id in visible and not item.is_deleted]
    snapshot: Json = {
        "page": page_json(state.page, view, changed_at),
        "status": roll_up_json(roll_up([state.statuses[item.id] for item in shown])),
        "summary": state.summaries.get(view.key),
        "report": _report_json(state, visible, view),
        "groups": _groups_json(state, shown, view),
        "components": [component_json(item, state.statuses[item.id], view) for item in shown],
        "incidents": [
            incident_json(item, visible, view)
            for item in state.incidents
            if incident_is_visible(item, state.page, visible, view)
        ],
        "maintenances": [
            maintenance_json(item, visible, view)
            for item in state.maintenances
            if maintenance_is_visible(item, state.page, visible, view)
        ],
        "history": [
            incident_json(item, visible, view)
            for item in state.ended_incidents
            if incident_is_visible(item, state.page, visible, view)
        ],
    }
    sort_lists(snapshot)
    return snapshot


def visible_components(state: PageState, view: View) -> frozenset[str]:
    """Ids of the components this view may know of, deleted ones included (history names them)."""
    return frozenset(item.id for item in state.components if view.admits(state.audience_of(item)))


def incident_is_visible(incident: Incident, page: Page, visible: frozenset[str], view: View) -> bool:
    """An incident shows when any of its components does; without components its own audience decides."""
    words = incident.words
    if words:
        return view.sees_all or not visible.isdisjoint(words)
    return view.admits(incident.audience or page.audience)


def maintenance_is_visible(maintenance: Maintenance, page: Page, visible: frozenset[str], view: View) -> bool:
    """As `incident_is_visible`."""
    if maintenance.component_ids:
        return view.sees_all or not visible.isdisjoint(maintenance.component_ids)
    return view.admits(maintenance.audience or page.audience)


def page_json(page: Page, view: View, changed_at: str) -> Json:
    body: Json = {
        "id": page.id,
        "slug": page.slug,
        "title": page.title,
        "description": page.description,
        "time_zone": page.time_zone,
        "locale": page.locale,
        **_branding_json(page),
        "created_at": iso(page.created_at),
        "updated_at": changed_at,
    }
    if view.sees_all:
        body |= {
            "audience": page.audience,
            "custom_domain": page.custom_domain,
            "weights": {status.value: weight for status, weight in page.weights.items()},
            "version": page.version,
        }
    return body


def _branding_json(page: Page) -> Json:
    """`brand`: the colour as it can be read on light and on dark. Addresses are paths that change with the files."""
    digest = style_digest(page.brand_color, page.custom_css)
    return {
        "brand_color": page.brand_color,
        "brand": shades(page.brand_color)._asdict() if page.brand_color else None,
        "logo_url": f"/p/{page.slug}/{page.logo}" if page.logo else None,
        "css_url": f"/p/{page.slug}/style-{digest}.css" if digest else None,
    }


def roll_up_json(rolled: RollUp) -> Json:
    return {"indicator": rolled.indicator.value, "description": rolled.description}


def component_json(component: Component, status: Status, view: View) -> Json:
    body: Json = {
        "id": component.id,
        "name": component.name,
        "description": component.description,
        "group_id": component.group_id,
        "position": component.position,
        "status": status.value,
        "status_since": iso_or_none(component.status_since),
        "showcase": component.showcase,
        "only_show_if_degraded": component.only_show_if_degraded,
        "start_date": component.start_date.isoformat() if component.start_date else None,
        "created_at": iso(component.created_at),
        "updated_at": iso(component.updated_at),
    }
    if view.sees_all:
        body |= {
            "base_status": component.base_status.value,
            "audience": component.audience,
            "version": component.version,
        }
    return body


def incident_json(incident: Incident, visible: frozenset[str], view: View) -> Json:
    """`components` maps ids to this incident's latest word on them; the impact is that of the visible part."""
    words = {key: word.value for key, word in incident.words.items() if view.sees_all or key in visible}
    impact = incident.impact_override or derived_impact(
        item.new_status
        for update in incident.updates
        for item in update.affected
        if view.sees_all or item.id in visible
    )
    body: Json = {
        "id": incident.id,
        "name": incident.name,
        "status": incident.status.value,
        "impact": impact.value,
        "started_at": iso(incident.started_at),
        "monitoring_at": iso_or_none(incident.monitoring_at),
        "resolved_at": iso_or_none(incident.resolved_at),
        "created_at": iso(incident.created_at),
        "updated_at": iso(incident.updated_at),
        "components": words,
        "updates": _updates_json(incident.updates, visible, view),
    }
    if view.sees_all:
        body |= {
            "audience": incident.audience,
            "impact_override": incident.impact_override.value if incident.impact_override else None,
            "is_backdated": incident.is_backdated,
            "postmortem_draft": incident.postmortem_draft,
            "notes_count": incident.notes_count,
            "notes_updated_at": iso_or_none(incident.notes_updated_at),
            "version": incident.version,
        }
    return body


def maintenance_json(maintenance: Maintenance, visible: frozenset[str], view: View) -> Json:
    body: Json = {
        "id": maintenance.id,
        "name": maintenance.name,
        "status": maintenance.status.value,
        "body": maintenance.body,
        "body_html": render_markdown(maintenance.body),
        "scheduled_for": iso(maintenance.scheduled_for),
        "scheduled_until": iso(maintenance.scheduled_until),
        "started_at": iso_or_none(maintenance.started_at),
        "completed_at": iso_or_none(maintenance.completed_at),
        "auto_start": maintenance.auto_start,
        "auto_complete": maintenance.auto_complete,
        "rrule": maintenance.rrule,
        "series_id": maintenance.series_id,
        "sequence": maintenance.sequence,
        "remind_before_min": maintenance.remind_before_min,
        "reminded_at": iso_or_none(maintenance.reminded_at),
        "cancelled_at": iso_or_none(maintenance.cancelled_at),
        "announced_at": iso(maintenance.announced_at or maintenance.created_at),
        "created_at": iso(maintenance.created_at),
        "updated_at": iso(maintenance.updated_at),
        "components": [key for key in maintenance.component_ids if view.sees_all or key in visible],
        "updates": _updates_json(maintenance.updates, visible, view),
    }
    if view.sees_all:
        body |= {
            "audience": maintenance.audience,
            "notes_count": maintenance.notes_count,
            "notes_updated_at": iso_or_none(maintenance.notes_updated_at),
            "version": maintenance.version,
        }
    return body


def update_json(update: Update, visible: frozenset[str], view: View) -> Json:
    affected = [item for item in update.affected if view.sees_all or item.id in visible]
    return {
        "id": update.id,
        "status": update.status,
        "body": update.body,
        "body_html": render_markdown(update.body),
        "display_at": iso(update.display_at),
        "created_at": iso(update.created_at),
        "updated_at": iso(update.updated_at),
        "deliver_notifications": update.deliver_notifications,
        "components": {item.id: item.new_status.value for item in affected},
        "affected": [
            {
                "id": item.id,
                "name": item.name,
                "old_status": item.old_status.value,
                "new_status": item.new_status.value,
            }
            for item in affected
        ],
    }


def group_json(group: Group, status: Status, view: View) -> Json:
    body: Json = {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "position": group.position,
        "status": status.value,
        "created_at": iso(group.created_at),
        "updated_at": iso(group.updated_at),
    }
    if view.sees_all:
        body |= {"version": group.version}
    return body


def _groups_json(state: PageState, shown: Sequence[Component], view: View) -> list[Json]:
    """Groups with something to show; an empty one, or one whose every component is hidden, is for operators only."""
    children: dict[str, list[Status]] = {}
    for item in shown:
        if item.group_id is not None:
            children.setdefault(item.group_id, []).append(state.statuses[item.id])
    return [
        group_json(group, worst(children.get(group.id, ())), view)
        for group in state.groups
        if view.sees_all or group.id in children
    ]


def _updates_json(updates: Sequence[Update], visible: frozenset[str], view: View) -> list[Json]:
    newest_first = sorted(updates, key=lambda update: update.order, reverse=True)
    return [update_json(update, visible, view) for update in newest_first]


def _report_json(state: PageState, visible: frozenset[str], view: View) -> Json | None:
    if state.report is None:
        return None
    return for_view(
        state.report,
        sees_component=lambda key: view.sees_all or key in visible,
        sees_audience=lambda audience: view.admits(audience or state.page.audience),
    )


# ── order ────────────────────────────────────────────────────────────────────────────────────────────────────
# The same orders as client_demo/reducer.js; strings compare by code point, instants are text that sorts by time.

_ORDERS: dict[str, tuple[Callable[[Json], Any], bool]] = {
    "groups": (lambda item: (item["position"], item["name"], item["id"]), False),
    "components": (lambda item: (item["position"], item["name"], item["id"]), False),
    "incidents": (lambda item: (item["started_at"], item["created_at"], item["id"]), True),
    "maintenances": (lambda item: (item["scheduled_for"], item["id"]), False),
    "history": (lambda item: (item["resolved_at"] or "", item["id"]), True),
}


def sort_lists(snapshot: Json) -> None:
    """Put every list of `snapshot` into its order, in place."""
    for name, (key, newest_first) in _ORDERS.items():
        snapshot[name].sort(key=key, reverse=newest_first)
