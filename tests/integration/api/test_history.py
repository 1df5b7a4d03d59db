"""What has been: by cursor, by month, one by one; by REST and as HTML."""

import base64
import re
from datetime import timedelta

import pytest

from hub.domain.incident import Impact
from hub.domain.text import iso
from tests.support.api import data_of, error_of

PAGE = "/api/v1/pages/acme"


async def add(client, path, **body):
    return data_of(await client.post(f"{PAGE}/{path}", json=body), 201)


@pytest.fixture
async def berlin(admin, page):
    data_of(await admin.patch(PAGE, json={"time_zone": "Europe/Berlin"}))


@pytest.fixture
def clock(api):
    return api.state["clock"]


async def tell(admin, name, started_at, **more):
    """An incident that is over."""
    body = {"name": name, "status": "resolved", "body": "It is over.", "started_at": started_at}
    return await add(admin, "incidents", **(body | more))


async def read(client, path):
    answer = await client.get(f"/p/acme{path}")
    assert answer.status_code == 200, answer.text
    return answer.text


def names(html):
    return re.findall(r"<h4[^>]*><a[^>]*>([^<]*)</a>", html)


async def test_what_comes_between_two_pages_of_a_list_moves_nothing_in_them(api, admin, page, clock):
    """Case 100, on incidents, maintenances and the history page: no entry twice, none lost."""
    start = clock.now() - timedelta(days=200)
    for n in range(55):
        await tell(admin, f"I{n:02}", iso(start + timedelta(hours=n)))
    for n in range(4):
        at = clock.now() + timedelta(days=10 + n)
        await add(
            admin,
            "maintenances",
            name=f"M{n}",
            body="x",
            scheduled_for=iso(at),
            scheduled_until=iso(at + timedelta(hours=1)),
        )
    for path, total in (("incidents", 55), ("maintenances", 4)):
        first = await api.anonymous.get(f"{PAGE}/{path}", params={"limit": total // 2})
        if path == "incidents":
            await tell(admin, "new", iso(clock.now() - timedelta(minutes=1)))
        else:
            at = clock.now() + timedelta(days=90)
            await add(
                admin, path, name="new", body="x", scheduled_for=iso(at), scheduled_until=iso(at + timedelta(hours=1))
            )
        found = data_of(first)
        rest = await api.anonymous.get(f"{PAGE}/{path}", params={"before": first.json()["meta"]["next"]})
        found += data_of(rest)
        letter = path[0].upper()
        width = 2 if path == "incidents" else 1
        assert [item["name"] for item in found] == [f"{letter}{n:0{width}}" for n in reversed(range(total))]
    html = await read(api.anonymous, "/history")
    assert names(html) == ["new", *(f"I{n:02}" for n in reversed(range(6, 55)))]
    older = re.search(r'href="(/p/acme/history\?before=[^"]*)"', html)[1]
    await tell(admin, "newer", iso(clock.now() - timedelta(seconds=5)))
    assert names((await api.anonymous.get(older)).text) == [f"I{n:02}" for n in reversed(range(6))]


async def test_the_heading_of_each_page_of_the_history_goes_from_older_to_newer(api, admin, page, clock):
    """Case 37."""
    start = clock.now() - timedelta(days=300)
    for n in range(60):
        await tell(admin, f"I{n}", iso(start + timedelta(days=2 * n)))
    html = await read(api.anonymous, "/history")
    pages = [html, (await api.anonymous.get(re.search(r'href="(/p/acme/history\?before=[^"]*)"', html)[1])).text]
    this_year = clock.now().year
    for html, (low, high) in zip(pages, ((10, 59), (0, 9)), strict=True):
        oldest, newest = (start + timedelta(days=2 * n) for n in (low, high))
        words = [f"{day.day} {day:%b}" + ("" if day.year == this_year else f" {day.year}") for day in (oldest, newest)]
        assert f'<p class="muted span">{words[0]} – {words[1]}</p>' in html
        assert names(html) == [f"I{n}" for n in range(high, low - 1, -1)]


async def test_a_month_is_one_of_the_pages_own_calendar(api, admin, berlin):
    """Berlin's October ends at 23:00 UTC, its September at 22:00."""
    for name, at in (
        ("September", "2026-09-30T21:59:59Z"),
        ("first", "2026-09-30T22:00:00Z"),
        ("last", "2026-10-31T22:59:59Z"),
        ("November", "2026-10-31T23:00:00Z"),
    ):
        await tell(admin, name, at)
    listed = data_of(await api.anonymous.get(f"{PAGE}/incidents", params={"month": "2026-10"}))
    assert [item["name"] for item in listed] == ["last", "first"]
    one = await api.anonymous.get(f"{PAGE}/incidents", params={"month": "2026-10", "limit": 1})
    rest = {"month": "2026-10", "limit": 1, "before": one.json()["meta"]["next"]}
    assert [item["name"] for item in data_of(await api.anonymous.get(f"{PAGE}/incidents", params=rest))] == ["first"]
    assert data_of(await api.anonymous.get(f"{PAGE}/maintenances", params={"month": "2026-10"})) == []
    for bad in ("2026-13", "2026-1", "x", "9999-01"):
        error_of(await api.anonymous.get(f"{PAGE}/incidents", params={"month": bad}), 422)
    october = await read(api.anonymous, "/history?month=2026-10")
    assert names(october) == ["last", "first"]
    assert '<h1 class="title">October 2026</h1>' in october
    assert 'rel="prev" href="/p/acme/history?month=2026-09"' in october
    assert 'rel="next" href="/p/acme/history?month=2026-11"' in october
    september = await read(api.anonymous, "/history?month=2026-09")
    assert names(september) == ["September"]
    assert 'rel="prev"' not in september
    assert "No incidents in this month." in await read(api.anonymous, "/history?month=2026-08")
    for bad in ("2026-13", "0000-01", "x"):
        assert (await api.anonymous.get(f"/p/acme/history?month={bad}")).status_code == 404


async def test_maintenances_that_were_stand_among_the_incidents_and_have_a_page(api, admin, page, clock):
    api_component = await add(admin, "components", name="API")
    now = clock.now()
    await tell(admin, "before", iso(now - timedelta(days=2)))
    window = {"scheduled_for": iso(now - timedelta(hours=2)), "scheduled_until": iso(now + timedelta(hours=1))}
    made = await add(
        admin, "maintenances", name="Works", body="New *disks*.", components=[api_component["id"]], **window
    )
    await tell(admin, "after", iso(now - timedelta(minutes=5)))
    ahead = {"scheduled_for": iso(now + timedelta(days=1)), "scheduled_until": iso(now + timedelta(days=2))}
    await add(admin, "maintenances", name="Later", body="x", **ahead)
    assert names(await read(api.anonymous, "/history")) == ["after", "Works", "before"]
    data_of(await admin.delete(f"{PAGE}/components/{api_component['id']}"))
    shown = await read(api.anonymous, f"/maintenances/{made['id']}")
    assert "New <em>disks</em>." in shown
    assert (await api.anonymous.get("/p/acme/maintenances/aaaaaaaaaaaa")).status_code == 404


async def test_an_incident_page_is_whole(api, admin, page):
    """Every update with what it changed, the postmortem apart, and a deleted component by its name (case 46)."""
    web = await add(admin, "components", name="Web <front>")
    incident = await add(
        admin, "incidents", name="Down", status="investigating", body="Looking.", components={web["id"]: "major_outage"}
    )
    path = f"incidents/{incident['id']}/updates"
    await add(admin, path, status="resolved", body="Fixed.", components={web["id"]: "operational"})
    await add(admin, path, status="postmortem", body="We learned **much**.")
    data_of(await admin.delete(f"{PAGE}/components/{web['id']}"))
    html = await read(api.anonymous, f"/incidents/{incident['id']}")
    assert html.count("<bdi>Web &lt;front&gt;</bdi>") == 3  # affected, and in two updates
    assert re.search(r'class="postmortem".*<h2[^>]*>Postmortem</h2>.*<strong>much</strong>', html, re.DOTALL)
    assert html.index("much") < html.index("Fixed.") < html.index("Looking.")
    assert f'rel="bookmark" href="/p/acme/incidents/{incident["id"]}"' in html
    assert "We learned <strong>much</strong>" in await read(api.anonymous, "/history")


@pytest.mark.parametrize("status", ["identified", "resolved"])
async def test_incidents_of_every_impact_are_told_everywhere(api, admin, page, status):
    """Also of one that says no worse of a component than that it is under maintenance."""
    web = await add(admin, "components", name="Web")
    body = {"name": "Told", "status": status, "body": "B"}
    derived = await add(admin, "incidents", **body, components={web["id"]: "under_maintenance"})
    assert derived["impact"] == "maintenance"
    ids = [derived["id"]]
    ids += [(await add(admin, "incidents", **body, impact=impact))["id"] for impact in Impact]
    for path in ("", "/embed", "/history", "/history.atom", "/history.rss", "/api/v2/summary.json"):
        await read(api.anonymous, path)
    for key in ids:
        assert "Told" in await read(api.anonymous, f"/incidents/{key}")
        assert key in await read(api.anonymous, "/history.atom")


async def test_the_past_is_asked_for_by_an_instant(api, admin, page, clock):
    web = await add(admin, "components", name="Web")
    then = iso(clock.now())
    data_of(await admin.patch(f"{PAGE}/components/{web['id']}", json={"status": "major_outage"}))
    past = data_of(await api.anonymous.get(f"{PAGE}/snapshot", params={"at": then}))
    assert (past["at"], past["components"][0]["status"]) == (then, "operational")
    assert data_of(await api.anonymous.get(f"{PAGE}/snapshot"))["components"][0]["status"] == "major_outage"
    future = iso(clock.now() + timedelta(hours=1))
    error_of(await api.anonymous.get(f"{PAGE}/snapshot", params={"at": future}), 422)
    error_of(await api.anonymous.get(f"{PAGE}/snapshot", params={"at": "yesterday"}), 422)
    gone = error_of(await api.anonymous.get(f"{PAGE}/snapshot", params={"at": "2020-01-01T00:00:00Z"}), 404)
    assert "so long ago" in gone["message"]


FAR = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")  # instants whose UTC lies outside the calendar


@pytest.mark.parametrize("at", FAR)
async def test_a_cursor_out_of_all_time_is_none_of_ours(api, page, at):
    made = "2026-11-01T00:00:00Z"
    for parts, path in (((at, made), "incidents"), ((made, at), "incidents"), ((at,), "maintenances")):
        cursor = base64.urlsafe_b64encode("|".join([*parts, "1qks2m9grqq0"]).encode()).decode()
        answer = await api.anonymous.get(f"{PAGE}/{path}", params={"before": cursor})
        assert error_of(answer, 422)["fields"].keys() == {"before"}
    assert (
        await api.anonymous.get("/p/acme/history", params={"before": f"{at}_{made}_1qks2m9grqq0"})
    ).status_code == 404


@pytest.mark.parametrize("key", ["", "\0", "1qks2m9grqq0\n", "x" * 5_000, "🔥"])
async def test_a_cursor_of_the_history_page_ends_with_an_id(api, page, key):
    cursor = f"2026-11-01T00:00:00Z_2026-11-01T00:00:00Z_{key}"
    assert (await api.anonymous.get("/p/acme/history", params={"before": cursor})).status_code == 404
