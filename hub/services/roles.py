"""The people of a page: who owns it, who edits it, who may look at all of it. For its owners and hub admins.

Every change holds the page's row, as all writers of the page do, and reads the actor's own role under it: of two owners
who remove each other at once, the second is none any more.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, insert, select
from sqlalchemy import update as sql_update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import EDITOR, OWNER, ROLES, Principal, Right
from hub.domain.control import RightsChanged
from hub.errors import Conflict, Forbidden, Invalid, NotFound
from hub.services import audit, control, rights
from hub.services.accounts import normal_email
from hub.services.views import see_page
from models import Account, PageRole
from models import Page as PageRow

Json = dict[str, Any]

_RANKS = {role: rank for rank, role in enumerate(ROLES)}


async def list_people(session: AsyncSession, slug: str, *, by: Principal) -> list[Json]:
    """Everybody with a role on the page: owners first, then editors, then viewers, each by address."""
    sight = await see_page(session, slug, by)
    _require_owner(by, sight.page.id)
    rows = await session.execute(_people(sight.page.id))
    found = [_json(row) for row in rows]
    return sorted(found, key=lambda item: (_RANKS[item["role"]], item["email"] or "", item["id"]))


async def add(session: AsyncSession, slug: str, email: str, role: str, *, by: Principal, now: datetime) -> Json:
    """Give a role to the account that has proven `email`. Invalid when there is none, Conflict when it has a role.

    An address that nobody has proven is no account's: else whoever registers it first would get the role.
    """
    address = normal_email(email)
    _check_role(role)
    page_id = await _hold(session, slug, by=by, now=now)
    account_id = await session.scalar(
        select(Account.id)
        .where(Account.email == address, Account.verified_at.is_not(None), Account.disabled_at.is_(None))
        .with_for_update(read=True)
    )
    if account_id is None:
        raise Invalid(fields={"email": "is not the confirmed address of an account here"})
    if await session.get(PageRole, (page_id, account_id)) is not None:
        raise Conflict("This account has a role on the page already; change that.")
    await session.execute(insert(PageRole).values(page_id=page_id, account_id=account_id, role=role))
    await _note(session, "role.added", page_id, account_id, by=by, now=now, after=role)
    await control.tell(session, RightsChanged(accounts=(account_id,)), now=now)
    return await _find(session, page_id, account_id)


async def change(session: AsyncSession, slug: str, account_id: str, role: str, *, by: Principal, now: datetime) -> Json:
    """Another role for somebody who has one. Conflict when no owner would be left."""
    _check_role(role)
    page_id = await _hold(session, slug, by=by, now=now)
    person = await _find(session, page_id, account_id)
    if person["role"] != role:
        if person["role"] == OWNER:
            await _require_other_owner(session, page_id, account_id)
        await _set(session, page_id, account_id, role)
        await _note(session, "role.changed", page_id, account_id, by=by, now=now, before=person["role"], after=role)
        await control.tell(session, RightsChanged(accounts=(account_id,)), now=now)
    return {**person, "role": role}


async def remove(session: AsyncSession, slug: str, account_id: str, *, by: Principal, now: datetime) -> None:
    """Take somebody's role away, one's own too. Conflict when no owner would be left."""
    page_id = await _hold(session, slug, by=by, now=now)
    person = await _find(session, page_id, account_id)
    if person["role"] == OWNER:
        await _require_other_owner(session, page_id, account_id)
    await session.execute(sql_delete(PageRole).where(PageRole.page_id == page_id, PageRole.account_id == account_id))
    await _note(session, "role.removed", page_id, account_id, by=by, now=now, before=person["role"])
    await control.tell(session, RightsChanged(accounts=(account_id,)), now=now)


async def transfer(session: AsyncSession, slug: str, account_id: str, *, by: Principal, now: datetime) -> Json:
    """Make somebody who has a role on the page its owner; `by`, if an owner, becomes an editor. The new owner."""
    page_id = await _hold(session, slug, by=by, now=now)
    person = await _find(session, page_id, account_id)
    if account_id == by.account_id:
        raise Conflict("A page is transferred to somebody else.")
    own = None if by.account_id is None else await session.get(PageRole, (page_id, by.account_id))
    moved = [account_id]
    await _set(session, page_id, account_id, OWNER)
    await _note(session, "page.transferred", page_id, account_id, by=by, now=now, before=person["role"], after=OWNER)
    if own is not None and own.role == OWNER:
        await _set(session, page_id, own.account_id, EDITOR)
        await _note(session, "role.changed", page_id, own.account_id, by=by, now=now, before=OWNER, after=EDITOR)
        moved.append(own.account_id)
    await control.tell(session, RightsChanged(accounts=tuple(moved)), now=now)
    return {**person, "role": OWNER}


async def read_audit(
    session: AsyncSession, slug: str, *, by: Principal, limit: int, before: int | None = None
) -> list[Json]:
    """The page's log, newest first, below the id `before`. For owners."""
    page_id = (await see_page(session, slug, by)).page.id
    _require_owner(by, page_id)
    return await audit.of_page(session, page_id, limit=limit, before=before)


async def _hold(session: AsyncSession, slug: str, *, by: Principal, now: datetime) -> str:
    """The page's id, with its row held; Forbidden unless `by` owns it then."""
    page_id = (await see_page(session, slug, by)).page.id
    _require_owner(by, page_id)
    locked = await session.scalar(select(PageRow.id).where(PageRow.id == page_id).with_for_update())
    if locked is None:
        raise NotFound("There is no such page.")
    _require_owner(await rights.current(session, by, now=now, page_id=page_id), page_id)
    return page_id


def _require_owner(by: Principal, page_id: str) -> None:
    if not by.can(page_id, Right.OWN):
        raise Forbidden("Only an owner of the page may do this.")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Invalid(fields={"role": f"must be {', '.join(ROLES[:-1])} or {ROLES[-1]}"})


def _people(page_id: str) -> Any:
    return (
        select(Account.id, Account.email, PageRole.role)
        .join(PageRole, PageRole.account_id == Account.id)
        .where(PageRole.page_id == page_id)
    )


def _json(row: Any) -> Json:
    return {"id": row.id, "email": row.email, "role": row.role}


async def _find(session: AsyncSession, page_id: str, account_id: str) -> Json:
    row = (await session.execute(_people(page_id).where(Account.id == account_id))).one_or_none()
    if row is None:
        raise NotFound("Nobody with this id has a role on the page.")
    return _json(row)


async def _set(session: AsyncSession, page_id: str, account_id: str, role: str) -> None:
    await session.execute(
        sql_update(PageRole).where(PageRole.page_id == page_id, PageRole.account_id == account_id).values(role=role)
    )


async def _require_other_owner(session: AsyncSession, page_id: str, account_id: str) -> None:
    others = await session.scalar(
        select(func.count())
        .select_from(PageRole)
        .where(PageRole.page_id == page_id, PageRole.role == OWNER, PageRole.account_id != account_id)
    )
    if not others:
        raise Conflict("The page's last owner stays: make somebody else an owner first.")


async def _note(
    session: AsyncSession,
    action: str,
    page_id: str,
    account_id: str,
    *,
    by: Principal,
    now: datetime,
    before: str | None = None,
    after: str | None = None,
) -> None:
    await audit.note(
        session,
        by=by,
        now=now,
        action=action,
        object_kind="account",
        object_id=account_id,
        page_id=page_id,
        before=None if before is None else {"role": before},
        after=None if after is None else {"role": after},
    )
