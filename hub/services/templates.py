"""Templates: what an incident or a maintenance begins with, kept for operators. No viewer's output reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import insert, select
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal, Right
from hub.domain.incident import IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.snapshot import Json
from hub.domain.status import Status
from hub.domain.text import iso
from hub.errors import Conflict, Invalid, NotFound
from hub.ids import new_id
from hub.services import audit
from hub.services.views import see_page
from hub.services.write import PageChange, change_page, check_version
from models import Component as ComponentRow
from models import Template as TemplateRow


class TemplateKind(StrEnum):
    INCIDENT = "incident"
    MAINTENANCE = "maintenance"


_STATUSES: Mapping[TemplateKind, type[StrEnum]] = {
    TemplateKind.INCIDENT: IncidentStatus,
    TemplateKind.MAINTENANCE: MaintenanceStatus,
}


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """`name` is the template's own, unique on its page within its kind; `title` what the incident will be called.

    `status`: the state of the first update, or of any update the text is for. `components`: a status for each.
    """

    kind: TemplateKind
    name: str
    title: str
    body: str
    status: str | None = None
    components: Mapping[str, Status] = field(default_factory=dict)


async def list_templates(session: AsyncSession, slug: str, *, by: Principal) -> list[Json]:
    """By kind and name. NotFound for all but the page's operators. Components that were deleted are left out."""
    sight = await see_page(session, slug, by)
    if not sight.view.sees_all:
        raise NotFound
    return await _read(session, sight.page.id)


async def get(session: AsyncSession, slug: str, template_id: str, *, by: Principal) -> Json:
    for template in await list_templates(session, slug, by=by):
        if template["id"] == template_id:
            return template
    raise NotFound("There is no such template.")


async def create(session: AsyncSession, slug: str, new: NewTemplate, *, by: Principal, now: datetime) -> Json:
    """Keep a template. Conflict when its kind has one of that name."""
    template_id = new_id()
    async with change_page(session, slug, by=by, now=now, kind="page.updated", right=Right.INCIDENTS) as change:
        _check(change, new.kind, new.status, new.components)
        await _check_name(change, new.kind, new.name, template_id)
        await session.execute(
            insert(TemplateRow).values(
                id=template_id,
                page_id=change.page_id,
                kind=new.kind.value,
                name=new.name,
                title=new.title,
                status=new.status,
                body=new.body,
                components=_plain(new.components),
                created_at=now,
                updated_at=now,
            )
        )
        template = await _find(change, template_id)
        await _note(change, "template.created", None, template)
    return template


async def update(
    session: AsyncSession,
    slug: str,
    template_id: str,
    changes: Mapping[str, Any],
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Change any of `NewTemplate`'s fields but `kind`."""
    async with change_page(session, slug, by=by, now=now, kind="page.updated", right=Right.INCIDENTS) as change:
        before = await _find(change, template_id)
        check_version(before["version"], expected_version, before)
        kind = TemplateKind(before["kind"])
        known = before["components"]
        _check(change, kind, changes.get("status"), changes.get("components", {}), known=known)
        values = dict(changes)
        if "components" in values:
            values["components"] = _plain(values["components"])
        values = {name: value for name, value in values.items() if before[name] != value}
        if not values:
            return before
        if "name" in values:
            await _check_name(change, kind, values["name"], template_id)
        await session.execute(
            sql_update(TemplateRow)
            .where(TemplateRow.id == template_id)
            .values(**values, updated_at=now, version=TemplateRow.version + 1)
        )
        after = await _find(change, template_id)
        await _note(change, "template.updated", before, after)
    return after


async def delete(
    session: AsyncSession,
    slug: str,
    template_id: str,
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> None:
    async with change_page(session, slug, by=by, now=now, kind="page.updated", right=Right.INCIDENTS) as change:
        before = await _find(change, template_id)
        check_version(before["version"], expected_version, before)
        await session.execute(sql_delete(TemplateRow).where(TemplateRow.id == template_id))
        await _note(change, "template.deleted", before, None)


def _check(
    change: PageChange,
    kind: TemplateKind,
    status: str | None,
    components: Mapping[str, Status],
    known: Mapping[str, Any] | None = None,
) -> None:
    problems = {
        f"components.{key}": "is no component of this page"
        for key in components
        if key not in change.before.statuses and key not in (known or {})
    }
    if status is not None and status not in {item.value for item in _STATUSES[kind]}:
        problems["status"] = f"is no state of {'an incident' if kind is TemplateKind.INCIDENT else 'a maintenance'}"
    if problems:
        raise Invalid(fields=problems)


async def _check_name(change: PageChange, kind: TemplateKind, name: str, template_id: str) -> None:
    """The page's row is held, so nobody takes the name in between."""
    row = TemplateRow
    taken = select(row.id).where(
        row.page_id == change.page_id, row.kind == kind.value, row.name == name, row.id != template_id
    )
    if await change.session.scalar(taken) is not None:
        taken_by = {"name": "is that of another template already"}
        raise Conflict(f"There is a template for {kind.value}s of that name.", fields=taken_by)


async def _find(change: PageChange, template_id: str) -> Json:
    for template in await _read(change.session, change.page_id, template_id):
        return template
    raise NotFound("There is no such template.")


async def _read(session: AsyncSession, page_id: str, template_id: str | None = None) -> list[Json]:
    there = set(
        await session.scalars(
            select(ComponentRow.id).where(ComponentRow.page_id == page_id, ComponentRow.deleted_at.is_(None))
        )
    )
    query = select(TemplateRow.__table__).where(TemplateRow.page_id == page_id)
    if template_id is not None:
        query = query.where(TemplateRow.id == template_id)
    rows = await session.execute(query.order_by(TemplateRow.kind, TemplateRow.name))
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "name": row.name,
            "title": row.title,
            "status": row.status,
            "body": row.body,
            "components": {key: word for key, word in row.components.items() if key in there},
            "created_at": iso(row.created_at),
            "updated_at": iso(row.updated_at),
            "version": row.version,
        }
        for row in rows
    ]


async def _note(change: PageChange, action: str, before: Json | None, after: Json | None) -> None:
    template = after or before or {}
    await audit.note(
        change.session,
        by=change.by,
        now=change.now,
        action=action,
        object_kind="template",
        object_id=template["id"],
        page_id=change.page_id,
        before=before,
        after=after,
    )


def _plain(components: Mapping[str, Status]) -> dict[str, str]:
    return {key: word.value for key, word in components.items()}
