"""Accounts: made, found, opened by a password."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.addresses import counted_as
from hub.auth.passwords import MAX_LENGTH, MIN_LENGTH, hash_password, verify_password
from hub.errors import Conflict, Invalid, NotFound, Unauthenticated
from hub.ids import new_id
from hub.services.database import Sessions
from models import Account as AccountRow
from models import Session as SessionRow

# RFC 5321's Dot-string @ Domain, in any script; no quoted parts and no address literals, which nobody signs in with.
_EMAIL = re.compile(r"""[^@\s.,:;()<>\[\]"\\]+(?:\.[^@\s.,:;()<>\[\]"\\]+)*@[^\W_][\w-]*(?:\.[^\W_][\w-]*)*""")
_LOCAL_PART_LENGTH = 64
_EMAIL_LENGTH = 254  # RFC 5321 §4.5.3.1.3
BAD_CREDENTIALS = "The e-mail address or the password is wrong."


@dataclass(frozen=True, slots=True)
class Account:
    """An account without its secrets. Without `email`: somebody whom a foreign issuer vouches for."""

    id: str
    email: str | None
    is_admin: bool
    is_verified: bool
    created_at: datetime
    is_disabled: bool = False

    @classmethod
    def of(cls, row: AccountRow) -> Self:
        is_verified, is_disabled = row.verified_at is not None, row.disabled_at is not None
        return cls(row.id, row.email, row.is_admin, is_verified, row.created_at, is_disabled)


@dataclass(frozen=True, slots=True)
class Claimant:
    """Whoever wants to sign in with `email`: the account that has it, if there is one.

    `is_at_home`: the account has been signed in to from where he is now.
    """

    email: str
    account_id: str | None
    password_hash: str | None
    is_at_home: bool


async def create_account(
    session: AsyncSession,
    email: str,
    password: str,
    *,
    is_admin: bool = False,
    is_verified: bool = False,
    now: datetime,
) -> Account:
    """A new account. Invalid for an unfit address or password, Conflict when the address is taken."""
    account = await create_unless_taken(session, email, password, is_admin=is_admin, is_verified=is_verified, now=now)
    if account is None:
        raise Conflict("There is an account with this e-mail address already.")
    return account


async def create_unless_taken(
    session: AsyncSession,
    email: str,
    password: str,
    *,
    is_admin: bool = False,
    is_verified: bool = False,
    now: datetime,
) -> Account | None:
    """As `create_account`; None, after the same time, when the address is taken."""
    email = normal_email(email)
    check_password_policy(password)
    # Hashed before the first statement, so that no connection of the pool waits for it.
    password_hash = await hash_password(password)
    account = Account(new_id(), email, is_admin, is_verified, now)
    inserted = await session.scalar(
        insert(AccountRow)
        .values(
            id=account.id,
            email=email,
            password_hash=password_hash,
            is_admin=is_admin,
            verified_at=now if is_verified else None,
            created_at=now,
            updated_at=now,
        )
        .on_conflict_do_nothing(index_elements=["email"])
        .returning(AccountRow.id)
    )
    return None if inserted is None else account


def normal_email(email: str) -> str:
    """The form under which an address is stored and looked up; raises Invalid when it cannot be one."""
    normal = unicodedata.normalize("NFC", email.strip()).lower()
    is_short = len(normal) <= _EMAIL_LENGTH and len(normal.partition("@")[0]) <= _LOCAL_PART_LENGTH
    if not is_short or not _EMAIL.fullmatch(normal) or not normal.isprintable():
        raise Invalid(fields={"email": "must be an e-mail address"})
    return normal


def check_password_policy(password: str, *, field: str = "password") -> None:
    """Raises Invalid for a password that is too short or too long. No rules on its letters (NIST SP 800-63B §3.1.1)."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Invalid(fields={field: f"must have {MIN_LENGTH} to {MAX_LENGTH} characters"})


async def find_claimant(sessions: Sessions, email: str, address: str) -> Claimant:
    """Who signs in with `email` from `address`. One query, whether there is such an account or not."""
    try:
        normal = normal_email(email)
    except Invalid:
        normal = ""  # nobody's: goes the way of an unknown one
    places = (
        select(func.array_agg(SessionRow.address.distinct()))
        .where(SessionRow.account_id == AccountRow.id)
        .scalar_subquery()
    )
    async with sessions() as session:
        row = (
            await session.execute(
                select(AccountRow.id, AccountRow.password_hash, places.label("places")).where(
                    AccountRow.email == normal, AccountRow.disabled_at.is_(None)
                )
            )
        ).one_or_none()
    if row is None:
        return Claimant(normal, None, None, is_at_home=False)
    is_at_home = counted_as(address) in {counted_as(place) for place in row.places or ()}
    return Claimant(normal, row.id, row.password_hash, is_at_home)


async def check_credentials(sessions: Sessions, claimant: Claimant, password: str) -> str:
    """The id of the account that the password opens; Unauthenticated, in the same words, for all else.

    Unknown, disabled and wrong take about the same time. Opens its own short session, because a connection must not be
    held through the hashing: a flood of sign-ins would empty the pool for everybody.
    """
    verdict = await verify_password(password[: MAX_LENGTH + 1], claimant.password_hash)
    if claimant.account_id is None or claimant.password_hash is None or not verdict.is_right:
        raise Unauthenticated(BAD_CREDENTIALS)
    if verdict.is_stale:
        await _store_fresh_hash(sessions, claimant.account_id, claimant.password_hash, password)
    return claimant.account_id


async def check_own_password(sessions: Sessions, account_id: str, password: str, *, field: str) -> None:
    """Raises Invalid, naming `field`, unless `password` is the account's. As `check_credentials` on connections."""
    async with sessions() as session:
        stored = await session.scalar(select(AccountRow.password_hash).where(AccountRow.id == account_id))
    if not (await verify_password(password[: MAX_LENGTH + 1], stored)).is_right:
        raise Invalid(fields={field: "is not the present password"})


async def set_password_hash(session: AsyncSession, account_id: str, password_hash: str, *, now: datetime) -> None:
    """Store a new password and make every access token of the account worthless."""
    await session.execute(
        update(AccountRow)
        .where(AccountRow.id == account_id)
        .values(password_hash=password_hash, token_version=AccountRow.token_version + 1, updated_at=now)
    )


async def get_account(session: AsyncSession, account_id: str) -> Account:
    row = await session.get(AccountRow, account_id)
    if row is None or row.deleted_at is not None:
        raise NotFound("There is no such account.")
    return Account.of(row)


async def _store_fresh_hash(sessions: Sessions, account_id: str, stale: str, password: str) -> None:
    fresh = await hash_password(password)
    async with sessions.begin() as session:
        await session.execute(
            update(AccountRow)
            .where(AccountRow.id == account_id, AccountRow.password_hash == stale)
            .values(password_hash=fresh)
        )
