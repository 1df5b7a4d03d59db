"""Texts stay texts: in HTML, in JSON, in statements, in names (X3, X4, case 92)."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import httpx2
import pytest
import pytest_asyncio
from playwright.async_api import Error
from sqlalchemy import update

from hub.auth.cookies import ACCESS_COOKIE
from hub.auth.permissions import SYSTEM
from hub.domain.incident import IncidentStatus
from hub.domain.status import Status
from hub.services import groups, incidents, maintenances, pages
from hub.services.groups import NewGroup
from hub.services.incidents import NewIncident, NewUpdate
from hub.services.maintenances import NewMaintenance
from hub.services.views import see_page
from models import Component
from tests.support.bodies import example_body
from tests.support.browser import chromium_path, open_browser
from tests.support.crawl import at_once, one_answer
from tests.support.hostile_texts import SCRIPTS, STATEMENTS, dangers_in
from tests.support.leak_world import World
from tests.support.route_walk import PAGE_PARAMETERS, Way, addresses, ways_of
from tests.support.rows import add_component
from tests.support.secrets_of_pages import PageMaker
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

SLUG = "hostile"


@dataclass
class Stage:
    world: World
    maker: PageMaker
    incident: str

    @property
    def base_url(self) -> str:
        return self.world.hub.base_url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(lobby: World) -> Stage:
    """A page on which every text is one that wants to run: each of them once as a name and once as a text."""
    maker = PageMaker(lobby.hub.state["db"], lobby.secrets, lobby.ids, SLUG)
    await maker.page()
    first, second, third = SCRIPTS[:3]
    await maker.do(pages.update, {"title": first, "description": second})
    group = await maker.do(groups.create, NewGroup(third))
    lobby.ids.note(SLUG, "group", group["id"])
    made: list[str] = []
    async with lobby.hub.state["db"].begin() as session:  # without an event each: the page is not looked at yet
        page_id = (await see_page(session, SLUG, SYSTEM)).page.id
        for text in SCRIPTS:
            lasting = (Status.OPERATIONAL.value, maker.now, None)
            in_group = group["id"] if len(made) % 2 else None
            made.append(await add_component(session, page_id, text, maker.now, lasting, group_id=in_group))
        await session.execute(update(Component).where(Component.page_id == page_id).values(description=Component.name))
    incident = ""
    for at in range(0, len(SCRIPTS), 6):
        some = SCRIPTS[at : at + 6]
        first_update = NewUpdate(
            IncidentStatus.INVESTIGATING, "\n\n".join(some), {made[at]: Status.DEGRADED_PERFORMANCE}
        )
        opened = await maker.do(incidents.open_incident, NewIncident(some[0], first_update))
        incident = opened["id"]
        lobby.ids.note(SLUG, "incident", incident)
        told = await maker.do(
            incidents.add_update, incident, NewUpdate(IncidentStatus.IDENTIFIED, "\n\n".join(reversed(some)))
        )
        lobby.ids.note(SLUG, "update", told["id"], incident)
        soon = maker.now + timedelta(days=9)
        planned = NewMaintenance(some[-1], "\n".join(some), soon, soon + timedelta(hours=1), components=[made[at]])
        maintenance = await maker.do(maintenances.schedule, planned)
        lobby.ids.note(SLUG, "maintenance", maintenance["id"])
    return Stage(lobby, maker, incident)


def htmls_in(value: Any) -> Iterator[str]:
    """Every `body_html` in an answer."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "body_html":
                yield item
            yield from htmls_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from htmls_in(item)


async def test_texts_that_want_to_run_are_shown_as_they_are_on_every_output(stage: Stage):
    """X3, case 92. HTML parsed: no script, no event attribute, no address that runs. JSON is JSON, texts as given."""
    wanted = [
        (address, way)
        for way in ways_of(stage.world.hub.app, "GET")
        if (way.parameters and way.parameters[0] in {"pages/slug", "p/slug"}) or way.path in {"/", "/demo"}
        for address in addresses(way, stage.world.ids)
    ]
    shown: set[str] = set()
    kinds: set[str] = set()

    async def check(client: httpx2.AsyncClient, item: tuple[str, Way]) -> None:
        piece, _ = await one_answer(client, "GET", *item)
        head, _, body = piece.text.partition("\n\n")
        assert piece.status < 500, item
        if "text/html" in head:
            kinds.add("html")
            assert not dangers_in(body), item
        elif "application/json" in head:
            kinds.add("json")
            data, _ = json.JSONDecoder().raw_decode(body)
            for html in htmls_in(data):
                assert not dangers_in(html), item
            if item[1].path.endswith("/components"):
                shown.update(component["description"] for component in data["data"] or [])
        elif "image/svg" in head or "xml" in head:
            kinds.add("xml")
            assert not dangers_in(re.sub(r"<(?:atom:)?link\b[^>]*>", "", body)), item  # a feed's own
            for told in ET.fromstring(body).iter():  # noqa: S314 (our own)
                if told.tag.endswith("}content") or (told.tag == "description" and "<p>" in (told.text or "")):
                    assert not dangers_in(told.text or ""), item

    for person in (stage.world.people["anonymous"], stage.world.people["admin"]):
        async with stage.world.client(person) as client:
            await at_once(wanted, partial(check, client))
    assert {"html", "json"} <= kinds
    assert shown == set(SCRIPTS)


