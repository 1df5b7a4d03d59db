"""Sign-ins: one session per device, kept alive by a chain of refresh tokens.

A refresh token works once and is followed by exactly one other, which is derived from it with the hub's secret. Used
again within `GRACE_S` by the same program, it gives the same follower once more (two tabs that refresh at the same
moment, an answer that got lost); used again later, or by another program, it is in two hands, and the session ends for
both (decision 0014). Only hashes are stored.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.auth.tokens import Tokens
from hub.domain.control import SessionsEnded
from hub.errors import NotFound, Unauthenticated
from hub.ids import new_id
from hub.services import audit, control
from models import Account, RefreshToken
from models import Session as SessionRow

GRACE_S = 10


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in or a refresh hands out."""

    access_token: str
    expires_in_s: int
    refresh_token: str
    refresh_expires_in_s: int
    session_id: str


class Refusal(Enum):
    """Why a refresh token gives nothing. A refusal is an answer, not an error: what it wrote has to be committed."""

    UNKNOWN = auto()  # never issued, expired, or its session has ended
    REUSED = auto()  # the session ends with it


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One living sign-in, for its owner to look at. `address`: where he signed in from."""

    id: str
    user_agent: str
    address: str
    created_at: datetime
    last_used_at: datetime


async def start(
    session: AsyncSession,
    tokens: Tokens,
    account_id: str,
    *,
    user_agent: str,
    address: str,
    refresh_ttl_s: int,
    now: datetime,
) -> Grant:
    """A new session of an account whose credentials have been checked."""
    access_token, session_id = await _open(session, tokens, account_id, user_agent, address, now)
    refresh_token = secrets.token_hex(32)
    session.add(_link(refresh_token, session_id, refresh_ttl_s, now))
    await session.flush()
    return Grant(access_token, tokens.ttl_s, refresh_token, refresh_ttl_s, session_id)


async def refresh(
    session: AsyncSession,
    tokens: Tokens,
    refresh_token: str,
    *,
    user_agent: str,
    address: str,
    refresh_ttl_s: int,
    now: datetime,
) -> Grant | Refusal:
    """Turn a refresh token into its follower and a fresh access token. Commit also when it is refused."""
    # One statement takes the token: of two at the same moment the second waits here, then finds it used.
    taken = await session.scalar(
        update(RefreshToken)
        .where(RefreshToken.token_hash == _hash(refresh_token), RefreshToken.used_at.is_(None))
        .values(used_at=now)
        .returning(RefreshToken.token_hash)
    )
    row = (
        await session.execute(
            select(RefreshToken.used_at, RefreshToken.expires_at, SessionRow.id, SessionRow.ended_at)
            .add_columns(SessionRow.user_agent, Account.id.label("account_id"))
            .add_columns(Account.token_version, Account.disabled_at)
            .join(SessionRow, SessionRow.id == RefreshToken.session_id)
            .join(Account, Account.id == SessionRow.account_id)
            .where(RefreshToken.token_hash == _hash(refresh_token))
        )
    ).one_or_none()
    if row is None or row.ended_at is not None or row.disabled_at is not None or row.expires_at <= now:
        return Refusal.UNKNOWN
    follower = tokens.refresh_child(refresh_token)
    if taken is not None:
        session.add(_link(follower, row.id, refresh_ttl_s, now))
        await session.flush()
        # A browser that has renewed itself says so; it is this program that may ask again within the grace.
        values = {"last_used_at": now, "user_agent": _stored(user_agent)}
        await session.execute(update(SessionRow).where(SessionRow.id == row.id).values(**values))
    elif now - row.used_at > timedelta(seconds=GRACE_S) or row.user_agent != _stored(user_agent):
        await _end_reused(session, row.account_id, row.id, address=address, now=now)
        return Refusal.REUSED
    access_token = tokens.issue(account_id=row.account_id, session_id=row.id, version=row.token_version, now=now)
    return Grant(access_token, tokens.ttl_s, follower, refresh_ttl_s, row.id)


async def session_of_refresh_token(session: AsyncSession, refresh_token: str) -> str | None:
    """The session that a refresh token, used or not, belongs to."""
    found: str | None = await session.scalar(
        select(RefreshToken.session_id).where(RefreshToken.token_hash == _hash(refresh_token))
    )
    return found


async def end(session: AsyncSession, session_id: str, *, now: datetime) -> None:
    """End one session: its tokens are refused from the commit on, and its sockets close. Nothing may follow."""
    await _end(session, SessionRow.id == session_id, now=now)


async def end_own(session: AsyncSession, account_id: str, session_id: str, *, now: datetime) -> None:
    """As `end`, for a session of this account; NotFound for anybody else's and for one that has ended."""
    if not await _end(session, SessionRow.id == session_id, SessionRow.account_id == account_id, now=now):
        raise NotFound("There is no such session.")


