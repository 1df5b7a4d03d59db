"""Groups of people: audiences by invitation, `group:<slug>`. (Groups of components are in groups.py.)

A group is there for its members and for hub admins; for everybody else it is not. Whoever changes one holds its row,
and his own place in it is read under that lock, so that of two changes at once the second knows of the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping, func, insert, select, tuple_
from sqlalchemy import delete as sql_delete
from sqlalchemy import update as sql_update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.audience import GROUP
from hub.domain.channel import is_slug
from hub.domain.control import AccountNews, RightsChanged
from hub.domain.text import iso
from hub.errors import Conflict, Forbidden, Invalid, NotFound
from hub.ids import new_id
from hub.services import audit, control, rights
from hub.services.audiences import is_in_use
from hub.services.write import check_version
from models import Account, GroupMember, PeopleGroup

OWNER, ADMIN, MEMBER = "owner", "admin", "member"
ROLES = (OWNER, ADMIN, MEMBER)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """A group, and what somebody is in it. `role` None: a hub admin who is no member."""

    id: str
    slug: str
    name: str
    version: int
    created_at: datetime
    updated_at: datetime
    role: str | None
    is_hub_admin: bool

    @property
    def may_own(self) -> bool:
        return self.role == OWNER or self.is_hub_admin

    @property
    def may_manage(self) -> bool:
        return self.role in {OWNER, ADMIN} or self.is_hub_admin

    @property
    def shown(self) -> Json:
        return {
            "id": self.id,
            "slug": self.slug,
            "name": self.name,
            "role": self.role,
            "version": self.version,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        }


# ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────


async def create(session: AsyncSession, slug: str, name: str, *, by: Principal, now: datetime) -> Json:
    """A new group whose owner is `by`: somebody with a proven address, or a hub admin. Conflict when the slug is taken.

    Taken is also a slug that something still has as its audience: who makes such a group would see that thing.
    """
    by = await rights.current(session, by, now=now)
    if not (by.is_verified or by.is_admin):
        raise Forbidden("Confirm your e-mail address first.")
    if not is_slug(slug):
        raise Invalid(fields={"slug": "must be 1 to 63 of a-z, 0-9 and hyphens, with no hyphen at either end"})
    group_id = new_id()
    made = await session.scalar(
        upsert(PeopleGroup)
        .values(id=group_id, slug=slug, name=name, created_at=now, updated_at=now)
        .on_conflict_do_nothing(index_elements=["slug"])
        .returning(PeopleGroup.id)
    )
    if made is None or (not by.is_admin and await is_in_use(session, GROUP + slug, by_deleted_too=True)):
        raise Conflict("There is a group with this slug already.", fields={"slug": "is that of another group already"})
    if by.account_id is not None:
        values = {"group_id": group_id, "account_id": by.account_id, "role": OWNER, "joined_at": now}
        await session.execute(insert(GroupMember).values(values))
    await _note(session, "people_group.created", group_id, by=by, now=now, after={"slug": slug, "name": name})
    group = await see(session, slug, by=by)
    if by.account_id is not None:
        await tell_moved(session, "group.joined", group, [by.account_id], now=now)
    return group.shown


async def list_groups(
    session: AsyncSession, *, by: Principal, limit: int, before: tuple[datetime, str] | None = None
) -> list[Json]:
    """The groups of `by`, for a hub admin all there are; newest first, keyset (created_at, id)."""
    query = _standings(by)
    if not by.is_admin:
        query = query.where(GroupMember.role.is_not(None))
    if before is not None:
        query = query.where(tuple_(PeopleGroup.created_at, PeopleGroup.id) < tuple_(*before))
    query = query.order_by(PeopleGroup.created_at.desc(), PeopleGroup.id.desc()).limit(limit)
    rows = (await session.execute(query)).mappings()
    return [_standing(row, by).shown for row in rows]


async def get(session: AsyncSession, slug: str, *, by: Principal) -> Json:
    return (await see(session, slug, by=by)).shown


async def update(
    session: AsyncSession,
    slug: str,
    changes: Mapping[str, Any],
    *,
    by: Principal,
    now: datetime,
    expected_version: int | None = None,
) -> Json:
    """Change `name`. For the group's owners and admins."""
    group = await hold(session, slug, by=by, now=now)
    require_manager(group)
    check_version(group.version, expected_version, group.shown)
    if changes.get("name", group.name) != group.name:
        await session.execute(
            sql_update(PeopleGroup)
            .where(PeopleGroup.id == group.id)
            .values(name=changes["name"], updated_at=now, version=PeopleGroup.version + 1)
        )
        names = {"before": {"name": group.name}, "after": {"name": changes["name"]}}
        await _note(session, "people_group.updated", group.id, by=by, now=now, **names)
    return await get(session, slug, by=by)


