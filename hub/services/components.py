"""Components: what a page tells the status of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal, Right
from hub.domain.page import Component
from hub.domain.snapshot import Json
from hub.domain.status import Status
from hub.errors import Invalid, NotFound
from hub.ids import new_id
from hub.services.audiences import check_audience
from hub.services.snapshots import see_snapshot
from hub.services.write import PageChange, change_page, check_version, next_position
from models import Component as ComponentRow


@dataclass(frozen=True, slots=True)
class NewComponent:
    """`status` is the base status; `audience` None: the page's; `position` None: after the last of its group."""

    name: str
    description: str | None = None
    group_id: str | None = None
    position: int | None = None
    showcase: bool = True
    only_show_if_degraded: bool = False
    start_date: date | None = None
    audience: str | None = None
    status: Status = Status.OPERATIONAL
    external_id: str | None = None
    created_at: datetime | None = None


async def create(session: AsyncSession, slug: str, new: NewComponent, *, by: Principal, now: datetime) -> Json:
    component_id = new_id()
    async with change_page(session, slug, by=by, now=now, kind="component.created") as change:
        change.subject = component_id
        _check_group(change, new.group_id)
        await check_audience(session, new.audience, by=change.by, stored=None)
        await insert_component(change, component_id, new)
    return change.shown("components", component_id)


async def insert_component(change: PageChange, component_id: str, new: NewComponent) -> None:
    position = new.position
    if position is None:
        position = next_position(
            item.position for item in change.before.components if item.group_id == new.group_id and not item.is_deleted
        )
    await change.session.execute(
        insert(ComponentRow).values(
            id=component_id,
            page_id=change.page_id,
            group_id=new.group_id,
            name=new.name,
            description=new.description,
            position=position,
            showcase=new.showcase,
            only_show_if_degraded=new.only_show_if_degraded,
            start_date=new.start_date,
            audience=new.audience,
            base_status=new.status.value,
            external_id=new.external_id,
            created_at=new.created_at or change.now,
            updated_at=change.now,
        )
    )


async def list_components(session: AsyncSession, slug: str, *, by: Principal) -> list[Json]:
    snapshot = await see_snapshot(session, slug, by)
    components: list[Json] = snapshot["components"]
    return components


async def get(session: AsyncSession, slug: str, component_id: str, *, by: Principal) -> Json:
    for component in await list_components(session, slug, by=by):
        if component["id"] == component_id:
            return component
    raise NotFound("There is no such component.")


async def update(
    session: AsyncSession,
    slug: str,
    component_id: str,
    changes: Mapping[str, Any],
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Change any of `NewComponent`'s fields; `status` sets the operator's base layer and leaves the others alone.

    Saying what already holds changes nothing and tells nobody.
    """
    right = Right.STATUS if changes.keys() == {"status"} else Right.EDIT
    async with change_page(session, slug, by=by, now=now, kind="component.updated", right=right) as change:
        component = find_component(change, component_id)
        check_version(component.version, expected_version, change.shown_before("components", component_id))
        _check_group(change, changes.get("group_id"))
        await check_audience(session, changes.get("audience"), by=change.by, stored=component.audience)
        values = {("base_status" if name == "status" else name): value for name, value in changes.items()}
        values = {name: value for name, value in values.items() if getattr(component, name) != value}
        if values:
            if values.keys() <= {"base_status"}:
                change.kind = "component.status_changed"
            await session.execute(
                sql_update(ComponentRow)
                .where(ComponentRow.id == component_id)
                .values(**values, updated_at=now, version=ComponentRow.version + 1)
            )
    return change.shown("components", component_id)


async def delete(
    session: AsyncSession,
    slug: str,
    component_id: str,
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> None:
    """Take a component off the page. Its row stays, so that old incidents keep naming it."""
    async with change_page(session, slug, by=by, now=now, kind="component.deleted") as change:
        component = find_component(change, component_id)
        check_version(component.version, expected_version, change.shown_before("components", component_id))
        await session.execute(
            sql_update(ComponentRow)
            .where(ComponentRow.id == component_id)
            .values(deleted_at=now, updated_at=now, group_id=None, external_id=None)
        )


def find_component(change: PageChange, component_id: str) -> Component:
    """The component of this page; NotFound for unknown, deleted and other pages' ids alike."""
    component = change.before.components_by_id.get(component_id)
    if component is None or component.is_deleted:
        raise NotFound("There is no such component.")
    change.subject = component_id
    return component


def _check_group(change: PageChange, group_id: str | None) -> None:
    if group_id is not None and group_id not in {group.id for group in change.before.groups}:
        raise Invalid(fields={"group_id": "is no group of this page"})
