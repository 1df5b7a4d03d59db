"""The Statuspage v2 documents as answers: known ones, absent ones, packed ones, and by whose key."""

import pytest

from tests.support.api import data_of

PAGE = "/api/v1/pages/acme"
V2 = "/p/acme/api/v2"


async def test_pollers_are_told_that_nothing_changed(api, admin, page):
    first = await api.anonymous.get(f"{V2}/summary.json")
    known = {"If-None-Match": f'"other", {first.headers["etag"].removeprefix("W/")}'}
    again = await api.anonymous.get(f"{V2}/summary.json", headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    data_of(await admin.post(f"{PAGE}/components", json={"name": "API"}), 201)
    changed = await api.anonymous.get(f"{V2}/summary.json", headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
    head = await api.anonymous.head(f"{V2}/summary.json")
    assert (head.status_code, head.headers["etag"]) == (200, changed.headers["etag"])
    assert int(head.headers["content-length"]) == len(changed.content)
    preflight = await api.anonymous.options(f"{V2}/summary.json", headers={"Origin": "https://elsewhere.example"})
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")


async def test_what_does_not_exist_is_json_too(api, page):
    for path in ("subscribers.json", "summary", "incidents/nothing.json", "x/y/z"):
        answer = await api.anonymous.get(f"{V2}/{path}")
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


async def test_every_refusal_is_json_and_says_no_more_than_that(api, admin, page):
    data_of(await admin.patch(PAGE, json={"audience": "verified"}))
    absent = [
        await api.anonymous.get(f"/p/{slug}/api/v2/status.json") for slug in ("acme", "nothing", "ACME", "a" * 300)
    ]
    assert {(answer.status_code, answer.content) for answer in absent} == {(404, absent[0].content)}
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = await admin.request(method, f"{V2}/status.json", headers={"Origin": str(admin.base_url)})
        assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed")
        assert "GET" in answer.headers["allow"]


async def test_a_key_comes_as_the_clients_of_a_private_page_send_it(api, admin, page):
    """`Authorization: OAuth …` is for machines' keys, and for these documents alone."""
    data_of(await admin.patch(PAGE, json={"audience": "verified"}))
    key = data_of(await admin.post("/api/v1/keys", json={"name": "poll", "pages": ["acme"], "scopes": ["read"]}), 201)[
        "key"
    ]
    answer = await api.anonymous.get(f"{V2}/summary.json", headers={"Authorization": f"OAuth {key}"})
    assert (answer.status_code, answer.json()["page"]["name"]) == (200, "Acme")
    assert answer.headers["cache-control"] == "private, no-store"
    assert "access-control-allow-origin" not in answer.headers
    token = admin.headers["authorization"].split()[1]
    for path, header in (
        (f"{V2}/summary.json", f"OAuth {token}"),
        (f"{V2}/summary.json", "OAuth hub_nothing"),
        (f"{V2}/summary.json", "OAuth"),
        (f"{V2}/summary.json", f"Basic {key}"),
        (PAGE, f"OAuth {key}"),
        ("/p/acme/history.atom", f"OAuth {key}"),
    ):
        refused = await api.anonymous.get(path, headers={"Authorization": header})
        assert refused.status_code == 401, (path, header)


@pytest.mark.parametrize("offered", ["gzip;q=0", "identity, gzip; q=0.0", "br, gzip;q=0, deflate", "", "br"])
async def test_nobody_gets_packed_what_he_cannot_unpack(api, admin, page, offered):
    for number in range(5):
        data_of(await admin.post(f"{PAGE}/components", json={"name": f"C{number}"}), 201)
    for path in (f"{V2}/summary.json", "/p/acme"):
        plain = await api.anonymous.get(path, headers={"Accept-Encoding": offered})
        packed = await api.anonymous.get(path, headers={"Accept-Encoding": "gzip;q=0.5, br"})
        assert ("content-encoding" in plain.headers, packed.headers["content-encoding"]) == (False, "gzip")
