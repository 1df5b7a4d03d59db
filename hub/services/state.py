"""Rows of one page → `hub.domain.page.PageState`. Plain column reads, so what comes back is what the database has."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Label, RowMapping, func, select, union
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.branding import logo_name
from hub.domain.incident import Impact, IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.page import Affected, Component, Group, Incident, Maintenance, Page, PageState, Update
from hub.domain.status import Status
from models import Component as ComponentRow
from models import (
    ComponentGroup,
    IncidentNote,
    IncidentUpdate,
    MaintenanceComponent,
    MaintenanceUpdate,
    PageFile,
    Report,
    StatusInterval,
    View,
)
from models import Incident as IncidentRow
from models import Maintenance as MaintenanceRow
from models import Page as PageRow

ENDED_INCIDENTS_SHOWN = 10
# A page's row, with the file name of its logo.
_PAGE = select(
    *PageRow.__table__.c,
    select(PageFile.digest)
    .where(PageFile.page_id == PageRow.id, PageFile.name == "logo")
    .scalar_subquery()
    .label("logo_digest"),
    select(PageFile.media_type)
    .where(PageFile.page_id == PageRow.id, PageFile.name == "logo")
    .scalar_subquery()
    .label("logo_type"),
)


async def load_page(session: AsyncSession, slug: str) -> Page | None:
    row = await _one(session, _PAGE.where(PageRow.slug == slug))
    return None if row is None else page_of(row)


async def load_state(session: AsyncSession, page_id: str) -> PageState:
    """Everything of one page that its snapshots show. About ten short queries, whatever the page's history."""
    page_row = await _one(session, _PAGE.where(PageRow.id == page_id))
    assert page_row is not None, "the caller has just found this page"
    groups = await _all(session, select(ComponentGroup.__table__).where(ComponentGroup.page_id == page_id))
    open_incidents = await load_incidents(session, (IncidentRow.page_id == page_id) & IncidentRow.resolved_at.is_(None))
    ended = await load_incidents(
        session,
        (IncidentRow.page_id == page_id) & IncidentRow.resolved_at.is_not(None),
        order=(IncidentRow.resolved_at.desc(), IncidentRow.id.desc()),
        limit=ENDED_INCIDENTS_SHOWN,
    )
    maintenances = await load_maintenances(
        session, (MaintenanceRow.page_id == page_id) & MaintenanceRow.completed_at.is_(None)
    )
    report = await _one(
        session,
        select(Report.body)
        .where(Report.page_id == page_id, Report.kind == "daily")
        .order_by(Report.period_start.desc())
        .limit(1),
    )
    summaries = await _all(
        session, select(View.key, View.summary).where(View.page_id == page_id, View.summary.is_not(None))
    )
    return PageState(
        page=page_of(page_row),
        groups=tuple(group_of(row) for row in groups),
        components=await load_components(session, page_id),
        incidents=open_incidents,
        ended_incidents=ended,
        maintenances=maintenances,
        summaries={row["key"]: row["summary"] for row in summaries},
        report=None if report is None else report["body"],
    )


async def load_components(session: AsyncSession, page_id: str) -> tuple[Component, ...]:
    """All components of a page, deleted ones included, each with the start of its present status."""
    open_interval = (
        select(StatusInterval.component_id, func.lower(StatusInterval.during).label("status_since"))
        .where(func.upper_inf(StatusInterval.during))
        .subquery()
    )
    rows = await _all(
        session,
        select(*ComponentRow.__table__.c, open_interval.c.status_since)
        .outerjoin(open_interval, open_interval.c.component_id == ComponentRow.id)
        .where(ComponentRow.page_id == page_id),
    )
    return tuple(component_of(row) for row in rows)


async def load_incidents(
    session: AsyncSession,
    where: ColumnElement[bool],
    *,
    order: Sequence[ColumnElement[Any]] = (),
    limit: int | None = None,
) -> tuple[Incident, ...]:
    """The incidents that `where` picks, whole, in `order`."""
    notes = _about_notes(IncidentNote.incident_id == IncidentRow.id)
    rows = await _all(session, select(*IncidentRow.__table__.c, *notes).where(where).order_by(*order).limit(limit))
    updates = await _updates(session, IncidentUpdate, IncidentUpdate.incident_id, [row["id"] for row in rows])
    return tuple(incident_of(row, updates[row["id"]]) for row in rows)


async def load_maintenances(
    session: AsyncSession,
    where: ColumnElement[bool],
    *,
    order: Sequence[ColumnElement[Any]] = (),
    limit: int | None = None,
    with_deleted: bool = False,
) -> tuple[Maintenance, ...]:
    """The maintenances that `where` picks, whole, in `order`. `with_deleted`: for calendars, to take them out."""
    if not with_deleted:
        where &= MaintenanceRow.deleted_at.is_(None)
    notes = _about_notes(IncidentNote.maintenance_id == MaintenanceRow.id)
    rows = await _all(session, select(*MaintenanceRow.__table__.c, *notes).where(where).order_by(*order).limit(limit))
    ids = [row["id"] for row in rows]
    updates = await _updates(session, MaintenanceUpdate, MaintenanceUpdate.maintenance_id, ids)
    members: dict[str, list[str]] = defaultdict(list)
    if ids:
        for link in await _all(
            session,
            select(MaintenanceComponent.__table__)
            .where(MaintenanceComponent.maintenance_id.in_(ids))
            .order_by(MaintenanceComponent.component_id),
        ):
            members[link["maintenance_id"]].append(link["component_id"])
    return tuple(maintenance_of(row, members[row["id"]], updates[row["id"]]) for row in rows)


