"""Builders of small Statuspage documents."""

from typing import Any

AT = "2031-03-09T14:05:00.000Z"


def component(key: str = "comp00000001", /, status: str = "operational", **more: Any) -> dict[str, Any]:
    return {
        "id": key,
        "name": key.title(),
        "status": status,
        "created_at": AT,
        "updated_at": AT,
        "position": 1,
        "description": None,
        "showcase": True,
        "start_date": None,
        "group_id": None,
        "group": False,
        "only_show_if_degraded": False,
    } | more


def word(key: str, new: str, old: str = "operational") -> dict[str, Any]:
    return {"code": key, "name": key.title(), "old_status": old, "new_status": new}


def update(key: str, status: str = "investigating", *words: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": key,
        "status": status,
        "body": f"Words of {key}.",
        "created_at": AT,
        "updated_at": AT,
        "display_at": AT,
        "affected_components": list(words) or None,
    } | more


def incident(
    key: str = "inci00000001", /, status: str = "investigating", *updates: dict[str, Any], **more: Any
) -> dict[str, Any]:
    return {
        "id": key,
        "name": f"Trouble {key}",
        "status": status,
        "impact": "minor",
        "created_at": AT,
        "updated_at": AT,
        "started_at": AT,
        "monitoring_at": None,
        "resolved_at": None,
        "components": [],
        "incident_updates": list(updates) or [update(f"{key}-1", status)],
    } | more


def maintenance(
    key: str = "main00000001", /, status: str = "scheduled", *updates: dict[str, Any], **more: Any
) -> dict[str, Any]:
    return incident(
        key,
        status,
        *updates,
        **{
            "impact": "maintenance",
            "scheduled_for": "2031-03-10T02:00:00.000Z",
            "scheduled_until": "2031-03-10T04:00:00.000Z",
        }
        | more,
    )


def document(**parts: Any) -> dict[str, Any]:
    page = {"id": "page00000001", "name": "Larkspur Ferries", "time_zone": "Etc/UTC", "updated_at": AT}
    return {"page": page} | parts
