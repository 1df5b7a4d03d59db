"""The application as wired in production, in this process, with clients that speak to it over ASGI."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from hub.app import create_app
from hub.ids import new_id
from hub.services import sessions
from hub.settings import Settings
from models import Account, PageRole

BASE_URL = "http://hub.test"
_TABLES: tuple[str, ...] = ("account", "page", "component_group", "component", "incident", "incident_update")
_TABLES += ("maintenance", "maintenance_update", "maintenance_component", "status_interval", "base_interval")
_TABLES += ("component_day",)
_TABLES += ("event", "channel", "page_role", "view", "session")
_TABLES += ("people_group", "group_member", "invitation", "invitation_use", "audit_entry", "mail")


@dataclass
class Api:
    """One node. `anonymous` is a client without credentials; `client_of` makes one for an account."""

    state: dict[str, Any]
    anonymous: httpx2.AsyncClient

    async def client_of(
        self, email: str, *, is_admin: bool = False, is_verified: bool = True, roles: dict[str, str] | None = None
    ) -> httpx2.AsyncClient:
        """A client with the access token of a new account, whose password nobody knows. `roles`: page id → role."""
        now = self.state["clock"].now()
        account = Account(
            id=new_id(),
            email=email,
            password_hash="!",  # no hash: opens with no password
            is_admin=is_admin,
            verified_at=now if is_verified else None,
            created_at=now,
            updated_at=now,
        )
        async with self.state["db"].begin() as session:
            session.add(account)
            await session.flush()
            session.add_all(
                PageRole(page_id=page_id, account_id=account.id, role=role) for page_id, role in (roles or {}).items()
            )
            token = await sessions.issue_token_for(session, self.state["tokens"], email, now)
        return self.client({"Authorization": f"Bearer {token}"})

    def client(self, headers: dict[str, str] | None = None) -> httpx2.AsyncClient:
        """A client of its own cookies and headers."""
        return httpx2.AsyncClient(transport=self.anonymous._transport, base_url=BASE_URL, headers=headers)

    async def rows(self, table: str) -> int:
        async with self.state["db"]() as session:
            return int(await session.scalar(text(f"SELECT count(*) FROM {table}")))  # noqa: S608 (tests' own names)

    async def fingerprint(self) -> dict[str, str]:
        """A digest of every table that requests could change; equal before and after means: nothing changed."""
        async with self.state["db"]() as session:
            return {
                table: await session.scalar(
                    text(f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t")  # noqa: S608
                )
                for table in _TABLES
            }


@contextlib.asynccontextmanager
async def open_api(settings: Settings) -> AsyncIterator[Api]:
    """The application, started; closed with the block."""
    async with (
        serving(create_app(settings)) as (transport, state),
        httpx2.AsyncClient(transport=transport, base_url=BASE_URL) as anonymous,
    ):
        yield Api(state, anonymous)


@contextlib.asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[tuple[httpx2.ASGITransport, dict[str, Any]]]:
    """Run the application's lifespan and give each request a copy of its state, as a server does."""
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        yield httpx2.ASGITransport(with_state), dict(state or {})


def data_of(answer: httpx2.Response, status: int = 200) -> Any:
    """`data` of a success with `status`, its envelope checked."""
    body = answer.json()
    assert answer.status_code == status, body
    assert body.keys() == {"status", "data", "error", "meta"}
    assert (body["status"], body["error"]) == ("success", None)
    return body["data"]


def error_of(answer: httpx2.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """`error` of a failure with `status` (and `code`), its envelope checked."""
    body = answer.json()
    assert answer.status_code == status, body
    assert body.keys() == {"status", "data", "error", "meta"}
    assert body["status"] == "error"
    assert body["error"].keys() == {"code", "message", "fields", "error_id"}
    assert body["meta"].keys() == {"request_id", "next"}
    assert code in {None, body["error"]["code"]}, body
    error: dict[str, Any] = body["error"]
    return error