async def load_audiences(session: AsyncSession, page_id: str) -> frozenset[str]:
    """Every audience that occurs on a page, old incidents included: what decides which views it needs."""
    found: CompoundSelect[Any] = union(
        select(PageRow.audience).where(PageRow.id == page_id),
        select(ComponentRow.audience).where(ComponentRow.page_id == page_id),
        select(IncidentRow.audience).where(IncidentRow.page_id == page_id),
        select(MaintenanceRow.audience).where(MaintenanceRow.page_id == page_id),
    )
    return frozenset(name for name in (await session.scalars(found)) if name is not None)


# ── one row → one value ──────────────────────────────────────────────────────────────────────────────────────


def page_of(row: RowMapping) -> Page:
    return Page(
        id=row["id"],
        slug=row["slug"],
        title=row["title"],
        description=row["description"],
        time_zone=row["time_zone"],
        locale=row["locale"],
        audience=row["audience"],
        weights={
            Status.MAJOR_OUTAGE: row["weight_major"],
            Status.PARTIAL_OUTAGE: row["weight_partial"],
            Status.DEGRADED_PERFORMANCE: row["weight_degraded"],
        },
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        external_id=row["external_id"],
        brand_color=row["brand_color"],
        custom_css=row["custom_css"],
        custom_domain=row["custom_domain"],
        logo=None if row["logo_digest"] is None else logo_name(row["logo_digest"], row["logo_type"]),
    )


def group_of(row: RowMapping) -> Group:
    names = ("id", "name", "description", "position", "version", "created_at", "updated_at", "external_id")
    return Group(**{name: row[name] for name in names})


def component_of(row: RowMapping) -> Component:
    names = (
        "id", "name", "description", "group_id", "position", "showcase", "only_show_if_degraded", "start_date",
        "audience", "version", "created_at", "updated_at", "status_since", "external_id",
    )  # fmt: skip
    return Component(
        **{name: row[name] for name in names},
        base_status=Status(row["base_status"]),
        is_deleted=row["deleted_at"] is not None,
    )


def incident_of(row: RowMapping, updates: Iterable[Update]) -> Incident:
    names = (
        "id", "name", "audience", "started_at", "monitoring_at", "resolved_at", "is_backdated", "postmortem_draft",
        "notes_count", "notes_updated_at", "version", "created_at", "updated_at", "external_id",
    )  # fmt: skip
    return Incident(
        **{name: row[name] for name in names},
        status=IncidentStatus(row["status"]),
        impact_override=None if row["impact_override"] is None else Impact(row["impact_override"]),
        updates=tuple(sorted(updates, key=lambda update: update.order)),
    )


def maintenance_of(row: RowMapping, component_ids: Sequence[str], updates: Iterable[Update]) -> Maintenance:
    names = (
        "id", "name", "body", "audience", "scheduled_for", "scheduled_until", "started_at", "completed_at",
        "auto_start", "auto_complete", "rrule", "series_id", "sequence", "remind_before_min", "reminded_at",
        "cancelled_at", "announced_at", "notes_count", "notes_updated_at", "version", "created_at", "updated_at",
        "external_id",
    )  # fmt: skip
    return Maintenance(
        **{name: row[name] for name in names},
        status=MaintenanceStatus(row["status"]),
        component_ids=tuple(component_ids),
        updates=tuple(sorted(updates, key=lambda update: update.order)),
    )


def update_of(row: RowMapping) -> Update:
    names = ("id", "status", "body", "display_at", "created_at", "updated_at", "external_id", "deliver_notifications")
    return Update(
        **{name: row[name] for name in names},
        affected=tuple(
            Affected(
                item["id"],
                item["name"],
                Status(item["old_status"]),
                Status(item["new_status"]),
                Status(item["held"]) if "held" in item else None,
            )
            for item in row["affected"] or ()
        ),
    )


async def _updates(
    session: AsyncSession, table: type[Any], parent: Any, parent_ids: Sequence[str]
) -> dict[str, list[Update]]:
    found: dict[str, list[Update]] = defaultdict(list)
    if parent_ids:
        for row in await _all(session, select(table.__table__).where(parent.in_(parent_ids))):
            found[row[parent.key]].append(update_of(row))
    return found


def _about_notes(where: ColumnElement[bool]) -> tuple[Label[Any], Label[Any]]:
    count = select(func.count()).select_from(IncidentNote).where(where)
    latest = select(func.max(IncidentNote.updated_at)).where(where)
    return count.scalar_subquery().label("notes_count"), latest.scalar_subquery().label("notes_updated_at")


async def _all(session: AsyncSession, statement: Any) -> Sequence[RowMapping]:
    return (await session.execute(statement)).mappings().all()


async def _one(session: AsyncSession, statement: Any) -> RowMapping | None:
    return (await session.execute(statement)).mappings().one_or_none()