async def delete(session: AsyncSession, slug: str, *, by: Principal, now: datetime) -> None:
    """End a group, with its memberships and invitations. Conflict while anything has it as its audience."""
    group = await hold(session, slug, by=by, now=now, is_ending=True)
    _require_owner(group)
    # Whoever sets an audience share-locks the group's row, so all that could use it has committed or will find it gone.
    if await is_in_use(session, GROUP + slug):
        raise Conflict("Something has this group as its audience; change that first.")
    members = list(await session.scalars(select(GroupMember.account_id).where(GroupMember.group_id == group.id)))
    await session.execute(sql_delete(PeopleGroup).where(PeopleGroup.id == group.id))
    await audit.note(
        session,
        by=by,
        now=now,
        action="people_group.deleted",
        object_kind="people_group",
        object_id=group.id,
        account_id=by.account_id,  # the group's own log has gone with it
        before={"slug": group.slug, "name": group.name},
    )
    if members:
        await tell_moved(session, "group.left", group, members, now=now)


# ── members ──────────────────────────────────────────────────────────────────────────────────────────────────


async def list_members(
    session: AsyncSession, slug: str, *, by: Principal, limit: int, before: tuple[datetime, str] | None = None
) -> list[Json]:
    """Who is in the group, latest first, keyset (joined_at, account id). For its owners and admins."""
    group = await see(session, slug, by=by)
    require_manager(group)
    query = _members(group.id)
    if before is not None:
        query = query.where(tuple_(GroupMember.joined_at, GroupMember.account_id) < tuple_(*before))
    rows = await session.execute(
        query.order_by(GroupMember.joined_at.desc(), GroupMember.account_id.desc()).limit(limit)
    )
    return [_member_json(row) for row in rows]


async def change_role(
    session: AsyncSession, slug: str, account_id: str, role: str, *, by: Principal, now: datetime
) -> Json:
    """Make a member owner, admin or plain member. For owners; Conflict when no owner would be left."""
    if role not in ROLES:
        raise Invalid(fields={"role": "must be owner, admin or member"})
    group = await hold(session, slug, by=by, now=now)
    _require_owner(group)
    member = await _find_member(session, group, account_id)
    if member["role"] != role:
        if member["role"] == OWNER:
            await _require_other_owner(session, group, account_id)
        await session.execute(
            sql_update(GroupMember)
            .where(GroupMember.group_id == group.id, GroupMember.account_id == account_id)
            .values(role=role)
        )
        await _note_member(
            session, "member.role_changed", group, account_id, by=by, now=now, before=member["role"], after=role
        )
        news = _news("group.role_changed", group, account_id, role=role)
        await control.tell(session, news, now=now)
    return {**member, "role": role}


async def remove(session: AsyncSession, slug: str, account_id: str, *, by: Principal, now: datetime) -> None:
    """Take a member out, or leave. Owners remove anybody, admins plain members; the last owner stays (Conflict)."""
    group = await hold(session, slug, by=by, now=now)
    leaves = account_id == by.account_id
    if not leaves:
        require_manager(group)
    member = await _find_member(session, group, account_id)
    if not leaves and member["role"] != MEMBER and not group.may_own:
        raise Forbidden("Only an owner of the group can remove its owners and admins.")
    if member["role"] == OWNER:
        await _require_other_owner(session, group, account_id)
    await session.execute(
        sql_delete(GroupMember).where(GroupMember.group_id == group.id, GroupMember.account_id == account_id)
    )
    action = "member.left" if leaves else "member.removed"
    await _note_member(session, action, group, account_id, by=by, now=now, before=member["role"])
    await tell_moved(session, "group.left", group, [account_id], now=now)


async def read_audit(
    session: AsyncSession, slug: str, *, by: Principal, limit: int, before: int | None = None
) -> list[Json]:
    """The group's log, newest first, below the id `before`. For owners and admins."""
    group = await see(session, slug, by=by)
    require_manager(group)
    return await audit.of_group(session, group.id, limit=limit, before=before)


