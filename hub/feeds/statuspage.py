"""The Statuspage v2 documents of a page, from what one view sees of it (docs/statuspage-api.md).

Every document is made from the same values, so that they agree: what is open in one is open in all. Field by field the
shape that programs for such pages expect, in their words: a page has a `name` and a `url`, instants are in the page's
zone, group rows stand among the components.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import nh3

Json = dict[str, Any]

MOST = 50  # incidents or maintenances of any state in one document; of those that are not over, all
DOCUMENTS = (
    "summary",
    "status",
    "components",
    "incidents",
    "incidents/unresolved",
    "scheduled-maintenances",
    "scheduled-maintenances/upcoming",
    "scheduled-maintenances/active",
)
_TAGS = {"a", "b", "blockquote", "br", "code", "em", "i", "li", "ol", "p", "pre", "strong", "ul"}
_ACTIVE = {"in_progress", "verifying"}


@dataclass(frozen=True)
class Source:
    """What one view sees: the snapshot, and where the document goes further back, `incidents` or `maintenances`.

    `told`: by update, what it said of components, as stored: with the groups that they were in then.
    `url`: where people read the page, without a slash behind it.
    """

    snapshot: Json
    url: str
    incidents: Iterable[Json] = ()
    maintenances: Iterable[Json] = ()
    told: Mapping[str, Sequence[Json] | None] = field(default_factory=dict)
    zone: ZoneInfo = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "zone", ZoneInfo(self.snapshot["page"]["time_zone"]))


def document(name: str, source: Source) -> Json:
    """The document of one of `DOCUMENTS`."""
    made: Json = {"page": _page(source)}
    rows = _rows(source)
    snapshot = source.snapshot
    match name:
        case "status":
            pass
        case "components":
            made["components"] = list(rows.values())
        case "incidents":
            made["incidents"] = _incidents(source, source.incidents, rows)
        case "incidents/unresolved":
            made["incidents"] = _incidents(source, snapshot["incidents"], rows)
        case "scheduled-maintenances":
            made["scheduled_maintenances"] = _maintenances(source, source.maintenances, rows)
        case "scheduled-maintenances/upcoming":
            coming = [item for item in snapshot["maintenances"] if item["status"] == "scheduled"]
            made["scheduled_maintenances"] = _maintenances(source, coming, rows)
        case "scheduled-maintenances/active":
            running = [item for item in snapshot["maintenances"] if item["status"] in _ACTIVE]
            made["scheduled_maintenances"] = _maintenances(source, running, rows)
        case "summary":
            made["components"] = list(rows.values())
            made["incidents"] = _incidents(source, snapshot["incidents"], rows)
            made["scheduled_maintenances"] = _maintenances(source, snapshot["maintenances"], rows)
        case _:
            raise LookupError(name)
    if name in {"summary", "status"}:
        made["status"] = snapshot["status"]
    return made


def instant(text: str, zone: ZoneInfo) -> str:
    """An instant of ours in the page's zone: `2031-03-09T07:05:00.000-07:00`, with `Z` where the zone is UTC."""
    local = datetime.fromisoformat(text).astimezone(zone)
    shown = local.isoformat(timespec="milliseconds")
    return shown.removesuffix("+00:00") + "Z" if local.tzname() == "UTC" else shown


def safe_body(body: str) -> str:
    """The words of an update, fit to be inserted as HTML: without tags as they are, else with harmless tags alone."""
    if "<" not in body:
        return body
    return nh3.clean(body, tags=_TAGS, attributes={"a": {"href"}}, link_rel=None).replace("<br>", "<br />")


def _page(source: Source) -> Json:
    page = source.snapshot["page"]
    return {
        "id": page["id"],
        "name": page["title"],
        "url": source.url,
        "time_zone": page["time_zone"],
        "updated_at": instant(page["updated_at"], source.zone),
    }


def _rows(source: Source) -> dict[str, Json]:
    """Groups and components by id, in the order of (position, name, id); groups know their children, in order."""
    page_id, zone = source.snapshot["page"]["id"], source.zone
    groups = {item["id"]: item for item in source.snapshot["groups"]}
    children: dict[str, list[str]] = {key: [] for key in groups}
    rows: list[Json] = []
    for item in source.snapshot["components"]:
        group_id = item["group_id"] if item["group_id"] in groups else None
        if group_id is not None:
            children[group_id].append(item["id"])
        rows.append(_row(item, page_id, zone, group_id))
    for item in groups.values():
        told = {"showcase": False, "start_date": None, "only_show_if_degraded": False, **item}
        rows.append({**_row(told, page_id, zone, None), "group": True, "components": children[item["id"]]})
    rows.sort(key=lambda row: (row["position"], row["name"], row["id"]))
    return {row["id"]: row for row in rows}


