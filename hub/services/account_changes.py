"""What happens to an account: made, proven, given another address or password, disabled, deleted.

Answers never tell whether an address has an account. Whatever a letter tells goes to the mailbox alone, and the work
done for known and unknown addresses is the same.

Locks: pages and groups, then the account, then its other rows; the control stream last.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.passwords import hash_password
from hub.auth.permissions import SYSTEM, Principal
from hub.domain.control import RightsChanged
from hub.errors import Conflict, Forbidden, Invalid, NotFound
from hub.ids import new_id
from hub.services import audit, control, letters, mailed_tokens, mails, sessions
from hub.services.accounts import Account, create_unless_taken, normal_email, set_password_hash
from hub.services.letters import Letter
from hub.services.mailed_tokens import Purpose
from models import Account as AccountRow

_NEWS_LIFE = timedelta(hours=24)  # a letter without a token is not worth sending after that
_TAKEN = "There is an account with this e-mail address already."


async def register(
    session: AsyncSession, email: str, password: str, *, base_url: str, may_write: bool, address: str, now: datetime
) -> Account:
    """A new account and the letter that proves its address; of a taken one, what looks like it, and another letter.

    `may_write`: no letter is sent otherwise. Invalid for an unfit address or password.
    """
    made = await create_unless_taken(session, email, password, now=now)
    email = normal_email(email)
    token, ends_at = await mailed_tokens.issue(session, made.id if made else None, Purpose.VERIFY, email, now=now)
    if made is not None:
        letter = letters.verification(f"{base_url}/verify#{token}")
        await _note(session, Principal(account_id=made.id, address=address), made.id, "account.registered", now)
    else:
        letter, ends_at = letters.already_registered(f"{base_url}/login", f"{base_url}/forgot"), now + _NEWS_LIFE
    if may_write:
        await _post(session, letter, email, ends_at, now)
    return made or Account(new_id(), email, is_admin=False, is_verified=False, created_at=now)


async def mail_verification(session: AsyncSession, account_id: str, *, base_url: str, now: datetime) -> None:
    """The letter that proves the account's address once more; nothing when it is proven."""
    row = await session.get(AccountRow, account_id)
    if row is None or row.email is None or row.verified_at is not None:
        return
    token, ends_at = await mailed_tokens.issue(session, account_id, Purpose.VERIFY, row.email, now=now)
    await _post(session, letters.verification(f"{base_url}/verify#{token}"), row.email, ends_at, now)


async def verify(session: AsyncSession, token: str, *, address: str, now: datetime) -> Account:
    """The account whose address, the present or the new one, is proven by a mailed token.

    Invalid for a token that is no good, Conflict when the new address has gone to somebody else meanwhile.
    """
    proof = await mailed_tokens.consume(session, token, {Purpose.VERIFY, Purpose.CHANGE}, now=now)
    row = await _locked(session, proof.account_id)
    by = Principal(account_id=row.id, address=address)
    was_verified = row.verified_at is not None
    if proof.purpose is Purpose.CHANGE:
        await _move(session, row, proof.email, now)
        # Whoever reads the mail of the old address only is not this account's owner any more.
        await mailed_tokens.revoke(session, row.id, *Purpose)
    elif row.email != proof.email:
        raise Invalid("This link is about another address.", fields={"token": "is not valid any more"})
    else:
        row.verified_at = row.verified_at or now
        await mailed_tokens.revoke(session, row.id, Purpose.VERIFY)
    row.updated_at = now
    await session.flush()
    action = "account.verified" if proof.purpose is Purpose.VERIFY else "account.email_changed"
    await _note(session, by, row.id, action, now, before={"is_verified": was_verified}, after={"is_verified": True})
    if not was_verified:
        await control.tell(session, RightsChanged(accounts=(row.id,)), now=now)
    return Account.of(row)


