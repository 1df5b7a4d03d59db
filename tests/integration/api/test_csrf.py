"""X1, X2, case 68: what a page of another site can do with the visitor's cookie. Nothing."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2
import pytest
import websockets
from starlette.applications import Starlette

from hub.access import Access
from hub.app import create_app
from tests.integration.transport.conftest import LocalHub, Page, open_page
from tests.support.accounts import PASSWORD, add_account, sign_in
from tests.support.api import BASE_URL, Api, data_of, error_of, serving
from tests.support.json_client import JsonClient
from tests.support.local_hub import running
from tests.support.route_walk import ways_of
from tests.support.streams import ONE_WAY, TWO_WAY, open_stream, opening

EMAIL = "ada@example.test"
UNSAFE = ("POST", "PATCH", "PUT", "DELETE")
FOREIGN = {
    "no-origin": "",
    "null": "null",
    "foreign": "https://elsewhere.example",
    "look-alike": f"{BASE_URL}.elsewhere.example",
    "look-alike-before": "http://evilhub.test",
    "subdomain": "http://a.hub.test",
    "port": f"{BASE_URL}:8443",
    "scheme": "https://hub.test",
    "user": "http://hub.test@elsewhere.example",
    "case": "HTTP://HUB.TEST",
    "two": f"{BASE_URL}, https://elsewhere.example",
}
PAGE = '{"slug": "forged", "title": "Forged"}'


@pytest.fixture
async def app(settings) -> AsyncIterator[tuple[Starlette, Api]]:
    app = create_app(settings)
    async with (
        serving(app) as (transport, state),
        httpx2.AsyncClient(transport=transport, base_url=BASE_URL) as anonymous,
    ):
        yield app, Api(state, anonymous)


@asynccontextmanager
async def browser_of(api: Api, **headers: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in admin's browser that sends its cookies along with whatever a page makes it ask."""
    await add_account(api, EMAIL, is_admin=True, is_verified=True)
    client = api.client(headers)
    grant = await sign_in(api, EMAIL)
    client.cookies.set("hub_access", grant["access_token"], domain="hub.test", path="/")
    client.cookies.set("hub_refresh", grant["refresh_token"], domain="hub.test", path="/api/v1/auth")
    yield client
    await client.aclose()


def named(origin: str, **others: str) -> dict[str, str]:
    return {**({"Origin": origin} if origin else {}), **others}


async def test_no_unsafe_route_takes_the_cookie_from_a_foreign_page(app):
    """X2. Over the whole table of routes, and nothing changes."""
    starlette, api = app
    async with browser_of(api) as browser:
        ways = [way for way in ways_of(starlette, *UNSAFE) if way.path.startswith("/api/v1/")]
        assert len(ways) > 30
        before = await api.fingerprint()
        for way in ways:
            path = way.at(*("none" for _ in way.parameters))
            for origin in FOREIGN.values():
                if origin or way.access is not Access.NOBODY:  # programs sign in without one
                    headers = named(origin, **{"Sec-Fetch-Site": "cross-site"})
                    answer = await browser.request(way.method, path, json={}, headers=headers)
                    error_of(answer, 403, "forbidden")
                    assert "access-control-allow-credentials" not in answer.headers
        assert await api.fingerprint() == before


FORMS = {
    "application/x-www-form-urlencoded": "slug=forged&title=Forged",
    "multipart/form-data; boundary=b": '--b\r\nContent-Disposition: form-data; name="slug"\r\n\r\nx\r\n--b--',
    "text/plain": PAGE,
    "text/plain; application/json": PAGE,
    "text/json": PAGE,
    "": PAGE,
}


async def test_whatever_a_form_can_send_makes_no_page(app):
    """X2. From elsewhere because of where it comes from, and from our own pages because it is no JSON."""
    _, api = app
    async with browser_of(api) as browser:
        for content_type, body in FORMS.items():
            headers = {"Content-Type": content_type}
            for origin in FOREIGN.values():
                error_of(await browser.post("/api/v1/pages", content=body, headers=named(origin, **headers)), 403)
            error_of(await browser.post("/api/v1/pages", content=body, headers=named(BASE_URL, **headers)), 415)
        assert await api.rows("page") == 0
        data_of(await browser.post("/api/v1/pages", json={"slug": "a", "title": "A"}, headers=named(BASE_URL)), 201)


async def test_no_route_that_is_safe_to_ask_changes_anything(app):
    """X2, T13. Every GET and HEAD there is, as the owner of everything, with things to change behind the names."""
    starlette, api = app
    async with browser_of(api, Origin=BASE_URL) as browser:
        data_of(await browser.post("/api/v1/pages", json={"slug": "acme", "title": "Acme"}), 201)
        component = data_of(await browser.post("/api/v1/pages/acme/components", json={"name": "API"}), 201)["id"]
        ways = [way for way in ways_of(starlette, "GET") if "connection" not in way.path and "events" not in way.path]
        assert len(ways) > 30

        async def ask_all() -> None:
            for way in ways:
                values = ("acme" if name.endswith("/slug") else component for name in way.parameters)
                path = way.at(*values)
                for method in ("GET", "HEAD"):
                    query = {"_method": "DELETE"}
                    answer = await browser.request(
                        method, path, params=query, headers={"X-HTTP-Method-Override": "DELETE", "X-Method": "DELETE"}
                    )
                    assert answer.status_code < 500, path

        await ask_all()  # the first visitor of a view brings its row into being
        before = await api.fingerprint()
        await ask_all()
        assert await api.fingerprint() == before


