"""What operators set of a page itself: colour, CSS, logo, host name, weights."""

import httpx2
import pytest

from hub.domain.color import shades
from hub.settings import Settings
from tests.support.api import Api, data_of, error_of, open_api

PAGE = "/api/v1/pages/acme"
LOGO = f"{PAGE}/files/logo"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8z"/></svg>'


async def test_a_page_is_branded_and_its_sheet_is_at_an_address_that_changes_with_it(api: Api, admin, page):
    assert (page["brand_color"], page["brand"], page["logo_url"], page["css_url"]) == (None, None, None, None)
    changed = data_of(await admin.patch(PAGE, json={"brand_color": "#FFEE00", "custom_css": "p { margin: 0 }"}))
    assert changed["brand_color"] == "#ffee00"
    assert changed["brand"] == shades("#ffee00")._asdict()
    assert changed["custom_css"] == "p { margin: 0 }"
    seen = data_of(await api.anonymous.get(PAGE))
    assert (seen["brand"], seen["css_url"]) == (changed["brand"], changed["css_url"])
    assert not {"custom_css", "custom_domain", "weights"} & seen.keys()

    sheet = await api.anonymous.get(seen["css_url"])
    assert (sheet.status_code, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert sheet.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert sheet.text.startswith(":root{--brand:")
    assert sheet.text.endswith("p { margin: 0 }\n")
    again = data_of(await admin.patch(PAGE, json={"custom_css": ""}))
    assert again["custom_css"] is None
    assert again["css_url"] != seen["css_url"]
    assert (await api.anonymous.get(seen["css_url"])).status_code == 404
    assert data_of(await admin.patch(PAGE, json={"brand_color": None}))["css_url"] is None


async def test_the_operators_snapshot_has_the_settings_and_viewers_have_what_they_load(api: Api, admin, page):
    data_of(await admin.patch(PAGE, json={"brand_color": "#123456", "weights": {"partial_outage": 0.5}}))
    shown = data_of(await admin.get(f"{PAGE}/snapshot"))["page"]
    assert shown["weights"] == {"major_outage": 1.0, "partial_outage": 0.5, "degraded_performance": 0.0}
    assert "custom_css" not in shown, "every event would carry it"
    assert "weights" not in data_of(await api.anonymous.get(f"{PAGE}/snapshot"))["page"]


async def test_weights_count_in_the_figures_at_once(api: Api, admin, page):
    component = data_of(await admin.post(f"{PAGE}/components", json={"name": "Web", "status": "partial_outage"}), 201)
    data_of(await admin.patch(PAGE, json={"weights": {"partial_outage": 1}}))
    uptime = data_of(await api.anonymous.get(f"{PAGE}/uptime", params={"days": 1, "component": component["id"]}))
    assert uptime["weights"]["partial_outage"] == 1
    told = data_of(await api.anonymous.get(f"{PAGE}/history"))["publications"]
    assert [item["data"]["type"] for item in told] == ["component.created", "page.updated"], (
        "open pages have to hear of it"
    )
    assert told[-1]["data"]["set"].keys() == {"page"}
    assert "weights" not in told[-1]["data"]["set"]["page"]
    assert uptime["components"][0]["ratio"] in {0, None}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"brand_color": "red"}, "brand_color"),
        ({"brand_color": "#12345g"}, "brand_color"),
        ({"custom_css": "@import 'x';"}, "custom_css"),
        ({"custom_css": "p { background: url(https://evil.example) }"}, "custom_css"),
        ({"custom_css": "x" * 20_001}, "custom_css"),
        ({"custom_domain": "https://status.example.com"}, "custom_domain"),
        ({"custom_domain": "localhost"}, "custom_domain"),
        ({"custom_domain": "10.0.0.1"}, "custom_domain"),
        ({"custom_domain": "Status.example.com"}, "custom_domain"),
        ({"custom_domain": "status.example.com:8443"}, "custom_domain"),
        ({"custom_domain": "hub.example.com"}, "custom_domain"),
        ({"custom_domain": "other.pages.example.com"}, "custom_domain"),
        ({"custom_domain": ""}, "custom_domain"),
        ({"weights": {"major_outage": 1.5}}, "weights.major_outage"),
        ({"weights": {"major_outage": None}}, "weights.major_outage"),
        ({"weights": {"operational": 1}}, "weights.operational"),
        ({"weights": None}, "weights"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"time_zone": "localtime"}, "time_zone"),
        ({"time_zone": "Factory"}, "time_zone"),
        ({"logo_url": "/x"}, "logo_url"),
    ],
)
async def test_what_cannot_be_set_is_named_and_nothing_changes(settings: Settings, body, field):
    named = {"hub_base_url": "https://hub.example.com", "hub_base_domain": "pages.example.com"}
    async with open_api(settings.model_copy(update=named)) as api:
        admin = await api.client_of("admin@example.test", is_admin=True)
        made = data_of(await admin.post("/api/v1/pages", json={"slug": "acme", "title": "Acme"}), 201)
        error = error_of(await admin.patch(PAGE, json=body), 422, "invalid")
        assert list(error["fields"]) == [field]
        assert data_of(await admin.get(PAGE))["version"] == made["version"]


