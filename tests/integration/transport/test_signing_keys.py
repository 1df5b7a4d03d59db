"""The key that signs access tokens is replaced while people connect (T11)."""

import asyncio
import base64
import contextlib
import json
from datetime import timedelta
from pathlib import Path

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from sqlalchemy import text

from hub.auth.tokens import Tokens
from hub.clock import SystemClock
from hub.errors import Misconfigured, Unauthenticated, Unavailable
from hub.services import sessions as sign_ins
from hub.services import signing_keys
from hub.services.database import create_engine, create_sessions
from hub.services.signing_keys import LOOK_INTERVAL_S, REFRESH_INTERVAL_S, SigningKeys
from hub.settings import Settings
from tests.integration.transport.conftest import LocalHub, Page
from tests.support.api import data_of, error_of
from tests.support.json_client import json_client
from tests.support.waiting import wait_until


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"hub_connections_per_user": 1_000})


async def fresh_token(hub: LocalHub, email: str) -> str:
    state = hub.state
    async with state["db"].begin() as session:
        return await sign_ins.issue_token_for(session, state["tokens"], email, state["clock"].now())


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def rotate(hub: LocalHub, *, is_emergency: bool = False) -> str:
    state = hub.state
    async with state["db"].begin() as session:
        made = await signing_keys.rotate(session, state["tokens"], now=state["clock"].now(), is_emergency=is_emergency)
    return made.kid


async def pass_time(hub: LocalHub, seconds: float) -> None:
    """Make every generation older instead of waiting."""
    async with hub.state["db"].begin() as session:
        await session.execute(
            text(
                "UPDATE signing_key SET ends_at = ends_at - make_interval(secs => :s),"
                " signs_from = signs_from - make_interval(secs => :s) WHERE salt != '' OR ends_at IS NOT NULL"
            ),
            {"s": seconds},
        )


async def reads_of_it(hub: LocalHub) -> None:
    await hub.state["credentials"].signing_keys.refresh()


@pytest.mark.slow
async def test_a_rotation_refuses_nobody_and_kicks_nobody(local_hub: LocalHub, page: Page) -> None:
    """T11. Somebody connects all the time with a token of that moment, and stays; so does who came before."""
    email, before = await _account(local_hub, page)
    stages = 0
    kids: set[str] = set()
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(json_client(local_hub.ws_url))
        await first.connect(before)
        watchers = [first]

        async def arrive() -> None:
            for _ in range(20):
                token = await fresh_token(local_hub, email)
                kids.add(kid_of(token))
                for shown in (token, before):
                    async with json_client(local_hub.ws_url) as client:
                        await client.connect(shown)
                client = await stack.enter_async_context(json_client(local_hub.ws_url))
                await client.connect(token)
                watchers.append(client)

        async def turn() -> None:
            nonlocal stages
            await rotate(local_hub)
            await reads_of_it(local_hub)
            stages += 1
            await pass_time(local_hub, signing_keys.ROLLOUT_S + 1)
            await reads_of_it(local_hub)
            stages += 1

        await arrive()
        await asyncio.gather(turn(), *(arrive() for _ in range(3)))
        await arrive()
        assert stages == 2
        assert len(watchers) == 101
        assert len(kids) == 2
        await page.change()
        assert [client.close_code for client in watchers] == [None] * len(watchers)
        async with httpx2.AsyncClient(base_url=local_hub.base_url) as client:
            data_of(await client.get("/api/v1/me", headers={"Authorization": f"Bearer {before}"}))


async def test_after_its_end_the_old_key_opens_nothing(local_hub: LocalHub, page: Page) -> None:
    """T11."""
    email, before = await _account(local_hub, page)
    await rotate(local_hub)
    state = local_hub.state
    life_s = state["tokens"].ttl_s + state["tokens"].leeway_s
    await pass_time(local_hub, life_s + 2 * signing_keys.ROLLOUT_S + 1)
    await reads_of_it(local_hub)
    after = await fresh_token(local_hub, email)
    assert kid_of(after) != kid_of(before)
    async with httpx2.AsyncClient(base_url=local_hub.base_url) as client:
        data_of(await client.get("/api/v1/me", headers={"Authorization": f"Bearer {after}"}))
        error_of(await client.get("/api/v1/me", headers={"Authorization": f"Bearer {before}"}), 401, "unauthenticated")
    async with json_client(local_hub.ws_url) as client:
        with pytest.raises(ConnectionError, match="3500"):
            await client.connect(before)


async def test_in_an_emergency_the_new_key_signs_and_all_others_end_at_once(local_hub: LocalHub, page: Page) -> None:
    email, before = await _account(local_hub, page)
    await rotate(local_hub)  # a generation that has yet to begin ends too
    new = await rotate(local_hub, is_emergency=True)
    await reads_of_it(local_hub)
    assert kid_of(await fresh_token(local_hub, email)) == new
    with pytest.raises(Unauthenticated):
        await local_hub.state["credentials"].prove(before)
    async with local_hub.state["db"]() as session:
        living = await session.scalars(text("SELECT kid FROM signing_key WHERE ends_at IS NULL"))
        assert list(living) == [new]


