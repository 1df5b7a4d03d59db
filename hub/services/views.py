"""Which view of a page somebody gets, and the rows that views are."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.audience import OPERATORS, View
from hub.domain.channel import channel_name, parse_channel
from hub.domain.page import Page
from hub.errors import NotFound, Unavailable
from hub.ids import new_epoch
from hub.services.state import load_audiences, load_page
from models import Channel
from models import Page as PageRow
from models import View as ViewRow

VIEWS_PER_PAGE = 64


@dataclass(frozen=True, slots=True)
class Sight:
    """A page and the view of it that one principal gets."""

    page: Page
    view: View

    @property
    def channel(self) -> str:
        return channel_name(self.page.slug, self.view)


async def see_page(session: AsyncSession, slug: str, principal: Principal) -> Sight:
    """The page `slug` through `principal`'s eyes. NotFound when there is none, and just the same when it is not his."""
    page = await load_page(session, slug)
    if page is None:
        raise NotFound("There is no such page.")
    if principal.is_operator(page.id):
        return Sight(page, OPERATORS)
    view = principal.viewer(page.id).view(await load_audiences(session, page.id))
    if not view.admits(page.audience):
        raise NotFound("There is no such page.")
    return Sight(page, view)


async def resolve_view(session: AsyncSession, wire_channel: str, principal: Principal, now: datetime) -> str:
    """The channel behind a name on the wire, made at its first use.

    `page:<slug>` is the view the principal's rights give; `page:<slug>@<view>` is granted when his rights cover it.
    NotFound alike for bad names, missing pages and pages or views that are not his.
    """
    named = parse_channel(wire_channel)
    if named is None:
        raise NotFound("There is no such channel.")
    sight = await see_page(session, named.slug, principal)
    if named.view is not None:
        covered = sight.view.sees_all or (not named.view.sees_all and named.view.audiences <= sight.view.audiences)
        if not covered or not named.view.admits(sight.page.audience):
            raise NotFound("There is no such channel.")
        sight = Sight(sight.page, named.view)
    await ensure_view(session, sight.page, sight.view, now)
    return sight.channel


async def ensure_view(session: AsyncSession, page: Page, view: View, now: datetime) -> None:
    """Make the row and the channel of `view` if they are not there yet.

    Takes the page's row lock to do so: an event being written meanwhile either sees the new view or is in the
    state that its first snapshot shows.
    """
    known = select(ViewRow.channel_id).where(ViewRow.page_id == page.id, ViewRow.key == view.key)
    if (await session.scalar(known)) is not None:
        return
    await session.execute(select(PageRow.id).where(PageRow.id == page.id).with_for_update())
    if (await session.scalar(known)) is not None:
        return
    count = await session.scalar(select(func.count()).select_from(ViewRow).where(ViewRow.page_id == page.id))
    if (count or 0) >= VIEWS_PER_PAGE:
        raise Unavailable("This page has more kinds of viewers than it can serve.")
    channel_id = await session.scalar(
        insert(Channel).values(name=channel_name(page.slug, view), epoch=new_epoch()).returning(Channel.id)
    )
    await session.execute(insert(ViewRow).values(page_id=page.id, key=view.key, channel_id=channel_id, changed_at=now))
