"""What operators are shown of a draft is what each kind of viewer then gets, and nobody gets it before."""

import pytest

from tests.support.api import data_of, error_of

PAGE = "/api/v1/pages/acme"
DRAFT = {"kind": "incident", "name": "Labels", "status": "investigating", "body": "We **look**. <b>Now</b>"}


async def add(client, path, **body):
    return data_of(await client.post(f"{PAGE}/{path}", json=body), 201)


async def show(client, **body):
    return data_of(await client.post(f"{PAGE}/preview", json={**DRAFT, **body}))


def by_audience(shown):
    return {item["audience"]: item for item in shown["audiences"]}


@pytest.fixture
async def components(admin, page):
    """Ids of one component that everybody sees and one for confirmed accounts."""
    public = await add(admin, "components", name="Open")
    return public["id"], (await add(admin, "components", name="Hidden", audience="verified"))["id"]


async def test_each_kind_of_viewer_is_shown_his_part_of_a_draft(api, admin, components):
    """By the gate of all outputs: impact and names of what is hidden are left out, and what is hidden altogether is
    not there."""
    public, hidden = components
    offset = data_of(await admin.get(f"{PAGE}/snapshot"))["offset"]
    shown = await show(admin, components={public: "degraded_performance", hidden: "major_outage"})
    assert shown["body_html"] == "<p>We <strong>look</strong>. &lt;b&gt;Now&lt;/b&gt;</p>"
    assert list(by_audience(shown)) == ["public", "verified"]  # the page knows no other difference
    everybody, confirmed = shown["audiences"]
    assert everybody["components"] == [{"id": public, "name": "Open", "status": "degraded_performance"}]
    assert (everybody["incident"]["impact"], everybody["status"]["indicator"]) == ("minor", "minor")
    assert "Hidden" not in str(everybody)
    assert (confirmed["incident"]["impact"], len(confirmed["components"])) == ("critical", 2)
    only = await show(admin, components={hidden: "major_outage"})
    assert [(item["sees"], item["incident"] is None) for item in only["audiences"]] == [(False, True), (True, False)]
    assert only["audiences"][0]["status"]["indicator"] == "none"
    assert (only["viewers"], only["reached"]) == (0, 0)
    after = data_of(await admin.get(f"{PAGE}/snapshot"))
    assert (after["offset"], after["incidents"]) == (offset, [])

    told_now = {key: DRAFT[key] for key in ("name", "status", "body")}
    opened = await add(admin, "incidents", **told_now, components={public: "major_outage"})
    shown = await show(admin, about=opened["id"], status="resolved", body="Over.")
    told = by_audience(shown)["public"]
    await add(admin, f"incidents/{opened['id']}/updates", status="resolved", body="Over.")
    stored = data_of(await api.anonymous.get(f"{PAGE}/incidents/{opened['id']}"))
    real = data_of(await api.anonymous.get(f"{PAGE}/snapshot"))
    assert told["status"] == real["status"]
    for name in ("name", "status", "impact", "components"):
        assert told["incident"][name] == stored[name]
    for name in ("status", "body_html", "components", "affected"):
        assert told["incident"]["updates"][0][name] == stored["updates"][0][name]
    again = by_audience(await show(admin, about=opened["id"], status="investigating", body="Back."))["public"]
    assert again["incident"]["components"] == {public: "major_outage"}  # case 31: it holds what it held
    more = {"about": opened["id"], "status": "investigating", "components": {hidden: "operational"}}
    assert set(by_audience(await show(admin, **more))["public"]["incident"]["components"]) == {public}


async def test_an_audience_without_components_and_unfit_drafts(api, admin, components):
    told = by_audience(await show(admin, audience="authenticated"))
    assert {name: item["sees"] for name, item in told.items()} == {
        "public": False,
        "authenticated": True,
        "verified": True,
    }
    for unfit in (
        {"status": "postmortem"},
        {"status": "scheduled"},
        {"components": {"zzzzzzzzzzzz": "operational"}},
        {"kind": "maintenance", "status": "scheduled", "rrule": "FREQ=SOMETIMES"},
    ):
        error_of(await admin.post(f"{PAGE}/preview", json={**DRAFT, **unfit}), 422)
    error_of(await admin.post(f"{PAGE}/preview", json={**DRAFT, "about": "zzzzzzzzzzzz"}), 404)
    error_of(await api.anonymous.post(f"{PAGE}/preview", json=DRAFT), 401)


async def test_the_next_three_windows_are_those_that_will_come(admin, components):
    """Case 40: 03:00 on the page's clocks on both sides of the change to summer time; and the last of a count."""
    data_of(await admin.patch(PAGE, json={"time_zone": "Europe/Berlin"}))
    window = {"scheduled_for": "2099-03-22T02:00:00Z", "scheduled_until": "2099-03-22T03:00:00Z"}
    draft = {"kind": "maintenance", "status": None, "components": {components[0]: "under_maintenance"}, **window}
    shown = await show(admin, rrule="FREQ=WEEKLY;BYDAY=SU", **draft)
    starts = [item["scheduled_for"][:16] for item in shown["windows"]]
    assert starts == ["2099-03-22T02:00", "2099-03-29T01:00", "2099-04-05T01:00"]
    told = by_audience(shown)["public"]
    assert told["maintenance"]["components"] == [components[0]]
    assert told["components"][0]["status"] == "under_maintenance"
    assert len((await show(admin, rrule="FREQ=DAILY;COUNT=2", **draft))["windows"]) == 2
    assert len((await show(admin, **draft))["windows"]) == 1
