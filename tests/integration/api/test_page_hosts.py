"""A page at a host name of its own: everything of it is at the root there, and nothing else of the hub."""

import httpx2
import pytest

from hub.documents.hosts import FRESH_S, PageHosts
from tests.support.api import data_of, open_api
from tests.support.waiting import wait_until

PAGE = "/api/v1/pages/acme"
OWN, NAMED = "http://status.acme.example", "http://acme.pages.test"


@pytest.fixture
async def api(settings):
    async with open_api(settings.model_copy(update={"hub_base_domain": "pages.test", "hub_port": 8000})) as api:
        yield api


@pytest.fixture
async def at_home(api, admin, page):
    """A visitor's client at the page's own domain."""
    data_of(await admin.patch(PAGE, json={"custom_domain": "status.acme.example"}))
    async with httpx2.AsyncClient(transport=api.anonymous._transport, base_url=OWN) as client:

        async def is_known() -> bool:
            return (await client.get("/api/v2/status.json")).status_code == 200

        await wait_until(is_known, within_s=10)
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/history", "/api/v2/summary.json", "/history.atom", "/history.rss", "/badge.svg"]
)
async def test_what_is_of_the_page_is_at_the_root(api, at_home, path):
    answer = await at_home.get(path)
    assert answer.status_code == 200, answer.text
    beneath = await api.anonymous.get("/p/acme" + path.rstrip("/"))
    assert answer.headers["content-type"] == beneath.headers["content-type"]
    named = await at_home.get(NAMED + path)
    assert named.status_code == 200


async def test_documents_name_the_host_they_were_read_at(at_home, api):
    assert (await at_home.get("/api/v2/summary.json")).json()["page"]["url"] == OWN
    assert (await at_home.get(f"{NAMED}/api/v2/summary.json")).json()["page"]["url"] == NAMED
    beneath = (await api.anonymous.get("/p/acme/api/v2/summary.json")).json()["page"]["url"]
    assert beneath == f"{api.state['settings'].base_url}/p/acme"
    assert f'href="{OWN}/history.atom"' in (await at_home.get("/history.atom")).text


@pytest.mark.parametrize(
    "path", ["/api/v1/pages", "/api/v1/me", "/p/other", "/api/v1/pages/other", "/metrics", "/nothing"]
)
async def test_nothing_else_of_the_hub_is_there(at_home, admin, path):
    data_of(await admin.post("/api/v1/pages", json={"slug": "other", "title": "Another"}), 201)
    assert (await at_home.get(path)).status_code == 404


async def test_a_credential_of_the_hub_opens_no_other_part_there(at_home, admin):
    answer = await at_home.get("/api/v1/me", headers={"Authorization": admin.headers["authorization"]})
    assert answer.status_code == 404
    answer = await at_home.post("/api/v1/auth/login", json={"email": "a@example.test", "password": "x"})
    assert answer.status_code == 404


async def test_who_wants_to_sign_in_is_sent_to_the_hub(at_home, api):
    answer = await at_home.get("/login?next=/p/acme", follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["location"] == f"{api.state['settings'].base_url}/login?next=/p/acme"


async def test_the_page_works_as_beneath_its_path(at_home):
    """Its script reads over REST, and its links lead to `/p/acme/…`."""
    assert (await at_home.get(f"{PAGE}/snapshot")).status_code == 200
    assert (await at_home.get(PAGE)).status_code == 200
    assert (await at_home.get("/p/acme/history")).status_code == 200
    assert (await at_home.get("/static/page.js")).status_code == 200


async def test_a_name_that_is_given_away_is_the_pages_no_longer(at_home, admin, api):
    assert (await at_home.get("/api/v2/status.json")).status_code == 200
    data_of(await admin.patch(PAGE, json={"custom_domain": None}))

    async def is_gone() -> bool:
        return (await at_home.get("/api/v2/status.json")).status_code == 404

    await wait_until(is_gone, within_s=15)
    assert (await at_home.get(f"{NAMED}/api/v2/status.json")).status_code == 200


async def test_the_first_to_come_after_a_while_is_not_sent_to_a_page_that_has_the_name_no_longer(api, admin, page):
    clock, told = [0.0], []

    async def beneath(scope, receive, send):
        told.append(scope["path"])

    async def unheard(message):
        return None

    hosts = PageHosts(beneath, api.state["settings"], now_s=lambda: clock[0])
    for domain, path in (("status.acme.example", "/p/acme"), (None, "/")):
        data_of(await admin.patch(PAGE, json={"custom_domain": domain}))
        clock[0] += FRESH_S + 0.01
        headers = [(b"host", b"status.acme.example.")]
        scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "query_string": b""}
        await hosts(scope | {"state": {"db": api.state["db"]}}, None, unheard)
        assert told.pop() == path


async def test_a_slash_too_many_leads_to_the_page_at_its_own_host(at_home):
    answer = await at_home.get("/history/?month=2026-11")
    assert (answer.status_code, answer.headers["location"]) == (307, "/history?month=2026-11")
    beneath = await at_home.get("/p/acme/history/")
    assert beneath.headers["location"] == "/history"


async def test_a_hidden_page_is_hidden_at_its_host_too(at_home, admin):
    data_of(await admin.patch(PAGE, json={"audience": "verified"}))
    hidden = await at_home.get("/api/v2/status.json")
    missing = await at_home.get("http://nothing.pages.test/api/v2/status.json")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.content == missing.content


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("STATUS.Acme.Example", OWN),
        ("Acme.PAGES.test", NAMED),
        ("status.acme.example:81", OWN),
        ("acme.pages.test:x@evil.example", NAMED),
        ('acme.pages.test:80/"><script>', NAMED),
        ("acme.pages.test:8000", f"{NAMED}:8000"),
    ],
)
async def test_a_host_that_was_made_up_is_in_no_answer_and_costs_no_other_one(at_home, api, host, url):
    """The hub is at port 8000: it may be named. However one host is written, what is kept for it is one thing."""
    paths = ("/api/v2/summary.json", "/history.atom", "/history.rss", "/maintenance.ics")
    for path in paths:
        assert (await at_home.get(url + path)).status_code == 200
    builds = api.state["rendered"].builds
    for path in paths:
        answer = await at_home.get(path, headers={"Host": host})
        assert answer.status_code == 200
        assert "evil" not in answer.text
        assert "<script>" not in answer.text
    assert (await at_home.get(paths[0], headers={"Host": host})).json()["page"]["url"] == url
    assert api.state["rendered"].builds == builds


@pytest.mark.parametrize("label", ["acme/api", "ac%6de", "acme ", "-", ""])
async def test_a_label_that_is_no_name_of_a_page_leads_nowhere(at_home, label):
    for path in ("/", "/api/v2/summary.json", "/v2/summary.json"):
        assert (await at_home.get(path, headers={"Host": f"{label}.pages.test"})).status_code == 404
