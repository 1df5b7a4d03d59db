"""The end of an account: everything personal goes, and a tombstone keeps its authorship in history apart."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from hub.auth.permissions import OWNER, Principal
from hub.domain.control import SessionsEnded
from hub.errors import Conflict, NotFound
from hub.services import audit, control
from models import (
    Account,
    AuditEntry,
    ForeignIdentity,
    GroupMember,
    Invitation,
    Mail,
    MailedToken,
    Page,
    PageRole,
    PeopleGroup,
    RefreshToken,
    ViewerLink,
)
from models import Session as SessionRow


async def delete_account(session: AsyncSession, account_id: str, *, now: datetime) -> None:
    """Delete it for good. Conflict while it is the only owner of a page or group.

    Gone: address, password, sign-ins, roles, memberships, mailed links, waiting mails, and the network addresses in
    what it did by the audit log. Kept: the id, so that what it wrote has an author still.
    """
    await _hold_what_it_owns(session, account_id)
    row = await session.scalar(
        select(Account).where(Account.id == account_id, Account.deleted_at.is_(None)).with_for_update()
    )
    if row is None:
        raise NotFound("There is no such account.")
    alone = await _owned_alone(session, account_id)
    if alone:
        raise Conflict(
            f"You are the only owner of {', '.join(alone)}. Give that to somebody else, or delete it, first."
        )
    if row.email is not None:
        await session.execute(delete(Mail).where(Mail.recipient == row.email))
        has_ended = Invitation.ended_at.is_not(None)
        await session.execute(update(Invitation).where(Invitation.email == row.email, has_ended).values(email=None))
    its_sessions = select(SessionRow.id).where(SessionRow.account_id == account_id)
    await session.execute(delete(RefreshToken).where(RefreshToken.session_id.in_(its_sessions)))
    for table in (SessionRow, MailedToken, ForeignIdentity, PageRole, GroupMember, ViewerLink):
        await session.execute(delete(table).where(table.account_id == account_id))
    row.email = row.password_hash = row.verified_at = None
    row.is_admin, row.token_version = False, row.token_version + 1
    row.disabled_at = row.deleted_at = row.updated_at = now
    await session.flush()
    await session.execute(update(AuditEntry).where(AuditEntry.actor_id == account_id).values(address=None))
    await audit.note(
        session,
        by=Principal(account_id=account_id),
        now=now,
        action="account.deleted",
        object_kind="account",
        object_id=account_id,
        account_id=account_id,
    )
    await control.tell(session, SessionsEnded(account=account_id), now=now)


async def _hold_what_it_owns(session: AsyncSession, account_id: str) -> None:
    """Nobody else stops being an owner of these until the transaction ends."""
    pages = select(PageRole.page_id).where(PageRole.account_id == account_id, PageRole.role == OWNER)
    groups = select(GroupMember.group_id).where(GroupMember.account_id == account_id, GroupMember.role == OWNER)
    await session.execute(select(Page.id).where(Page.id.in_(pages)).order_by(Page.id).with_for_update())
    await session.execute(
        select(PeopleGroup.id).where(PeopleGroup.id.in_(groups)).order_by(PeopleGroup.id).with_for_update()
    )


async def _owned_alone(session: AsyncSession, account_id: str) -> list[str]:
    """The pages and groups, in words, that would be without an owner."""
    other_role, other_member = aliased(PageRole), aliased(GroupMember)
    pages = await session.scalars(
        select(Page.slug)
        .join(PageRole, PageRole.page_id == Page.id)
        .where(PageRole.account_id == account_id, PageRole.role == OWNER)
        .where(~exists().where(other_role.page_id == Page.id, *_is_another_owner(other_role, account_id)))
        .order_by(Page.slug)
    )
    groups = await session.scalars(
        select(PeopleGroup.slug)
        .join(GroupMember, GroupMember.group_id == PeopleGroup.id)
        .where(GroupMember.account_id == account_id, GroupMember.role == OWNER)
        .where(~exists().where(other_member.group_id == PeopleGroup.id, *_is_another_owner(other_member, account_id)))
        .order_by(PeopleGroup.slug)
    )
    return [*(f"the page {slug}" for slug in pages), *(f"the group {slug}" for slug in groups)]


def _is_another_owner(place: type[PageRole] | type[GroupMember], account_id: str) -> tuple[ColumnElement[bool], ...]:
    """One who can sign in."""
    is_disabled = exists().where(Account.id == place.account_id, Account.disabled_at.is_not(None))
    return place.role == OWNER, place.account_id != account_id, ~is_disabled
