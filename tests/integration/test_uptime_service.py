"""Uptime of a page over real tables, as each view may see it."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from hub.domain.audience import OPERATORS, View
from hub.domain.status import Status
from hub.errors import NotFound
from hub.services.database import Sessions
from hub.services.state import load_page
from hub.services.uptime import page_uptime
from tests.support.rows import add_component, add_group, add_page

NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def down(start: str, end: str, status: str = "major_outage") -> tuple[tuple[str, datetime, datetime | None], ...]:
    return (("operational", START, at(start)), (status, at(start), at(end)), ("operational", at(end), None))


async def uptime_of(sessions: Sessions, view: View, days: int = 3, **options: str) -> dict:
    async with sessions() as session:
        page = await load_page(session, "acme")
        assert page is not None
        uptime = await page_uptime(session, page, view, days=days, now=NOW, **options)
    return json.loads(json.dumps(uptime))


async def test_bars_figures_and_weights_of_a_page_are_those_of_its_intervals(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        page_id = await add_page(session, "acme", START, time_zone="Europe/Berlin", weight_partial=0.5)
        group_id = await add_group(session, page_id, "Core", START)
        api = await add_component(
            session,
            page_id,
            "API",
            START,
            *down("2026-11-23T22:00", "2026-11-24T01:00", "partial_outage"),
            group_id=group_id,
        )
        web = await add_component(
            session,
            page_id,
            "Web",
            START,
            ("operational", START, None),
            group_id=group_id,
            start_date=date(2026, 11, 24),
        )
    uptime = await uptime_of(sessions, View())
    assert uptime["weights"] == {"major_outage": 1.0, "partial_outage": 0.5, "degraded_performance": 0.0}
    assert (uptime["period_start"], uptime["period_end"]) == ("2026-11-23", "2026-11-25")
    assert (uptime["days"], uptime["time_zone"]) == (3, "Europe/Berlin")
    first, second = uptime["components"]
    assert [first["id"], second["id"]] == [api, web]
    assert first["days"] == [
        {
            "date": "2026-11-23",
            "ratio": pytest.approx(1 - 0.5 / 24),
            "worst": "partial_outage",
            "downtime_s": 3600,
            "no_data": False,
        },
        {
            "date": "2026-11-24",
            "ratio": pytest.approx(1 - 1 / 24),
            "worst": "partial_outage",
            "downtime_s": 7200,
            "no_data": False,
        },
        {"date": "2026-11-25", "ratio": 1.0, "worst": "operational", "downtime_s": 0, "no_data": False},
    ]
    assert first["ratio"] == pytest.approx(1 - 1.5 / 59)  # two whole days, and eleven hours of today
    assert second["days"][0] == {"date": "2026-11-23", "ratio": None, "worst": None, "downtime_s": 0, "no_data": True}
    assert second["ratio"] == 1.0
    mean = pytest.approx((first["ratio"] + 1) / 2)
    assert uptime["groups"] == [{"id": group_id, "name": "Core", "ratio": mean, "ratio_excluding_maintenance": mean}]
    assert uptime["ratio"] == uptime["groups"][0]["ratio"]
    assert first["seconds"] == {"operational": 59 * 3600 - 3 * 3600, "partial_outage": 3 * 3600}


async def test_a_view_gets_no_trace_of_what_it_may_not_see(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        page_id = await add_page(session, "acme", START)
        secret_group = await add_group(session, page_id, "Secret group", START)
        await add_component(session, page_id, "Shown", START, ("operational", START, None))
        hidden = await add_component(
            session,
            page_id,
            "Secret",
            START,
            *down("2026-11-24T10:00", "2026-11-24T11:00"),
            audience="group:ops",
            group_id=secret_group,
        )
        await add_component(session, page_id, "Gone", START, ("operational", START, None), deleted_at=NOW)
    public = await uptime_of(sessions, View())
    assert [item["name"] for item in public["components"]] == ["Shown"]
    assert public["ratio"] == 1.0
    assert "Secret" not in json.dumps(public)
    assert hidden not in json.dumps(public)
    with pytest.raises(NotFound):
        await uptime_of(sessions, View(), component_id=hidden)
    alone = await uptime_of(sessions, OPERATORS, component_id=hidden)
    assert [item["name"] for item in alone["components"]] == ["Secret"]
    assert alone["components"][0]["downtime_s"] == 3600
    both = await uptime_of(sessions, OPERATORS)
    assert [item["name"] for item in both["components"]] == ["Secret", "Shown"]


async def test_ninety_days_across_the_change_of_the_clock(sessions: Sessions) -> None:
    """The hour that comes twice: an outage from 02:30 CEST to 02:30 CET is one hour of a day of 25."""
    async with sessions.begin() as session:
        page_id = await add_page(session, "acme", START, time_zone="Europe/Berlin")
        await add_component(session, page_id, "API", START, *down("2026-10-25T00:30", "2026-10-25T01:30"))
    (component,) = (await uptime_of(sessions, View(), days=90))["components"]
    bars = {bar["date"]: bar for bar in component["days"]}
    assert len(bars) == len(component["days"]) == 90
    assert bars["2026-10-25"]["downtime_s"] == 3600
    assert bars["2026-10-25"]["ratio"] == pytest.approx(1 - 1 / 25)
    assert [day for day, bar in bars.items() if bar["ratio"] != 1.0] == ["2026-10-25"]


async def test_a_page_without_components_has_no_figure(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await add_page(session, "acme", START)
    uptime = await uptime_of(sessions, View())
    assert (uptime["ratio"], uptime["components"], uptime["groups"]) == (None, [], [])


async def test_an_outage_that_lasts_counts_up_to_now(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        page_id = await add_page(session, "acme", START)
        ten = NOW - timedelta(minutes=10)
        await add_component(session, page_id, "API", START, ("operational", START, ten), ("major_outage", ten, None))
    (component,) = (await uptime_of(sessions, View(), days=1))["components"]
    assert component["downtime_s"] == 600
    assert component["ratio"] == pytest.approx(1 - 10 / 600)
    assert component["days"][0]["worst"] == Status.MAJOR_OUTAGE