async def test_a_host_name_is_one_page_s(api: Api, admin, page):
    data_of(await admin.post("/api/v1/pages", json={"slug": "other", "title": "Other"}), 201)
    data_of(await admin.patch(PAGE, json={"custom_domain": "status.example.com"}))
    error = error_of(await admin.patch("/api/v1/pages/other", json={"custom_domain": "status.example.com"}), 409)
    assert "custom_domain" in error["fields"]
    assert "acme" not in str(error).lower(), "whose it is, is nobody's business"
    assert data_of(await admin.patch(PAGE, json={"custom_domain": "status.example.com"}))["custom_domain"]
    data_of(await admin.patch(PAGE, json={"custom_domain": None}))
    data_of(await admin.patch("/api/v1/pages/other", json={"custom_domain": "status.example.com"}))


async def test_two_operators_who_change_the_same_both_learn_of_it(api: Api, admin, page):
    """Case 44, for settings: the second has the stored page in the answer."""
    data_of(await admin.patch(PAGE, json={"title": "One", "version": page["version"]}))
    answer = await admin.patch(PAGE, json={"title": "Two", "version": page["version"]})
    error_of(answer, 409, "version_conflict")
    assert (answer.json()["data"]["title"], answer.json()["data"]["custom_css"]) == ("One", None)


# ── the logo ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("body", "media_type"), [(PNG, "image/png"), (SVG, "image/svg+xml")])
async def test_a_logo_is_served_as_what_it_is_and_can_do_nothing(api: Api, admin, page, body, media_type):
    # What the sender calls it does not count.
    shown = data_of(await admin.put(LOGO, content=body, headers={"Content-Type": "text/html"}))
    logo = await api.anonymous.get(shown["logo_url"])
    assert (logo.status_code, logo.content) == (200, body)
    assert logo.headers["content-type"] == media_type
    assert logo.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert logo.headers["x-content-type-options"] == "nosniff"
    assert logo.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert (await admin.get(shown["logo_url"])).headers["cache-control"] == logo.headers["cache-control"]
    assert (await api.anonymous.head(shown["logo_url"])).status_code == 200

    same = data_of(await admin.put(LOGO, content=body))
    assert (same["version"], same["logo_url"]) == (shown["version"], shown["logo_url"])
    data_of(await admin.delete(LOGO))
    assert (await api.anonymous.get(shown["logo_url"])).status_code == 404
    error_of(await admin.delete(LOGO), 404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 415),
        (b"<html><script>alert(1)</script></html>", 415),
        (SVG.replace(b"<path", b"<script>alert(1)</script><path"), 422),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG, 422),
        (PNG + b"\0" * 200_000, 413),
    ],
)
async def test_what_is_no_harmless_picture_is_refused(api: Api, admin, page, body, status):
    error_of(await admin.put(LOGO, content=body), status)
    assert data_of(await admin.get(PAGE))["logo_url"] is None


async def test_logo_and_sheet_of_a_page_are_for_those_who_see_the_page(api: Api, admin, page):
    data_of(await admin.patch(PAGE, json={"audience": "verified", "brand_color": "#123456"}))
    shown = data_of(await admin.put(LOGO, content=PNG))
    fake = await api.client_of("fake@example.test", is_verified=False)
    verified = await api.client_of("verified@example.test")
    absent = await api.anonymous.get("/p/nobodys-page/logo-x.png")
    for address in (shown["logo_url"], shown["css_url"]):
        for stranger in (api.anonymous, fake):
            answer = await stranger.get(address)
            assert (answer.status_code, answer.content) == (404, absent.content)
        found = await verified.get(address)
        assert found.status_code == 200
        assert found.headers["cache-control"].startswith("private")
        assert found.headers["vary"] == "Cookie, Authorization"


async def test_who_may_not_edit_the_page_may_not_dress_it(api: Api, admin, page):
    viewer = await api.client_of("viewer@example.test", roles={page["id"]: "viewer"})
    editor = await api.client_of("editor@example.test", roles={page["id"]: "editor"})
    before = await api.fingerprint()
    for client, status in ((api.anonymous, 401), (viewer, 403)):
        error_of(await client.put(LOGO, content=PNG), status)
        error_of(await client.patch(PAGE, json={"brand_color": "#000000"}), status)
    assert await api.fingerprint() == before
    data_of(await editor.put(LOGO, content=PNG))


async def test_the_audit_log_tells_of_settings(api: Api, admin: httpx2.AsyncClient, page):
    data_of(await admin.patch(PAGE, json={"custom_css": "p { margin: 0 }", "custom_domain": "status.example.com"}))
    [entry, *_] = data_of(await admin.get(f"{PAGE}/audit"))
    assert entry["action"] == "page.updated"
    assert entry["after"]["page"][0]["custom_css"] == "p { margin: 0 }"
    assert entry["before"]["page"][0]["custom_domain"] is None
