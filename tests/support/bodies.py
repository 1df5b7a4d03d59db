"""A good body for every write of the API, and where in it other things are named."""

from collections.abc import Mapping
from typing import Any

from tests.support.route_walk import Way

PAGE = "/api/v1/pages/{slug}"
GROUP = "/api/v1/groups/{slug}"
PASSWORD = "correct horse battery"
Json = dict[str, Any]


def example_body(way: Way, named: Mapping[str, str]) -> Json | None:
    """What may be sent to `way`; None for what takes none. `named`: ids and slugs to name in it, by kind.

    Raises KeyError for a write that nobody has written an example of: add it here, and every attack tries it.
    """
    if way.operation is None:
        return None
    if way.operation.body is None:
        return _documents(named).get(way.name)
    return _examples(named)[way.name]


def _documents(named: Mapping[str, str]) -> Mapping[str, Json]:
    """Bodies that are read by other means than a model: an import of what is another's, under an id of one's own."""
    stamps = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
    page = {
        "id": "yyyyyyyyyyyy",
        "slug": named.get("page", "nobodys-page"),
        "title": "Taken over",
        "time_zone": "UTC",
        "locale": "en",
        "audience": "public",
        "weights": {"major_outage": 1, "partial_outage": 0.3, "degraded_performance": 0},
        **stamps,
    }
    return {"POST /api/v1/pages/import": {"format": "status-hub-page", "version": 1, "page": page}}


def _examples(named: Mapping[str, str]) -> Mapping[str, Json]:
    component, account = named.get("component", "zzzzzzzzzzzz"), named.get("account", "zzzzzzzzzzzz")
    page, group = named.get("page", "nobodys-page"), named.get("group", "zzzzzzzzzzzz")
    window = {"scheduled_for": "2031-01-01T00:00:00Z", "scheduled_until": "2031-01-01T01:00:00Z"}
    return {
        "POST /api/v1/auth/register": {"email": "new@example.test", "password": PASSWORD},
        "POST /api/v1/auth/login": {"email": "nobody@example.test", "password": PASSWORD},
        "POST /api/v1/auth/refresh": {"refresh_token": "0" * 64},
        "POST /api/v1/auth/logout": {},
        "POST /api/v1/auth/verify": {"token": "guessed"},
        "POST /api/v1/auth/forgot": {"email": "nobody@example.test"},
        "POST /api/v1/auth/reset": {"token": "guessed", "new_password": PASSWORD},
        "DELETE /api/v1/me": {"current_password": PASSWORD},
        "POST /api/v1/me/password": {"current_password": PASSWORD, "new_password": PASSWORD + "!"},
        "POST /api/v1/me/email": {"email": "other@example.test", "current_password": PASSWORD},
        "PATCH /api/v1/accounts/{account_id}": {"disabled": True},
        "POST /api/v1/keys": {"name": "Robot", "pages": [page], "scopes": ["admin"]},
        "POST /api/v1/groups": {"slug": "a-new-group", "name": "A new group"},
        f"PATCH {GROUP}": {"name": "Renamed"},
        f"PATCH {GROUP}/members/{{account_id}}": {"role": "owner"},
        f"POST {GROUP}/invitations": {"max_uses": 5},
        f"POST {GROUP}/invitations/{{invitation_id}}/resend": {},
        "POST /api/v1/invitations/accept": {"token": "guessed"},
        "POST /api/v1/pages": {"slug": "a-new-page", "title": "A new page"},
        f"PATCH {PAGE}": {"title": "Taken over", "audience": "public"},
        f"POST {PAGE}/people": {"email": "other_owner@example.test", "role": "owner"},
        f"PATCH {PAGE}/people/{{account_id}}": {"role": "owner"},
        f"POST {PAGE}/transfer": {"account_id": account},
        f"POST {PAGE}/groups": {"name": "Planted"},
        f"PATCH {PAGE}/groups/{{group_id}}": {"name": "Taken over"},
        f"POST {PAGE}/components": {"name": "Planted", "group_id": group},
        f"PATCH {PAGE}/components/{{component_id}}": {"status": "major_outage", "group_id": group},
        f"POST {PAGE}/components/{{component_id}}/latency": {"latency_ms": 12.5},
        f"POST {PAGE}/links": {"name": "A reader"},
        f"POST {PAGE}/incidents": {
            "name": "Planted",
            "status": "investigating",
            "body": "planted",
            "components": {component: "major_outage"},
        },
        f"PATCH {PAGE}/incidents/{{incident_id}}": {"name": "Taken over", "audience": "public"},
        f"POST {PAGE}/incidents/{{incident_id}}/updates": {
            "status": "identified",
            "body": "planted",
            "components": {component: "operational"},
        },
        f"PATCH {PAGE}/incidents/{{incident_id}}/updates/{{update_id}}": {"body": "planted"},
        f"PUT {PAGE}/incidents/{{incident_id}}/postmortem": {"body": "planted"},
        f"POST {PAGE}/incidents/{{incident_id}}/postmortem/publish": {"notify": False},
        f"POST {PAGE}/incidents/{{incident_id}}/notes": {"body": "planted"},
        f"PATCH {PAGE}/incidents/{{incident_id}}/notes/{{note_id}}": {"body": "planted"},
        f"POST {PAGE}/preview": {"kind": "incident", "body": "planted", "components": {component: "major_outage"}},
        f"POST {PAGE}/templates": {
            "kind": "incident",
            "name": "Planted",
            "title": "Planted",
            "body": "planted",
            "components": {component: "major_outage"},
        },
        f"PATCH {PAGE}/templates/{{template_id}}": {"title": "Taken over", "components": {component: "operational"}},
        f"POST {PAGE}/components/order": {"groups": [group], "components": {"": [component]}},
        f"POST {PAGE}/maintenances": {"name": "Planted", "body": "planted", "components": [component], **window},
        f"PATCH {PAGE}/maintenances/{{maintenance_id}}": {"name": "Taken over", "components": [component]},
        f"POST {PAGE}/maintenances/{{maintenance_id}}/updates": {"status": "in_progress", "body": "planted"},
        f"PATCH {PAGE}/maintenances/{{maintenance_id}}/updates/{{update_id}}": {"body": "planted"},
        f"POST {PAGE}/maintenances/{{maintenance_id}}/cancel": {"ends_series": True},
        f"POST {PAGE}/maintenances/{{maintenance_id}}/finish": {"body": "planted"},
        f"POST {PAGE}/maintenances/{{maintenance_id}}/notes": {"body": "planted"},
        f"PATCH {PAGE}/maintenances/{{maintenance_id}}/notes/{{note_id}}": {"body": "planted"},
    }
