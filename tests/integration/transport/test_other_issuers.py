"""Tokens of other issuers open accounts here, over REST and on sockets; their keys are fetched when that is needed."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text

from hub.app import create_app
from hub.domain.control import SessionsEnded
from hub.errors import Unauthenticated, Unavailable
from hub.services import control
from hub.services.foreign_keys import BELIEVED_S, FRESH_S, RETRY_S, KeySet
from hub.settings import Settings
from tests.integration.transport.conftest import LocalHub, open_page
from tests.support.api import data_of, error_of
from tests.support.issuers import AUDIENCE, ISSUER, IssuerKey, jwks, sign
from tests.support.json_client import json_client
from tests.support.local_hub import running
from tests.support.waiting import wait_until

KEY = IssuerKey("first")
ENTRY = {"issuer": "x", "audience": "y", "algorithms": ["RS256"], "jwks_url": "https://x.test/"}


class Directory:
    """The issuer's JWKS server. `asked` counts; `keys` is what it gives, None: nothing but errors."""

    def __init__(self) -> None:
        self.asked = 0
        self.keys: list[IssuerKey] | None = [KEY]
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            status, body = ("500 Oh", b"") if self.keys is None else ("200 OK", jwks(*self.keys))
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.fixture
async def directory() -> AsyncIterator[Directory]:
    directory = Directory()
    server = await asyncio.start_server(directory.answer, "127.0.0.1", 0)
    async with server:
        directory.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks.json"
        yield directory


@pytest.fixture
def settings(settings: Settings, directory: Directory, tmp_path: Path) -> Settings:
    one = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": directory.url, "algorithms": ["EdDSA"]}
    trusted = one | {"issuer": "https://staff.example.test", "is_verified": True}
    path = tmp_path / "issuers.json"
    path.write_text(json.dumps([one, trusted]))
    port = int(directory.url.split(":")[2].split("/")[0])
    changes = {"jwt_foreign_issuers_file": path, "hub_allow_private_fetch": True, "hub_fetch_ports": (port,)}
    return settings.model_copy(update=changes)


def token_of(hub: LocalHub, subject: str = "ada", *, key: IssuerKey = KEY, **claims: object) -> str:
    return sign(key, int(hub.state["clock"].now().timestamp()), {"sub": subject, **claims})


@contextlib.asynccontextmanager
async def client_of(hub: LocalHub, token: str) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=hub.base_url, headers=headers, timeout=20) as client:
        yield client


async def me(hub: LocalHub, token: str) -> dict[str, object]:
    async with client_of(hub, token) as client:
        account: dict[str, object] = data_of(await client.get("/api/v1/me"))
    return account


async def refused(hub: LocalHub, token: str, status: int = 401) -> None:
    async with client_of(hub, token) as client:
        error_of(await client.get("/api/v1/me"), status)


async def test_each_subject_is_one_account_made_at_its_first_token(local_hub: LocalHub, directory: Directory) -> None:
    ada, again = await asyncio.gather(*(me(local_hub, token_of(local_hub)) for _ in range(2)))
    grace = await me(local_hub, token_of(local_hub, "grace"))
    assert ada["id"] == again["id"] != grace["id"]
    assert (ada["email"], ada["is_verified"], ada["is_admin"], ada["session_id"]) == (None, False, False, None)
    assert directory.asked == 1
    async with local_hub.state["db"]() as session:
        assert await session.scalar(text("SELECT count(*) FROM account")) == 2


async def test_an_issuer_that_vouches_makes_verified_accounts_and_shares_no_names(local_hub: LocalHub) -> None:
    staff = await me(local_hub, token_of(local_hub, iss="https://staff.example.test"))
    ada = await me(local_hub, token_of(local_hub))
    assert (staff["is_verified"], ada["is_verified"]) == (True, False)
    assert staff["id"] != ada["id"]


async def test_an_address_in_a_token_opens_nobodys_account(local_hub: LocalHub) -> None:
    async with open_page(local_hub) as page, client_of(local_hub, page.token) as operator:
        account = data_of(await operator.get("/api/v1/me"))
    claims = {"email": account["email"], "email_verified": True, "sid": account["session_id"], "is_admin": True}
    for subject in (account["id"], account["email"]):
        stranger = await me(local_hub, token_of(local_hub, subject, **claims))
        assert stranger["id"] != account["id"]
        assert (stranger["email"], stranger["is_admin"], stranger["is_verified"]) == (None, False, False)


async def test_a_disabled_account_is_refused_and_its_sockets_close(local_hub: LocalHub) -> None:
    token = token_of(local_hub)
    account = str((await me(local_hub, token))["id"])
    async with json_client(local_hub.ws_url) as client:
        result = await client.connect(token)
        assert set(result["subs"]) == {f"#{account}"}
        async with local_hub.state["db"].begin() as session:
            now = local_hub.state["clock"].now()
            await session.execute(text("UPDATE account SET disabled_at = :now"), {"now": now})
            await control.tell(session, SessionsEnded(account=account), now=now)
        await wait_until(lambda: client.close_code == 3500)
    await refused(local_hub, token)
    async with local_hub.state["db"]() as session:
        assert await session.scalar(text("SELECT count(*) FROM account")) == 1


@pytest.mark.parametrize(
    "claims",
    [{"aud": "elsewhere"}, {"exp": ...}, {"iss": "https://login.example.test"}, {"exp": "9999999999"}],
    ids=str,
)
async def test_a_token_that_is_not_for_us_is_refused_everywhere(local_hub: LocalHub, claims: dict[str, object]) -> None:
    token = token_of(local_hub, **claims)
    await refused(local_hub, token)
    async with json_client(local_hub.ws_url) as client:
        with pytest.raises(ConnectionError, match="3500"):
            await client.connect(token)
    async with local_hub.state["db"]() as session:
        assert await session.scalar(text("SELECT count(*) FROM account")) == 0


