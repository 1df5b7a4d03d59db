"""T14: what cookies the hub sets, which it believes, and that signing in never takes up a session that was there."""

from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie

import httpx2
import pytest
import websockets

from hub.settings import Settings
from tests.integration.transport.conftest import open_page
from tests.support.accounts import PASSWORD, add_account, sign_in
from tests.support.api import BASE_URL, Api, data_of, error_of, open_api
from tests.support.json_client import JsonClient
from tests.support.local_hub import running

EMAIL, EVE = "ada@example.test", "eve@example.test"
LOGIN = {"email": EMAIL, "password": PASSWORD}
SECURE_URL = "https://status.example"
FIVE_KB = "x" * 5_000


@pytest.fixture
async def secure(settings: Settings) -> AsyncIterator[Api]:
    """A hub that browsers reach by https; a proxy speaks plain http to it."""
    async with open_api(settings.model_copy(update={"hub_base_url": SECURE_URL})) as api:
        await add_account(api, EMAIL)
        yield api


def cookies_set(answer: httpx2.Response) -> dict[str, Morsel]:
    found = [SimpleCookie(line) for line in answer.headers.get_list("set-cookie")]
    return {name: morsel for cookie in found for name, morsel in cookie.items()}


async def test_under_https_the_cookies_are_bound_to_this_very_host(secure):
    answer = await secure.anonymous.post("/api/v1/auth/login", json=LOGIN)
    cookies = cookies_set(answer)
    assert cookies.keys() == {"__Host-hub_access", "__Secure-hub_refresh"}
    for cookie in cookies.values():
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert not cookie["domain"]
    assert cookies["__Host-hub_access"]["path"] == "/"
    assert cookies["__Secure-hub_refresh"]["path"] == "/api/v1/auth"
    assert answer.headers["cache-control"] == "no-store"


async def test_under_https_the_bound_names_alone_are_believed(secure):
    grant = await sign_in(secure, EMAIL)
    access, refresh = grant["access_token"], grant["refresh_token"]
    for name in ("hub_access", "__Secure-hub_access"):
        error_of(await secure.anonymous.get("/api/v1/me", headers={"Cookie": f"{name}={access}"}), 401)
    data_of(await secure.anonymous.get("/api/v1/me", headers={"Cookie": f"__Host-hub_access={access}"}))
    origin = {"Origin": SECURE_URL}
    planted = {**origin, "Cookie": f"hub_refresh={refresh}"}
    error_of(await secure.anonymous.post("/api/v1/auth/refresh", headers=planted), 401)
    bound = {**origin, "Cookie": f"__Secure-hub_refresh={refresh}"}
    data_of(await secure.anonymous.post("/api/v1/auth/refresh", headers=bound))
    # A page that came by plain http is another origin, even under the same name.
    http = {"Origin": "http://status.example", "Cookie": f"__Host-hub_access={access}", "Host": "status.example"}
    error_of(await secure.anonymous.post("/api/v1/auth/logout", headers=http), 403)


async def test_signing_out_deletes_them_with_the_attributes_that_set_them(secure):
    grant = await sign_in(secure, EMAIL)
    answer = await secure.anonymous.post(
        "/api/v1/auth/logout", headers={"Authorization": f"Bearer {grant['access_token']}"}
    )
    cookies = cookies_set(answer)
    assert cookies.keys() == {"__Host-hub_access", "__Secure-hub_refresh"}
    assert {cookie.value for cookie in cookies.values()} == {""}
    assert {cookie["max-age"] for cookie in cookies.values()} == {"0"}
    assert all(cookie["secure"] for cookie in cookies.values())
    assert cookies["__Secure-hub_refresh"]["path"] == "/api/v1/auth"


async def test_a_session_that_was_planted_before_is_not_the_one_after_signing_in(api: Api):
    """T14, session fixation. Eve's cookies are in Ada's browser when she signs in."""
    await add_account(api, EMAIL)
    await add_account(api, EVE)
    eves = await sign_in(api, EVE)
    browser = api.client({"Origin": BASE_URL})
    browser.cookies.set("hub_access", eves["access_token"], domain="hub.test", path="/")
    browser.cookies.set("hub_refresh", eves["refresh_token"], domain="hub.test", path="/api/v1/auth")
    adas = await sign_in(api, EMAIL, client=browser)
    assert data_of(await browser.get("/api/v1/me"))["email"] == EMAIL
    assert adas["refresh_token"] != eves["refresh_token"]
    fresh = data_of(await browser.post("/api/v1/auth/refresh"))
    assert fresh["refresh_token"] not in {eves["refresh_token"], adas["refresh_token"]}
    # What Eve knows is still only hers: no session has both.
    headers = {"Authorization": f"Bearer {eves['access_token']}"}
    assert data_of(await api.anonymous.get("/api/v1/me", headers=headers))["email"] == EVE
    assert len(data_of(await browser.get("/api/v1/me/sessions"))) == 1


async def test_each_sign_in_is_a_session_of_its_own(api: Api):
    await add_account(api, EMAIL)
    browser = api.client()
    found = set()
    for _ in range(3):
        await sign_in(api, EMAIL, client=browser)
        sessions = data_of(await browser.get("/api/v1/me/sessions"))
        found.add(next(item["id"] for item in sessions if item["is_current"]))
    assert len(found) == 3


@pytest.mark.parametrize("value", [FIVE_KB, "a.b.c", f"{FIVE_KB}.{FIVE_KB}.x", '"', "%00", "=;"])
async def test_a_cookie_that_is_no_token_is_refused_and_taken_back(api: Api, value):
    """T4, T14."""
    answer = await api.anonymous.get("/api/v1/me", headers={"Cookie": f"hub_access={value}"})
    error_of(answer, 401)
    if "x" in value or "a" in value:  # else the header holds no cookie of ours
        assert cookies_set(answer)["hub_access"]["max-age"] == "0"
    refresh = {"Origin": BASE_URL, "Cookie": f"hub_refresh={value}"}
    error_of(await api.anonymous.post("/api/v1/auth/refresh", headers=refresh), 401)
    page = await api.anonymous.get("/demo", headers={"Cookie": f"hub_access={value}"})
    assert page.status_code == 200


async def test_cookies_beyond_the_limit_of_a_head_are_refused_by_the_server(settings):
    async with running(settings) as hub, httpx2.AsyncClient(base_url=hub.base_url) as client:
        answer = await client.get("/healthz", headers={"Cookie": "a=" + "x" * 20_000})
        assert answer.status_code == 431
        assert (await client.get("/healthz", headers={"Cookie": f"a={FIVE_KB}"})).status_code == 200


async def test_sockets_read_the_same_names(settings):
    """T14, X1."""
    named = settings.model_copy(update={"hub_base_url": SECURE_URL})
    async with running(named) as hub, open_page(hub, audience="verified") as page:

        async def opens(name: str) -> bool:
            headers = {"Cookie": f"{name}={page.token}"}
            async with websockets.connect(hub.ws_url, origin=SECURE_URL, additional_headers=headers) as connection:
                client = JsonClient(connection)
                await client.connect()
                answer = await client.call(subscribe={"channel": page.channel})
                await client.end()
                return "subscribe" in answer

        assert await opens("__Host-hub_access")
        assert not await opens("hub_access")