async def test_a_token_in_a_header_needs_no_origin(app):
    """No page can make a browser send one."""
    _, api = app
    ada = await api.client_of(EMAIL, is_admin=True)
    for number, origin in enumerate(FOREIGN.values()):
        page = {"slug": f"page-{number}", "title": "Page"}
        data_of(await ada.post("/api/v1/pages", json=page, headers=named(origin)), 201)


async def test_no_foreign_page_signs_anybody_in(app):
    """X2, login CSRF: a visitor must not find himself in the attacker's account."""
    _, api = app
    await add_account(api, EMAIL)
    login = {"email": EMAIL, "password": PASSWORD}
    bodies = {
        "login": login,
        "register": {**login, "email": "eve@example.test"},
        "refresh": {"refresh_token": "x"},
        "forgot": {"email": EMAIL},
        "verify": {"token": "x"},
        "reset": {"token": "x", "new_password": PASSWORD},
    }
    for origin in filter(None, FOREIGN.values()):
        for path, body in bodies.items():
            answer = await api.anonymous.post(f"/api/v1/auth/{path}", json=body, headers={"Origin": origin})
            error_of(answer, 403)
            assert "set-cookie" not in answer.headers
    assert await api.rows("session") == 0
    assert await api.rows("mail") == 0


async def test_programs_and_our_own_pages_sign_in(app):
    _, api = app
    await add_account(api, EMAIL)
    for headers in ({}, {"Origin": BASE_URL}):
        data_of(await api.client(headers).post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD}))


# Sockets and streams.

OUTSIDE = ("null", "https://elsewhere.example", "{hub}.elsewhere.example", "{hub}0", "{https}")


def outside(hub: LocalHub) -> list[str]:
    return [origin.format(hub=hub.base_url, https=hub.base_url.replace("http:", "https:")) for origin in OUTSIDE]


@pytest.fixture
async def site(settings) -> AsyncIterator[tuple[LocalHub, Page]]:
    async with running(settings) as hub, open_page(hub, audience="verified") as page:
        yield hub, page


async def refused_status(url: str, headers: Mapping[str, str]) -> int:
    with pytest.raises(websockets.InvalidStatus) as caught:
        await websockets.connect(url, additional_headers=headers)
    return caught.value.response.status_code


async def test_a_foreign_page_opens_nothing_with_the_visitors_cookie(site):
    """X1, case 68. On every transport, sockets already at the upgrade."""
    hub, page = site
    for origin in outside(hub):
        headers = {"Origin": origin, "Cookie": f"hub_access={page.token}"}
        for path in ("/connection/websocket", "/connection/uni_websocket"):
            assert await refused_status(f"ws://127.0.0.1:{hub.port}{path}", headers) == 403
        for kind in (*TWO_WAY, *ONE_WAY):
            async with open_stream(hub.base_url, kind, opening(page.channel), headers=headers) as stream:
                assert stream.response.status_code == 403
                assert "access-control-allow-credentials" not in stream.response.headers
    assert len(hub.node.sessions) == 0


async def test_without_an_origin_the_cookie_is_not_used_and_a_token_is(site):
    """X1. A client that names no origin is no browser, or hides what page it speaks for: it is a stranger."""
    hub, page = site

    async def sees(token: str = "", **headers: str) -> bool:
        async with websockets.connect(hub.ws_url, additional_headers=headers) as connection:
            client = JsonClient(connection)
            await client.connect(token)
            answer = await client.call(subscribe={"channel": page.channel})
            await client.end()
            return "subscribe" in answer

    assert not await sees(Cookie=f"hub_access={page.token}")
    assert await sees(page.token)
    assert await sees(page.token, Origin="https://elsewhere.example")
    assert await sees(Cookie=f"hub_access={page.token}", Origin=hub.base_url)


async def test_a_stream_of_a_page_gives_a_foreign_page_nothing_to_read(site):
    """X1. EventSource with credentials is refused, and gets no permission to hand on what it receives."""
    hub, page = site
    headers = {"Origin": "https://elsewhere.example", "Cookie": f"hub_access={page.token}"}
    async with (
        httpx2.AsyncClient(base_url=hub.base_url, timeout=20) as client,
        client.stream("GET", f"/p/{page.slug}/events", headers=headers) as answer,
    ):
        assert answer.status_code == 403
        assert "access-control-allow-credentials" not in answer.headers
        assert page.slug not in (await answer.aread()).decode()
