"""Everybody who could look at a page: with and without an account, invited, removed, operators, machines."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from hub.ids import new_id
from hub.services import sessions
from models import Account, GroupMember, Invitation, MachineKey, MachineKeyPage, PageRole, PeopleGroup

ALL_PAGES = "*"


@dataclass(frozen=True)
class Person:
    """One kind of viewer. `audiences`: what he satisfies; `operates`: the slugs of pages of which he sees all."""

    name: str
    token: str = ""
    account_id: str = ""
    key_id: str = ""
    session_id: str = ""
    audiences: frozenset[str] = frozenset({"public"})
    operates: frozenset[str] = frozenset()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def sees(self, page: str, page_audience: str, audiences: frozenset[str]) -> bool:
        """Whether something for any of `audiences` on a page for `page_audience` is for him."""
        if ALL_PAGES in self.operates or page in self.operates:
            return True
        return page_audience in self.audiences and not self.audiences.isdisjoint(audiences)


@dataclass
class Registry:
    """Makes people in the database of a hub whose application state is `state`. Nobody knows their passwords."""

    state: Mapping[str, Any]
    page_ids: dict[str, str] = field(default_factory=dict)  # slug → id
    group_ids: dict[str, str] = field(default_factory=dict)  # slug → id

    async def group(self, slug: str, name: str) -> str:
        now = self.state["clock"].now()
        async with self.state["db"].begin() as session:
            group = PeopleGroup(id=new_id(), slug=slug, name=name, created_at=now, updated_at=now)
            session.add(group)
        self.group_ids[slug] = group.id
        return str(group.id)

    async def person(
        self,
        name: str,
        *,
        email: str = "",
        is_verified: bool = True,
        is_admin: bool = False,
        groups: Sequence[str] = (),
        roles: Mapping[str, str] | None = None,  # slug → role
    ) -> Person:
        now = self.state["clock"].now()
        email = email or f"{name}@example.test"
        account_id = new_id()
        async with self.state["db"].begin() as session:
            session.add(
                Account(
                    id=account_id,
                    email=email,
                    password_hash="!",
                    is_admin=is_admin,
                    verified_at=now if is_verified else None,
                    created_at=now,
                    updated_at=now,
                )
            )
            await session.flush()
            for slug in groups:
                session.add(_member(self.group_ids[slug], account_id, now))
            for slug, role in (roles or {}).items():
                session.add(PageRole(page_id=self.page_ids[slug], account_id=account_id, role=role))
            await session.flush()
            token = await sessions.issue_token_for(session, self.state["tokens"], email, now)
        audiences = {"public", "authenticated", *(["verified"] if is_verified else [])}
        audiences |= {f"group:{slug}" for slug in groups}
        return Person(
            name,
            token,
            account_id,
            session_id=self.state["tokens"].verify(token, now).session_id,
            audiences=frozenset(audiences),
            operates=frozenset({ALL_PAGES}) if is_admin else frozenset(roles or {}),
        )

    async def invitation(self, group: str, by: Person, email: str = "") -> str:
        """The id of a pending one."""
        now = self.state["clock"].now()
        async with self.state["db"].begin() as session:
            row = Invitation(
                id=new_id(),
                group_id=self.group_ids[group],
                token_hash=hashlib.sha256(secrets.token_bytes()).hexdigest(),
                email=email or None,
                max_uses=2,
                created_by=by.account_id,
                created_at=now,
                expires_at=now + timedelta(days=1),
            )
            session.add(row)
        return str(row.id)

    async def machine(self, name: str, *, pages: Sequence[str], scopes: Sequence[str]) -> Person:
        now = self.state["clock"].now()
        token = f"hub_{secrets.token_urlsafe(32)}"
        async with self.state["db"].begin() as session:
            key = MachineKey(
                id=new_id(),
                name=name,
                token_hash=hashlib.sha256(token.encode()).hexdigest(),
                scopes=list(scopes),
                created_at=now,
            )
            session.add(key)
            await session.flush()
            session.add_all(MachineKeyPage(key_id=key.id, page_id=self.page_ids[slug]) for slug in pages)
        return Person(name, token, key_id=key.id, operates=frozenset(pages))


def _member(group_id: str, account_id: str, now: datetime) -> GroupMember:
    return GroupMember(group_id=group_id, account_id=account_id, role="member", joined_at=now)


async def remove_member(session: AsyncSession, group_id: str, account_id: str) -> None:
    """Take somebody out of a group as if he had been removed long ago: nobody is told."""
    member = await session.get_one(GroupMember, (group_id, account_id))
    await session.delete(member)
