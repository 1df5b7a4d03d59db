"""Links that prove whose mailbox it is: each for one purpose, once, and for a while. Only hashes are stored."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.errors import Invalid
from models import Account, MailedToken


class Purpose(StrEnum):
    VERIFY = "verify"  # the account's address is its owner's
    CHANGE = "change"  # another address shall be the account's
    RESET = "reset"  # a new password


LIFE = {
    Purpose.VERIFY: timedelta(hours=24),
    Purpose.CHANGE: timedelta(hours=24),
    Purpose.RESET: timedelta(hours=1),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """Whoever brought the link reads the mail of `email`."""

    account_id: str
    purpose: Purpose
    email: str


async def issue(
    session: AsyncSession, account_id: str | None, purpose: Purpose, email: str, *, now: datetime
) -> tuple[str, datetime]:
    """A new token and when it ends. For nobody (None) the same work is done, and the token opens nothing."""
    token, ends_at = secrets.token_urlsafe(32), now + LIFE[purpose]
    await session.execute(
        delete(MailedToken).where(MailedToken.account_id == account_id, MailedToken.expires_at <= now)
    )
    values = (_hash(token), Account.id, purpose.value, email, now, ends_at)
    await session.execute(
        insert(MailedToken).from_select(
            ["token_hash", "account_id", "purpose", "email", "created_at", "expires_at"],
            select(*(value if value is Account.id else literal(value) for value in values)).where(
                Account.id == account_id
            ),
        )
    )
    return token, ends_at


async def check(session: AsyncSession, token: str, purposes: Collection[Purpose], *, now: datetime) -> None:
    """Raises Invalid unless `consume` would take it now."""
    if await session.scalar(select(MailedToken.token_hash).where(*_is_good(token, purposes, now))) is None:
        raise _no_good()


async def consume(session: AsyncSession, token: str, purposes: Collection[Purpose], *, now: datetime) -> Proof:
    """What the token proves; it is used up with the commit. Holds the account's row lock.

    Raises Invalid when it is unknown, used, too old or for something else, or the account is disabled.
    """
    account_id = await session.scalar(
        select(Account.id)
        .join(MailedToken, MailedToken.account_id == Account.id)
        .where(*_is_good(token, purposes, now), Account.disabled_at.is_(None))
        .with_for_update(of=Account)
    )
    row = (
        await session.execute(
            update(MailedToken)
            .where(*_is_good(token, purposes, now), MailedToken.account_id == account_id)
            .values(used_at=now)
            .returning(MailedToken.purpose, MailedToken.email)
        )
    ).one_or_none()
    if account_id is None or row is None:
        raise _no_good()
    return Proof(account_id, Purpose(row.purpose), row.email)


async def revoke(session: AsyncSession, account_id: str, *purposes: Purpose) -> None:
    """No link of the account for these purposes works any more."""
    await session.execute(
        delete(MailedToken).where(MailedToken.account_id == account_id, MailedToken.purpose.in_(purposes))
    )


def _is_good(token: str, purposes: Collection[Purpose], now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        MailedToken.token_hash == _hash(token),
        MailedToken.purpose.in_(purposes),
        MailedToken.used_at.is_(None),
        MailedToken.expires_at > now,
    )


def _no_good() -> Invalid:
    return Invalid("This link does not work any more; ask for a new one.", fields={"token": "is not valid any more"})


def _hash(token: str) -> str:
    # Not a password hash: the token has 256 random bits, so there is nothing to guess.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
