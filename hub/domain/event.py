"""Events: what changed for one view, and how a snapshot takes it in.

An event is the difference of two projections of a page (ADR 0001), so it can hold nothing its view may not see,
and folding it gives the fresh snapshot by construction. `client_demo/reducer.js` is the same fold in JavaScript.
"""

from typing import Any

from hub.domain.snapshot import LISTS, SINGLES, Json, sort_lists

EVENT_TYPES = frozenset(
    {
        "page.updated",
        "page.imported",
        "page.reordered",
        "group.created",
        "group.updated",
        "group.deleted",
        "component.created",
        "component.updated",
        "component.deleted",
        "component.status_changed",
        "incident.opened",
        "incident.updated",
        "incident.edited",
        "incident.noted",
        "incident.resolved",
        "incident.deleted",
        "maintenance.scheduled",
        "maintenance.updated",
        "maintenance.edited",
        "maintenance.noted",
        "maintenance.reminded",
        "maintenance.started",
        "maintenance.completed",
        "maintenance.cancelled",
        "maintenance.deleted",
        "summary.published",
        "report.published",
        "audience.changed",
    }
)


def diff(before: Json, after: Json) -> Json | None:
    """`{"set": …, "remove": …}` that turns `before` into `after`; None when they are equal."""
    changed: Json = {name: after[name] for name in SINGLES if before[name] != after[name]}
    removed: Json = {}
    for name in LISTS:
        old = {item["id"]: item for item in before[name]}
        new = {item["id"]: item for item in after[name]}
        if touched := [item for key, item in new.items() if old.get(key) != item]:
            changed[name] = touched
        if gone := sorted(old.keys() - new.keys()):
            removed[name] = gone
    if not changed and not removed:
        return None
    return {"set": changed, "remove": removed}


def apply(snapshot: Json, event: Json) -> Json:
    """A new snapshot: `snapshot` after `event`. Neither argument is changed; the position is the caller's to move."""
    changed: dict[str, Any] = event.get("set", {})
    removed: dict[str, Any] = event.get("remove", {})
    result = dict(snapshot)
    for name in SINGLES:
        if name in changed:
            result[name] = changed[name]
    for name in LISTS:
        items = {item["id"]: item for item in snapshot[name]}
        items.update({item["id"]: item for item in changed.get(name, ())})
        for key in removed.get(name, ()):
            items.pop(key, None)
        result[name] = list(items.values())
    sort_lists(result)
    return result