async def forgot(session: AsyncSession, email: str, *, base_url: str, now: datetime) -> None:
    """Mail a link for a new password, if there is an account; if not, take as long. Invalid for an unfit address."""
    email = normal_email(email)
    account_id = await session.scalar(
        select(AccountRow.id).where(
            AccountRow.email == email, AccountRow.disabled_at.is_(None), AccountRow.password_hash.is_not(None)
        )
    )
    token, ends_at = await mailed_tokens.issue(session, account_id, Purpose.RESET, email, now=now)
    letter = letters.reset(f"{base_url}/reset#{token}")
    # To nobody: a row that has expired when it is written, so that both cases write one and commit one.
    recipient, ends_at = (email, ends_at) if account_id is not None else ("", now)
    await _post(session, letter, recipient, ends_at, now)


async def reset(
    session: AsyncSession, token: str, password: str, *, base_url: str, address: str, now: datetime
) -> Account:
    """A new password for whoever was mailed the token; every sign-in ends, and every such link.

    Invalid for a token that is no good.
    """
    # Hashed before the first statement, so that no connection of the pool waits for it.
    password_hash = await hash_password(password)
    proof = await mailed_tokens.consume(session, token, {Purpose.RESET}, now=now)
    row = await _locked(session, proof.account_id)
    if row.email != proof.email:
        raise Invalid("This link is about another address.", fields={"token": "is not valid any more"})
    await _store_password(
        session,
        row,
        password_hash,
        action="account.password_reset",
        base_url=base_url,
        by=Principal(account_id=row.id, address=address),
        now=now,
    )
    await sessions.end_all(session, row.id, now=now)
    return Account.of(row)


async def change_password(
    session: AsyncSession, account_id: str, password_hash: str, *, base_url: str, by: Principal, now: datetime
) -> None:
    """Another password, for somebody who knew the present one. The caller ends the sessions."""
    row = await _locked(session, account_id)
    await _store_password(
        session, row, password_hash, action="account.password_changed", base_url=base_url, by=by, now=now
    )


async def change_email(
    session: AsyncSession,
    account_id: str,
    email: str,
    *,
    base_url: str,
    may_write: bool,
    by: Principal,
    now: datetime,
) -> None:
    """The present address counts as unproven from now on, and the new one replaces it once its link is used.

    Both mailboxes are told. When another account has the address the answer is the same, and only its owner is told.
    Invalid for an unfit address, and for the present one.
    """
    email = normal_email(email)
    row = await _locked(session, account_id)
    if row.email == email:
        raise Invalid(fields={"email": "is the address of the account already"})
    was_verified, old = row.verified_at is not None, row.email
    row.verified_at, row.updated_at = None, now
    await session.flush()
    await mailed_tokens.revoke(session, account_id, Purpose.CHANGE, Purpose.VERIFY)
    is_taken = await session.scalar(select(exists().where(AccountRow.email == email)))
    token, ends_at = await mailed_tokens.issue(
        session, None if is_taken else account_id, Purpose.CHANGE, email, now=now
    )
    if may_write:
        in_use = letters.address_in_use(f"{base_url}/login")
        await _post(session, in_use if is_taken else letters.change(f"{base_url}/verify#{token}"), email, ends_at, now)
    if old is not None:
        await _post(session, letters.change_asked(f"{base_url}/forgot"), old, now + _NEWS_LIFE, now)
    before, after = {"is_verified": was_verified}, {"is_verified": False}
    await _note(session, by, account_id, "account.email_change_asked", now, before=before, after=after)
    if was_verified:
        await control.tell(session, RightsChanged(accounts=(account_id,)), now=now)


async def change_standing(
    session: AsyncSession,
    account_id: str,
    *,
    by: Principal,
    now: datetime,
    is_disabled: bool | None = None,
    is_verified: bool | None = None,
) -> Account:
    """What hub admins decide: whether the account may sign in, and whether its address counts as proven.

    Disabling ends every sign-in. Forbidden for anybody else, NotFound without such an account, Conflict for disabling
    oneself.
    """
    require_admin(by)
    row = await _locked(session, account_id)
    before = _standing(row)
    if is_disabled is not None and is_disabled != (row.disabled_at is not None):
        if by.account_id == account_id:
            raise Conflict("Another admin of the hub must do this.")
        row.disabled_at = now if is_disabled else None
        row.token_version += 1
    if is_verified is not None and is_verified != (row.verified_at is not None):
        row.verified_at = now if is_verified else None
    after = _standing(row)
    if after != before:
        row.updated_at = now
        await session.flush()
        await _note(session, by, account_id, "account.standing_changed", now, before=before, after=after)
        if row.disabled_at is not None:
            await mailed_tokens.revoke(session, account_id, *Purpose)
            await sessions.end_all(session, account_id, now=now)
        if after["is_verified"] != before["is_verified"]:
            await control.tell(session, RightsChanged(accounts=(account_id,)), now=now)
    return Account.of(row)


