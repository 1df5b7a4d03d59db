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


async def store_report_of(api, day) -> None:
    async with api.state["db"].begin() as session:
        now = api.state["clock"].now()
        assert await reports.store(session, "acme", period_of(ReportKind.DAILY, day), now=now)


async def test_a_report_keeps_the_weights_and_the_zone_it_prints(api, admin, component):
    """Case 20: other weights leave what was reported alone, and what is told of its day later counts by its own."""
    now = api.state["clock"].now()
    noon = (now - timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)
    await tell(admin, component, noon, noon + timedelta(hours=6))
    await store_report_of(api, noon.date())
    weights = {"major_outage": 1.0, "partial_outage": 0.3, "degraded_performance": 0.0}
    (report,) = data_of(await api.anonymous.get(f"{PAGE}/reports"))
    assert (report["uptime"], report["weights"], report["time_zone"]) == (0.75, weights, "Etc/UTC")
    data_of(await admin.patch(PAGE, json={"weights": {"major_outage": 0.5}, "time_zone": "Pacific/Kiritimati"}))
    assert data_of(await api.anonymous.get(f"{PAGE}/reports")) == [report]
    before = noon.replace(hour=6)
    await tell(admin, component, before, before + timedelta(hours=6))
    (told_anew,) = data_of(await api.anonymous.get(f"{PAGE}/reports"))
    assert (told_anew["uptime"], told_anew["weights"], told_anew["time_zone"]) == (0.5, weights, "Etc/UTC")
    assert data_of(await api.anonymous.get(f"{PAGE}/snapshot"))["report"] == told_anew
    assert data_of(await api.anonymous.get(f"{PAGE}/uptime"))["weights"] == weights | {"major_outage": 0.5}


async def test_another_start_date_changes_the_reports_as_it_does_the_figures(api, admin, component):
    """Case 8: what lies before a component's start is no data in its reports too, and data again when it is not."""
    day = (api.state["clock"].now() - timedelta(days=3)).date()
    await store_report_of(api, day)
    path = f"{PAGE}/components/{component['id']}"
    for start, expected in ((day + timedelta(days=1), None), (day, 1.0), (day + timedelta(days=1), None), (None, 1.0)):
        data_of(await admin.patch(path, json={"start_date": start and start.isoformat()}))
        (report,) = data_of(await api.anonymous.get(f"{PAGE}/reports"))
        (figure,) = data_of(await api.anonymous.get(f"{PAGE}/uptime?days=4"))["components"]
        assert report["components"][0]["uptime"] == figure["days"][0]["ratio"] == expected
    assert data_of(await api.anonymous.get(f"{PAGE}/snapshot"))["report"] == report


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


@pytest.mark.parametrize(
    "text", ["1793491200", "1793491200000", "20261101", "2026-11-01T00:00:00", "2026-11-01 ", "+0"]
)
async def test_a_day_is_a_date_and_no_number_of_seconds(api, admin, component, text):
    asked = {"component": component["id"], "date": text}
    for path in ("uptime/days", "uptime/hours"):
        error = error_of(await api.anonymous.get(f"{PAGE}/{path}", params=asked), 422)
        assert error["fields"]["date"].endswith("must be a day such as 2026-11-25")
    error_of(await api.anonymous.get(f"{PAGE}/reports", params={"before": text}), 422)
    path = f"{PAGE}/components/{component['id']}"
    error_of(await admin.patch(path, json={"start_date": text}), 422)
    assert data_of(await admin.get(path))["start_date"] == "2026-01-01"


async def test_the_first_day_of_a_component_is_whole_in_every_zone(api, admin, component):
    """A start date is a date of the page's calendar: in a zone that is ahead it begins, and is known, earlier."""
    for zone in ("America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Etc/UTC"):
        data_of(await admin.patch(PAGE, json={"time_zone": zone}))
        asked = {"component": component["id"], "date": "2026-01-01"}
        told = data_of(await api.anonymous.get(f"{PAGE}/uptime/hours", params=asked))
        assert [hour["worst"] for hour in told] == ["operational"] * 24, zone
        first = {**asked, "date": "2025-12-31"}
        assert all(hour["no_data"] for hour in data_of(await api.anonymous.get(f"{PAGE}/uptime/hours", params=first)))


