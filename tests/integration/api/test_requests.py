"""Bad input gets a clear error in the envelope and changes nothing (G7; fault plan W12, W18, X4)."""

import asyncio
import json
import re

import pytest

from hub.api.routes import API_ROUTES
from tests.support.api import data_of, error_of

PAGE = "/api/v1/pages/acme"
NEW_PAGE = {"slug": "new", "title": "New"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def component(admin, page):
    return data_of(await admin.post(f"{PAGE}/components", json={"name": "Web"}), 201)


@pytest.fixture
async def incident(admin, page, component):
    body = {
        "name": "Slow",
        "status": "investigating",
        "body": "We look.",
        "components": {component["id"]: "major_outage"},
    }
    return data_of(await admin.post(f"{PAGE}/incidents", json=body), 201)


def unreadable_bodies():
    """(what, bytes, headers, status)."""
    good = json.dumps(NEW_PAGE).encode()
    title = b'{"slug":"new","title":'
    yield "nothing", b"", JSON, 400
    yield "no JSON", b"{slug: new}", JSON, 400
    yield "cut off", good[:-1], JSON, 400
    yield "trailing text", good + b" x", JSON, 400
    yield "not UTF-8", title + b'"\xff"}', JSON, 400
    yield "UTF-16", good.decode().encode("utf-16"), JSON, 400
    yield "byte order mark", b"\xef\xbb\xbf" + good, JSON, 400
    yield "NaN", title + b'"N","extra":NaN}', JSON, 400
    yield "Infinity", title + b'"N","extra":-Infinity}', JSON, 400
    yield "overflow", title + b'"N","extra":1e999}', JSON, 400
    yield "5,000 digits", title + b'"N","extra":' + b"9" * 5000 + b"}", JSON, 400
    yield "doubled key", title + b'"A","title":"B"}', JSON, 400
    yield "doubled key below", title + b'"N","extra":{"a":1,"a":2}}', JSON, 400
    yield "depth", b"[" * 100_000, JSON, 400
    yield "depth of objects", b'{"a":' * 20_000 + b"1" + b"}" * 20_000, JSON, 400
    yield "raw control character", title + b'"a\x00b"}', JSON, 400
    yield "NUL", title + b'"a\\u0000b"}', JSON, 422
    yield "lone high surrogate", title + b'"a\\ud800"}', JSON, 422
    yield "lone low surrogate", title + b'"\\udfffa"}', JSON, 422
    yield "surrogate in a key", title + b'"N","\\ud800":1}', JSON, 422
    yield "bell", title + b'"a\\u0007b"}', JSON, 422
    yield "array", b"[]", JSON, 422
    yield "null", b"null", JSON, 422
    yield "text", b'"page"', JSON, 422
    yield "no content type", good, {}, 415
    yield "form", b"slug=new&title=New", {"Content-Type": "application/x-www-form-urlencoded"}, 415
    yield "text/plain", good, {"Content-Type": "text/plain"}, 415
    yield "multipart", b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, 415
    yield "foreign charset", good, {"Content-Type": "application/json; charset=latin-1"}, 415
    yield "compressed", good, {**JSON, "Content-Encoding": "gzip"}, 415
    yield "just over 1 MiB", b" " * (1_048_577 - len(good)) + good, JSON, 413
    yield "far over 1 MiB", b" " * 12_000_000, JSON, 413


async def test_an_unreadable_body_is_refused_and_changes_nothing(api, admin, page):
    before = await api.fingerprint()
    for what, content, headers, status in unreadable_bodies():
        answer = await admin.post("/api/v1/pages", content=content, headers=headers)
        assert answer.status_code == status, (what, answer.text)
        error_of(answer, status)
    assert await api.fingerprint() == before


async def test_the_limit_holds_for_a_body_of_unknown_length(api, admin, page):
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    answer = await admin.post("/api/v1/pages", content=endless(), headers=JSON)
    error_of(answer, 413, "too_large")
    assert sent < 10_000_000


async def test_exactly_1_mib_with_a_charset_is_read(admin):
    good = json.dumps(NEW_PAGE).encode()
    content = b" " * (1_048_576 - len(good)) + good
    headers = {"Content-Type": 'Application/JSON; Charset="UTF-8"'}
    data_of(await admin.post("/api/v1/pages", content=content, headers=headers), 201)


def invalid_bodies(component_id):
    """(method, path, body, the field that is named)."""
    pages, components, incidents = "/api/v1/pages", f"{PAGE}/components", f"{PAGE}/incidents"
    yield "POST", pages, {}, "slug"
    yield "POST", pages, {**NEW_PAGE, "id": "mine"}, "id"
    yield "POST", pages, {**NEW_PAGE, "version": 7}, "version"
    yield "POST", pages, {**NEW_PAGE, "title": None}, "title"
    yield "POST", pages, {**NEW_PAGE, "title": ["New"]}, "title"
    yield "POST", pages, {**NEW_PAGE, "title": 5}, "title"
    yield "POST", pages, {**NEW_PAGE, "title": "   "}, "title"
    yield "POST", pages, {**NEW_PAGE, "title": "x" * 256}, "title"
    yield "POST", pages, {**NEW_PAGE, "description": "x" * 2001}, "description"
    yield "POST", pages, {**NEW_PAGE, "time_zone": "Mars/Olympus"}, "time_zone"
    yield "POST", pages, {**NEW_PAGE, "time_zone": "../../etc/passwd"}, "time_zone"
    yield "POST", pages, {**NEW_PAGE, "audience": "everyone"}, "audience"
    yield "POST", pages, {**NEW_PAGE, "audience": "group:"}, "audience"
    yield "POST", pages, {**NEW_PAGE, "locale": "klingon!"}, "locale"
    for slug in ("", "-a", "a-", "A", "a_b", "a b", "ä", "a" * 64, "a\n", "page:a", "a@all", "..", "аcme"):
        yield "POST", pages, {**NEW_PAGE, "slug": slug}, "slug"
    yield "PATCH", PAGE, {"slug": "other"}, "slug"
    yield "PATCH", PAGE, {"title": None}, "title"
    yield "PATCH", PAGE, {"version": 0}, "version"
    yield "PATCH", PAGE, {"version": "1"}, "version"
    yield "POST", f"{PAGE}/groups", {"name": "G", "position": -1}, "position"
    yield "POST", f"{PAGE}/groups", {"name": "G", "position": 2**31}, "position"
    yield "POST", f"{PAGE}/groups", {"name": "G", "position": 1.5}, "position"
    yield "POST", f"{PAGE}/groups", {"name": "G", "position": True}, "position"
    yield "POST", components, {"name": "C", "status": "on fire"}, "status"
    yield "POST", components, {"name": "C", "status": "OPERATIONAL"}, "status"
    yield "POST", components, {"name": "C", "group_id": "000000000000"}, "group_id"
    yield "POST", components, {"name": "C", "group_id": "' OR 1=1 --"}, "group_id"
    yield "POST", components, {"name": "C", "start_date": "2026-02-30"}, "start_date"
    yield "POST", components, {"name": "C", "start_date": "0001-01-01"}, "start_date"
    yield "POST", components, {"name": "C", "start_date": 20261125}, "start_date"
    yield "POST", components, {"name": "C", "showcase": "yes"}, "showcase"
    yield "PATCH", f"{components}/{component_id}", {"status": None}, "status"
    yield "PATCH", f"{components}/{component_id}", {"base_status": "operational"}, "base_status"
    good = {"name": "I", "status": "investigating", "body": "B"}
    yield "POST", incidents, {**good, "status": "scheduled"}, "status"
    yield "POST", incidents, {**good, "status": "postmortem"}, "status"
    yield "POST", incidents, {**good, "impact": "terrible"}, "impact"
    yield "POST", incidents, {**good, "body": ""}, "body"
    yield "POST", incidents, {**good, "body": "x" * 20_001}, "body"
    yield "POST", incidents, {**good, "components": {"000000000000": "major_outage"}}, "components.000000000000"
    yield "POST", incidents, {**good, "components": {component_id: "broken"}}, f"components.{component_id}"
    yield "POST", incidents, {**good, "components": [component_id]}, "components"
    for instant in (
        "2026-11-25", "2026-11-25T03:44:25", "now", 1_764_000_000, "9999-12-31T23:59:59Z", "2199-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1" * 5000, "",
    ):  # fmt: skip
        yield "POST", incidents, {**good, "started_at": instant}, "started_at"
    window = {
        "name": "M",
        "body": "B",
        "scheduled_for": "2100-01-01T00:00:00Z",
        "scheduled_until": "2100-01-01T02:00:00Z",
    }
    maintenances = f"{PAGE}/maintenances"
    yield "POST", maintenances, {**window, "scheduled_until": "2100-01-01T00:00:00Z"}, "scheduled_until"
    yield "POST", maintenances, {**window, "scheduled_for": "2000-01-01T00:00:00Z", "scheduled_until": "2000-01-02T00:00:00Z"}, "scheduled_until"  # fmt: skip  # noqa: E501
    yield "POST", maintenances, {**window, "rrule": "EVERY NOW AND THEN"}, "rrule"
    yield "POST", maintenances, {**window, "rrule": "FREQ=SECONDLY"}, "rrule"
    yield "POST", maintenances, {**window, "components": ["000000000000"]}, "components"
    yield "POST", maintenances, {**window, "components": {component_id: "major_outage"}}, "components"
    yield "POST", maintenances, {**window, "auto_start": 1}, "auto_start"


async def test_an_invalid_body_is_refused_by_field_and_changes_nothing(api, admin, page, component):
    before = await api.fingerprint()
    for method, path, body, field in invalid_bodies(component["id"]):
        answer = await admin.request(method, path, json=body)
        assert answer.status_code == 422, (method, path, body, answer.text)
        assert field in error_of(answer, 422, "invalid")["fields"], (body, answer.text)
    assert await api.fingerprint() == before


async def test_an_error_never_repeats_what_was_sent(admin, page):
    secret = "hunter2-canary"
    for body in ({"email": 1, "password": secret}, {"email": "a@b.test", "password": [secret]}, {"password": secret}):
        answer = await admin.post("/api/v1/auth/login", json=body)
        error_of(answer, 422)
        assert secret not in answer.text


async def test_names_that_nothing_can_have_are_absent(api, admin, page, component):
    """X4, R5: in paths. Never a 500, whatever the name is made of."""
    before = await api.fingerprint()
    names = [
        "%00", "%ED%A0%80", "%FF", "'%20OR%201=1%20--", "%27;DROP%20TABLE%20page;--", "acme%20", "ACME", "%61cme%00",
        "..%2f..%2fetc", "page:acme", "acme@all", "*", "control", "%E2%98%83", "a" * 300, "0" * 12,
        "1%20UNION%20SELECT",
    ]  # fmt: skip
    for name in names:
        for path in (f"/api/v1/pages/{name}", f"/api/v1/pages/{name}/snapshot", f"{PAGE}/components/{name}",
                     f"{PAGE}/incidents/{name}", f"{PAGE}/maintenances/{name}", f"{PAGE}/groups/{name}"):  # fmt: skip
            error_of(await api.anonymous.get(path), 404, "not_found")
            error_of(await admin.patch(path, json={}), 405 if path.endswith("/snapshot") and "%2f" not in path else 404)
        error_of(await admin.delete(f"/api/v1/me/sessions/{name}"), 404, "not_found")
    assert await api.fingerprint() == before


async def test_an_address_with_a_nul_is_absent_and_costs_nobody_else_an_answer(api, page):
    """Those who ask for pages at the same time share a query: what PostgreSQL refuses must not be in it."""
    outputs = ("", "/api/v2/summary.json", "/history.atom", "/history.rss", "/maintenance.ics", "/badge.svg", "/embed")
    paths = [f"/p/{name}{output}" for name in ("%00", "acme%00", "a%00b") for output in (*outputs, "/history")]
    paths += [f"/p/acme/{kind}/%00" for kind in ("incidents", "maintenances", "components")]
    paths += ["/p/acme/components/%00/badge.svg", "/p/acme/feed/%00/history.atom", "/p/acme/%00"]
    for path in paths:
        lost, found = await asyncio.gather(api.anonymous.get(path), api.anonymous.get("/p/acme/api/v2/status.json"))
        assert (lost.status_code, found.status_code) == (404, 200), path


async def test_injections_in_text_are_stored_as_text(admin, page):
    for text in ("'; DROP TABLE page; --", "{{7*7}}", "%s%n", "<script>alert(1)</script>", "\\", "🙂", "\u202egnp.exe"):
        made = data_of(await admin.post(f"{PAGE}/components", json={"name": text, "description": text}), 201)
        assert (made["name"], made["description"]) == (text, text)


async def test_query_parameters_are_checked(api, page):
    for path, field in [
        ("history?after=-1", "after"), ("history?after=x", "after"), ("history?after=99999999999999999999", "after"),
        ("history?after=1.5", "after"), ("history?after=%00", "after"), ("history?limit=0", "limit"),
        ("history?limit=1000000", "limit"), ("uptime?days=0", "days"), ("uptime?days=100000", "days"),
        ("uptime?component='", "component"), ("reports?kind=hourly", "kind"), ("reports?before=tomorrow", "before"),
        ("incidents?limit=0", "limit"), ("incidents?before=%27", "before"), ("incidents?before=" + "A" * 201, "before"),
        ("incidents?before=MjAyNg", "before"), ("incidents?before=fHx8", "before"), ("maintenances?before=é", "before"),
    ]:  # fmt: skip
        assert field in error_of(await api.anonymous.get(f"{PAGE}/{path}"), 422, "invalid")["fields"], path


async def test_every_address_answers_any_method_in_the_envelope(api, admin, page):
    for route in API_ROUTES:
        path = re.sub(r"\{\w+\}", "0" * 12, route.path.replace("{slug}", "nowhere"))
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"):
            if path == "/api/v1/me/sessions" and method == "DELETE":
                continue
            answer = await admin.request(method, path)
            if answer.status_code < 400:
                data_of(answer, answer.status_code)
                continue
            error_of(answer, answer.status_code)
            assert answer.status_code < 500, (method, path)
            if answer.status_code == 405:
                assert method not in answer.headers["allow"].split(", ")


async def test_unknown_addresses_answer_in_the_envelope(api):
    for path in (
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/pages",
        "/api/v1/pages/",
        "/api/v1/nothing",
        "/api/v1//pages",
    ):
        for method in ("GET", "POST", "DELETE"):
            error_of(await api.anonymous.request(method, path), 404, "not_found")


async def test_the_request_id_is_echoed_if_it_is_sane_and_made_if_not(api):
    sane = await api.anonymous.get("/api/v1/pages", headers={"X-Request-ID": "trace-1.2:3_4"})
    assert sane.headers["x-request-id"] == sane.json()["meta"]["request_id"] == "trace-1.2:3_4"
    seen = set()
    for offered in ("", "a b", "x" * 129, "<script>", "a\tb"):
        answer = await api.anonymous.get("/api/v1/pages", headers={"X-Request-ID": offered})
        assert answer.headers["x-request-id"] == answer.json()["meta"]["request_id"] != offered
        seen.add(answer.headers["x-request-id"])
    assert len(seen) == 5


async def test_every_answer_carries_the_security_headers(api, page):
    for path in ("/api/v1/pages", "/api/v1/nothing", "/healthz", "/api/docs", "/nothing-at-all"):
        headers = (await api.anonymous.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "referrer-policy" in headers
        assert "content-security-policy" in headers
        assert "'unsafe-inline'" not in headers["content-security-policy"]
    assert (await api.anonymous.get("/api/v1/pages")).headers["cache-control"] == "no-store"


async def test_a_second_writer_is_shown_what_the_first_one_stored(admin, page, component):
    path = f"{PAGE}/components/{component['id']}"
    first = await admin.patch(path, json={"name": "First"}, headers={"If-Match": f'"{component["version"]}"'})
    assert data_of(first)["version"] == component["version"] + 1
    assert first.headers["etag"] == f'"{component["version"] + 1}"'
    for answer in (
        await admin.patch(path, json={"name": "Second"}, headers={"If-Match": f'"{component["version"]}"'}),
        await admin.patch(path, json={"name": "Second", "version": component["version"]}),
    ):
        error_of(answer, 409, "version_conflict")
        assert answer.json()["data"]["name"] == "First"
        assert answer.json()["data"]["version"] == component["version"] + 1
    assert data_of(await admin.get(path))["name"] == "First"
    for header in ("1", '"x"', '"1", "2"', '"0"'):
        error_of(await admin.patch(path, json={"name": "S"}, headers={"If-Match": header}), 400)
    error_of(await admin.patch(path, json={"name": "S", "version": 9}, headers={"If-Match": '"2"'}), 400)
    data_of(await admin.patch(path, json={"name": "Second"}, headers={"If-Match": "*"}))


async def test_of_writers_at_the_same_moment_one_wins(admin, page, component):
    path = f"{PAGE}/components/{component['id']}"
    answers = await asyncio.gather(
        *(admin.patch(path, json={"name": f"W{n}", "version": component["version"]}) for n in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]


async def test_every_kind_of_object_is_locked_by_its_version(admin, page, component, incident):
    group = data_of(await admin.post(f"{PAGE}/groups", json={"name": "G"}), 201)
    window = {
        "name": "M",
        "body": "B",
        "scheduled_for": "2100-01-01T00:00:00Z",
        "scheduled_until": "2100-01-01T02:00:00Z",
    }
    maintenance = data_of(await admin.post(f"{PAGE}/maintenances", json=window), 201)
    for path, change in [
        (PAGE, {"title": "T"}),
        (f"{PAGE}/groups/{group['id']}", {"name": "N"}),
        (f"{PAGE}/incidents/{incident['id']}", {"name": "N"}),
        (f"{PAGE}/maintenances/{maintenance['id']}", {"name": "N"}),
    ]:
        stored = data_of(await admin.get(path))
        answer = await admin.patch(path, json={**change, "version": stored["version"] + 1000})
        error_of(answer, 409, "version_conflict")
        # The time of the last change is that of the viewer's view here, and of the row itself there.
        told = answer.json()["data"]
        assert told.pop("sent") == {**change, "version": stored["version"] + 1000}
        assert {**told, "updated_at": None} == {**stored, "updated_at": None}
        data_of(await admin.patch(path, json={**change, "version": stored["version"]}))
    update = {"status": "identified", "body": "B", "version": 1000}
    error_of(await admin.post(f"{PAGE}/incidents/{incident['id']}/updates", json=update), 409, "version_conflict")
