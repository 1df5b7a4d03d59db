"""Mails that wait: written in the transaction that causes them, sent by the worker (`hub.notify.delivery`).

Each is sent at least once, and never by two workers at a time: whoever claims it pushes its time ahead first, by more
than a worker is allowed to live with it. By the database's clock, so that workers need not agree on the time.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.ids import new_id
from models import Mail

CLAIM_S = 60  # twice the time limit of a task, at which its process is killed
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5, 300

# Not simply all of them: two workers that delete the same rows in another order would wait for each other.
_DROP_EXPIRED = text(
    "DELETE FROM mail WHERE id IN (SELECT id FROM mail WHERE expires_at <= now() FOR UPDATE SKIP LOCKED)"
)
_CLAIM = text(
    """
    UPDATE mail SET attempts = attempts + 1, due_at = now() + make_interval(secs => CAST(:claim_s AS float8))
    WHERE id IN (
        SELECT id FROM mail WHERE due_at <= now() AND expires_at > now()
        ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id, kind, recipient, subject, body, attempts, created_at
    """
)
_PUT_OFF = text(
    """
    UPDATE mail SET due_at = now() + make_interval(secs => least(
        CAST(:first_s AS float8) * 2 ^ least(attempts - 1, 10), CAST(:longest_s AS float8)
    ))
    WHERE id = ANY(CAST(:ids AS text[]))
    """
)
_WAITING = text(
    "SELECT count(*), EXTRACT(EPOCH FROM clock_timestamp() - min(created_at)) FROM mail WHERE expires_at > now()"
)
_GIVE_BACK = text("UPDATE mail SET due_at = now(), attempts = attempts - 1 WHERE id = ANY(CAST(:ids AS text[]))")


@dataclass(frozen=True, slots=True)
class WaitingMail:
    """One mail that this worker has claimed. `attempts` counts this one too."""

    id: str
    kind: str
    recipient: str
    subject: str
    body: str
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FiledMail:
    """One mail that was written into a file, because no mail server is configured."""

    id: str
    recipient: str
    subject: str
    body: str
    at: datetime


async def post(
    session: AsyncSession, *, kind: str, recipient: str, subject: str, body: str, expires_at: datetime, now: datetime
) -> None:
    """Have it sent once this transaction has committed. `body`: plain text; after `expires_at` nobody wants it."""
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


async def claim_due(session: AsyncSession, limit: int) -> list[WaitingMail]:
    """Up to `limit` mails whose time has come, oldest first, for this worker alone for `CLAIM_S` s; expired ones go.

    Commit before the first is sent.
    """
    await session.execute(_DROP_EXPIRED)
    rows = await session.execute(_CLAIM, {"limit": limit, "claim_s": CLAIM_S})
    return sorted((WaitingMail(**row) for row in rows.mappings()), key=lambda mail: mail.id)


async def settle(session: AsyncSession, mail_ids: Collection[str]) -> None:
    """They are sent, or nobody will ever take them: forget them, and the links in them."""
    await session.execute(delete(Mail).where(Mail.id.in_(mail_ids)))


async def put_off(session: AsyncSession, mail_ids: Collection[str]) -> None:
    """They could not be sent now: the next try comes after 5 s, then after twice as long, up to 5 min."""
    values = {"ids": list(mail_ids), "first_s": _FIRST_PAUSE_S, "longest_s": _LONGEST_PAUSE_S}
    await session.execute(_PUT_OFF, values)


async def give_back(session: AsyncSession, mail_ids: Collection[str]) -> None:
    """They were not tried: any worker may take them at once."""
    await session.execute(_GIVE_BACK, {"ids": list(mail_ids)})


async def waiting(session: AsyncSession) -> tuple[int, float | None]:
    """How many mails wait, and for how many seconds the oldest of them has; None when none does."""
    count, age_s = (await session.execute(_WAITING)).one()
    return count, None if age_s is None else float(age_s)