def _row(item: Json, page_id: str, zone: ZoneInfo, group_id: str | None) -> Json:
    return {
        "id": item["id"],
        "name": item["name"],
        "status": item["status"],
        "created_at": instant(item["created_at"], zone),
        "updated_at": instant(item["updated_at"], zone),
        "position": item["position"],
        "description": item["description"],
        "showcase": item["showcase"],
        "start_date": item["start_date"],
        "group_id": group_id,
        "page_id": page_id,
        "group": False,
        "only_show_if_degraded": item["only_show_if_degraded"],
    }


def _incidents(source: Source, found: Iterable[Json], rows: Mapping[str, Json]) -> list[Json]:
    """Newest start first."""
    newest_first = sorted(found, key=lambda item: (item["started_at"], item["created_at"], item["id"]), reverse=True)
    return [
        _event(
            source,
            item,
            rows,
            monitoring_at=item["monitoring_at"],
            resolved_at=item["resolved_at"],
            impact=item["impact"],
            shortlink=f"{source.url}/incidents/{item['id']}",
            started_at=item["started_at"],
        )
        for item in newest_first
    ]


def _maintenances(source: Source, found: Iterable[Json], rows: Mapping[str, Json]) -> list[Json]:
    """Latest window first."""
    latest_first = sorted(found, key=lambda item: (item["scheduled_for"], item["id"]), reverse=True)
    return [
        _event(
            source,
            item,
            rows,
            monitoring_at=None,
            resolved_at=item["completed_at"],
            impact="maintenance",
            shortlink=f"{source.url}/maintenances/{item['id']}",
            started_at=item["announced_at"],
            scheduled_for=instant(item["scheduled_for"], source.zone),
            scheduled_until=instant(item["scheduled_until"], source.zone),
        )
        for item in latest_first
    ]


def _event(
    source: Source,
    item: Json,
    rows: Mapping[str, Json],
    *,
    monitoring_at: str | None,
    resolved_at: str | None,
    impact: str,
    shortlink: str,
    started_at: str,
    **window: str,
) -> Json:
    """An incident or a maintenance, its fields in the order of the original; of its components the last comes first."""
    named = [rows[key] for key in item["components"] if key in rows]
    return {
        "id": item["id"],
        "name": item["name"],
        "status": item["status"],
        "created_at": instant(item["created_at"], source.zone),
        "updated_at": instant(item["updated_at"], source.zone),
        "monitoring_at": _or_none(monitoring_at, source.zone),
        "resolved_at": _or_none(resolved_at, source.zone),
        "impact": impact,
        "shortlink": shortlink,
        "started_at": instant(started_at, source.zone),
        "page_id": source.snapshot["page"]["id"],
        "incident_updates": [_update(source, item["id"], update, rows) for update in item["updates"]],
        "components": sorted(named, key=lambda row: (-row["position"], row["name"], row["id"])),
        **window,
        "reminder_intervals": None,
    }


def _update(source: Source, incident_id: str, update: Json, rows: Mapping[str, Json]) -> Json:
    zone = source.zone
    told = source.told.get(update["id"], ())
    groups = {item["id"]: item["group"] for item in told or () if "group" in item}
    affected = [
        {
            "code": item["id"],
            "name": _full_name(item, rows, groups),
            "old_status": item["old_status"],
            "new_status": item["new_status"],
        }
        for item in update["affected"]
    ]
    return {
        "id": update["id"],
        "status": update["status"],
        "body": safe_body(update["body"]),
        "incident_id": incident_id,
        "created_at": instant(update["created_at"], zone),
        "updated_at": instant(update["updated_at"], zone),
        "display_at": instant(update["display_at"], zone),
        "affected_components": None if told is None else affected,
        "deliver_notifications": update["deliver_notifications"],
        "custom_tweet": None,
        "tweet_id": None,
    }


def _full_name(item: Json, rows: Mapping[str, Json], groups: Mapping[str, Json | None]) -> str:
    """`Group - Component`, by the names they had then, where that is a group that this view sees."""
    name: str = item["name"]
    if item["id"] in groups:
        group = groups[item["id"]]
        return f"{group['name']} - {name}" if group is not None and group["id"] in rows else name
    row = rows.get(item["id"])  # of words that are older than this is known, the group is that of now
    now = rows.get(row["group_id"]) if row is not None and row["group_id"] is not None else None
    return name if now is None else f"{now['name']} - {name}"


def _or_none(text: str | None, zone: ZoneInfo) -> str | None:
    return None if text is None else instant(text, zone)
