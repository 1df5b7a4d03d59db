"""How often somebody may ask: by account, by key, by address; over all nodes; and what the answers say of it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest

from hub.api.rate_limits import Limiter, Policy, policies_of, stored_key
from hub.engine.redis_client import make_client
from hub.errors import TooMany
from hub.settings import Settings
from tests.support.api import BASE_URL, Api, data_of, error_of, open_api
from tests.support.local_hub import running
from tests.support.waiting import wait_until

LOGIN = {"email": "ada@example.test", "password": "correct horse battery"}
EXACT, WINDOWS = Policy("login.account", 10, 900, is_exact=True), Policy("read.account", 10, 60)
POLICIES = {policy.name: policy for policy in (EXACT, WINDOWS)}


def stopped() -> Callable[[], float]:
    """A clock whose minute never ends."""
    began = time.time()
    return lambda: began


def has_room(name: str, key: str, left_s: float = 30.0) -> bool:
    """Whether the minute in which `key` is counted goes on for so long: none may end in the middle of a test."""
    return Policy(name, 1, 60).window_at(stored_key(name, key), time.time())[1] > left_s


def visitor(api: Api, name: str) -> httpx2.AsyncClient:
    """A client from an address whose minute goes on, as limit `name` counts it."""
    address = next(found for n in range(1, 255) if has_room(name, found := f"192.0.2.{n}"))
    transport = httpx2.ASGITransport(api.anonymous._transport.app, client=(address, 1))
    return httpx2.AsyncClient(transport=transport, base_url=BASE_URL)


async def account(api: Api, name: str, **more: bool) -> httpx2.AsyncClient:
    """The same for a client with an account of its own."""
    tokens, now = api.state["tokens"], api.state["clock"].now()
    for n in range(100):
        client = await api.client_of(f"ada{n}@example.test", **more)
        if has_room(name, tokens.verify(client.headers["authorization"].removeprefix("Bearer "), now).account_id):
            return client
    raise AssertionError("a hundred accounts, and no minute that goes on")


async def room_at(address: str, name: str) -> None:
    """Wait until the minute of an address that cannot be chosen goes on for long enough."""
    await wait_until(lambda: has_room(name, address, 15.0), within_s=20)


@pytest.fixture
async def nodes(redis_url: str) -> AsyncIterator[list[Limiter]]:
    now_s = stopped()
    limiters = [Limiter(POLICIES, redis_url, now_s=now_s, patience_s=20) for _ in range(2)]
    yield limiters
    for limiter in limiters:
        await limiter.close()


async def passes(limiter: Limiter, policy: Policy, key: str = "ada") -> bool:
    try:
        await limiter.hit(policy.name, key)
    except TooMany:
        return False
    return True


@pytest.mark.parametrize("policy", [EXACT, WINDOWS], ids=["exact", "windows"])
async def test_a_limit_holds_over_all_nodes_together(nodes, policy):
    """T12. Of 30 tries at once on two nodes exactly ten pass."""
    first, second = nodes
    found = await asyncio.gather(*(passes(node, policy) for node in (first, second) for _ in range(15)))
    assert found.count(True) == 10
    assert await passes(first, policy, "eve")


@pytest.mark.parametrize("policy", [EXACT, WINDOWS], ids=["exact", "windows"])
async def test_one_node_never_lets_more_pass_than_the_limit(redis_url, policy):
    """Whatever Redis does meanwhile: this one is too slow for everybody."""
    hasty = Limiter(POLICIES, redis_url, now_s=stopped(), patience_s=0.000_001)
    try:
        found = await asyncio.gather(*(passes(hasty, policy) for _ in range(40)))
    finally:
        await hasty.close()
    assert found.count(True) == 10


async def test_a_refusal_says_when_to_come_again(nodes):
    for _ in range(10):
        await nodes[0].hit(WINDOWS.name, "ada")
    with pytest.raises(TooMany) as caught:
        await nodes[0].hit(WINDOWS.name, "ada")
    headers = caught.value.headers
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert headers["RateLimit-Policy"] == '"read.account";q=10;w=60'
    assert re.fullmatch(r'"read.account";r=0;t=\d+', headers["RateLimit"])


async def test_looking_counts_nothing_and_a_proof_begins_anew(nodes):
    limiter = nodes[0]
    for _ in range(10):
        assert await limiter.remaining(EXACT.name, "ada") == 10
    for _ in range(10):
        await limiter.hit(EXACT.name, "ada")
    assert await limiter.remaining(EXACT.name, "ada") == 0
    with pytest.raises(TooMany):
        await limiter.test(EXACT.name, "ada")
    await limiter.forget(EXACT.name, "ada")
    assert await limiter.remaining(EXACT.name, "ada") == 10


async def test_redis_is_told_of_nobody(nodes, redis_url):
    """Keys are digests: addresses and e-mails stand in no dump of it."""
    for policy in POLICIES.values():
        await nodes[0].hit(policy.name, "ada@example.test 192.0.2.7")
    async with make_client(redis_url, decode_responses=True) as redis:
        keys = [key async for key in redis.scan_iter()]
    assert len(keys) == 2
    assert not any("ada" in key or "192.0.2" in key for key in keys)


async def test_addresses_of_one_network_of_ipv6_count_as_one(redis_url):
    limiter = Limiter({"page.address": Policy("page.address", 2, 60)}, redis_url, now_s=stopped())
    try:
        await limiter.hit("page.address", "2001:db8::1")
        await limiter.hit("page.address", "2001:db8::2")
        with pytest.raises(TooMany):
            await limiter.hit("page.address", "2001:db8::3")
        await limiter.hit("page.address", "2001:db8:0:1::3")
    finally:
        await limiter.close()


def limited(settings: Settings, **limits: int) -> Settings:
    return settings.model_copy(update=limits)


async def test_answers_say_how_much_is_left_and_then_429(settings, tmp_path):
    async with open_api(limited(settings, hub_reads_per_account_per_minute=3)) as api:
        ada = await account(api, "read.account")
        left = []
        for _ in range(3):
            answer = await ada.get("/api/v1/me")
            data_of(answer)
            assert answer.headers["ratelimit-policy"] == '"read.account";q=3;w=60'
            left.append(answer.headers["ratelimit"].partition(";t=")[0])
        assert left == ['"read.account";r=2', '"read.account";r=1', '"read.account";r=0']
        refused = await ada.get("/api/v1/me")
        error_of(refused, 429, "too_many_requests")
        assert int(refused.headers["retry-after"]) >= 1
        assert (await (await api.client_of("eve@example.test")).get("/api/v1/me")).status_code == 200


async def test_writes_have_a_stricter_limit_than_reads(settings):
    async with open_api(limited(settings, hub_writes_per_account_per_minute=1)) as api:
        ada = await account(api, "write.account", is_admin=True)
        data_of(await ada.post("/api/v1/pages", json={"slug": "acme", "title": "Acme"}), 201)
        error_of(await ada.post("/api/v1/pages", json={"slug": "two", "title": "Two"}), 429)
        data_of(await ada.get("/api/v1/pages"))
    honest = policies_of(Settings())
    assert honest["write.account"].amount < honest["read.account"].amount
    assert honest["write.address"].amount < honest["read.address"].amount


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({}, "/api/v1/pages"),
        ({}, "/api/v1/me"),
        ({"Authorization": "Bearer not.a.token"}, "/api/v1/me"),
        ({"Authorization": "Bearer hub_notakey"}, "/api/v1/pages"),
        ({}, "/api/v1/nothing"),
        ({}, "/api/v1/pages/%00"),
    ],
    ids=["anonymous", "refused", "bad-token", "bad-key", "missing", "bad-name"],
)
async def test_whoever_is_nobody_counts_by_address_whatever_he_is_answered(settings, headers, path):
    async with open_api(limited(settings, hub_reads_per_address_per_minute=2)) as api:
        nobody = visitor(api, "read.address")
        for _ in range(2):
            answer = await nobody.get(path, headers=headers)
            assert answer.status_code in {200, 401, 404}
            assert answer.headers["ratelimit-policy"] == '"read.address";q=2;w=60'
        error_of(await nobody.get(path, headers=headers), 429)


async def test_signing_in_counts_as_a_write_of_the_address(settings):
    async with open_api(limited(settings, hub_writes_per_address_per_minute=2)) as api:
        nobody = visitor(api, "write.address")
        for _ in range(2):
            error_of(await nobody.post("/api/v1/auth/refresh", json={"refresh_token": "x"}), 401)
        error_of(await nobody.post("/api/v1/auth/login", json=LOGIN), 429)


async def test_pages_count_by_address_and_files_and_health_do_not(settings):
    async with open_api(limited(settings, hub_pages_per_address_per_minute=2)) as api:
        nobody = visitor(api, "page.address")
        for _ in range(2):
            assert (await nobody.get("/p/none")).status_code == 404
        refused = await nobody.get("/login")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["content-security-policy"]
        for path in ("/static/page.js", "/healthz", "/metrics", "/api/v1/pages"):
            assert (await nobody.get(path)).status_code == 200


async def test_emulation_counts_by_address(settings):
    body = {"session": "s", "node": "n", "data": "{}"}
    async with (
        running(limited(settings, hub_emulations_per_address_per_minute=2)) as hub,
        httpx2.AsyncClient(base_url=hub.base_url, timeout=20) as client,
    ):
        await room_at("127.0.0.1", "emulation.address")
        origin = {"Origin": "https://elsewhere.example"}
        for _ in range(2):
            assert (await client.post("/emulation", json=body, headers=origin)).status_code == 404
        refused = await client.post("/emulation", json=body, headers=origin)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["access-control-allow-origin"] == "*"


async def test_a_forged_address_counts_for_nothing(settings):
    """W17. Nobody is a proxy unless the settings say so, not even this very machine."""
    async with (
        running(limited(settings, hub_reads_per_address_per_minute=2)) as hub,
        httpx2.AsyncClient(base_url=hub.base_url, timeout=20) as client,
    ):
        await room_at("127.0.0.1", "read.address")
        statuses = [
            (await client.get("/api/v1/pages", headers={"X-Forwarded-For": f"192.0.2.{n}"})).status_code
            for n in range(3)
        ]
    assert statuses == [200, 200, 429]


async def test_a_named_proxy_speaks_for_its_clients_and_is_not_counted_itself(settings):
    named = limited(settings, hub_reads_per_address_per_minute=2, hub_trusted_proxies=("127.0.0.0/8",))
    async with running(named) as hub, httpx2.AsyncClient(base_url=hub.base_url, timeout=20) as client:

        async def get(forwarded: str | None) -> int:
            headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
            return (await client.get("/api/v1/pages", headers=headers)).status_code

        first, second, *_ = (found for n in range(1, 255) if has_room("read.address", found := f"192.0.2.{n}"))
        assert [await get(first) for _ in range(3)] == [200, 200, 429]
        assert await get(second) == 200
        # What a client claims of itself stands before what the proxy adds.
        assert await get(f"192.0.2.255, {first}") == 429
        assert [await get(None) for _ in range(3)] == [200] * 3


def test_every_limit_can_be_read_from_the_settings():
    honest = policies_of(Settings())
    assert {name for name, policy in honest.items() if not policy.amount} == set()
    assert honest["login.account"] == EXACT
    assert honest["login.address"].amount == 30
    assert all(policy.name == name for name, policy in honest.items())


@pytest.mark.parametrize("proxies", ["proxy.example", "10.0.0.1/8", "*", "10.0.0.0/40"])
def test_a_proxy_that_is_no_address_or_network_is_refused_at_start(proxies):
    with pytest.raises(ValueError, match="hub_trusted_proxies"):
        Settings.model_validate({"hub_trusted_proxies": proxies})


async def test_a_limit_of_0_is_none_and_nothing_is_said_of_it(settings):
    async with open_api(limited(settings, hub_reads_per_address_per_minute=0)) as api:
        for _ in range(3):
            answer = await api.anonymous.get("/api/v1/pages")
            data_of(answer)
            assert "ratelimit" not in answer.headers
