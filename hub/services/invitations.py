"""Invitations to groups of people: a link for one address, or an open one for the first `max_uses` accounts.

The token is random and only its SHA-256 is kept; it is given out once, when it is made. Locks are taken in the order
group, account, invitation (ADR 0015).
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, tuple_
from sqlalchemy import update as sql_update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.text import iso
from hub.errors import Conflict, Invalid, NotFound
from hub.ids import new_id
from hub.services import audit, letters, mails, rights
from hub.services.accounts import normal_email
from hub.services.people_groups import Standing, hold, require_manager, see, tell_moved
from models import Account, GroupMember, Invitation, PeopleGroup

DEFAULT_LIFE_S, LONGEST_LIFE_S, SHORTEST_LIFE_S = 7 * 86_400, 90 * 86_400, 60
MOST_USES = 10_000
INVALID = "This invitation is not valid (any more)."

Json = dict[str, Any]

# All that decides is in one statement: of any number at once, exactly as many get in as there are uses left, because
# each waits for the row and looks at it again. Who is in already, or got in by this link before, takes no use.
_ACCEPT = text(
    """
    WITH taken AS (
        UPDATE invitation
        SET uses = uses + 1, ended_at = CASE WHEN uses + 1 = max_uses THEN CAST(:now AS timestamptz) END
        FROM account
        WHERE token_hash = :token_hash AND ended_at IS NULL AND expires_at > :now AND uses < max_uses
          AND account.id = :account_id AND account.disabled_at IS NULL
          AND (invitation.email IS NULL OR (invitation.email = account.email AND account.verified_at IS NOT NULL))
          AND NOT EXISTS (
              SELECT FROM invitation_use WHERE invitation_id = invitation.id AND account_id = :account_id
          )
          AND NOT EXISTS (
              SELECT FROM group_member WHERE group_id = invitation.group_id AND account_id = :account_id
          )
        RETURNING invitation.id, invitation.group_id
    ), used AS (
        INSERT INTO invitation_use (invitation_id, account_id, accepted_at)
        SELECT id, CAST(:account_id AS text), CAST(:now AS timestamptz) FROM taken
    )
    INSERT INTO group_member (group_id, account_id, role, joined_at)
    SELECT group_id, CAST(:account_id AS text), 'member', CAST(:now AS timestamptz) FROM taken
    RETURNING (SELECT id FROM taken)
    """
)
_IS_IN_BY_IT = text(
    """
    SELECT true FROM invitation
    JOIN group_member ON group_member.group_id = invitation.group_id AND group_member.account_id = :account_id
    JOIN account ON account.id = :account_id
    WHERE token_hash = :token_hash AND (
        EXISTS (SELECT FROM invitation_use WHERE invitation_id = invitation.id AND account_id = :account_id)
        OR (
            ended_at IS NULL AND expires_at > :now
            AND (invitation.email IS NULL OR (invitation.email = account.email AND account.verified_at IS NOT NULL))
        )
    )
    """
)


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """With an `email` it is mailed there, and only the account that has proven this address may accept it."""

    email: str | None = None
    max_uses: int = 1
    expires_in_s: int = DEFAULT_LIFE_S


@dataclass(frozen=True, slots=True)
class Issued:
    """An invitation with its link, for the one time that it is shown. `is_new` False: an address was invited again."""

    shown: Json
    is_new: bool


async def create(
    session: AsyncSession, slug: str, new: NewInvitation, *, base_url: str, by: Principal, now: datetime
) -> Issued:
    """Invite, for owners and admins of the group. An address that is invited already gets a new link for the old one.

    Conflict when the address is that of a member.
    """
    email = None if new.email is None else normal_email(new.email)
    if email is not None and new.max_uses != 1:
        raise Invalid(fields={"max_uses": "must be 1 for an invitation of one address"})
    group = await hold(session, slug, by=by, now=now)
    require_manager(group)
    if email is not None and await _is_member(session, group, email):
        raise Conflict("This address is that of a member already.")
    token, invitation_id = secrets.token_urlsafe(32), new_id()
    insert = upsert(Invitation).values(
        id=invitation_id,
        group_id=group.id,
        token_hash=_hash(token),
        email=email,
        max_uses=new.max_uses,
        created_by=by.account_id,
        created_at=now,
        expires_at=now + timedelta(seconds=new.expires_in_s),
    )
    stored_id = await session.scalar(
        insert.on_conflict_do_update(
            index_elements=["group_id", "email"],
            index_where=text("email IS NOT NULL AND ended_at IS NULL"),
            set_={"token_hash": insert.excluded.token_hash, "expires_at": insert.excluded.expires_at},
        ).returning(Invitation.id)
    )
    assert stored_id is not None, "made or found"
    is_new = stored_id == invitation_id
    shown = await _hand_out(session, group, stored_id, token, base_url=base_url, now=now)
    await _note(session, "invitation.created" if is_new else "invitation.resent", group, shown, by=by, now=now)
    return Issued(shown, is_new)


async def resend(
    session: AsyncSession,
    slug: str,
    invitation_id: str,
    *,
    expires_in_s: int,
    base_url: str,
    by: Principal,
    now: datetime,
) -> Json:
    """A new link for the old one, which is worth nothing from now on. Conflict for one that is used up or revoked."""
    group = await hold(session, slug, by=by, now=now)
    require_manager(group)
    token = secrets.token_urlsafe(32)
    changed = await session.scalar(
        sql_update(Invitation)
        .where(Invitation.id == invitation_id, Invitation.group_id == group.id, Invitation.ended_at.is_(None))
        .values(token_hash=_hash(token), expires_at=now + timedelta(seconds=expires_in_s))
        .returning(Invitation.id)
    )
    if changed is None:
        await _find(session, group, invitation_id, now)
        raise Conflict("This invitation has ended; make a new one.")
    shown = await _hand_out(session, group, invitation_id, token, base_url=base_url, now=now)
    await _note(session, "invitation.resent", group, shown, by=by, now=now)
    return shown


async def revoke(session: AsyncSession, slug: str, invitation_id: str, *, by: Principal, now: datetime) -> None:
    """End an invitation; who is in stays. Conflict when it is used up; doing it twice is no error."""
    group = await hold(session, slug, by=by, now=now)
    require_manager(group)
    changed = await session.scalar(
        sql_update(Invitation)
        .where(Invitation.id == invitation_id, Invitation.group_id == group.id, Invitation.ended_at.is_(None))
        .values(ended_at=now, revoked_at=now)
        .returning(Invitation.id)
    )
    shown = await _find(session, group, invitation_id, now)
    if changed is not None:
        await _note(session, "invitation.revoked", group, shown, by=by, now=now)
    elif shown["state"] != "revoked":
        raise Conflict("This invitation is used up.")


async def list_invitations(
    session: AsyncSession,
    slug: str,
    *,
    by: Principal,
    now: datetime,
    limit: int,
    before: tuple[datetime, str] | None = None,
) -> list[Json]:
    """The group's invitations, ended ones too, newest first, keyset (created_at, id). For owners and admins."""
    group = await see(session, slug, by=by)
    require_manager(group)
    query = select(Invitation.__table__).where(Invitation.group_id == group.id)
    if before is not None:
        query = query.where(tuple_(Invitation.created_at, Invitation.id) < tuple_(*before))
    rows = await session.execute(query.order_by(Invitation.created_at.desc(), Invitation.id.desc()).limit(limit))
    return [_json(row, now) for row in rows]


