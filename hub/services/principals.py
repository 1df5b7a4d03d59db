"""Whom valid tokens speak for, rights as the database has them now: of the hub's own, and of other issuers."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Row, String, any_, delete, func, insert, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.jwks import ForeignClaims
from hub.auth.permissions import Principal
from hub.auth.tokens import Claims
from hub.ids import new_id
from hub.services.database import Sessions
from models import Account, ForeignIdentity, GroupMember, PageRole, PeopleGroup, Session


async def load_principals(session: AsyncSession, many: Collection[Claims]) -> dict[Claims, Principal]:
    """One query. Without whoever is refused: the session has ended, the account is disabled or gone, or its tokens were
    revoked.
    """
    rows = await session.execute(
        select(Account.token_version, Session.id.label("session_id"), *_columns())
        .join(Session, Session.account_id == Account.id)
        .where(
            Session.id == any_(literal([claims.session_id for claims in many], ARRAY(String))),
            Account.disabled_at.is_(None),
            Session.ended_at.is_(None),
        )
    )
    by_session = {row.session_id: row for row in rows}
    found: dict[Claims, Principal] = {}
    for claims in many:
        row = by_session.get(claims.session_id)
        if row is not None and (row.id, row.token_version) == (claims.account_id, claims.version):
            found[claims] = _principal(row, row.session_id)
    return found


async def load_account(session: AsyncSession, account_id: str) -> Principal | None:
    """An account as it is now, without a session: for what speaks for it in its absence. None when it is disabled."""
    row = (
        await session.execute(
            select(*_columns()).where(
                Account.id == account_id, Account.disabled_at.is_(None), Account.deleted_at.is_(None)
            )
        )
    ).one_or_none()
    return None if row is None else _principal(row, None)


async def load_foreign_principals(
    sessions: Sessions, many: Collection[ForeignClaims], now: datetime
) -> dict[ForeignClaims, Principal]:
    """The same for tokens of other issuers. Whom one of them names for the first time gets an account.

    By (`iss`, `sub`) alone: no address and no other claim makes it an account that is there already.
    """
    async with sessions() as session:
        found, known = await _find(session, many)
    strangers = [claims for claims in many if _identity(claims) not in known]
    if strangers:
        async with sessions.begin() as session:
            for claims in sorted(strangers, key=_identity):  # in one order everywhere, against deadlocks
                await _make_account(session, claims, now)
            more, _ = await _find(session, strangers)
        found |= more
    return found


async def _find(
    session: AsyncSession, many: Collection[ForeignClaims]
) -> tuple[dict[ForeignClaims, Principal], set[tuple[str, str]]]:
    """(those who may come in, every identity that has an account)"""
    rows = await session.execute(
        select(ForeignIdentity.issuer, ForeignIdentity.subject, Account.disabled_at, *_columns())
        .join(Account, Account.id == ForeignIdentity.account_id)
        .where(tuple_(ForeignIdentity.issuer, ForeignIdentity.subject).in_([_identity(claims) for claims in many]))
    )
    by_identity = {(row.issuer, row.subject): row for row in rows}
    found = {
        claims: _principal(row, None)
        for claims in many
        if (row := by_identity.get(_identity(claims))) is not None and row.disabled_at is None
    }
    return found, set(by_identity)


async def _make_account(session: AsyncSession, claims: ForeignClaims, now: datetime) -> None:
    account_id = new_id()
    verified_at = now if claims.is_vouched else None
    await session.execute(
        insert(Account).values(
            id=account_id, email=None, is_admin=False, verified_at=verified_at, created_at=now, updated_at=now
        )
    )
    made = await session.scalar(
        upsert(ForeignIdentity)
        .values(issuer=claims.issuer, subject=claims.subject, account_id=account_id, created_at=now)
        .on_conflict_do_nothing()
        .returning(ForeignIdentity.account_id)
    )
    if made is None:  # somebody was faster
        await session.execute(delete(Account).where(Account.id == account_id))


def _identity(claims: ForeignClaims) -> tuple[str, str]:
    return claims.issuer, claims.subject


def _columns() -> list[ColumnElement[Any]]:
    roles = (
        select(func.array_agg(PageRole.page_id + ":" + PageRole.role))
        .where(PageRole.account_id == Account.id)
        .scalar_subquery()
    )
    groups = (
        select(func.array_agg(PeopleGroup.slug))
        .join(GroupMember, GroupMember.group_id == PeopleGroup.id)
        .where(GroupMember.account_id == Account.id)
        .scalar_subquery()
    )
    return [
        Account.id.label("id"),
        Account.email.label("email"),
        Account.verified_at.label("verified_at"),
        Account.is_admin.label("is_admin"),
        func.coalesce(roles, []).label("roles"),
        func.coalesce(groups, []).label("groups"),
    ]


def _principal(row: Row[Any], session_id: str | None) -> Principal:
    return Principal(
        account_id=row.id,
        email=row.email,
        is_verified=row.verified_at is not None,
        is_admin=row.is_admin,
        session_id=session_id,
        roles=dict(item.split(":") for item in row.roles),
        groups=frozenset(row.groups),
    )
