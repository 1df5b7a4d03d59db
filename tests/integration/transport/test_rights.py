"""What happens to open connections when rights change: they are moved to what is left, or sent away."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import text, update

from hub.domain.control import ControlEvent, RightsChanged, SessionsEnded
from hub.services import control
from hub.settings import Settings
from models import Account, Session
from tests.integration.transport.conftest import LocalHub, Page
from tests.support.api import Api, data_of
from tests.support.json_client import JsonClient, json_client
from tests.support.servers import Servers
from tests.support.waiting import wait_until

SECRET = "zanzibar"


@dataclass
class Member:
    """A verified account, and the page's component that only verified accounts see."""

    hub: LocalHub
    page: Page
    account: str
    session: str
    token: str
    secret: str

    async def tell(self, *changes: Any, event: ControlEvent) -> None:
        """Make changes in the transaction that tells every node of them."""
        state = self.hub.state
        async with state["db"].begin() as session:
            for change in changes:
                await session.execute(change)
            await control.tell(session, event, now=state["clock"].now())

    async def lose_verification(self) -> None:
        change = update(Account).where(Account.id == self.account).values(verified_at=None)
        await self.tell(change, event=RightsChanged(accounts=(self.account,)))

    async def sign_out(self) -> None:
        change = update(Session).where(Session.id == self.session).values(ended_at=self.hub.state["clock"].now())
        await self.tell(change, event=SessionsEnded(account=self.account, sessions=(self.session,)))

    async def describe(self, words: str) -> None:
        path = f"/api/v1/pages/{self.page.slug}/components/{self.secret}"
        data_of(await self.page.operator.patch(path, json={"description": words}))

    @contextlib.asynccontextmanager
    async def watching(self, channel: str = "") -> AsyncIterator[JsonClient]:
        async with json_client(self.hub.ws_url) as client:
            await client.connect(self.token)
            entered = await client.subscribe(channel or self.page.channel, flag=1)
            assert SECRET in json.dumps(entered)
            yield client


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"hub_expiry_grace_s": 0.1})


@pytest.fixture
async def member(local_hub: LocalHub, page: Page) -> Member:
    path = f"/api/v1/pages/{page.slug}/components"
    body = {"name": "Vault", "audience": "verified", "description": SECRET}
    secret = data_of(await page.operator.post(path, json=body), 201)["id"]
    async with (
        httpx2.AsyncClient() as anonymous,
        await Api(local_hub.state, anonymous).client_of("member@example.test") as client,
        httpx2.AsyncClient(base_url=local_hub.base_url, headers=client.headers) as real,
    ):
        me = data_of(await real.get("/api/v1/me"))
        token = client.headers["authorization"].partition(" ")[2]
    return Member(local_hub, page, me["id"], me["session_id"], token, secret)


async def test_a_socket_whose_rights_shrink_is_moved_to_the_view_that_is_left(member: Member) -> None:
    """R1, on the same node. Case 85."""
    async with member.watching() as client:
        await member.lose_verification()
        channel = member.page.channel
        await wait_until(lambda: client.pushed(channel, "unsubscribe"), within_s=20)
        assert [push["code"] for push in client.pushed(channel, "unsubscribe")] == [2500]
        await member.describe(f"{SECRET} again")
        again = await client.subscribe(channel, flag=1)
        assert again["data"]["channel"] == channel
        await member.page.change()
        await wait_until(lambda: client.pushed(channel, "pub"), within_s=20)
        assert SECRET not in json.dumps([again, client.pushes])


async def test_a_view_that_was_asked_for_by_name_is_refused_once_it_is_lost(member: Member) -> None:
    channel = f"{member.page.channel}@verified"
    async with member.watching(channel) as client:
        await member.lose_verification()
        await wait_until(lambda: client.pushed(channel, "unsubscribe"), within_s=20)
        assert (await client.call(subscribe={"channel": channel}))["error"]["code"] == 103
        past = {"channel": channel, "limit": 100, "since": {"epoch": "", "offset": 0}}
        assert (await client.call(history=past))["error"]["code"] == 103


async def test_a_socket_whose_sign_in_ends_is_closed_and_others_of_the_account_stay(member: Member) -> None:
    """T6, T8. Case 71."""
    async with json_client(member.hub.ws_url) as other, member.watching() as client:
        await other.connect()
        await member.sign_out()
        await wait_until(lambda: client.close_code == 3500, within_s=20)
        assert (await other.call(rpc={"method": "x"}))["error"]["code"] == 108
    async with json_client(member.hub.ws_url) as again:
        with pytest.raises(ConnectionError, match="3500"):
            await again.connect(member.token)