async def test_an_incident_that_was_over_later_than_it_was_said_counts_until_then(api, admin, component):
    """Other times told afterwards are what counts, and opening it again leaves what was before as it is told."""
    now = api.state["clock"].now()
    start = now.replace(microsecond=0) - timedelta(hours=10)
    hour = timedelta(hours=1)
    words = {"name": "Down", "status": "investigating", "body": "x", "components": {component["id"]: "major_outage"}}
    opened = data_of(await admin.post(f"{PAGE}/incidents", json=words | {"started_at": iso(start)}), 201)
    path = f"{PAGE}/incidents/{opened['id']}"
    ended = {"status": "resolved", "body": "x", "display_at": iso(start + hour)}
    data_of(await admin.post(f"{path}/updates", json=ended), 201)

    async def downtime_s() -> int:
        return data_of(await api.anonymous.get(f"{PAGE}/uptime?days=3"))["components"][0]["downtime_s"]

    for length in (3, 0.5, 2):
        data_of(await admin.patch(path, json={"resolved_at": iso(start + length * hour)}))
        assert await downtime_s() == length * 3600
    again = {"status": "identified", "body": "x", "display_at": iso(start + 5 * hour)}
    data_of(await admin.post(f"{path}/updates", json=again), 201)
    data_of(await admin.post(f"{path}/updates", json=ended | {"display_at": iso(start + 6 * hour)}), 201)
    assert await downtime_s() == 2 * 3600  # to where each end is told of


async def test_what_was_told_when_it_was_over_stays_told_when_it_opens_again(api, admin, component):
    now = api.state["clock"].now()
    start = now.replace(microsecond=0) - timedelta(hours=10)
    hour = timedelta(hours=1)
    incident = await tell(admin, component, start, start + hour)
    path = f"{PAGE}/incidents/{incident['id']}"
    for state, at in (("monitoring", 4), ("resolved", 6)):
        body = {"status": state, "body": "x", "display_at": iso(start + at * hour)}
        data_of(await admin.post(f"{path}/updates", json=body), 201)
    data_of(await admin.patch(path, json={"started_at": iso(start - hour)}))  # tells all of it anew
    (figure,) = data_of(await api.anonymous.get(f"{PAGE}/uptime?days=3"))["components"]
    assert figure["downtime_s"] == (2 + 2) * 3600


async def test_figures_stand_as_they_stood_at_an_instant(api, admin, component):
    """What came later on the same day does not count; an outage that was going on has no end; the future is refused."""
    now = api.state["clock"].now()
    noon = (now - timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
    await tell(admin, component, noon, noon + timedelta(hours=4))
    asked = {"component": component["id"], "date": noon.date().isoformat()}
    for hours, expected in ((0, 1.0), (3, 1 - 3 / 15), (11, 1 - 4 / 23)):
        at = {"at": iso(noon + timedelta(hours=hours))}
        told = data_of(await api.anonymous.get(f"{PAGE}/uptime", params={"days": 1, "windows": "3h"} | at))
        assert told["period_end"] == noon.date().isoformat()
        assert told["ratio"] == told["components"][0]["days"][0]["ratio"] == pytest.approx(expected, abs=1e-12)
        assert told["windows"]["3h"]["ratio"] == (0.0 if hours == 3 else 1.0)
        outages = data_of(await api.anonymous.get(f"{PAGE}/uptime/days", params=asked | at))
        ends = [(outage["end"] is None, outage["length_s"]) for outage in outages]
        assert ends == {0: [], 3: [(True, 3 * 3600)], 11: [(False, 4 * 3600)]}[hours]
        parts = data_of(await api.anonymous.get(f"{PAGE}/uptime/hours", params=asked | at))
        assert sum(part["downtime_s"] for part in parts) == min(hours, 4) * 3600
        assert [part["no_data"] for part in parts] == [n >= 12 + hours for n in range(24)]
    for path in ("uptime", "uptime/days", "uptime/hours"):
        params = asked | {"at": iso(now + timedelta(days=1))}
        assert error_of(await api.anonymous.get(f"{PAGE}/{path}", params=params), 422)["fields"].keys() == {"at"}