# ── what invitations use too ─────────────────────────────────────────────────────────────────────────────────


async def see(session: AsyncSession, slug: str, *, by: Principal) -> Standing:
    """The group and `by`'s place in it; NotFound alike for one that is not there and one that is not his."""
    row = (await session.execute(_standings(by).where(PeopleGroup.slug == slug))).mappings().one_or_none()
    if row is None or (row["role"] is None and not by.is_admin):
        raise NotFound("There is no such group.")
    return _standing(row, by)


async def hold(session: AsyncSession, slug: str, *, by: Principal, now: datetime, is_ending: bool = False) -> Standing:
    """As `see`, for a change: with the group's row held, and the rights that `by` has under that lock.

    `is_ending`: nobody may even point at the group meanwhile.
    """
    row = select(PeopleGroup.id).where(PeopleGroup.slug == slug).with_for_update(key_share=not is_ending)
    await session.execute(row)
    return await see(session, slug, by=await rights.current(session, by, now=now))


def require_manager(group: Standing) -> None:
    if not group.may_manage:
        raise Forbidden("Only owners and admins of the group may do this.")


async def tell_moved(
    session: AsyncSession, kind: str, group: Standing, account_ids: Sequence[str], *, now: datetime
) -> None:
    """Every node learns that these accounts' rights have changed, and the accounts why. The last step."""
    news = [_news(kind, group, account_id) for account_id in account_ids]
    await control.tell(session, RightsChanged(accounts=tuple(account_ids)), *news, now=now)


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────


def _standings(by: Principal) -> Any:
    """Every group with the role of `by` in it, null where he is no member."""
    return select(
        PeopleGroup.id,
        PeopleGroup.slug,
        PeopleGroup.name,
        PeopleGroup.version,
        PeopleGroup.created_at,
        PeopleGroup.updated_at,
        GroupMember.role,
    ).outerjoin(GroupMember, (GroupMember.group_id == PeopleGroup.id) & (GroupMember.account_id == by.account_id))


def _standing(row: RowMapping, by: Principal) -> Standing:
    return Standing(**row, is_hub_admin=by.is_admin)


def _members(group_id: str) -> Any:
    return (
        select(Account.id, Account.email, GroupMember.role, GroupMember.joined_at)
        .join(Account, Account.id == GroupMember.account_id)
        .where(GroupMember.group_id == group_id)
    )


def _member_json(row: Any) -> Json:
    return {"id": row.id, "email": row.email, "role": row.role, "joined_at": iso(row.joined_at)}


async def _find_member(session: AsyncSession, group: Standing, account_id: str) -> Json:
    row = (await session.execute(_members(group.id).where(Account.id == account_id))).one_or_none()
    if row is None:
        raise NotFound("There is no such member.")
    return _member_json(row)


def _require_owner(group: Standing) -> None:
    if not group.may_own:
        raise Forbidden("Only an owner of the group may do this.")


async def _require_other_owner(session: AsyncSession, group: Standing, account_id: str) -> None:
    """The group's row is held, so the others cannot go while this one does."""
    others = await session.scalar(
        select(func.count())
        .select_from(GroupMember)
        .where(GroupMember.group_id == group.id, GroupMember.role == OWNER, GroupMember.account_id != account_id)
    )
    if not others:
        raise Conflict("The group's last owner stays: make somebody else an owner first, or delete the group.")


def _news(kind: str, group: Standing, account_id: str, **more: str) -> AccountNews:
    data = {"type": kind, "group": {"slug": group.slug, "name": group.name}, **more}
    return AccountNews(account=account_id, data=msgspec.Raw(msgspec.json.encode(data)))


async def _note_member(
    session: AsyncSession,
    action: str,
    group: Standing,
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
        group_id=group.id,
        before=None if before is None else {"role": before},
        after=None if after is None else {"role": after},
    )


async def _note(
    session: AsyncSession,
    action: str,
    group_id: str,
    *,
    by: Principal,
    now: datetime,
    before: Json | None = None,
    after: Json | None = None,
) -> None:
    await audit.note(
        session,
        by=by,
        now=now,
        action=action,
        object_kind="people_group",
        object_id=group_id,
        group_id=group_id,
        before=before,
        after=after,
    )
