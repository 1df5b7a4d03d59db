"""X10, R13: what every answer tells browsers and caches, walked over all routes; and who may read it from elsewhere."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest

from hub.access import Access
from hub.auth.cookies import ACCESS_COOKIE
from hub.settings import Settings
from tests.integration.transport.conftest import Page, open_page
from tests.support.api import open_api
from tests.support.local_hub import LocalHub, running
from tests.support.route_walk import Way, ways_of

FOREIGN = "https://elsewhere.example"
FRIEND = "https://www.shop.example"
POLITE = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}


FRAMED_BY_ANYBODY = "/p/{slug}/embed"  # what nobody's credential has any part in
ON_OTHER_SITES = (
    FRAMED_BY_ANYBODY, "/embed.js", "/static/", "/p/{slug}/badge.svg", "/p/{slug}/components/", "/p/{slug}/feed/",
    "/p/{slug}/api/v2/",
)  # fmt: skip


@dataclass
class Site:
    hub: LocalHub
    page: Page
    client: httpx2.AsyncClient

    async def ask(self, way: Way, **headers: str) -> httpx2.Response:
        """The head of the answer; bodies of streams never end."""
        path = way.at(*(self.page.slug if name.endswith("/slug") else "none" for name in way.parameters))
        body = None if way.method in {"GET", "HEAD"} else "{}"
        content = {"Content-Type": "application/json"} if body else {}
        async with self.client.stream(way.method, path, content=body, headers={**content, **headers}) as answer:
            return answer

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"{ACCESS_COOKIE}={self.page.token}"}


@pytest.fixture
async def site(settings: Settings) -> AsyncIterator[Site]:
    limits = {"hub_reads_per_address_per_minute": 9_999, "hub_writes_per_address_per_minute": 9_999}
    limits |= {"hub_reads_per_account_per_minute": 9_999, "hub_writes_per_account_per_minute": 9_999}
    async with (
        running(settings.model_copy(update=limits)) as hub,
        open_page(hub) as page,
        httpx2.AsyncClient(base_url=hub.base_url, timeout=20) as client,
    ):
        yield Site(hub, page, client)


async def test_every_answer_of_every_route_has_its_security_headers(site: Site):
    """X10; ASVS 3.4. With a cookie and without, granted and refused alike."""
    ways = ways_of(site.hub.app)
    assert len(ways) > 60
    for way in ways:
        for credential in ({}, site.cookie):
            answer = await site.ask(way, **credential)
            headers = answer.headers
            assert headers["x-content-type-options"] == "nosniff", way.name
            assert headers["referrer-policy"] in POLITE, way.name
            assert headers["cross-origin-opener-policy"] == "same-origin", way.name
            if headers["cross-origin-resource-policy"] != "same-origin":
                assert way.path.startswith(ON_OTHER_SITES), way.name
                assert way.access is Access.NOBODY or not credential, way.name
            assert headers["permissions-policy"], way.name
            assert headers["x-request-id"], way.name
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'"), way.name
            assert "base-uri 'none'" in policy, way.name
            assert "unsafe" not in policy, way.name
            if way.path == FRAMED_BY_ANYBODY and answer.status_code < 400:
                assert policy.endswith("frame-ancestors *"), way.name
                assert "x-frame-options" not in headers, way.name
            else:
                assert "frame-ancestors 'none'" in policy, way.name
                assert headers["x-frame-options"] == "DENY", way.name
            assert "server" not in headers, way.name
            assert "strict-transport-security" not in headers, way.name
            assert answer.status_code < 500, way.name


async def test_no_shared_cache_may_keep_what_a_credential_was_used_for(site: Site):
    """R13."""
    for way in ways_of(site.hub.app):
        if way.access is Access.NOBODY:
            continue  # the same for everybody
        for credential in (site.cookie, {"Authorization": f"Bearer {site.page.token}"}):
            if "Authorization" in credential and way.method != "GET":
                continue  # it would be done
            headers = (await site.ask(way, **credential)).headers
            cache = headers["cache-control"]
            assert "no-store" in cache or "private" in cache, way.name
            assert "no-store" in cache or "Cookie" in headers["vary"], way.name


async def test_pages_for_anybody_vary_by_what_could_have_shown_more(site: Site):
    """R13."""
    for path in (f"/p/{site.page.slug}", f"/p/{site.page.slug}/history", "/p/none", "/demo"):
        headers = (await site.client.get(path)).headers
        assert {"Cookie", "Authorization"} <= {name.strip() for name in headers["vary"].split(",")}, path
        assert "no-cache" in headers["cache-control"], path
    assert (await site.client.get("/")).headers["cache-control"] == "no-store"  # on to the only page he may see


async def test_every_answer_of_the_api_says_where_its_limit_stands(site: Site):
    for way in ways_of(site.hub.app):
        if way.path.startswith("/api/v1/"):
            headers = (await site.ask(way)).headers
            assert headers["ratelimit-policy"].endswith("q=9999;w=60"), way.name
            assert "Origin" in headers["vary"], way.name


async def test_any_page_may_read_what_anybody_may_and_nothing_of_the_visitor(site: Site):
    """X10. `*` together with credentials is what browsers refuse; writes and other headers are not allowed at all."""
    path = f"/api/v1/pages/{site.page.slug}/snapshot"
    for headers in ({"Origin": FOREIGN}, {"Origin": "null"}, {}):
        for credential in ({}, site.cookie):
            answer = await site.client.get(path, headers={**headers, **credential})
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in answer.headers
    for method in ("POST", "PATCH", "DELETE"):
        answer = await site.client.request(method, path, headers={"Origin": FOREIGN})
        assert "access-control-allow-origin" not in answer.headers
    asked = {
        "Origin": FOREIGN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = await site.client.options(path, headers=asked)
    assert preflight.status_code == 405
    assert "access-control-allow-headers" not in preflight.headers


async def test_a_page_of_an_allowed_origin_may_do_what_ours_may(settings: Settings):
    allowed = settings.model_copy(update={"hub_allowed_origins": (FRIEND,)})
    async with open_api(allowed) as api:
        ada = await api.client_of("ada@example.test", is_admin=True)
        token = ada.headers["authorization"].partition(" ")[2]
        friend = api.client({"Origin": FRIEND, "Cookie": f"{ACCESS_COOKIE}={token}"})
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        preflight = await friend.options("/api/v1/pages", headers=asked)
        assert preflight.status_code == 204
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "Content-Type" in preflight.headers["access-control-allow-headers"]
        made = await friend.post("/api/v1/pages", json={"slug": "acme", "title": "Acme"})
        assert made.status_code == 201
        for answer in (preflight, made):
            assert answer.headers["access-control-allow-origin"] == FRIEND
            assert answer.headers["access-control-allow-credentials"] == "true"
            assert "Origin" in answer.headers["vary"]


async def test_only_status_pages_and_only_for_named_origins_may_be_framed(settings: Settings):
    """X10, clickjacking."""
    embedding = settings.model_copy(update={"hub_embed_origins": (FRIEND, "https://intra.example:8443")})
    async with running(embedding) as hub, open_page(hub) as page, httpx2.AsyncClient(base_url=hub.base_url) as client:
        shown = await client.get(f"/p/{page.slug}")
        assert f"frame-ancestors {FRIEND} https://intra.example:8443" in shown.headers["content-security-policy"]
        assert "x-frame-options" not in shown.headers
        for path in ("/", "/login", "/console", "/account", "/invite/x", "/p/none", f"/p/{page.slug}/history"):
            headers = (await client.get(path)).headers
            assert "frame-ancestors 'none'" in headers["content-security-policy"], path
            assert headers["x-frame-options"] == "DENY", path


@pytest.mark.parametrize("origins", ["https://a.example; script-src *", "*", "https://*.example", "a.example", "data:"])
def test_an_embedding_origin_that_is_none_is_refused_at_start(origins):
    with pytest.raises(ValueError, match="hub_embed_origins"):
        Settings.model_validate({"hub_embed_origins": origins})


async def test_a_hub_that_is_reached_by_https_says_so_for_a_year(settings: Settings):
    """Whatever the proxy in front speaks to it."""
    async with open_api(settings.model_copy(update={"hub_base_url": "https://status.example"})) as api:
        for path in ("/healthz", "/api/v1/pages", "/login", "/static/page.js"):
            answer = await api.anonymous.get(path)
            assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_pages_whose_address_holds_a_token_send_no_referrer(site: Site):
    for path in ("/invite/canary", "/verify", "/reset"):
        assert (await site.client.get(path)).headers["referrer-policy"] == "no-referrer"