async def end_all(session: AsyncSession, account_id: str, *, now: datetime, spared: str = "") -> None:
    """End every session of an account but `spared`. Nothing may follow."""
    await session.execute(
        update(SessionRow)
        .where(SessionRow.account_id == account_id, SessionRow.ended_at.is_(None), SessionRow.id != spared)
        .values(ended_at=now)
    )
    await control.tell(session, SessionsEnded(account=account_id, spared=spared), now=now)


async def list_own(session: AsyncSession, account_id: str) -> list[SessionInfo]:
    """The account's living sessions, last used first."""
    rows = await session.execute(
        select(SessionRow.id, SessionRow.user_agent, SessionRow.address, SessionRow.created_at, SessionRow.last_used_at)
        .where(SessionRow.account_id == account_id, SessionRow.ended_at.is_(None))
        .order_by(SessionRow.last_used_at.desc(), SessionRow.id.desc())
        .limit(200)
    )
    return [SessionInfo(*row) for row in rows.all()]


async def issue_token_for(session: AsyncSession, tokens: Tokens, email: str, now: datetime) -> str:
    """An access token for whoever has the server's command line; NotFound without such an account."""
    account_id = await session.scalar(select(Account.id).where(Account.email == email.strip().lower()))
    if account_id is None:
        raise NotFound("There is no account with this e-mail address.")
    access_token, _ = await _open(session, tokens, account_id, "command line", "", now)
    return access_token


async def _end(session: AsyncSession, *which: ColumnElement[bool], now: datetime) -> bool:
    """End the one session that `which` names, and tell; False when it has ended already, or is none."""
    ended = (
        await session.execute(
            update(SessionRow)
            .where(*which, SessionRow.ended_at.is_(None))
            .values(ended_at=now)
            .returning(SessionRow.account_id, SessionRow.id)
        )
    ).one_or_none()
    if ended is None:
        return False
    await control.tell(session, SessionsEnded(account=ended.account_id, sessions=(ended.id,)), now=now)
    return True


async def _end_reused(session: AsyncSession, account_id: str, session_id: str, *, address: str, now: datetime) -> None:
    """A refresh token came twice. Who of the two is the thief nobody can know, so neither goes on."""
    await audit.note(
        session,
        by=Principal(account_id=account_id, address=address),
        now=now,
        action="session.reused",
        object_kind="session",
        object_id=session_id,
        account_id=account_id,
    )
    await end(session, session_id, now=now)


async def _open(
    session: AsyncSession, tokens: Tokens, account_id: str, user_agent: str, address: str, now: datetime
) -> tuple[str, str]:
    """A new session row; its first access token and its id."""
    # Share-locked, so that a session cannot slip in beside a password change that ends all of them.
    version = await session.scalar(
        select(Account.token_version)
        .where(Account.id == account_id, Account.disabled_at.is_(None))
        .with_for_update(read=True)
    )
    if version is None:
        raise Unauthenticated
    session_id = new_id()
    session.add(
        SessionRow(
            id=session_id,
            account_id=account_id,
            user_agent=_stored(user_agent),
            address=address[:255],
            created_at=now,
            last_used_at=now,
        )
    )
    await session.flush()
    return tokens.issue(account_id=account_id, session_id=session_id, version=version, now=now), session_id


def _link(refresh_token: str, session_id: str, ttl_s: int, now: datetime) -> RefreshToken:
    expires_at = now + timedelta(seconds=ttl_s)
    return RefreshToken(token_hash=_hash(refresh_token), session_id=session_id, created_at=now, expires_at=expires_at)


def _stored(user_agent: str) -> str:
    return user_agent[:255]


def _hash(refresh_token: str) -> str:
    # Not a password hash: the token has 256 random bits, so there is nothing to guess.
    return hashlib.sha256(refresh_token.encode()).hexdigest()
