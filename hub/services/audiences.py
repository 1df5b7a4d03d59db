"""Audiences that something on a page may have: which groups a writer may name, and whether one is still in use."""

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.audience import GROUP, is_audience
from hub.errors import Invalid
from models import Component, GroupMember, Incident, Maintenance, Page, PeopleGroup

# Of a group that is not there and of one that is not the writer's: nobody learns which groups exist.
UNFIT = "must be public, authenticated, verified, or group:<slug> of a group that you are in"


async def check_audience(session: AsyncSession, audience: str | None, *, by: Principal, stored: str | None) -> None:
    """Invalid unless `by` may give something this audience. Call it with the page's row held, where there is a page.

    `stored` is what the thing has now: it may stay, whoever writes. A group that is named cannot end before the commit.
    """
    if audience is None or audience == stored:
        return
    if not is_audience(audience):
        raise Invalid(fields={"audience": UNFIT})
    if not audience.startswith(GROUP):
        return
    query = select(PeopleGroup.id).where(PeopleGroup.slug == audience.removeprefix(GROUP))
    if not by.is_admin:
        is_member = select(GroupMember.role).where(
            GroupMember.group_id == PeopleGroup.id, GroupMember.account_id == by.account_id
        )
        query = query.where(is_member.exists())
    found = await session.scalar(query.with_for_update(read=True, key_share=True, of=PeopleGroup))
    if found is None:
        raise Invalid(fields={"audience": UNFIT})


async def is_in_use(session: AsyncSession, audience: str, *, by_deleted_too: bool = False) -> bool:
    """Has anything this audience? A deleted component keeps its own for good, so it counts only when asked for."""
    components = select(Component.id).where(Component.audience == audience)
    uses = (
        select(Page.id).where(Page.audience == audience),
        components if by_deleted_too else components.where(Component.deleted_at.is_(None)),
        select(Incident.id).where(Incident.audience == audience),
        select(Maintenance.id).where(Maintenance.audience == audience, Maintenance.deleted_at.is_(None)),
    )
    return bool(await session.scalar(select(or_(*(use.exists() for use in uses)))))
