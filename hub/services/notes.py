"""Notes that operators keep on an incident or a maintenance. Viewers neither see them nor notice that there are any."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, insert, select
from sqlalchemy import delete as sql_delete
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.snapshot import Json
from hub.domain.text import iso, render_markdown
from hub.errors import NotFound
from hub.ids import new_id
from hub.services.incidents import find_incident
from hub.services.maintenances import find_maintenance
from hub.services.views import see_page
from hub.services.write import PageChange, change_page, check_version
from models import Account, Incident, IncidentNote, Maintenance


class Subject(StrEnum):
    """What notes are kept on."""

    INCIDENT = "incident"
    MAINTENANCE = "maintenance"


_COLUMNS: dict[Subject, Any] = {
    Subject.INCIDENT: IncidentNote.incident_id,
    Subject.MAINTENANCE: IncidentNote.maintenance_id,
}


async def list_notes(
    session: AsyncSession, slug: str, subject: Subject, subject_id: str, *, by: Principal
) -> list[Json]:
    """The notes on one incident or maintenance, oldest first. NotFound for all but the page's operators."""
    sight = await see_page(session, slug, by)
    if not sight.view.sees_all:
        raise NotFound
    if subject is Subject.INCIDENT:
        found = await session.scalar(
            select(Incident.id).where(Incident.id == subject_id, Incident.page_id == sight.page.id)
        )
    else:
        found = await session.scalar(
            select(Maintenance.id).where(
                Maintenance.id == subject_id, Maintenance.page_id == sight.page.id, Maintenance.deleted_at.is_(None)
            )
        )
    if found is None:
        raise NotFound
    rows = await session.execute(
        _select().where(_COLUMNS[subject] == subject_id).order_by(IncidentNote.created_at, IncidentNote.id)
    )
    return [_json(row) for row in rows]


async def add(
    session: AsyncSession, slug: str, subject: Subject, subject_id: str, body: str, *, by: Principal, now: datetime
) -> Json:
    """Keep one more note; returns it. Other operators see the count grow at once."""
    note_id = new_id()
    async with change_page(session, slug, by=by, now=now, kind=f"{subject}.noted") as change:
        await _find(change, subject, subject_id)
        change.stir_operators()
        await session.execute(
            insert(IncidentNote).values(
                id=note_id,
                page_id=change.page_id,
                author_id=by.account_id,
                body=body,
                created_at=now,
                updated_at=now,
                **{f"{subject}_id": subject_id},
            )
        )
    return await _read(session, subject, subject_id, note_id)


async def edit(
    session: AsyncSession,
    slug: str,
    subject: Subject,
    subject_id: str,
    note_id: str,
    body: str,
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Change the text of a note; returns it. Any operator who may write incidents may; the others are told at once."""
    async with change_page(session, slug, by=by, now=now, kind=f"{subject}.noted") as change:
        await _find(change, subject, subject_id)
        note = await _read(session, subject, subject_id, note_id)
        check_version(note["version"], expected_version, note)
        if body != note["body"]:
            change.stir_operators()
            await session.execute(
                sql_update(IncidentNote)
                .where(IncidentNote.id == note_id)
                .values(body=body, updated_at=now, version=IncidentNote.version + 1)
            )
    return await _read(session, subject, subject_id, note_id)


async def delete(
    session: AsyncSession,
    slug: str,
    subject: Subject,
    subject_id: str,
    note_id: str,
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> None:
    async with change_page(session, slug, by=by, now=now, kind=f"{subject}.noted") as change:
        await _find(change, subject, subject_id)
        note = await _read(session, subject, subject_id, note_id)
        check_version(note["version"], expected_version, note)
        change.stir_operators()
        await session.execute(sql_delete(IncidentNote).where(IncidentNote.id == note_id))


async def _find(change: PageChange, subject: Subject, subject_id: str) -> None:
    if subject is Subject.INCIDENT:
        await find_incident(change, subject_id)
    else:
        await find_maintenance(change, subject_id)


def _select() -> Select[Any]:
    return select(IncidentNote.__table__, Account.email.label("author")).outerjoin(
        Account, Account.id == IncidentNote.author_id
    )


async def _read(session: AsyncSession, subject: Subject, subject_id: str, note_id: str) -> Json:
    where = (IncidentNote.id == note_id) & (_COLUMNS[subject] == subject_id)
    row = (await session.execute(_select().where(where))).one_or_none()
    if row is None:
        raise NotFound("There is no such note.")
    return _json(row)


def _json(row: Any) -> Json:
    """`author`: the address of the account that wrote it, None for a machine's key and for an account that is gone."""
    return {
        "id": row.id,
        "body": row.body,
        "body_html": render_markdown(row.body),
        "author_id": row.author_id,
        "author": row.author,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "version": row.version,
    }
