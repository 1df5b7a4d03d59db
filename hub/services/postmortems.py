"""Postmortems: a draft that operators alone see, until it is published as the incident's last update."""

from datetime import datetime

from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.incident import IncidentStatus
from hub.domain.snapshot import Json
from hub.errors import Conflict
from hub.services.incident_updates import NewUpdate, post
from hub.services.incidents import find_incident, get
from hub.services.write import PageChange, change_page
from models import Incident as IncidentRow


async def draft(
    session: AsyncSession,
    slug: str,
    incident_id: str,
    body: str | None,
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Keep `body` as the draft of the postmortem, None: none; returns the incident. Viewers notice nothing."""
    async with change_page(session, slug, by=by, now=now, kind="incident.edited") as change:
        incident = await find_incident(change, incident_id, expected_version)
        if body != incident.postmortem_draft:
            await _store(change, incident_id, body)
    return await get(session, slug, incident_id, by=by)


async def publish(
    session: AsyncSession,
    slug: str,
    incident_id: str,
    *,
    notify: bool,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Post the draft as an update; returns the incident, whose `resolved_at` stays the time of its resolution.

    Conflict without a draft, and while the incident is open.
    """
    async with change_page(session, slug, by=by, now=now, kind="incident.updated") as change:
        incident = await find_incident(change, incident_id, expected_version)
        if incident.postmortem_draft is None:
            raise Conflict("There is no draft of a postmortem to publish.")
        if incident.is_open:
            raise Conflict("A postmortem comes after the end, and this incident is still open.")
        await _store(change, incident_id, None)
        await post(change, incident, NewUpdate(IncidentStatus.POSTMORTEM, incident.postmortem_draft, notify=notify))
    return await get(session, slug, incident_id, by=by)


async def _store(change: PageChange, incident_id: str, body: str | None) -> None:
    """`updated_at` stays: viewers see it, and a draft is nothing that they may notice."""
    await change.session.execute(
        sql_update(IncidentRow)
        .where(IncidentRow.id == incident_id)
        .values(postmortem_draft=body, version=IncidentRow.version + 1)
    )
