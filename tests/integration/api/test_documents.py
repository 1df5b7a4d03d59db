"""Feeds, calendar and badges as addresses: per viewer, kept by whom, told of when, and by link."""

import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import httpx2
import icalendar
import pytest
from sqlalchemy import text

from hub.services.sessions import issue_token_for
from tests.support.api import Api, data_of, error_of
from tests.support.people import Registry

API = "/api/v1/pages/acme"
DOCUMENTS = ("history.atom", "history.rss", "maintenance.ics", "badge.svg")
NOBODY = "zzzzzzzzzzzz"
Json = dict[str, Any]


class Acme:
    """The page, through its owner's hands."""

    def __init__(self, admin: httpx2.AsyncClient) -> None:
        self.admin = admin

    async def component(self, name: str = "API", **more: object) -> str:
        return str(data_of(await self.admin.post(f"{API}/components", json={"name": name, **more}), 201)["id"])

    async def incident(self, name: str, **more: object) -> str:
        body = {"name": name, "status": "investigating", "body": "We are looking.", **more}
        return str(data_of(await self.admin.post(f"{API}/incidents", json=body), 201)["id"])

    async def tell(self, incident: str, status: str) -> None:
        data_of(
            await self.admin.post(f"{API}/incidents/{incident}/updates", json={"status": status, "body": "So."}), 201
        )

    async def maintenance(self, name: str, in_days: float = 2, **more: object) -> Json:
        start = datetime.now(UTC) + timedelta(days=in_days)
        window = {"scheduled_for": start.isoformat(), "scheduled_until": (start + timedelta(hours=1)).isoformat()}
        body = {"name": name, "body": "Brief.", **window, **more}
        made: Json = data_of(await self.admin.post(f"{API}/maintenances", json=body), 201)
        return made

    async def link(self, client: httpx2.AsyncClient) -> Json:
        made: Json = data_of(await client.post(f"{API}/links", json={"name": "Reader"}), 201)
        return {**made, "path": re.sub("^https?://[^/]+", "", made["address"])}


@pytest.fixture
async def acme(admin: httpx2.AsyncClient, page: dict) -> Acme:
    return Acme(admin)