async def test_such_a_token_in_the_cookie_opens_nothing(local_hub: LocalHub) -> None:
    async with httpx2.AsyncClient(base_url=local_hub.base_url, cookies={"hub_access": token_of(local_hub)}) as client:
        error_of(await client.get("/api/v1/me"), 401)


async def test_unknown_keys_by_the_thousand_cost_one_fetch(local_hub: LocalHub, directory: Directory) -> None:
    """T2. And who has a known key is not kept waiting meanwhile."""
    await me(local_hub, token_of(local_hub))
    asked = directory.asked
    prove = local_hub.state["credentials"].prove
    for number in range(1_000):
        token = sign(KEY, int(local_hub.state["clock"].now().timestamp()), headers={"kid": f"unknown-{number}"})
        with pytest.raises(Unauthenticated):
            await prove(token)
    assert directory.asked - asked <= 1
    await me(local_hub, token_of(local_hub))


async def test_without_the_issuers_keys_nothing_is_decided(local_hub: LocalHub, directory: Directory) -> None:
    directory.keys = None
    await refused(local_hub, token_of(local_hub), 503)
    async with json_client(local_hub.ws_url) as client:
        reply = await client.call(connect={"token": token_of(local_hub)})
        assert reply["error"]["code"] == 100
    assert directory.asked == 1


class Hours:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def monotonic(self) -> float:
        return self.now_s


class Source:
    """Where a key set reads from."""

    def __init__(self) -> None:
        self.reads = 0
        self.keys: list[IssuerKey] | None = [KEY]
        self.held = asyncio.Event()
        self.held.set()

    async def __call__(self) -> bytes:
        self.reads += 1
        await self.held.wait()
        if self.keys is None:
            raise OSError("away")
        return jwks(*self.keys)


@pytest.fixture
async def keys_over_time() -> AsyncIterator[tuple[KeySet, Source, Hours]]:
    clock, source = Hours(), Source()
    keys = KeySet(ISSUER, frozenset({"EdDSA"}), source, clock)  # type: ignore[arg-type]
    yield keys, source, clock
    await keys.close()


async def test_a_known_key_is_never_waited_for(keys_over_time: tuple[KeySet, Source, Hours]) -> None:
    keys, source, clock = keys_over_time
    await keys.get("first")
    clock.now_s += FRESH_S + 1
    source.held.clear()  # the issuer does not answer
    for _ in range(5):
        await keys.get("first")
    await wait_until(lambda: source.reads == 2)
    source.keys = [IssuerKey("second")]
    source.held.set()
    await keys.get("second")  # waits for the read under way
    with pytest.raises(Unauthenticated):
        await keys.get("first")
    assert source.reads == 2


async def test_a_new_key_is_found_at_its_first_token_and_looked_for_twice_a_minute(
    keys_over_time: tuple[KeySet, Source, Hours],
) -> None:
    keys, source, clock = keys_over_time
    await keys.get("first")
    source.keys = [KEY, IssuerKey("second")]
    with pytest.raises(Unauthenticated):
        await keys.get("second")
    assert source.reads == 1
    clock.now_s += RETRY_S
    await asyncio.gather(*(keys.get("second") for _ in range(50)))
    assert source.reads == 2


async def test_keys_outlive_their_issuers_silence_by_a_day(keys_over_time: tuple[KeySet, Source, Hours]) -> None:
    keys, source, clock = keys_over_time
    await keys.get("first")
    source.keys = None
    clock.now_s += BELIEVED_S - 1
    await keys.get("first")
    clock.now_s += RETRY_S + 2
    with pytest.raises(Unavailable):
        await keys.get("first")


@pytest.mark.parametrize(
    "content",
    [
        "", "{}", "[7]", '[{"issuer": "x"}]', "[" * 5_000,
        *(
            json.dumps([ENTRY | change])
            for change in (
                {"issuer": ""}, {"issuer": "x" * 256}, {"audience": ""}, {"algorithms": []}, {"algorithms": ["HS256"]},
                {"algorithms": ["none"]}, {"jwks_url": None}, {"jwks_file": "x"}, {"jwks_url": "http://x.test/"},
                {"jwks_url": "https://127.0.0.1/"}, {"jwks_url": "file:///etc/passwd"}, {"verified": True},
                {"is_verified": "yes"}, {"issuer": "status-hub"},
            )
        ),
        json.dumps([{"issuer": "x", "audience": "y", "algorithms": ["RS256"], "jwks_file": "x"}] * 2),
    ],
    ids=lambda content: content[:60],
)  # fmt: skip
def test_an_unfit_file_of_issuers_is_one_clear_error(settings: Settings, content: str, tmp_path: Path) -> None:
    path = tmp_path / "unfit.json"
    path.write_text(content)
    changes = {"jwt_foreign_issuers_file": path, "hub_allow_private_fetch": False}
    with pytest.raises(ValueError, match=r"unfit\.json") as failed:
        create_app(settings.model_copy(update=changes))
    assert "\n" not in str(failed.value)


async def test_keys_may_come_from_a_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(jwks(KEY))
    one = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": str(tmp_path / "keys.json"), "algorithms": ["EdDSA"]}
    (tmp_path / "file.json").write_text(json.dumps([one]))
    changes = {"jwt_foreign_issuers_file": tmp_path / "file.json", "hub_allow_private_fetch": False}
    async with running(settings.model_copy(update=changes)) as hub:
        assert (await me(hub, token_of(hub)))["email"] is None
