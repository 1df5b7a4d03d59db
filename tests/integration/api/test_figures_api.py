"""Figures over REST, and that every output gives the same ones."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.domain.report import ReportKind, period_of
from hub.domain.text import iso
from hub.services import reports
from hub.web.words import percent
from tests.support.api import data_of, error_of

PAGE = "/api/v1/pages/acme"


@pytest.fixture
async def component(admin, page) -> dict:
    made = await admin.post(f"{PAGE}/components", json={"name": "API", "start_date": "2026-01-01"})
    return data_of(made, 201)


async def tell(admin, component, start, end) -> dict:
    body = {
        "name": "Down",
        "status": "resolved",
        "body": "It was down.",
        "started_at": iso(start),
        "resolved_at": iso(end),
        "components": {component["id"]: "major_outage"},
    }
    return data_of(await admin.post(f"{PAGE}/incidents", json=body), 201)


async def test_rest_page_badge_and_report_give_the_same_figure(api, admin, component):
    """Case 8: one component, one function, one number. Told afterwards, the outage changes the stored report too."""
    now = api.state["clock"].now()
    noon = (now - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    yesterday = noon.astimezone(ZoneInfo("Etc/UTC")).date()
    async with api.state["db"].begin() as session:
        assert await reports.store(session, "acme", period_of(ReportKind.DAILY, yesterday), now=now)
    before = data_of(await api.anonymous.get(f"{PAGE}/reports"))[0]
    assert before["components"][0]["uptime"] == 1.0
    await tell(admin, component, noon, noon + timedelta(hours=3))
    told = data_of(await api.anonymous.get(f"{PAGE}/uptime?days=90&windows=90d"))
    (figure,) = told["components"]
    days = {bar["date"]: bar for bar in figure["days"]}
    assert days[yesterday.isoformat()]["ratio"] == pytest.approx(1 - 3 / 24, abs=1e-12)
    assert figure["ratio"] == told["ratio"] == told["windows"]["90d"]["components"][0]["ratio"]
    report = data_of(await api.anonymous.get(f"{PAGE}/reports"))[0]
    assert report["components"][0]["uptime"] == days[yesterday.isoformat()]["ratio"]
    assert report["downtime_s"] == 3 * 3600
    assert report["incidents"] == 1
    snapshot = data_of(await api.anonymous.get(f"{PAGE}/snapshot"))
    assert snapshot["report"] == report
    html = (await api.anonymous.get("/p/acme")).text
    assert percent(figure["ratio"]) in html
    badge = (await api.anonymous.get(f"/p/acme/components/{component['id']}/badge.svg?show=uptime&days=90")).text
    assert percent(figure["ratio"]).replace(" ", "") in re.sub(r"[\s\u202f\u00a0]", "", badge)


async def test_outages_and_hours_of_a_day(api, admin, component):
    now = api.state["clock"].now()
    start = (now - timedelta(days=2)).replace(hour=10, minute=30, second=0, microsecond=0)
    incident = await tell(admin, component, start, start + timedelta(hours=1))
    asked = {"component": component["id"], "date": start.date().isoformat()}
    (outage,) = data_of(await api.anonymous.get(f"{PAGE}/uptime/days", params=asked))
    assert (outage["status"], outage["length_s"]) == ("major_outage", 3600)
    assert outage["incidents"] == [{"id": incident["id"], "name": "Down"}]
    hours = data_of(await api.anonymous.get(f"{PAGE}/uptime/hours", params=asked))
    assert [(hour["local"][11:16], hour["downtime_s"]) for hour in hours if hour["downtime_s"]] == [
        ("10:00", 1800),
        ("11:00", 1800),
    ]
    span = {"component": component["id"], "from": "2026-01-01", "to": start.date().isoformat()}
    assert len(data_of(await api.anonymous.get(f"{PAGE}/uptime/days", params=span))) == 1
    day = {"date": "2026-01-01"}
    for wrong in ({}, {"to": "2026-01-01"}, day | {"from": "2026-01-01"}, {"from": "2027-01-01", "to": "2026-01-01"}):
        error_of(await api.anonymous.get(f"{PAGE}/uptime/days", params={"component": component["id"], **wrong}), 422)
    error_of(await api.anonymous.get(f"{PAGE}/uptime/days", params={"date": "2026-01-01"}), 422)
    error_of(await api.anonymous.get(f"{PAGE}/uptime/hours", params={"component": component["id"]}), 422)
    for wrong in ("1y", "0h", "24h,7", "999d", ",".join(f"{n}d" for n in range(1, 20))):
        fields = error_of(await api.anonymous.get(f"{PAGE}/uptime", params={"windows": wrong}), 422)["fields"]
        assert fields.keys() == {"windows"}


async def test_outages_of_what_is_hidden_are_absent(api, admin, component):
    """A component that one may not see is absent; what told of the outage of one that one sees is named."""
    secret = data_of(await admin.post(f"{PAGE}/components", json={"name": "Secret", "audience": "verified"}), 201)
    now = api.state["clock"].now()
    await tell(admin, secret, now - timedelta(hours=2), now - timedelta(hours=1))
    await tell(admin, component, now - timedelta(hours=2), now - timedelta(hours=1))
    asked = {"from": "2026-06-01", "to": now.date().isoformat()}
    error_of(await api.anonymous.get(f"{PAGE}/uptime/days", params=asked | {"component": secret["id"]}), 404)
    day = {"component": secret["id"], "date": now.date().isoformat()}
    error_of(await api.anonymous.get(f"{PAGE}/uptime/hours", params=day), 404)
    shown = await api.anonymous.get(f"{PAGE}/uptime/days", params=asked | {"component": component["id"]})
    assert [len(outage["incidents"]) for outage in data_of(shown)] == [1]
    assert data_of(await admin.get(f"{PAGE}/uptime/days", params=asked | {"component": secret["id"]}))