def titles(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    found = feedparser.parse(answer.content)
    assert found.bozo == 0
    return [entry.title for entry in found.entries]


def events(answer: httpx2.Response) -> list[icalendar.Event]:
    assert answer.status_code == 200, answer.text
    return list(icalendar.Calendar.from_ical(answer.content).walk("VEVENT"))


def words(answer: httpx2.Response) -> list[str]:
    root = ET.fromstring(answer.content)  # noqa: S314 (our own)
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


# ── what they tell ───────────────────────────────────────────────────────────────────────────────────────────


async def test_feeds_tell_of_incidents_and_maintenances_of_a_page_whose_components_people_set(api: Api, acme: Acme):
    """Cases 41, 43, 113. The change is in the very next answer; a backdated incident stands where it happened."""
    component = await acme.component()
    for name in ("history.atom", "history.rss"):
        assert titles(await api.anonymous.get(f"/p/acme/{name}")) == []
    incident = await acme.incident("Slow", components={component: "major_outage"})
    await acme.maintenance("Upgrade")
    old = (datetime.now(UTC) - timedelta(days=7)).replace(microsecond=0)
    await acme.incident("Last week", status="resolved", started_at=old.isoformat())
    for name in ("history.atom", "history.rss"):
        answer = await api.anonymous.get(f"/p/acme/{name}")
        assert titles(answer) == ["Upgrade", "Slow", "Last week"]
        entry = feedparser.parse(answer.content).entries[2]
        assert entry.published_parsed == old.utctimetuple()
        self_url = f"{api.state['settings'].base_url}/p/acme/{name}"
        assert self_url in answer.text
    await acme.tell(incident, "resolved")
    answer = await api.anonymous.get("/p/acme/history.atom")
    content = feedparser.parse(answer.content).entries[1].content[0].value
    assert re.findall("<strong>(.*?)</strong>", content) == ["Resolved", "Investigating"]


async def test_an_answer_that_is_known_already_is_not_sent_again(api: Api, acme: Acme):
    """Case 43. `no-cache` with a tag: whoever keeps an answer asks each time, and is never told anything old."""
    component = await acme.component()
    for name in (*DOCUMENTS, f"components/{component}/badge.svg"):
        address = f"/p/acme/{name}"
        first = await api.anonymous.get(address)
        assert (first.headers["cache-control"], first.headers["access-control-allow-origin"]) == ("no-cache", "*")
        tag = {"If-None-Match": f'"x", {first.headers["etag"].removeprefix("W/")}'}
        again = await api.anonymous.get(address, headers=tag)
        assert (again.status_code, again.content) == (304, b"")
        head = await api.anonymous.head(address)
        assert (head.status_code, head.headers["etag"]) == (200, first.headers["etag"])
    for answer in (await api.anonymous.get("/p/acme/badge.svg"), first):
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["content-type"] == "image/svg+xml; charset=utf-8"
    data_of(await acme.admin.patch(f"{API}/components/{component}", json={"status": "major_outage"}))
    assert (await api.anonymous.get(address, headers=tag)).status_code == 200


async def test_words_in_an_address_that_mean_nothing_cost_nothing_and_are_told_to_nobody(api: Api, acme: Acme):
    """A link with somebody's `utm_source` is shared by thousands: all are answered from one making."""
    first = await api.anonymous.get("/p/acme?utm_source=mine&fbclid=mine")
    builds = api.state["rendered"].builds
    for path in ("/p/acme", "/p/acme?utm_source=theirs", "/p/acme?month=2026-11", "/p/acme?lang=xx"):
        answer = await api.anonymous.get(path)
        assert (answer.status_code, answer.content) == (200, first.content)
    assert api.state["rendered"].builds == builds
    assert "mine" not in first.text
    german = await api.anonymous.get("/p/acme?lang=de&utm_source=mine")
    assert "hub_lang=de" in german.headers["set-cookie"]
    assert '<html lang="de"' in german.text
    assert "mine" not in german.text
    assert "set-cookie" not in (await api.client().get("/p/acme?x=1")).headers


async def test_a_calendar_has_the_past_three_months_and_all_that_is_planned(api: Api, acme: Acme):
    """Cases 115, 116. A window that is moved keeps its name and counts up."""
    component = await acme.component("API, v2")
    made = await acme.maintenance("Upgrade", components=[component])
    await acme.maintenance("Far away", in_days=900)
    await acme.maintenance("Weekly", rrule="FREQ=WEEKLY")
    await acme.maintenance("Long ago")
    await acme.maintenance("A month ago")
    async with api.state["db"].begin() as session:
        for name, days in (("Long ago", 92), ("A month ago", 31)):
            ago = text(
                "UPDATE maintenance SET status = 'completed', scheduled_for = now() - make_interval(days => :days),"
                " scheduled_until = now() - make_interval(days => :days) + interval '1 hour' WHERE name = :name"
            )
            await session.execute(ago, {"days": days, "name": name})
    found = {event["SUMMARY"]: event for event in events(await api.anonymous.get("/p/acme/maintenance.ics"))}
    assert found.keys() == {"Upgrade", "Far away", "Weekly", "A month ago"}
    assert found["Upgrade"]["DESCRIPTION"] == "Brief.\n\nAffects: API, v2"
    assert found["Weekly"]["RRULE"].to_ical() == b"FREQ=WEEKLY"
    before = found["Upgrade"]
    later = datetime.fromisoformat(made["scheduled_until"]) + timedelta(days=1)
    moved = {"scheduled_for": (later - timedelta(hours=1)).isoformat(), "scheduled_until": later.isoformat()}
    data_of(await acme.admin.patch(f"{API}/maintenances/{made['id']}", json=moved))
    [after] = [e for e in events(await api.anonymous.get("/p/acme/maintenance.ics")) if e["SUMMARY"] == "Upgrade"]
    assert (after["UID"], after["SEQUENCE"]) == (before["UID"], before["SEQUENCE"] + 1)
    data_of(await acme.admin.post(f"{API}/maintenances/{made['id']}/cancel", json={}))
    [off] = [e for e in events(await api.anonymous.get("/p/acme/maintenance.ics")) if e["SUMMARY"] == "Upgrade"]
    assert (off["UID"], off["STATUS"]) == (before["UID"], "CANCELLED")
    assert off["SEQUENCE"] > after["SEQUENCE"]


async def test_a_badge_says_what_the_page_says(api: Api, acme: Acme):
    """Case 8. Status, roll-up and figures are those of REST."""
    first, second = await acme.component("API"), await acme.component("<b>Web</b>")
    get = api.anonymous.get
    assert words(await get("/p/acme/badge.svg")) == ["Acme", "All Systems Operational"]
    data_of(await acme.admin.patch(f"{API}/components/{first}", json={"status": "partial_outage"}))
    assert words(await get("/p/acme/badge.svg?label=Is%20it%20us%3F")) == ["Is it us?", "Minor Service Outage"]
    assert words(await get(f"/p/acme/components/{first}/badge.svg")) == ["API", "partial outage"]
    assert words(await get(f"/p/acme/components/{second}/badge.svg")) == ["<b>Web</b>", "operational"]
    async with api.state["db"].begin() as session:
        await session.execute(text("DELETE FROM status_interval WHERE NOT upper_inf(during)"))
        began = "UPDATE status_interval SET during = tstzrange(now() - interval '10 days', NULL)"
        await session.execute(text(began))
    figures = data_of(await get(f"{API}/uptime?days=7"))
    for component in figures["components"]:
        shown = words(await get(f"/p/acme/components/{component['id']}/badge.svg?show=uptime&days=7"))
        assert shown == [f"{component['name']} 7 d", said(component["ratio"])]
    assert words(await get("/p/acme/badge.svg?show=uptime&days=7")) == ["Acme 7 d", said(figures["ratio"])]
    for odd in ("0", "-1", "x", "9999999", "٣"):
        answer = await get(f"/p/acme/badge.svg?show=uptime&days={odd}")
        assert answer.status_code == 200


def said(ratio: float | None) -> str:
    if ratio is None:
        return "no data"
    return "100 %" if ratio == 1 else f"{int(ratio * 10_000 + 1e-6) / 100:.2f} %"


# ── who may see them ─────────────────────────────────────────────────────────────────────────────────────────


async def test_the_badge_of_what_is_hidden_is_that_of_what_does_not_exist(api: Api, acme: Acme):
    """Case 77. The same status, bytes and headers, and the same work for both."""
    hidden = await acme.component("Secret", audience="verified")
    shown = await acme.component("API")
    member = await api.client_of("member@example.test")
    assert words(await member.get(f"/p/acme/components/{hidden}/badge.svg")) == ["Secret", "operational"]
    for query in ("", "?show=uptime&days=30", "?label=x"):
        answers = []
        for component in (hidden, NOBODY):
            builds = api.state["rendered"].builds
            answer = await api.anonymous.get(f"/p/acme/components/{component}/badge.svg{query}")
            headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
            answers.append((answer.status_code, answer.content, headers))
            worked = api.state["rendered"].builds - builds
            assert component == hidden or worked == 0
        assert answers[0] == answers[1]
        assert answers[0][0] == 404
    assert (await api.anonymous.get(f"/p/acme/components/{shown}/badge.svg")).status_code == 200
    data_of(await acme.admin.patch(API, json={"audience": "verified"}))
    gone = await api.anonymous.get(f"/p/acme/components/{shown}/badge.svg")
    assert (gone.status_code, gone.content) == (404, answers[0][1])
    for name in DOCUMENTS:
        assert (await api.anonymous.get(f"/p/acme/{name}")).status_code == 404
        assert (await member.get(f"/p/acme/{name}")).status_code == 200


async def test_what_only_some_may_see_is_kept_by_nobody(api: Api, acme: Acme):
    component = await acme.component("Secret", audience="verified")
    await acme.incident("Hidden", components={component: "major_outage"})
    await acme.maintenance("Hidden window", components=[component])
    member = await api.client_of("member@example.test")
    for name in DOCUMENTS:
        seen, told = await member.get(f"/p/acme/{name}"), await api.anonymous.get(f"/p/acme/{name}")
        assert seen.headers["cache-control"] == "private, no-store"
        assert "access-control-allow-origin" not in seen.headers
        assert seen.headers["vary"] == "Accept-Encoding, Authorization, Cookie"
        assert "idden" not in told.text
        assert seen.text != told.text
    assert titles(await member.get("/p/acme/history.atom")) == ["Hidden window", "Hidden"]


# ── links ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def group(api: Api) -> Registry:
    registry = Registry(api.state)
    await registry.group("ops", "Operations")
    return registry


async def test_a_link_shows_what_its_account_may_see_at_that_moment_and_nothing_once_it_is_revoked(
    api: Api, acme: Acme, group: Registry
):
    """Case 82. By the account's present rights: a group left, an account disabled, a link revoked end it at once."""
    component = await acme.component("Secret", audience="group:ops")
    await acme.incident("Hidden", components={component: "major_outage"})
    await acme.maintenance("Hidden window", components=[component])
    person = await group.person("member", groups=["ops"])
    member = api.client(person.headers)
    link = await acme.link(member)
    path = link["path"]
    assert titles(await api.anonymous.get(f"{path}/history.atom")) == ["Hidden window", "Hidden"]
    assert titles(await api.anonymous.get(f"{path}/history.rss")) == ["Hidden window", "Hidden"]
    assert [e["SUMMARY"] for e in events(await api.anonymous.get(f"{path}/maintenance.ics"))] == ["Hidden window"]
    assert words(await api.anonymous.get(f"{path}/components/{component}/badge.svg")) == ["Secret", "major outage"]
    for name in DOCUMENTS:
        answer = await api.anonymous.get(f"{path}/{name}")
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers
        assert path.split("/")[-1] not in answer.text
    async with api.state["db"].begin() as session:
        await session.execute(text("DELETE FROM group_member"))
    assert titles(await api.anonymous.get(f"{path}/history.atom")) == []
    assert (await api.anonymous.get(f"{path}/components/{component}/badge.svg")).status_code == 404
    data_of(await acme.admin.patch(API, json={"audience": "group:ops"}))
    await _all_gone(api, path, component)
    data_of(await acme.admin.patch(API, json={"audience": "verified"}))
    assert titles(await api.anonymous.get(f"{path}/history.atom")) == []
    data_of(await acme.admin.patch(f"/api/v1/accounts/{person.account_id}", json={"disabled": True}))
    await _all_gone(api, path, component)
    data_of(await acme.admin.patch(f"/api/v1/accounts/{person.account_id}", json={"disabled": False}))
    assert (await api.anonymous.get(f"{path}/history.atom")).status_code == 200
    other = await group.person("somebody")
    error_of(await api.client(other.headers).delete(f"{API}/links/{link['id']}"), 404)
    async with api.state["db"].begin() as session:
        token = await issue_token_for(session, api.state["tokens"], "member@example.test", api.state["clock"].now())
    again = api.client({"Authorization": f"Bearer {token}"})
    data_of(await again.delete(f"{API}/links/{link['id']}"))
    await _all_gone(api, path, component)
    error_of(await again.delete(f"{API}/links/{link['id']}"), 404)


async def _all_gone(api: Api, path: str, component: str) -> None:
    """Just as an address that somebody made up."""
    guessed = re.sub("/feed/[^/]+", f"/feed/{'x' * 43}", path)
    for name in (*DOCUMENTS, f"components/{component}/badge.svg"):
        answer, other = await api.anonymous.get(f"{path}/{name}"), await api.anonymous.get(f"{guessed}/{name}")
        assert answer.status_code == other.status_code == 404
        if name.endswith("badge.svg"):
            assert answer.content == other.content
        else:
            assert _without_id(answer) == _without_id(other)
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_a_link_is_shown_once_stored_as_a_hash_and_is_its_makers_alone(api: Api, acme: Acme):
    member, other = await api.client_of("member@example.test"), await api.client_of("other@example.test")
    made = await acme.link(member)
    secret = made["path"].split("/")[-1]
    assert made["atom"] == f"{made['address']}/history.atom"
    [listed] = data_of(await member.get(f"{API}/links"))
    assert listed == {"id": made["id"], "name": "Reader", "created_at": made["created_at"], "last_used_at": None}
    assert data_of(await other.get(f"{API}/links")) == []
    async with api.state["db"]() as session:
        for table in ("viewer_link", "audit_entry"):
            rows = (await session.scalars(text(f"SELECT t::text FROM {table} t"))).all()  # noqa: S608
            assert rows
            assert not any(secret in row for row in rows)
    assert (await api.anonymous.get(f"{made['path']}/badge.svg")).status_code == 200
    assert data_of(await member.get(f"{API}/links"))[0]["last_used_at"] is not None
    data_of(await acme.admin.post("/api/v1/pages", json={"slug": "other", "title": "Other"}), 201)
    elsewhere = made["path"].replace("/p/acme/", "/p/other/")
    assert (await api.anonymous.get(f"{elsewhere}/history.atom")).status_code == 404  # a link is to one page
    error_of(await api.anonymous.post(f"{API}/links", json={"name": "x"}), 401)
    key = data_of(await acme.admin.post("/api/v1/keys", json={"name": "k", "pages": ["acme"], "scopes": ["read"]}), 201)
    robot = api.client({"Authorization": f"Bearer {key['key']}"})
    error_of(await robot.post(f"{API}/links", json={"name": "x"}), 403)
    for _ in range(19):
        await acme.link(member)
    error_of(await member.post(f"{API}/links", json={"name": "x"}), 409)


def _without_id(answer: httpx2.Response) -> Json:
    body: Json = json.loads(answer.text)
    body["meta"].pop("request_id")
    return body
