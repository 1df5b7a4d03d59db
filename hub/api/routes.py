"""The whole URL map of the REST API."""

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from hub.access import Access, open_to
from hub.api import (
    accounts,
    audit,
    auth,
    components,
    export,
    figures,
    groups,
    health,
    incidents,
    invitations,
    keys,
    latency,
    links,
    mails,
    maintenances,
    me,
    notes,
    page_files,
    pages,
    people,
    people_groups,
    postmortems,
    preview,
    templates,
)
from hub.api.asyncapi import build_async_document
from hub.api.openapi import DOCS_POLICY, build_document, render_docs
from hub.api.resource import nothing, resource
from hub.api.server_api import server_api_routes

PAGE = "/api/v1/pages/{slug}"
GROUP = "/api/v1/groups/{slug}"

API_ROUTES: tuple[Route, ...] = (
    resource("/api/v1/auth/register", POST=auth.register),
    resource("/api/v1/auth/login", POST=auth.login),
    resource("/api/v1/auth/refresh", POST=auth.refresh),
    resource("/api/v1/auth/logout", POST=auth.logout),
    resource("/api/v1/auth/verify", POST=auth.verify),
    resource("/api/v1/auth/forgot", POST=auth.forgot),
    resource("/api/v1/auth/reset", POST=auth.reset),
    resource("/api/v1/me", GET=me.show_me, DELETE=me.delete_me),
    resource("/api/v1/me/sessions", GET=me.list_sessions, DELETE=me.end_sessions),
    resource("/api/v1/me/sessions/{session_id}", DELETE=me.end_session),
    resource("/api/v1/me/password", POST=me.change_password),
    resource("/api/v1/me/email", POST=me.change_email),
    resource("/api/v1/me/verification", POST=me.mail_verification),
    resource("/api/v1/accounts", GET=accounts.list_accounts),
    resource("/api/v1/accounts/{account_id}", PATCH=accounts.change_account),
    resource("/api/v1/mails", GET=mails.list_mails),
    resource("/api/v1/keys", GET=keys.list_keys, POST=keys.create_key),
    resource("/api/v1/keys/{key_id}", DELETE=keys.revoke_key),
    resource("/api/v1/groups", GET=people_groups.list_people_groups, POST=people_groups.create_people_group),
    resource(
        GROUP,
        GET=people_groups.show_people_group,
        PATCH=people_groups.update_people_group,
        DELETE=people_groups.delete_people_group,
    ),
    resource(f"{GROUP}/members", GET=people_groups.list_members),
    resource(f"{GROUP}/members/{{account_id}}", PATCH=people_groups.change_member, DELETE=people_groups.remove_member),
    resource(f"{GROUP}/invitations", GET=invitations.list_invitations, POST=invitations.create_invitation),
    resource(f"{GROUP}/invitations/{{invitation_id}}", DELETE=invitations.revoke_invitation),
    resource(f"{GROUP}/invitations/{{invitation_id}}/resend", POST=invitations.resend_invitation),
    resource(f"{GROUP}/audit", GET=audit.list_people_group_audit),
    resource("/api/v1/invitations/accept", POST=invitations.accept_invitation),
    resource("/api/v1/pages", GET=pages.list_pages, POST=pages.create_page),
    resource("/api/v1/pages/import", POST=export.import_page),
    resource(PAGE, GET=pages.show_page, PATCH=pages.update_page, DELETE=pages.delete_page),
    resource(f"{PAGE}/export", GET=export.export_page),
    resource(f"{PAGE}/files/logo", PUT=page_files.put_logo, DELETE=page_files.remove_logo),
    resource(f"{PAGE}/people", GET=people.list_people, POST=people.add_person),
    resource(f"{PAGE}/people/{{account_id}}", PATCH=people.change_person, DELETE=people.remove_person),
    resource(f"{PAGE}/transfer", POST=people.transfer_page),
    resource(f"{PAGE}/audit", GET=audit.list_page_audit),
    resource(f"{PAGE}/snapshot", GET=pages.show_snapshot),
    resource(f"{PAGE}/history", GET=pages.show_history),
    resource(f"{PAGE}/uptime", GET=figures.show_uptime),
    resource(f"{PAGE}/uptime/days", GET=figures.list_outages),
    resource(f"{PAGE}/uptime/hours", GET=figures.list_hours),
    resource(f"{PAGE}/reports", GET=figures.list_reports),
    resource(f"{PAGE}/groups", GET=groups.list_groups, POST=groups.create_group),
    resource(
        f"{PAGE}/groups/{{group_id}}",
        GET=groups.show_group,
        PATCH=groups.update_group,
        DELETE=groups.delete_group,
    ),
    resource(f"{PAGE}/components", GET=components.list_components, POST=components.create_component),
    resource(f"{PAGE}/components/order", POST=components.order_components),
    resource(
        f"{PAGE}/components/{{component_id}}",
        GET=components.show_component,
        PATCH=components.update_component,
        DELETE=components.delete_component,
    ),
    resource(f"{PAGE}/components/{{component_id}}/latency", GET=latency.show_latency, POST=latency.record_latency),
    resource(f"{PAGE}/latency", GET=latency.list_latency),
    resource(f"{PAGE}/links", GET=links.list_links, POST=links.create_link),
    resource(f"{PAGE}/links/{{link_id}}", DELETE=links.revoke_link),
    resource(f"{PAGE}/incidents", GET=incidents.list_incidents, POST=incidents.open_incident),
    resource(
        f"{PAGE}/incidents/{{incident_id}}",
        GET=incidents.show_incident,
        PATCH=incidents.update_incident,
        DELETE=incidents.delete_incident,
    ),
    resource(
        f"{PAGE}/incidents/{{incident_id}}/updates",
        GET=incidents.list_incident_updates,
        POST=incidents.add_incident_update,
    ),
    resource(
        f"{PAGE}/incidents/{{incident_id}}/updates/{{update_id}}",
        GET=incidents.show_incident_update,
        PATCH=incidents.edit_incident_update,
    ),
    resource(
        f"{PAGE}/incidents/{{incident_id}}/postmortem",
        PUT=postmortems.draft_postmortem,
        DELETE=postmortems.discard_postmortem,
    ),
    resource(f"{PAGE}/incidents/{{incident_id}}/postmortem/publish", POST=postmortems.publish_postmortem),
    resource(f"{PAGE}/incidents/{{incident_id}}/notes", GET=notes.list_incident_notes, POST=notes.add_incident_note),
    resource(
        f"{PAGE}/incidents/{{incident_id}}/notes/{{note_id}}",
        PATCH=notes.edit_incident_note,
        DELETE=notes.delete_incident_note,
    ),
    resource(f"{PAGE}/preview", POST=preview.show_preview),
    resource(f"{PAGE}/templates", GET=templates.list_templates, POST=templates.create_template),
    resource(
        f"{PAGE}/templates/{{template_id}}",
        GET=templates.show_template,
        PATCH=templates.update_template,
        DELETE=templates.delete_template,
    ),
    resource(f"{PAGE}/maintenances", GET=maintenances.list_maintenances, POST=maintenances.schedule_maintenance),
    resource(
        f"{PAGE}/maintenances/{{maintenance_id}}",
        GET=maintenances.show_maintenance,
        PATCH=maintenances.update_maintenance,
        DELETE=maintenances.delete_maintenance,
    ),
    resource(
        f"{PAGE}/maintenances/{{maintenance_id}}/updates",
        GET=maintenances.list_maintenance_updates,
        POST=maintenances.add_maintenance_update,
    ),
    resource(
        f"{PAGE}/maintenances/{{maintenance_id}}/updates/{{update_id}}",
        GET=maintenances.show_maintenance_update,
        PATCH=maintenances.edit_maintenance_update,
    ),
    resource(f"{PAGE}/maintenances/{{maintenance_id}}/cancel", POST=maintenances.cancel_maintenance),
    resource(f"{PAGE}/maintenances/{{maintenance_id}}/finish", POST=maintenances.finish_maintenance),
    resource(
        f"{PAGE}/maintenances/{{maintenance_id}}/notes",
        GET=notes.list_maintenance_notes,
        POST=notes.add_maintenance_note,
    ),
    resource(
        f"{PAGE}/maintenances/{{maintenance_id}}/notes/{{note_id}}",
        PATCH=notes.edit_maintenance_note,
        DELETE=notes.delete_maintenance_note,
    ),
)


def api_routes() -> list[BaseRoute]:
    """Everything under `/api/`, and what machines ask for; to be mounted at the root, before any catch-all."""
    document = build_document(API_ROUTES)

    async def openapi_json(_: Request) -> Response:
        return Response(msgspec.json.encode(document), media_type="application/json")

    async def asyncapi_json(request: Request) -> Response:
        return Response(
            msgspec.json.encode(build_async_document(request.state.settings)), media_type="application/json"
        )

    async def docs(_: Request) -> Response:
        return HTMLResponse(render_docs(document), headers={"Content-Security-Policy": DOCS_POLICY})

    return [
        *API_ROUTES,
        open_to(Access.NOBODY, Route("/api/openapi.json", openapi_json)),
        open_to(Access.NOBODY, Route("/api/asyncapi.json", asyncapi_json)),
        open_to(Access.NOBODY, Route("/api/docs", docs)),
        *server_api_routes(),
        nothing("/api"),
        nothing("/api/{rest:path}"),
        open_to(Access.NOBODY, Route("/healthz", health.healthz)),
        open_to(Access.NOBODY, Route("/readyz", health.readyz)),
        open_to(Access.NOBODY, Route("/metrics", health.show_metrics)),
    ]
