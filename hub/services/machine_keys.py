"""Keys of machines: made and revoked by owners of their pages, shown once, stored as a hash.

A key belongs to its pages and not to whoever made it, so it outlives his leaving; any owner of one of its pages can
revoke it. It never stands for an account: what it may do are its scopes, on its pages.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, ColumnElement, String, any_, func, insert, literal, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth import machine_keys as texts
from hub.auth.permissions import SCOPES, Principal, Right
from hub.domain.control import KeyRevoked
from hub.errors import Conflict, Forbidden, Invalid, NotFound
from hub.ids import new_id
from hub.services import audit, control, rights
from hub.services.views import see_page
from models import MachineKey as KeyRow
from models import MachineKeyPage, Page

KEYS_PER_PAGE = 100
NOT_YOURS = "Only an owner of a page makes keys for it."
MIN_LIFE_S, MAX_LIFE_S = 60, 10 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class NewKey:
    """`pages`: slugs. `expires_in_s` None: never."""

    name: str
    pages: Sequence[str]
    scopes: Collection[str]
    expires_in_s: int | None = None


@dataclass(frozen=True, slots=True)
class MachineKey:
    """A key without its secret. `pages`: slugs, as far as the reader owns them."""

    id: str
    name: str
    pages: tuple[str, ...]
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenKey:
    """What a living key opens, and until when."""

    principal: Principal
    expires_at: datetime | None


async def create(session: AsyncSession, new: NewKey, *, by: Principal, now: datetime) -> tuple[MachineKey, str]:
    """A new key and its text, which nobody can be told again.

    Invalid for unfit fields, NotFound for a page that is not there for `by`, Forbidden for one that he does not own,
    Conflict when a page has too many keys.
    """
    scopes = _checked_scopes(new)
    slugs = sorted(set(new.pages))
    page_ids = [await _owned_page(session, slug, by) for slug in slugs]
    # Held, so that none of the pages goes away before the key is bound to it.
    held = await session.scalars(select(Page.id).where(Page.id.in_(page_ids)).order_by(Page.id).with_for_update())
    if len(held.all()) < len(page_ids):
        raise NotFound("There is no such page.")
    for page_id in page_ids:  # as it is now that nobody can change it any more
        if not (await rights.current(session, by, now=now, page_id=page_id)).can(page_id, Right.OWN):
            raise Forbidden(NOT_YOURS)
    await _check_room(session, page_ids)
    text = texts.new_key()
    expires_at = None if new.expires_in_s is None else now + timedelta(seconds=new.expires_in_s)
    key = MachineKey(new_id(), new.name, tuple(slugs), scopes, now, expires_at, None)
    await session.execute(
        insert(KeyRow).values(
            id=key.id,
            name=key.name,
            token_hash=texts.hash_of(text),
            scopes=list(scopes),
            created_by=by.account_id,
            created_at=now,
            expires_at=expires_at,
        )
    )
    await session.execute(insert(MachineKeyPage), [{"key_id": key.id, "page_id": page_id} for page_id in page_ids])
    for page_id in page_ids:
        await _note(session, "key.created", key.id, page_id, by=by, now=now, after=_described(new.name, scopes))
    return key, text


async def list_keys(session: AsyncSession, *, by: Principal) -> list[MachineKey]:
    """The keys of the pages that `by` owns, also expired ones, newest first."""
    rows = await session.execute(
        select(
            KeyRow.id,
            KeyRow.name,
            func.array_agg(Page.slug).label("pages"),
            KeyRow.scopes,
            KeyRow.created_at,
            KeyRow.expires_at,
            KeyRow.last_used_at,
        )
        .join(MachineKeyPage, MachineKeyPage.key_id == KeyRow.id)
        .join(Page, Page.id == MachineKeyPage.page_id)
        .where(KeyRow.revoked_at.is_(None), _is_owned(by))
        .group_by(KeyRow.id)
        .order_by(KeyRow.id.desc())
    )
    return [MachineKey(row.id, row.name, tuple(sorted(row.pages)), tuple(row.scopes), *row[4:]) for row in rows.all()]


async def revoke(session: AsyncSession, key_id: str, *, by: Principal, now: datetime) -> None:
    """Make a key worthless, on open sockets too; NotFound unless `by` owns one of its pages."""
    row = await session.scalar(select(KeyRow).where(KeyRow.id == key_id, KeyRow.revoked_at.is_(None)).with_for_update())
    pages = list(await session.scalars(select(MachineKeyPage.page_id).where(MachineKeyPage.key_id == key_id)))
    if row is None or not (by.is_admin or any(by.can(page_id, Right.OWN) for page_id in pages)):
        raise NotFound("There is no such key.")
    row.revoked_at = now
    await session.flush()
    for page_id in pages:
        await _note(session, "key.revoked", key_id, page_id, by=by, now=now, before=_described(row.name, row.scopes))
    await control.tell(session, KeyRevoked(key=key_id), now=now)


async def load_open_keys(session: AsyncSession, hashes: Collection[str], now: datetime) -> dict[str, OpenKey]:
    """By hash, those of the keys that are worth something `now`, rights as they are. One query."""
    rows = await session.execute(
        select(KeyRow.token_hash, KeyRow.id, KeyRow.scopes, KeyRow.expires_at, func.array_agg(MachineKeyPage.page_id))
        .join(MachineKeyPage, MachineKeyPage.key_id == KeyRow.id)
        .where(
            KeyRow.token_hash == any_(literal(list(hashes), ARRAY(String))),
            KeyRow.revoked_at.is_(None),
            or_(KeyRow.expires_at.is_(None), KeyRow.expires_at > now),
        )
        .group_by(KeyRow.id)
    )
    return {
        token_hash: OpenKey(
            Principal(key_id=key_id, scopes=frozenset(scopes), key_pages=frozenset(page_ids)), expires_at
        )
        for token_hash, key_id, scopes, expires_at, page_ids in rows.all()
    }


def _checked_scopes(new: NewKey) -> tuple[str, ...]:
    """The scopes in their own order; raises Invalid."""
    problems = {}
    if not new.scopes or not set(new.scopes) <= set(SCOPES):
        problems["scopes"] = f"must be at least one of {', '.join(SCOPES)}"
    if not new.pages:
        problems["pages"] = "must name at least one page"
    if new.expires_in_s is not None and not MIN_LIFE_S <= new.expires_in_s <= MAX_LIFE_S:
        problems["expires_in_s"] = f"must be {MIN_LIFE_S} to {MAX_LIFE_S} seconds"
    if problems:
        raise Invalid(fields=problems)
    return tuple(scope for scope in SCOPES if scope in new.scopes)


async def _owned_page(session: AsyncSession, slug: str, by: Principal) -> str:
    page = (await see_page(session, slug, by)).page
    if not by.can(page.id, Right.OWN):
        raise Forbidden(NOT_YOURS)
    return page.id


async def _check_room(session: AsyncSession, page_ids: Sequence[str]) -> None:
    full = await session.scalar(
        select(MachineKeyPage.page_id)
        .join(KeyRow, KeyRow.id == MachineKeyPage.key_id)
        .where(MachineKeyPage.page_id.in_(page_ids), KeyRow.revoked_at.is_(None))
        .group_by(MachineKeyPage.page_id)
        .having(func.count() >= KEYS_PER_PAGE)
        .limit(1)
    )
    if full is not None:
        raise Conflict(f"A page has at most {KEYS_PER_PAGE} keys; revoke those that nobody needs.")


def _is_owned(by: Principal) -> ColumnElement[bool]:
    if by.is_admin:
        return true()
    return Page.id.in_([page_id for page_id in by.roles if by.can(page_id, Right.OWN)])


def _described(name: str, scopes: Sequence[str]) -> Mapping[str, object]:
    # Not its pages: the log of one is not for the owners of another.
    return {"name": name, "scopes": list(scopes)}


async def _note(
    session: AsyncSession,
    action: str,
    key_id: str,
    page_id: str,
    *,
    by: Principal,
    now: datetime,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    await audit.note(
        session,
        by=by,
        now=now,
        action=action,
        object_kind="key",
        object_id=key_id,
        page_id=page_id,
        before=before,
        after=after,
    )