async def test_rights_that_change_while_somebody_enters_are_the_new_ones(member: Member) -> None:
    """The view is chosen, and its snapshot waits for a lock that the test holds, when the rights go."""
    async with json_client(member.hub.ws_url) as client:
        await client.connect(member.token)
        state, changes = member.hub.state, member.hub.node.sessions.changes
        stamp = changes.stamp
        async with state["db"].begin() as session:
            await session.execute(text("LOCK TABLE status_interval IN ACCESS EXCLUSIVE MODE"))
            entering = asyncio.ensure_future(client.subscribe(member.page.channel, flag=1))
            await wait_until(lambda: _waits_for_lock(member), within_s=20)
            await member.lose_verification()
            await wait_until(lambda: changes.since(stamp, member.account), within_s=20)
        entered = await entering
        assert entered["data"]["channel"] == member.page.channel
        assert SECRET not in json.dumps([entered, client.pushes])


async def _waits_for_lock(member: Member) -> bool:
    async with member.hub.state["db"]() as session:
        return bool(await session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


async def test_a_stream_by_cookie_goes_on_as_anybodys_when_the_sign_in_ends(member: Member) -> None:
    """R1, server-sent events."""
    async with _stream(member, cookies={"hub_access": member.token}) as lines:
        await wait_until(lambda: SECRET in "".join(lines), within_s=20)
        lines.clear()
        await member.sign_out()
        await wait_until(lambda: "event: snapshot" in lines, within_s=20)
        await member.describe(f"{SECRET} again")
        await member.page.change()
        await wait_until(lambda: any("degraded_performance" in line for line in lines), within_s=20)
        assert SECRET not in "".join(lines)


async def test_a_stream_by_token_ends_with_its_sign_in(member: Member) -> None:
    async with _stream(member, headers={"Authorization": f"Bearer {member.token}"}) as lines:
        await wait_until(lambda: SECRET in "".join(lines), within_s=20)
        await member.sign_out()
        await wait_until(lambda: lines[-1:] == ["(end)"], within_s=20)


async def test_a_stream_ends_with_its_token(member: Member) -> None:
    """T5, server-sent events: three seconds are left."""
    state = member.hub.state
    then = state["clock"].now() - timedelta(seconds=state["tokens"].ttl_s - 3)
    short = state["tokens"].issue(account_id=member.account, session_id=member.session, version=1, now=then)
    async with _stream(member, headers={"Authorization": f"Bearer {short}"}) as lines:
        await wait_until(lambda: SECRET in "".join(lines), within_s=20)
        await wait_until(lambda: lines[-1:] == ["(end)"], within_s=40)


async def test_an_offset_of_another_view_resumes_nothing(member: Member) -> None:
    """R7, server-sent events: the epoch that is told along is of the view that was lost."""
    headers = {"Authorization": f"Bearer {member.token}"}
    async with httpx2.AsyncClient(base_url=member.hub.base_url) as client:
        path = f"/api/v1/pages/{member.page.slug}/snapshot"
        private = data_of(await client.get(path, headers=headers))
        await member.page.change()
        public = data_of(await client.get(path))
    for epoch, begins in ((private["epoch"], "event: snapshot"), (public["epoch"], f"id: {public['offset']}")):
        resume = {"headers": {"Last-Event-ID": str(public["offset"] - 1)}, "params": {"epoch": epoch}}
        async with _stream(member, **resume) as lines:
            await wait_until(lambda: len(lines) > 2, within_s=20)
            assert lines[2] == begins


async def test_a_sign_in_that_has_ended_stays_ended_when_redis_has_forgotten_everything(
    member: Member, servers: Servers
) -> None:
    """F18."""
    await member.sign_out()
    servers.flush_redis()
    async with httpx2.AsyncClient(base_url=member.hub.base_url) as client:
        answer = await client.get("/api/v1/me", headers={"Authorization": f"Bearer {member.token}"})
        assert answer.status_code == 401
    async with json_client(member.hub.ws_url) as again:
        with pytest.raises(ConnectionError, match="3500"):
            await again.connect(member.token)


@contextlib.asynccontextmanager
async def _stream(member: Member, **options: Any) -> AsyncIterator[list[str]]:
    """The lines of the page's stream so far; "(end)" is the last when the hub has ended it."""
    lines: list[str] = []

    async def read() -> None:
        async with (
            httpx2.AsyncClient(base_url=member.hub.base_url, timeout=60, **options) as client,
            client.stream("GET", f"/p/{member.page.slug}/events") as stream,
        ):
            async for line in stream.aiter_lines():
                lines.append(line)  # noqa: PERF401  seen while it grows
        lines.append("(end)")

    reading = asyncio.create_task(read())
    try:
        yield lines
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
