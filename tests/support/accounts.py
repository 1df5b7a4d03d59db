"""Accounts whose password is known, without a hash for each; what they are mailed, and what nodes are told of them."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx2
from argon2 import PasswordHasher
from sqlalchemy import text

from hub.domain.control import ControlEvent, decode_control
from hub.ids import new_id
from models import Account
from tests.support.api import Api, data_of
from tests.support.rows import events_of
from tests.support.smtp import link_in

PASSWORD = "correct horse battery"


@cache
def password_hash() -> str:
    return PasswordHasher().hash(PASSWORD)


@dataclass(frozen=True)
class Letter:
    kind: str
    subject: str
    body: str

    @property
    def token(self) -> str:
        """What follows the # of its link."""
        return link_in(self.body).partition("#")[2]


async def add_account(api: Api, email: str, *, is_admin: bool = False, is_verified: bool = False) -> str:
    """The id of a new account with the password `PASSWORD`."""
    now = api.state["clock"].now()
    account = Account(
        id=new_id(),
        email=email,
        password_hash=password_hash(),
        is_admin=is_admin,
        verified_at=now if is_verified else None,
        created_at=now,
        updated_at=now,
    )
    async with api.state["db"].begin() as session:
        session.add(account)
    return str(account.id)


async def sign_in(api: Api, email: str, password: str = PASSWORD, client: httpx2.AsyncClient | None = None) -> Any:
    body = {"email": email, "password": password}
    return data_of(await (client or api.client()).post("/api/v1/auth/login", json=body))


async def client_of(api: Api, email: str, password: str = PASSWORD) -> httpx2.AsyncClient:
    """A client that carries the access token of a fresh sign-in."""
    grant = await sign_in(api, email, password)
    return api.client({"Authorization": f"Bearer {grant['access_token']}"})


async def letters_to(api: Api, recipient: str) -> list[Letter]:
    """What waits to be mailed there, oldest first."""
    query = text("SELECT kind, subject, body FROM mail WHERE recipient = :recipient AND expires_at > now() ORDER BY id")
    async with api.state["db"]() as session:
        return [Letter(*row) for row in await session.execute(query, {"recipient": recipient})]


async def told(api: Api) -> list[ControlEvent]:
    """What nodes were told, in order."""
    async with api.state["db"]() as session:
        return [decode_control(payload.encode()) for _, payload in await events_of(session, "control")]


async def audited(api: Api) -> list[tuple[str, str | None, str | None]]:
    """(action, actor, account) of every entry, oldest first."""
    async with api.state["db"]() as session:
        rows = await session.execute(text("SELECT action, actor_id, account_id FROM audit_entry ORDER BY id"))
        return [(action, actor, account) for action, actor, account in rows]


async def run_sql(api: Api, statement: str, **values: object) -> None:
    """Make the past older, or whatever no request can do."""
    async with api.state["db"].begin() as session:
        await session.execute(text(statement), values)
