"""Rows put straight into the tables, for histories that no service can write in a test's time."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.audience import view_of_key
from hub.domain.channel import channel_name
from hub.ids import new_epoch, new_id
from hub.services.days import recount
from models import BaseInterval, Channel, Component, ComponentGroup, Page, StatusInterval, View


async def add_page(
    session: AsyncSession,
    slug: str,
    created_at: datetime,
    *,
    time_zone: str = "UTC",
    audience: str = "public",
    views: Sequence[str] = ("public",),
    **columns: Any,
) -> str:
    """A page with the rows of its views; its id."""
    page_id = new_id()
    await session.execute(
        insert(Page).values(
            id=page_id,
            slug=slug,
            title=slug.title(),
            time_zone=time_zone,
            locale="en",
            audience=audience,
            created_at=created_at,
            updated_at=created_at,
            **columns,
        )
    )
    for key in views:
        channel_id = await session.scalar(
            insert(Channel).values(name=channel_name(slug, view_of_key(key)), epoch=new_epoch()).returning(Channel.id)
        )
        await session.execute(
            insert(View).values(page_id=page_id, key=key, channel_id=channel_id, changed_at=created_at)
        )
    return page_id


async def add_group(session: AsyncSession, page_id: str, name: str, created_at: datetime) -> str:
    group_id = new_id()
    await session.execute(
        insert(ComponentGroup).values(
            id=group_id, page_id=page_id, name=name, position=0, created_at=created_at, updated_at=created_at
        )
    )
    return group_id


async def add_component(
    session: AsyncSession,
    page_id: str,
    name: str,
    created_at: datetime,
    *history: tuple[str, datetime, datetime | None],
    group_id: str | None = None,
    audience: str | None = None,
    start_date: date | None = None,
    deleted_at: datetime | None = None,
) -> str:
    """A component whose status intervals are `history`: (status, from, to or None); its id.

    Its base is said to have been the same.
    """
    component_id = new_id()
    await session.execute(
        insert(Component).values(
            id=component_id,
            page_id=page_id,
            group_id=group_id,
            name=name,
            position=0,
            showcase=True,
            only_show_if_degraded=False,
            start_date=start_date,
            audience=audience,
            base_status=history[-1][0] if history else "operational",
            created_at=created_at,
            updated_at=created_at,
            deleted_at=deleted_at,
        )
    )
    for status, start, end in history:
        for table in (StatusInterval, BaseInterval):
            await session.execute(
                insert(table).values(component_id=component_id, status=status, during=Range(start, end))
            )
    zone = await session.scalar(select(Page.time_zone).where(Page.id == page_id))
    await recount(session, [component_id], ZoneInfo(zone or "UTC"))
    return component_id


async def events_of(session: AsyncSession, channel: str) -> list[tuple[str, str]]:
    """(kind, payload) of everything published in a channel, in order."""
    rows = await session.execute(
        text("SELECT kind, payload FROM event JOIN channel ON channel.id = channel_id WHERE name = :name ORDER BY off"),
        {"name": channel},
    )
    return [(kind, payload) for kind, payload in rows.all()]
