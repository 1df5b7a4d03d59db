"""Addresses of one account's own view of a page, for feed readers and calendars, which cannot sign in.

The secret in the address stands for the account and for nothing it may do: whoever has it may read this page's feeds,
with the rights that the account has at the moment of reading. Shown once, stored as a hash, ended by its maker, by a
disabled account, and by a page that is not the account's any more.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.errors import Conflict, NotFound, Unauthenticated
from hub.ids import new_id
from hub.services import audit, rights
from hub.services.principals import load_account
from hub.services.views import see_page
from models import Account, Page, ViewerLink

LINKS_PER_PAGE = 20  # of one account
USE_INTERVAL_S = 300  # how exact `last_used_at` is
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_NO_LINK = "There is no such link."


@dataclass(frozen=True, slots=True)
class Link:
    """A link without its secret."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None


async def create(session: AsyncSession, slug: str, name: str, *, by: Principal, now: datetime) -> tuple[Link, str]:
    """A new link and its secret, which nobody can be told again.

    NotFound for a page that is not there for `by`, Conflict when he has too many for it.
    """
    page = (await see_page(session, slug, by)).page
    still = select(Page.id).where(Page.id == page.id).with_for_update(read=True, key_share=True)
    if await session.scalar(still) is None:
        raise NotFound("There is no such page.")
    await session.execute(select(Account.id).where(Account.id == by.account_id).with_for_update())
    await rights.current(session, by, now=now)  # a session that ended meanwhile leaves nothing behind
    held = await session.scalar(
        select(func.count()).select_from(ViewerLink).where(*_living(by), ViewerLink.page_id == page.id)
    )
    if (held or 0) >= LINKS_PER_PAGE:
        raise Conflict(f"You have at most {LINKS_PER_PAGE} links to a page; revoke those that you do not need.")
    secret = secrets.token_urlsafe(32)
    link = Link(new_id(), name, now, None)
    await session.execute(
        insert(ViewerLink).values(
            id=link.id,
            account_id=by.account_id,
            page_id=page.id,
            name=name,
            token_hash=_hash_of(secret),
            created_at=now,
        )
    )
    await _note(session, "link.created", link.id, by=by, now=now)
    return link, secret


async def list_links(session: AsyncSession, slug: str, *, by: Principal) -> Sequence[Link]:
    """Those that `by` has made for this page, newest first."""
    page = (await see_page(session, slug, by)).page
    rows = await session.execute(
        select(ViewerLink.id, ViewerLink.name, ViewerLink.created_at, ViewerLink.last_used_at)
        .where(*_living(by), ViewerLink.page_id == page.id)
        .order_by(ViewerLink.id.desc())
    )
    return [Link(*row) for row in rows.all()]


async def revoke(session: AsyncSession, slug: str, link_id: str, *, by: Principal, now: datetime) -> None:
    """End a link of one's own, also of a page that one cannot see any more; NotFound for any other."""
    page_id = select(Page.id).where(Page.slug == slug).scalar_subquery()
    ended = await session.scalar(
        update(ViewerLink)
        .where(*_living(by), ViewerLink.id == link_id, ViewerLink.page_id == page_id)
        .values(revoked_at=now)
        .returning(ViewerLink.id)
    )
    if ended is None:
        raise NotFound(_NO_LINK)
    await _note(session, "link.revoked", link_id, by=by, now=now)


async def open_link(session: AsyncSession, slug: str, secret: str, *, now: datetime) -> Principal:
    """Whom the link stands for, rights as they are now. NotFound, always the same, for one that opens nothing.

    What he may see of the page is asked next, as of any principal.
    """
    if _SECRET.fullmatch(secret) is None:
        raise NotFound
    row = (
        await session.execute(
            select(ViewerLink.id, ViewerLink.account_id, ViewerLink.last_used_at)
            .join(Page, Page.id == ViewerLink.page_id)
            .where(ViewerLink.token_hash == _hash_of(secret), ViewerLink.revoked_at.is_(None), Page.slug == slug)
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    principal = await load_account(session, row.account_id)
    if principal is None:
        raise NotFound
    await _note_use(session, row.id, now)
    return principal


async def _note_use(session: AsyncSession, link_id: str, now: datetime) -> None:
    """Now and then, and not while somebody else does: reading waits for no writer."""
    is_old = or_(ViewerLink.last_used_at.is_(None), ViewerLink.last_used_at < now - timedelta(seconds=USE_INTERVAL_S))
    due = select(ViewerLink.id).where(ViewerLink.id == link_id, is_old).with_for_update(skip_locked=True)
    await session.execute(update(ViewerLink).where(ViewerLink.id.in_(due)).values(last_used_at=now))


def _living(by: Principal) -> tuple[ColumnElement[bool], ...]:
    if by.account_id is None:
        raise Unauthenticated
    return ViewerLink.account_id == by.account_id, ViewerLink.revoked_at.is_(None)


def _hash_of(secret: str) -> str:
    """Not a password hash: there is nothing to guess in 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def _note(session: AsyncSession, action: str, link_id: str, *, by: Principal, now: datetime) -> None:
    await audit.note(
        session, by=by, now=now, action=action, object_kind="link", object_id=link_id, account_id=by.account_id
    )
