"""The rights of somebody at this very moment: read again, under the lock of what he is about to change.

A request's principal is as old as the request. Between its check and the write another transaction may have taken the
right away; whoever writes therefore takes the lock first and asks here second (ADR 0015).
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.errors import Unauthenticated
from models import Account, MachineKey, MachineKeyPage, PageRole
from models import Session as SessionRow


async def current(session: AsyncSession, by: Principal, *, now: datetime, page_id: str | None = None) -> Principal:
    """`by` as the database has him now, his role or scopes on `page_id` alone. One indexed query; none for the hub.

    Unauthenticated when his account, session or key is worth nothing any more.
    """
    if by.account_id is not None:
        return await _current_account(session, by, page_id)
    if by.key_id is not None:
        return await _current_key(session, by, page_id, now)
    return by


async def _current_account(session: AsyncSession, by: Principal, page_id: str | None) -> Principal:
    query = (
        select(Account.email, Account.verified_at, Account.is_admin, PageRole.role)
        .outerjoin(PageRole, and_(PageRole.account_id == Account.id, PageRole.page_id == page_id))
        .where(Account.id == by.account_id, Account.disabled_at.is_(None), Account.deleted_at.is_(None))
    )
    if by.session_id is not None:
        lives = select(SessionRow.id).where(SessionRow.id == by.session_id, SessionRow.ended_at.is_(None))
        query = query.where(lives.exists())
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise Unauthenticated("This session has ended; sign in again.")
    roles = {} if page_id is None or row.role is None else {page_id: row.role}
    return replace(by, email=row.email, is_verified=row.verified_at is not None, is_admin=row.is_admin, roles=roles)


async def _current_key(session: AsyncSession, by: Principal, page_id: str | None, now: datetime) -> Principal:
    row = (
        await session.execute(
            select(MachineKey.scopes, MachineKeyPage.page_id)
            .outerjoin(MachineKeyPage, and_(MachineKeyPage.key_id == MachineKey.id, MachineKeyPage.page_id == page_id))
            .where(
                MachineKey.id == by.key_id,
                MachineKey.revoked_at.is_(None),
                or_(MachineKey.expires_at.is_(None), MachineKey.expires_at > now),
            )
        )
    ).one_or_none()
    if row is None:
        raise Unauthenticated("This key is not valid any more.")
    pages = frozenset() if row.page_id is None else frozenset({row.page_id})
    return replace(by, scopes=frozenset(row.scopes), key_pages=pages)
