"""Pages: made by hub admins, changed by their owners and editors."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, insert, select
from sqlalchemy import update as sql_update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from hub.auth.permissions import OWNER, Principal, Right
from hub.domain.audience import OPERATORS, PUBLIC, View
from hub.domain.channel import is_slug
from hub.domain.control import AudienceChanged
from hub.domain.css import problem_of as css_problem
from hub.domain.host_name import NO_HOSTS, HubHosts, host_problem
from hub.domain.page import Page
from hub.domain.snapshot import Json, page_json
from hub.domain.status import Status
from hub.domain.text import iso
from hub.domain.zone import zone_names
from hub.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from hub.ids import new_id
from hub.services import audit, control, rights
from hub.services.audiences import check_audience
from hub.services.page_removal import remove_history
from hub.services.state import load_page
from hub.services.views import ensure_view, see_page
from hub.services.write import change_page, check_version
from models import Channel, PageRole
from models import Page as PageRow
from models import View as ViewRow

UNKNOWN_ZONE = "must be an IANA time zone such as Europe/Berlin"
TAKEN_DOMAIN = "Another page of this hub has this host name."
RESERVED_SLUGS = frozenset({"import"})  # /api/v1/pages/import is no page
_WEIGHTS: Mapping[Status, InstrumentedAttribute[float]] = {
    Status.MAJOR_OUTAGE: PageRow.weight_major,
    Status.PARTIAL_OUTAGE: PageRow.weight_partial,
    Status.DEGRADED_PERFORMANCE: PageRow.weight_degraded,
}


@dataclass(frozen=True, slots=True)
class NewPage:
    """`id`: that of a page which comes back from its export; None: a new one."""

    slug: str
    title: str
    description: str | None = None
    time_zone: str = "Etc/UTC"
    locale: str = "en"
    audience: str = PUBLIC
    external_id: str | None = None
    id: str | None = None


async def create(session: AsyncSession, new: NewPage, *, by: Principal, now: datetime) -> Json:
    """A new, empty page; `by`, if an account, becomes its owner. Conflict when the slug is taken."""
    by = await rights.current(session, by, now=now)
    if not by.is_admin:
        raise Forbidden("Only administrators of this hub make pages.") if by.is_authenticated else Unauthenticated()
    if not is_slug(new.slug):
        raise Invalid(fields={"slug": "must be 1 to 63 of a-z, 0-9 and hyphens, with no hyphen at either end"})
    check_settings({"time_zone": new.time_zone})
    await check_audience(session, new.audience, by=by, stored=None)
    if new.slug in RESERVED_SLUGS:
        raise Invalid(fields={"slug": "is a word of the API's own: choose another"})
    page_id = new.id or new_id()
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
        raise Conflict("There is a page with this slug already.", fields={"slug": "is that of another page already"})
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
    """One page without what is on it; for its operators with the CSS that it is styled by."""
    sight = await see_page(session, slug, by)
    changed_at = await _changed_at(session, sight.page.id, sight.view, sight.page.created_at)
    return _whole_json(sight.page, sight.view, changed_at)


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
    hosts: HubHosts = NO_HOSTS,
) -> Json:
    """Change a page's own fields; whatever `changes` lacks stays. `weights` may name some of them. Saying what already
    holds changes nothing.

    Another time zone moves the borders of all days, and the figures with them. Invalid, and Conflict when the host
    name is another page's. `hosts`: what no page can be called.
    """
    check_settings(changes, hosts)
    async with change_page(session, slug, by=by, now=now, kind="page.updated") as change:
        page = change.before.page
        change.subject = page.id
        check_version(page.version, expected_version, _whole_json(page, change.view, iso(page.updated_at)))
        await check_audience(session, changes.get("audience"), by=change.by, stored=page.audience)
        await check_domain(session, page.id, changes.get("custom_domain"))
        stored = columns_of({name: getattr(page, name) for name in changes})
        values = {name: value for name, value in columns_of(changes).items() if stored[name] != value}
        if values:
            if not values.keys().isdisjoint(column.key for column in _WEIGHTS.values()):
                change.touch(page)  # every figure is another one
            await session.execute(
                sql_update(PageRow)
                .where(PageRow.id == page.id)
                .values(**values, updated_at=now, version=PageRow.version + 1)
            )
    return await get(session, slug, by=by)


def check_settings(settings: Mapping[str, Any], hosts: HubHosts = NO_HOSTS) -> None:
    """Invalid, naming each field that cannot be so."""
    zone, css, domain = (settings.get(name) for name in ("time_zone", "custom_css", "custom_domain"))
    faults = {
        "time_zone": None if zone is None or zone in zone_names() else UNKNOWN_ZONE,
        "custom_css": None if css is None else css_problem(css),
        "custom_domain": None if domain is None else host_problem(domain, hosts),
    }
    if found := {name: fault for name, fault in faults.items() if fault is not None}:
        raise Invalid(fields=found)


async def check_domain(session: AsyncSession, page_id: str, domain: str | None) -> None:
    """Conflict when another page has the host name, now or in a transaction that is about to end."""
    if domain is None:
        return
    lock = func.pg_advisory_xact_lock(func.hashtextextended(f"custom_domain:{domain}", 0))
    await session.execute(select(lock))
    if await session.scalar(select(PageRow.id).where(PageRow.custom_domain == domain, PageRow.id != page_id)):
        raise Conflict(TAKEN_DOMAIN, fields={"custom_domain": "is the host name of another page of this hub"})


def columns_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a page → columns of its row."""
    columns = {name: value for name, value in settings.items() if name != "weights"}
    return columns | {_WEIGHTS[status].key: weight for status, weight in settings.get("weights", {}).items()}


async def delete(
    session: AsyncSession, slug: str, *, by: Principal, now: datetime, expected_version: int | None = None
) -> None:
    """Remove a page and everything on it. Its channels go too, so its viewers find it gone.

    All or nothing, and however much there is, nothing of another page waits for it.
    """
    page = (await see_page(session, slug, by)).page
    _require_owner(by, page)
    version = await session.scalar(select(PageRow.version).where(PageRow.id == page.id).with_for_update())
    if version is None:
        raise NotFound("There is no such page.")
    _require_owner(await rights.current(session, by, now=now, page_id=page.id), page)
    check_version(version, expected_version, await get(session, slug, by=by))
    channels = select(ViewRow.channel_id).where(ViewRow.page_id == page.id)
    ids = list(await session.scalars(channels))
    await remove_history(session, page.id)
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
    await session.execute(sql_delete(Channel).where(Channel.id.in_(ids)))
    # Last: from here to the commit the control stream is held, which everybody's rights go through.
    await control.tell(session, AudienceChanged(slug=slug), now=now)


def _whole_json(page: Page, view: View, changed_at: str) -> Json:
    body = page_json(page, view, changed_at)
    return body | {"custom_css": page.custom_css} if view.sees_all else body


def _require_owner(by: Principal, page: Page) -> None:
    if not by.can(page.id, Right.OWN):
        raise Forbidden("Only an owner of the page can delete it.")


async def _changed_at(session: AsyncSession, page_id: str, view: View, otherwise: datetime) -> str:
    changed_at = await session.scalar(
        select(ViewRow.changed_at).where(ViewRow.page_id == page_id, ViewRow.key == view.key)
    )
    return iso(changed_at or otherwise)
