"""The audit log: every change of people, pages and keys, by whom, from where, before and after.

Neither secrets nor addresses of mail go into it: an account is named by its id, so that the log can outlive him.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from models import AuditEntry

ACCOUNT, KEY, SYSTEM = "account", "key", "system"


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
