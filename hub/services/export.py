"""A page and all that is on it → one document. Without accounts, keys, people, events, figures and measurements."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal, Right
from hub.domain import page_records
from hub.domain.page_document import PageDocument, merged, render_page_document
from hub.domain.page_records import Reader, Record
from hub.domain.status import Status
from hub.errors import Forbidden
from hub.services.intervals import load_intervals
from hub.services.page_files import LOGO
from hub.services.views import see_page
from models import (
    BaseInterval,
    Component,
    ComponentGroup,
    Incident,
    IncidentNote,
    IncidentUpdate,
    Maintenance,
    MaintenanceComponent,
    MaintenanceUpdate,
    Page,
    PageFile,
    Template,
)

WEIGHTS: Mapping[Status, str] = {
    Status.MAJOR_OUTAGE: "weight_major",
    Status.PARTIAL_OUTAGE: "weight_partial",
    Status.DEGRADED_PERFORMANCE: "weight_degraded",
}


async def export_page(session: AsyncSession, slug: str, *, by: Principal) -> bytes:
    """The page as a document (docs/export.md), for its owners. The same page gives the same bytes.

    `session`: of one moment, so that everything in it is of that moment.
    """
    page = (await see_page(session, slug, by)).page
    if not by.can(page.id, Right.OWN):
        raise Forbidden("Only an owner of the page can take all of it along.")
    return await asyncio.to_thread(render_page_document, await load_document(session, page.id))


async def load_document(session: AsyncSession, page_id: str) -> PageDocument:
    """Everything an export holds."""
    [row] = await _rows(session, Page, Page.id == page_id)
    components = await _records(session, Component, Component.page_id == page_id, page_records.COMPONENT)
    base = await load_intervals(session, [item["id"] for item in components], table=BaseInterval)
    members = await _by_parent(session, MaintenanceComponent, Maintenance, page_id, "maintenance_id")
    incidents = await _told(session, Incident, IncidentUpdate, page_id, "incident_id", page_records.INCIDENT)
    maintenances = await _told(
        session, Maintenance, MaintenanceUpdate, page_id, "maintenance_id", page_records.MAINTENANCE
    )
    return PageDocument(
        page=page_record(row),
        logo=await _logo(session, page_id),
        groups=await _records(session, ComponentGroup, ComponentGroup.page_id == page_id, page_records.GROUP),
        components=[item | {"base": merged(base[item["id"]])} for item in components],
        incidents=incidents,
        maintenances=[
            item | {"components": sorted(link["component_id"] for link in members[item["id"]])} for item in maintenances
        ],
        templates=await _records(session, Template, Template.page_id == page_id, page_records.TEMPLATE),
    )


def page_record(row: RowMapping) -> Record:
    """The fields of a page from its row."""
    weights = {status: row[column] for status, column in WEIGHTS.items()}
    return {name: weights if name == "weights" else row[name] for name in page_records.PAGE}


async def _told(
    session: AsyncSession, table: Any, update_table: Any, page_id: str, parent: str, fields: Mapping[str, Reader]
) -> list[Record]:
    """Incidents or maintenances with their updates and notes."""
    updates = await _by_parent(session, update_table, table, page_id, parent)
    notes: dict[str, list[RowMapping]] = defaultdict(list)
    for note in await _rows(
        session, IncidentNote, IncidentNote.page_id == page_id, getattr(IncidentNote, parent).is_not(None)
    ):
        notes[note[parent]].append(note)
    return [
        item
        | {"updates": [_record(row, page_records.UPDATE) for row in updates[item["id"]]]}
        | {"notes": [_record(row, page_records.NOTE) for row in notes[item["id"]]]}
        for item in await _records(session, table, table.page_id == page_id, fields)
    ]


async def _logo(session: AsyncSession, page_id: str) -> Record | None:
    rows = await _rows(session, PageFile, PageFile.page_id == page_id, PageFile.name == LOGO)
    return {name: rows[0][name] for name in ("media_type", "body", "created_at")} if rows else None


async def _by_parent(
    session: AsyncSession, table: Any, parent_table: Any, page_id: str, parent: str
) -> dict[str, list[RowMapping]]:
    """Rows of `table` by what they are about."""
    found: dict[str, list[RowMapping]] = defaultdict(list)
    of_page = select(parent_table.id).where(parent_table.page_id == page_id)
    for row in await _rows(session, table, getattr(table, parent).in_(of_page)):
        found[row[parent]].append(row)
    return found


async def _records(
    session: AsyncSession, table: Any, where: ColumnElement[bool], fields: Mapping[str, Reader]
) -> list[Record]:
    return [_record(row, fields) for row in await _rows(session, table, where)]


async def _rows(session: AsyncSession, table: Any, *where: ColumnElement[bool]) -> list[RowMapping]:
    return list((await session.execute(select(table.__table__).where(*where))).mappings().all())


def _record(row: RowMapping, fields: Mapping[str, Reader]) -> Record:
    return {name: row[name] for name in fields}