async def test_the_page_names_a_script_that_slips_through():
    """The check above can fail."""
    assert dangers_in("<p>a</p><script>x</script>")
    assert dangers_in("<img src=x onerror=y>")
    assert dangers_in("<a href=' java\tscript:x'>x</a>")
    assert not dangers_in('<a href="https://a.example/">x</a><script type="application/json">{}</script>')


@pytest.mark.e2e
async def test_no_browser_runs_them_and_the_policy_has_nothing_to_stop(stage: Stage):
    """X3. A real browser with a listener for violations: pages as loaded, and as changed by live frames."""
    if chromium_path() is None:
        pytest.skip("no Chromium: .ci/install-tools.sh installs it")
    admin = stage.world.people["admin"]
    async with open_browser() as browser:
        context = await browser.new_context()
        await context.add_cookies([{"name": ACCESS_COOKIE, "value": admin.token, "url": stage.base_url}])
        await context.add_init_script(
            "window.__violations = [];"
            "document.addEventListener('securitypolicyviolation', e =>"
            " window.__violations.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample));"
        )
        page = await context.new_page()
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))

        async def is_calm(where: str) -> None:
            assert await page.evaluate("window.__ran") is None, where
            assert await page.evaluate("window.__violations") == [], where

        for path in (f"/p/{SLUG}/history", f"/p/{SLUG}/incidents/{stage.incident}", "/", "/console", f"/p/{SLUG}"):
            await page.goto(stage.base_url + path)
            await is_calm(path)
        await page.wait_for_function("document.documentElement.dataset.live !== undefined || true")
        for text in SCRIPTS[::12]:
            body = f"{text}\n\nlive"
            await stage.maker.do(incidents.add_update, stage.incident, NewUpdate(IncidentStatus.IDENTIFIED, body))
        await stage.maker.do(
            incidents.add_update, stage.incident, NewUpdate(IncidentStatus.MONITORING, "the last live word")
        )
        await wait_until(lambda: is_on(page, "the last live word"), within_s=30)
        await is_calm("live")
        assert not dialogs


async def is_on(page: Any, text: str) -> bool:
    try:
        return text in await page.content()
    except Error:  # it is being loaded anew
        return False


async def test_statements_in_any_place_are_values(stage: Stage):
    """X4. In paths, queries, cursors, bodies and channels, of whoever may do all: never a 500, and no table is gone."""
    answered: set[int] = set()
    world = stage.world

    async def ask(client: httpx2.AsyncClient, item: tuple[str, str, Any]) -> None:
        method, address, body = item
        answer = await client.request(method, address, json=body)
        answered.add(answer.status_code)
        assert answer.status_code < 500, (method, address, body, answer.text)

    async with world.client(world.people["admin"]) as client:
        await at_once(list(hostile_requests(world)), partial(ask, client))
        assert (await client.get(f"/api/v1/pages/{SLUG}")).status_code == 200
    assert {404, 422} <= answered


def hostile_requests(world: World) -> Iterator[tuple[str, str, Any]]:
    rest = itertools.cycle(STATEMENTS)
    for way in ways_of(world.hub.app, "GET", "POST", "PATCH", "DELETE"):
        if way.path.startswith("/connection") or way.path.endswith("/events"):
            continue
        for parameter in way.parameters:  # the others are fit, so that this one is come to
            for text in itertools.islice(rest, 5):
                fit = [SLUG if name in PAGE_PARAMETERS else "zzzzzzzzzzzz" for name in way.parameters]
                named = zip(way.parameters, fit, strict=True)
                values = [quote(text, safe="") if name == parameter else value for name, value in named]
                yield way.method, way.at(*values), example_body(way, {})
        if way.method == "GET" and way.operation is not None and way.operation.query is not None:
            address = way.at(*([SLUG] * len(way.parameters)))
            for name in way.operation.query.model_fields:
                for text in itertools.islice(rest, 8):
                    yield "GET", f"{address}?{name}={quote(text, safe='')}", None
    incident = world.ids.of_page[SLUG]["incident"][0]
    base = f"/api/v1/pages/{SLUG}"
    for text in STATEMENTS[::2]:
        yield "POST", f"{base}/components", {"name": text[:200], "description": text[:200], "audience": text[:80]}
        yield "POST", f"{base}/components", {"name": text[:200], "group_id": text[:200], "status": text}
        yield "POST", f"{base}/groups", {"name": text[:200]}
        yield "PATCH", base, {"time_zone": text[:80]}
        yield "PATCH", base, {"locale": text, "title": text}
        yield (
            "POST",
            f"{base}/incidents",
            {"name": text[:200], "status": "investigating", "body": text, "components": {text: "x"}},
        )
        yield "POST", f"{base}/incidents/{incident}/updates", {"status": "identified", "body": text}
        yield "GET", f"/p/{SLUG}/history?before={quote(text, safe='')}", None
        yield "POST", "/api/v1/auth/refresh", {"refresh_token": text}
        yield "POST", "/api/v1/invitations/accept", {"token": text[:200]}
        yield "GET", f"/api/v1/accounts?email={quote(text, safe='')}", None
    for text in STATEMENTS[:4]:  # each costs a password hash
        yield "POST", "/api/v1/auth/login", {"email": f"a{text}@example.test", "password": "x" * 12}
