"""Groups of components. (Groups of people are something else.)"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import insert
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.snapshot import Json
from hub.errors import NotFound
from hub.ids import new_id
from hub.services.snapshots import see_snapshot
from hub.services.write import PageChange, change_page, check_version, next_position
from models import ComponentGroup


@dataclass(frozen=True, slots=True)
class NewGroup:
    name: str
    position: int | None = None  # None: after the last
    external_id: str | None = None
    description: str | None = None


async def create(session: AsyncSession, slug: str, new: NewGroup, *, by: Principal, now: datetime) -> Json:
    group_id = new_id()
    async with change_page(session, slug, by=by, now=now, kind="group.created") as change:
        change.subject = group_id
        await insert_group(change, group_id, new)
    return change.shown("groups", group_id)


async def insert_group(change: PageChange, group_id: str, new: NewGroup) -> None:
    position = new.position
    if position is None:
        position = next_position(group.position for group in change.before.groups)
    await change.session.execute(
        insert(ComponentGroup).values(
            id=group_id,
            page_id=change.page_id,
            name=new.name,
            description=new.description,
            position=position,
            external_id=new.external_id,
            created_at=change.now,
            updated_at=change.now,
        )
    )


async def list_groups(session: AsyncSession, slug: str, *, by: Principal) -> list[Json]:
    snapshot = await see_snapshot(session, slug, by)
    groups: list[Json] = snapshot["groups"]
    return groups


async def get(session: AsyncSession, slug: str, group_id: str, *, by: Principal) -> Json:
    for group in await list_groups(session, slug, by=by):
        if group["id"] == group_id:
            return group
    raise NotFound("There is no such group.")


async def update(
    session: AsyncSession,
    slug: str,
    group_id: str,
    changes: Mapping[str, Any],
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Change `name`, `description` or `position`. Saying what already holds changes nothing."""
    async with change_page(session, slug, by=by, now=now, kind="group.updated") as change:
        group = _find(change, group_id)
        check_version(group.version, expected_version, change.shown_before("groups", group_id))
        values = {name: value for name, value in changes.items() if getattr(group, name) != value}
        if values:
            await session.execute(
                sql_update(ComponentGroup)
                .where(ComponentGroup.id == group_id)
                .values(**values, updated_at=now, version=ComponentGroup.version + 1)
            )
    return change.shown("groups", group_id)


async def delete(
    session: AsyncSession,
    slug: str,
    group_id: str,
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> None:
    """Remove a group; its components stay, outside any group."""
    async with change_page(session, slug, by=by, now=now, kind="group.deleted") as change:
        group = _find(change, group_id)
        check_version(group.version, expected_version, change.shown_before("groups", group_id))
        await session.execute(sql_delete(ComponentGroup).where(ComponentGroup.id == group_id))


def _find(change: PageChange, group_id: str) -> Any:
    for group in change.before.groups:
        if group.id == group_id:
            change.subject = group_id
            return group
    raise NotFound("There is no such group.")
