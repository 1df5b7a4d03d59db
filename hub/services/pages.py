"""Pages: made by hub admins, changed by their owners and editors."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import delete as sql_delete
from sqlalchemy import insert, select
from sqlalchemy import update as sql_update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import OWNER, Principal, Right
from hub.domain.audience import OPERATORS, PUBLIC, View
from hub.domain.channel import is_slug
from hub.domain.control import AudienceChanged
from hub.domain.page import Page
from hub.domain.snapshot import Json, page_json
from hub.domain.text import iso
from hub.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from hub.ids import new_id
from hub.services import audit, control, rights
from hub.services.audiences import check_audience
from hub.services.state import load_page
from hub.services.views import ensure_view, see_page
from hub.services.write import change_page, check_version
from models import Channel, PageRole
from models import Page as PageRow
from models import View as ViewRow


@dataclass(frozen=True, slots=True)
class NewPage:
    slug: str
    title: str
    description: str | None = None
    time_zone: str = "Etc/UTC"
    locale: str = "en"
    audience: str = PUBLIC
    external_id: str | None = None


async def create(session: AsyncSession, new: NewPage, *, by: Principal, now: datetime) -> Json:
    """A new, empty page; `by`, if an account, becomes its owner. Conflict when the slug is taken."""
    by = await rights.current(session, by, now=now)
    if not by.is_admin:
        raise Forbidden("Only administrators of this hub make pages.") if by.is_authenticated else Unauthenticated()
    if not is_slug(new.slug):
        raise Invalid(fields={"slug": "must be 1 to 63 of a-z, 0-9 and hyphens, with no hyphen at either end"})
    _check_time_zone(new.time_zone)
    await check_audience(session, new.audience, by=by, stored=None)
    page_id = new_id()
    inserted = await session.scalar(
        upsert(PageRow)
        .values(
            id=page_id,
            slug=new.slug,
            title=new.title,
            description=new.description,
            time_zone=new.time_zone,
            locale=new.locale,
            audience=new.audience,
            external_id=new.external_id,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing(index_elements=["slug"])
        .returning(PageRow.id)
    )
    if inserted is None:
        raise Conflict("There is a page with this slug already.")
    if by.account_id is not None:
        await session.execute(insert(PageRole).values(page_id=page_id, account_id=by.account_id, role=OWNER))
    page = await load_page(session, new.slug)
    assert page is not None
    await audit.note(
        session,
        by=by,
        now=now,
        action="page.created",
        object_kind="page",
        object_id=page_id,
        page_id=page_id,
        after={"slug": page.slug, "title": page.title, "audience": page.audience},
    )
    for view in (View(), OPERATORS):
        await ensure_view(session, page, view, now)
    return page_json(page, OPERATORS, iso(now))


async def get(session: AsyncSession, slug: str, *, by: Principal) -> Json:
    sight = await see_page(session, slug, by)
    return page_json(
        sight.page, sight.view, await _changed_at(session, sight.page.id, sight.view, sight.page.created_at)
    )


async def list_pages(session: AsyncSession, *, by: Principal) -> list[Json]:
    """Every page that `by` may see, by title."""
    found = []
    for slug in await session.scalars(select(PageRow.slug).order_by(PageRow.title, PageRow.id)):
        try:
            found.append(await get(session, slug, by=by))
        except NotFound:
            continue
    return found


async def update(
    session: AsyncSession,
    slug: str,
    changes: Mapping[str, Any],
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Change `title, description, time_zone, locale, audience`; whatever `changes` lacks stays."""
    _check_time_zone(changes.get("time_zone"))
    async with change_page(session, slug, by=by, now=now, kind="page.updated") as change:
        page = change.before.page
        change.subject = page.id
        check_version(page.version, expected_version, page_json(page, change.view, iso(page.updated_at)))
        await check_audience(session, changes.get("audience"), by=change.by, stored=page.audience)
        if changes:
            await session.execute(
                sql_update(PageRow)
                .where(PageRow.id == page.id)
                .values(**changes, updated_at=now, version=PageRow.version + 1)
            )
    return await get(session, slug, by=by)


async def delete(session: AsyncSession, slug: str, *, by: Principal, now: datetime) -> None:
    """Remove a page and everything on it. Its channels go too, so its viewers find it gone."""
    page = (await see_page(session, slug, by)).page
    _require_owner(by, page)
    await session.execute(select(PageRow.id).where(PageRow.id == page.id).with_for_update())
    _require_owner(await rights.current(session, by, now=now, page_id=page.id), page)
    channels = select(ViewRow.channel_id).where(ViewRow.page_id == page.id)
    ids = list(await session.scalars(channels))
    await session.execute(sql_delete(PageRow).where(PageRow.id == page.id))
    await audit.note(
        session,
        by=by,
        now=now,
        action="page.deleted",
        object_kind="page",
        object_id=page.id,
        account_id=by.account_id,  # the page's own log has gone with it
        before={"slug": page.slug, "title": page.title, "audience": page.audience},
    )
    await control.tell(session, AudienceChanged(slug=slug), now=now)
    await session.execute(sql_delete(Channel).where(Channel.id.in_(ids)))


def _check_time_zone(name: str | None) -> None:
    if name is not None and name not in available_timezones():
        raise Invalid(fields={"time_zone": "must be an IANA time zone such as Europe/Berlin"})


def _require_owner(by: Principal, page: Page) -> None:
    if not by.can(page.id, Right.OWN):
        raise Forbidden("Only an owner of the page can delete it.")


async def _changed_at(session: AsyncSession, page_id: str, view: View, otherwise: datetime) -> str:
    changed_at = await session.scalar(
        select(ViewRow.changed_at).where(ViewRow.page_id == page_id, ViewRow.key == view.key)
    )
    return iso(changed_at or otherwise)