async def accept(session: AsyncSession, token: str, *, by: Principal, now: datetime) -> Json:
    """Join the group that `token` invites to; the group. Again by the same account: the same, without a second use.

    NotFound, in the same words and without the group's name, for everything that lets `by` in nowhere.
    """
    await rights.current(session, by, now=now)
    values = {"token_hash": _hash(token), "account_id": by.account_id, "now": now}
    slug = await session.scalar(
        select(PeopleGroup.slug)
        .join(Invitation, Invitation.group_id == PeopleGroup.id)
        .where(Invitation.token_hash == values["token_hash"])
        .with_for_update(read=True, key_share=True, of=PeopleGroup)
    )
    if slug is None:
        raise NotFound(INVALID)
    # Held, so that two accepts of one account come one after the other, and its address stays proven meanwhile.
    await session.execute(select(Account.id).where(Account.id == by.account_id).with_for_update(key_share=True))
    accepted = await session.scalar(_ACCEPT, values)
    if accepted is None:
        if not await session.scalar(_IS_IN_BY_IT, values):
            raise NotFound(INVALID)
        return (await see(session, slug, by=by)).shown
    group = await see(session, slug, by=by)
    await audit.note(
        session,
        by=by,
        now=now,
        action="member.joined",
        object_kind="account",
        object_id=by.account_id,
        group_id=group.id,
        after={"role": group.role, "invitation_id": accepted},
    )
    assert by.account_id is not None, "only accounts join"
    await tell_moved(session, "group.joined", group, [by.account_id], now=now)
    return group.shown


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────


async def _hand_out(
    session: AsyncSession, group: Standing, invitation_id: str, token: str, *, base_url: str, now: datetime
) -> Json:
    """The invitation with its link, for the one time; an address is written a letter."""
    row = (await session.execute(select(Invitation.__table__).where(Invitation.id == invitation_id))).one()
    url = f"{base_url}/invite/{token}"
    if row.email is not None:
        letter = letters.invitation(group.name, url)
        await mails.post(
            session,
            kind=letter.kind,
            recipient=row.email,
            subject=letter.subject,
            body=letter.body,
            expires_at=row.expires_at,
            now=now,
        )
    return {**_json(row, now), "token": token, "url": url}


async def _find(session: AsyncSession, group: Standing, invitation_id: str, now: datetime) -> Json:
    query = select(Invitation.__table__).where(Invitation.id == invitation_id, Invitation.group_id == group.id)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound("There is no such invitation.")
    return _json(row, now)


async def _is_member(session: AsyncSession, group: Standing, email: str) -> bool:
    """Only a proven address says who somebody is."""
    query = (
        select(GroupMember.role)
        .join(Account, Account.id == GroupMember.account_id)
        .where(GroupMember.group_id == group.id, Account.email == email, Account.verified_at.is_not(None))
    )
    return await session.scalar(query) is not None


def _json(row: Any, now: datetime) -> Json:
    return {
        "id": row.id,
        "email": row.email,
        "state": _state(row, now),
        "max_uses": row.max_uses,
        "uses": row.uses,
        "created_by": row.created_by,
        "created_at": iso(row.created_at),
        "expires_at": iso(row.expires_at),
    }


def _state(row: Any, now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    if row.ended_at is not None:
        return "used"
    return "pending" if row.expires_at > now else "expired"


async def _note(
    session: AsyncSession, action: str, group: Standing, shown: Json, *, by: Principal, now: datetime
) -> None:
    # No address of mail stands in the log: which invitation it was, its id says.
    after = {name: shown[name] for name in ("state", "max_uses", "uses", "expires_at")}
    await audit.note(
        session,
        by=by,
        now=now,
        action=action,
        object_kind="invitation",
        object_id=shown["id"],
        group_id=group.id,
        after={**after, "is_for_one_address": shown["email"] is not None},
    )


def _hash(token: str) -> str:
    # Not a password hash: the token has 256 random bits, so there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()
