"""Which view of a page somebody gets, and the rows that views are."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal, Right
from hub.domain.audience import OPERATORS, View
from hub.domain.channel import PageChannel, channel_name, parse_channel
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


@dataclass(frozen=True, slots=True)
class Site:
    """A page and every audience that something on it has: all that is needed to say who sees which view of it."""

    page: Page
    audiences: frozenset[str]

    def sight(self, principal: Principal) -> Sight:
        """Through `principal`'s eyes. NotFound when it is not his, just as when there is none."""
        if principal.can(self.page.id, Right.LOOK):
            return Sight(self.page, OPERATORS)
        view = principal.viewer(self.page.id).view(self.audiences)
        if not view.admits(self.page.audience):
            raise NotFound("There is no such page.")
        return Sight(self.page, view)

    def sight_of(self, named: PageChannel, principal: Principal) -> Sight:
        """`page:<slug>` is the view the principal's rights give; `page:<slug>@<view>` is granted when they cover it."""
        sight = self.sight(principal)
        if named.view is None:
            return sight
        covered = sight.view.sees_all or (not named.view.sees_all and named.view.audiences <= sight.view.audiences)
        if not covered or not named.view.admits(self.page.audience):
            raise NotFound("There is no such channel.")
        return Sight(self.page, named.view)


async def load_site(session: AsyncSession, slug: str) -> Site:
    """Two queries. NotFound when there is no such page, after both: no time tells a hidden page from none."""
    page = await load_page(session, slug)
    audiences = await load_audiences(session, "" if page is None else page.id)
    if page is None:
        raise NotFound("There is no such page.")
    return Site(page, audiences)


async def see_page(session: AsyncSession, slug: str, principal: Principal) -> Sight:
    """The page `slug` through `principal`'s eyes. NotFound when there is none, and just the same when it is not his."""
    return (await load_site(session, slug)).sight(principal)


def named_channel(wire_channel: str) -> PageChannel:
    """The parts of a name on the wire; NotFound for what is no page channel."""
    named = parse_channel(wire_channel)
    if named is None:
        raise NotFound("There is no such channel.")
    return named


async def resolve_view(session: AsyncSession, wire_channel: str, principal: Principal, now: datetime) -> str:
    """The channel behind a name on the wire, made at its first use.

    NotFound alike for bad names, missing pages and pages or views that are not the principal's.
    """
    named = named_channel(wire_channel)
    sight = (await load_site(session, named.slug)).sight_of(named, principal)
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
