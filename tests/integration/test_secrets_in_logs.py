"""T10, T16: credentials of every kind are used, misused and thrown at the hub; none is written down anywhere."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import websockets
from sqlalchemy import text

from hub.engine.redis_client import make_client
from hub.services.database import Sessions
from tests.support.api import data_of
from tests.support.hub import SECRET_KEY, HubProcess
from tests.support.streams import ONE_WAY, TWO_WAY, commands, open_stream

PASSWORD, WRONG, NEW = "canary-password-1 horse", "canary-password-2 horse", "canary-password-3 horse"
SERVER_KEY = "canary-key-of-the-server-api"
METRICS_TOKEN = "canary-token-of-the-metrics"
EMAIL = "ada@example.test"
READ = ("history.atom", "history.rss", "maintenance.ics", "badge.svg")  # by the link of a feed reader
# What a token could be put into besides where it belongs.
MISPLACED = ("?token={0}", "?access_token={0}", "?api_key={0}", "?cf_connect={0}", "?next=/x%0A{0}")


class Person:
    """A client that notes every secret it is told."""

    def __init__(self, hub: HubProcess) -> None:
        self.client = httpx2.AsyncClient(base_url=hub.base_url, timeout=30)
        self.secrets = {PASSWORD, WRONG, NEW, SERVER_KEY, METRICS_TOKEN, SECRET_KEY}

    async def post(self, path: str, body: dict[str, Any], status: int = 200, **headers: str) -> Any:
        return data_of(await self.client.post(f"/api/v1/{path}", json=body, headers=headers), status)

    async def sign_in(self, password: str = PASSWORD) -> dict[str, Any]:
        grant = await self.post("auth/login", {"email": EMAIL, "password": password})
        self.secrets |= {grant["access_token"], grant["refresh_token"]}
        self.client.cookies.clear()
        return grant


@pytest.mark.slow
async def test_no_credential_is_written_down(
    database_url: str, redis_url: str, make_hub: Callable[..., HubProcess], sessions: Sessions
) -> None:
    """T10, T16. Neither in a log at its most talkative, nor in a figure, nor as it is in the database or in Redis."""
    env = {
        "HUB_LOG_LEVEL": "debug",
        "HUB_SERVER_API_KEY": SERVER_KEY,
        "HUB_METRICS_TOKEN": METRICS_TOKEN,
        "PYTHONASYNCIODEBUG": "1",
    }
    hub = make_hub(database_url=database_url, redis_url=redis_url, env=env)
    await hub.start()
    await hub.create_user(EMAIL, PASSWORD, admin=True)
    person = Person(hub)
    async with person.client as client:
        grant = await person.sign_in()
        bearer = {"Authorization": f"Bearer {grant['access_token']}"}
        await _try_passwords_and_links(person, bearer)
        await person.post("pages", {"slug": "acme", "title": "Acme"}, 201, **bearer)
        await _use_keys_and_invitations(person, bearer)
        await _connect(hub, person, grant["access_token"])
        await _misplace(person)
        fresh = await person.post("auth/refresh", {"refresh_token": grant["refresh_token"]})
        person.secrets |= {fresh["access_token"], fresh["refresh_token"]}
        changed = await person.post(
            "me/password",
            {"current_password": PASSWORD, "new_password": NEW},
            Authorization=f"Bearer {fresh['access_token']}",
        )
        person.secrets |= {changed["access_token"], changed["refresh_token"]}
        metrics = (await client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})).text
    assert await hub.stop() == 0
    stored = {
        "metrics": metrics,
        "log": hub.log,
        "database": await _dump(sessions),
        "redis": await _redis_dump(redis_url),
    }
    assert "/api/v1/auth/login" in hub.log
    for where, everything in stored.items():
        found = [secret for secret in person.secrets if secret in everything]
        assert not found, f"{where} holds {found}"
    assert "access_token=" not in hub.log


async def _try_passwords_and_links(person: Person, bearer: dict[str, str]) -> None:
    client = person.client
    for path, body in (
        ("auth/login", {"email": EMAIL, "password": WRONG}),
        ("auth/login", {"email": EMAIL, "password": WRONG, "surplus": WRONG}),
        ("auth/login", {"email": WRONG, "password": {"a": WRONG}}),
        ("auth/register", {"email": "eve@example.test", "password": PASSWORD}),
        ("auth/reset", {"token": "canary-token-of-a-letter", "new_password": NEW}),
        ("auth/verify", {"token": "canary-token-of-a-letter"}),
        ("auth/refresh", {"refresh_token": "canary-refresh-token"}),
        ("invitations/accept", {"token": "canary-invitation"}),
        ("me/password", {"current_password": WRONG, "new_password": NEW}),
    ):
        answer = await client.post(f"/api/v1/{path}", json=body, headers=bearer)
        assert answer.status_code < 500
        assert "canary" not in answer.text
    person.secrets |= {"canary-token-of-a-letter", "canary-refresh-token", "canary-invitation"}
    broken = f'{{"email": "{EMAIL}", "password": "{WRONG}"'
    assert (await client.post("/api/v1/auth/login", content=broken)).status_code in {400, 415}
    headers = {"Content-Type": "application/json"}
    assert (await client.post("/api/v1/auth/login", content=broken, headers=headers)).status_code == 400


async def _use_keys_and_invitations(person: Person, bearer: dict[str, str]) -> None:
    client = person.client
    key = await person.post("keys", {"name": "CI", "pages": ["acme"], "scopes": ["read"]}, 201, **bearer)
    await person.post("groups", {"slug": "ops", "name": "Ops"}, 201, **bearer)
    invitation = await person.post("groups/ops/invitations", {}, 201, **bearer)
    person.secrets |= {key["key"], invitation["token"]}
    link = await person.post("pages/acme/links", {"name": "Reader"}, 201, **bearer)
    secret = link["address"].rpartition("/")[2]
    person.secrets.add(secret)
    for name in (*READ, "components/x/badge.svg", "nothing"):
        answer = await client.get(f"/p/acme/feed/{secret}/{name}?days={secret}")
        assert answer.status_code == (200 if name in READ else 404)
        await client.get(f"/p/elsewhere/feed/{secret}/{name}")
        await client.post(f"/p/acme/feed/{secret}/{name}")
    for value in (key["key"], f"{key['key']}x", "hub_canary-key", "canary.access.token", "canary-" * 20):
        await client.get("/api/v1/pages/acme", headers={"Authorization": f"Bearer {value}"})
        await client.get("/p/acme", headers={"Cookie": f"hub_access={value}; hub_refresh={value}"})
        await client.post("/api/publish", json={}, headers={"X-API-Key": value})
        await client.get("/metrics", headers={"Authorization": f"Bearer {value}"})
    person.secrets |= {"hub_canary-key", "canary.access.token"}
    await client.post("/api/publish", json={"channel": "x", "data": 1}, headers={"X-API-Key": SERVER_KEY})
    assert (await client.get(f"/invite/{invitation['token']}")).status_code == 200


async def _connect(hub: HubProcess, person: Person, token: str) -> None:
    for value in (token, "canary.connect.token"):
        connect = {"connect": {"token": value}}
        async with websockets.connect(hub.ws_url) as connection:
            await connection.send(json.dumps({"id": 1, **connect}))
            with contextlib.suppress(websockets.ConnectionClosed):
                await connection.recv()
        for kind in (*TWO_WAY, *ONE_WAY):
            first = json.dumps(connect["connect"]) if kind in ONE_WAY else commands(connect)
            async with open_stream(hub.base_url, kind, first) as stream:
                await stream.first(bool)
    person.secrets.add("canary.connect.token")


async def _misplace(person: Person) -> None:
    """What some clients do all the same."""
    secret = "canary-in-an-address"
    for query in MISPLACED:
        for path in ("/api/v1/me", "/p/acme", "/login", "/connection/websocket", "/nothing", "/emulation"):
            await person.client.get(path + query.format(secret))
    await person.client.get("/p/acme", headers={"Referer": f"http://h/?token={secret}", "User-Agent": "ordinary"})
    person.secrets.add(secret)


async def _dump(sessions: Sessions) -> str:
    """Every row of every table, as text."""
    async with sessions() as session:
        tables = (await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))).all()
        assert {"account", "session", "event", "audit_entry", "mail"} <= set(tables)
        rows = [await session.scalars(text(f"SELECT t::text FROM {table} t")) for table in tables]  # noqa: S608
        return "\n".join(row for found in rows for row in found.all())


async def _redis_dump(url: str) -> str:
    async with make_client(url) as redis:
        keys = [key async for key in redis.scan_iter()]
        return repr(keys) + repr([await redis.dump(key) for key in keys])