class HandClock(SystemClock):
    """Its seconds pass when the test says so."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


async def test_another_node_believes_a_key_before_it_was_told_of_it(
    settings: Settings, local_hub: LocalHub, page: Page
) -> None:
    """A token may be there before the news; whoever does not know its key looks, once a second, before he refuses."""
    email, _ = await _account(local_hub, page)
    tokens, clock = Tokens.of(settings), HandClock()
    other = SigningKeys(local_hub.state["db"], tokens, clock)  # without its rounds: nobody tells it
    await other.refresh()
    await rotate(local_hub, is_emergency=True)
    await reads_of_it(local_hub)
    token = await fresh_token(local_hub, email)
    assert not tokens.keyring.knows(kid_of(token))
    with pytest.raises(Unauthenticated):
        await other.verify(token)
    clock.seconds += LOOK_INTERVAL_S
    assert (await other.verify(token)).account_id == local_hub.state["tokens"].verify(token, clock.now()).account_id


async def test_every_node_hears_of_a_rotation_by_itself(local_hub: LocalHub) -> None:
    kid = await rotate(local_hub)
    await wait_until(lambda: local_hub.state["tokens"].keyring.knows(kid), within_s=REFRESH_INTERVAL_S + 20)


async def test_invented_keys_cost_one_look_a_second(local_hub: LocalHub, page: Page) -> None:
    """T2. Unknown `kid` × 1,000: no query for each, and for names that no key of ours has none at all."""
    _, token = await _account(local_hub, page)
    clock = local_hub.state["clock"]
    looks: list[float] = []

    class Counted(SigningKeys):
        async def refresh(self) -> None:
            looks.append(clock.monotonic())
            await super().refresh()

    keys = Counted(local_hub.state["db"], local_hub.state["tokens"], clock)
    await keys.verify(token)
    assert len(looks) == 1
    foreign = [_with_kid(token, f"hs-{number:012x}") for number in range(1_000)]
    strange = [_with_kid(token, kid) for kid in ("../../etc/passwd", "' OR 1=1 --", "https://x.test/jwks", "x" * 500)]
    began = clock.monotonic()
    for text_ in [*strange * 10, *foreign]:
        with pytest.raises(Unauthenticated):
            await keys.verify(text_)
    assert len(looks) <= 2 + (clock.monotonic() - began) / LOOK_INTERVAL_S


async def test_a_node_that_cannot_read_the_table_believes_nobody(settings: Settings) -> None:
    """It cannot know which keys have ended; a restart must not bring an old one back."""
    tokens = Tokens.of(settings)
    engine = create_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nothing", pool_size=1)
    try:
        keys = SigningKeys(create_sessions(engine), tokens, SystemClock())
        now = SystemClock().now() - timedelta(seconds=1)
        token = tokens.issue(account_id="0abcdefghij1", session_id="0abcdefghij2", version=1, now=now)
        with pytest.raises(Unavailable):
            await keys.verify(token)
    finally:
        await engine.dispose()


async def test_rotations_at_the_same_time_leave_one_key_that_lasts(local_hub: LocalHub) -> None:
    await asyncio.gather(*(rotate(local_hub) for _ in range(4)))
    async with local_hub.state["db"]() as session:
        rows = (await session.execute(text("SELECT salt, ends_at FROM signing_key ORDER BY signs_from"))).all()
    assert len(rows) == 5
    assert [row.salt for row in rows if row.salt == ""] == [""]
    assert sum(row.ends_at is None for row in rows) == 1


async def test_a_key_file_is_not_rotated_by_the_table(settings: Settings, local_hub: LocalHub, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    tokens = Tokens.of(settings.model_copy(update={"jwt_algorithm": "EdDSA", "jwt_private_key_file": path}))
    state = local_hub.state
    async with state["db"].begin() as session:
        with pytest.raises(Misconfigured, match="JWT_PRIVATE_KEY_FILE"):
            await signing_keys.rotate(session, tokens, now=state["clock"].now())


def _with_kid(token: str, kid: str) -> str:
    """The token with another header; its signature is worth nothing any more."""
    head = json.dumps({"alg": "HS256", "typ": "at+jwt", "kid": kid}).encode()
    return ".".join([base64.urlsafe_b64encode(head).rstrip(b"=").decode(), *token.split(".")[1:]])


async def _account(hub: LocalHub, page: Page) -> tuple[str, str]:
    """(e-mail, token) of the page's operator"""
    async with httpx2.AsyncClient(base_url=hub.base_url, headers={"Authorization": f"Bearer {page.token}"}) as client:
        email = data_of(await client.get("/api/v1/me"))["email"]
    return email, page.token
