"""Mails that wait: written in the transaction that causes them, sent by the worker."""

from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.ids import new_id
from models import Mail


async def post(
    session: AsyncSession, *, kind: str, recipient: str, subject: str, body: str, expires_at: datetime, now: datetime
) -> None:
    """Have it sent once this transaction has committed, before `expires_at` or never. `body`: plain text."""
    await session.execute(
        insert(Mail).values(
            id=new_id(),
            kind=kind,
            recipient=recipient,
            subject=" ".join(subject.split()),
            body=body,
            attempts=0,
            created_at=now,
            due_at=now,
            expires_at=expires_at,
        )
    )