async def list_accounts(
    session: AsyncSession, *, by: Principal, email: str | None = None, before: str | None = None, limit: int
) -> Sequence[Account]:
    """Accounts, newest first; with `email` at most the one that has it. Forbidden for everybody but hub admins."""
    require_admin(by)
    query = select(AccountRow).where(AccountRow.deleted_at.is_(None)).order_by(AccountRow.id.desc()).limit(limit)
    if email is not None:
        query = query.where(AccountRow.email == email.strip().lower())
    if before is not None:
        query = query.where(AccountRow.id < before)
    return [Account.of(row) for row in await session.scalars(query)]


async def change_standing_of(
    session: AsyncSession,
    email: str,
    *,
    now: datetime,
    is_disabled: bool | None = None,
    is_verified: bool | None = None,
) -> Account:
    """As `change_standing`, for whoever has the server's command line."""
    account_id = await session.scalar(select(AccountRow.id).where(AccountRow.email == email.strip().lower()))
    if account_id is None:
        raise NotFound("There is no account with this e-mail address.")
    return await change_standing(
        session, account_id, by=SYSTEM, now=now, is_disabled=is_disabled, is_verified=is_verified
    )


def require_admin(by: Principal) -> None:
    """Raises Forbidden."""
    if not by.is_admin:
        raise Forbidden("Only admins of the hub may do this.")


async def _move(session: AsyncSession, row: AccountRow, email: str, now: datetime) -> None:
    """Give the account the address; Conflict when another one has it."""
    try:
        async with session.begin_nested():
            await session.execute(
                update(AccountRow).where(AccountRow.id == row.id).values(email=email, verified_at=now)
            )
    except IntegrityError:
        raise Conflict(_TAKEN) from None
    await session.refresh(row)


async def _store_password(
    session: AsyncSession,
    row: AccountRow,
    password_hash: str,
    *,
    action: str,
    base_url: str,
    by: Principal,
    now: datetime,
) -> None:
    await set_password_hash(session, row.id, password_hash, now=now)
    await mailed_tokens.revoke(session, row.id, Purpose.RESET, Purpose.CHANGE)
    await _note(session, by, row.id, action, now)
    if row.email is not None:
        await _post(session, letters.password_changed(f"{base_url}/forgot"), row.email, now + _NEWS_LIFE, now)


async def _locked(session: AsyncSession, account_id: str) -> AccountRow:
    """The account's row, held until the transaction ends; NotFound for a deleted one."""
    row = await session.scalar(
        select(AccountRow).where(AccountRow.id == account_id, AccountRow.deleted_at.is_(None)).with_for_update()
    )
    if row is None:
        raise NotFound("There is no such account.")
    return row


def _standing(row: AccountRow) -> dict[str, bool]:
    return {"is_disabled": row.disabled_at is not None, "is_verified": row.verified_at is not None}


async def _post(session: AsyncSession, letter: Letter, recipient: str, expires_at: datetime, now: datetime) -> None:
    await mails.post(
        session,
        kind=letter.kind,
        recipient=recipient,
        subject=letter.subject,
        body=letter.body,
        expires_at=expires_at,
        now=now,
    )


async def _note(
    session: AsyncSession,
    by: Principal,
    account_id: str,
    action: str,
    now: datetime,
    before: dict[str, bool] | None = None,
    after: dict[str, bool] | None = None,
) -> None:
    await audit.note(
        session,
        by=by,
        now=now,
        action=action,
        object_kind="account",
        object_id=account_id,
        account_id=account_id,
        before=before,
        after=after,
    )
