"""The audit log: every change of people, pages and keys, by whom, from where, before and after.

Neither secrets nor addresses of mail go into it: an account is named by its id, so that the log can outlive him.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.text import iso
from models import Account, AuditEntry, MachineKey

ACCOUNT, KEY, SYSTEM = "account", "key", "system"

Json = dict[str, Any]


async def note(
    session: AsyncSession,
    *,
    by: Principal,
    now: datetime,
    action: str,
    object_kind: str,
    object_id: str | None = None,
    page_id: str | None = None,
    group_id: str | None = None,
    account_id: str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write one entry, in the change's transaction. `page_id`, `group_id`, `account_id`: whose log it belongs to."""
    kind = ACCOUNT if by.account_id else KEY if by.key_id else SYSTEM
    await session.execute(
        insert(AuditEntry).values(
            page_id=page_id,
            group_id=group_id,
            account_id=account_id,
            actor_kind=kind,
            actor_id=by.account_id or by.key_id,
            address=by.address or None,
            action=action,
            object_kind=object_kind,
            object_id=object_id,
            before=None if before is None else dict(before),
            after=None if after is None else dict(after),
            at=now,
        )
    )


async def of_page(session: AsyncSession, page_id: str, *, limit: int, before: int | None = None) -> list[Json]:
    """Up to `limit` entries of a page's log, newest first, below the id `before`. The caller has checked the right."""
    return await _read(session, AuditEntry.page_id == page_id, limit, before)


async def of_group(session: AsyncSession, group_id: str, *, limit: int, before: int | None = None) -> list[Json]:
    """The same of a group's log."""
    return await _read(session, AuditEntry.group_id == group_id, limit, before)


async def _read(session: AsyncSession, where: ColumnElement[bool], limit: int, before: int | None) -> list[Json]:
    """Actors are named as they are known now: a deleted account has nothing left but its id."""
    query = (
        select(AuditEntry.__table__, Account.email.label("email"), MachineKey.name.label("key_name"))
        .outerjoin(Account, and_(AuditEntry.actor_kind == ACCOUNT, Account.id == AuditEntry.actor_id))
        .outerjoin(MachineKey, and_(AuditEntry.actor_kind == KEY, MachineKey.id == AuditEntry.actor_id))
        .where(where)
    )
    if before is not None:
        query = query.where(AuditEntry.id < before)
    rows = await session.execute(query.order_by(AuditEntry.id.desc()).limit(limit))
    return [_json(row) for row in rows]


def _json(row: Any) -> Json:
    return {
        "id": str(row.id),
        "at": iso(row.at),
        "actor": {"kind": row.actor_kind, "id": row.actor_id, "email": row.email, "name": row.key_name},
        "address": row.address,
        "action": row.action,
        "object": {"kind": row.object_kind, "id": row.object_id},
        "before": row.before,
        "after": row.after,
    }
