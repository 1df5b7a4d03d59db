"""What users of status pages complain of in their figures, and what is right here, by the numbers of the cases.

Everything is done as operators do it, by the services, at instants of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from hub.domain.audience import OPERATORS
from hub.domain.incident import IncidentStatus
from hub.domain.status import Status
from hub.services import components, groups, incidents, maintenances, pages, schedule
from hub.services.components import NewComponent
from hub.services.database import Sessions
from hub.services.day_details import hours, outages
from hub.services.groups import NewGroup
from hub.services.incidents import NewIncident, NewUpdate
from hub.services.maintenances import NewMaintenance
from hub.services.pages import NewPage
from hub.services.snapshots import read_snapshot
from hub.services.state import load_page
from hub.services.uptime import Stretch, page_uptime
from tests.support.desk import ADMIN
from tests.support.rows import add_component, add_page

OK, MAINTENANCE, DEGRADED, PARTIAL, MAJOR = Status
INVESTIGATING, IDENTIFIED, _, RESOLVED, _ = IncidentStatus
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday
OLD = date(2026, 1, 1)
DAY = 86_400
WINDOWS = [Stretch("24h", hours=24), *(Stretch(f"{count}d", days=count) for count in (7, 30, 90))]


def at(text: str) -> datetime:
    """An instant: UTC unless the text has an offset."""
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


@dataclass
class Hub:
    """One page and its operator. `do` is a use case at an instant, `uptime` the page's figures at one."""

    sessions: Sessions
    slug: str = "acme"

    async def do(self, service: Any, *args: Any, now: datetime, **options: Any) -> Any:
        async with self.sessions.begin() as session:
            return await service(session, self.slug, *args, by=ADMIN, now=now, **options)

    async def component(self, name: str, **options: Any) -> str:
        made = await self.do(components.create, NewComponent(name, start_date=OLD, **options), now=at("2026-08-01"))
        return made["id"]

    async def tell(
        self, words: Mapping[str, Status], start: str, end: str | None = None, *, now: datetime = NOW
    ) -> str:
        """An incident from `start` to `end`; its id. Told at `now` with a past, or as it is going on."""
        status = INVESTIGATING if end is None else RESOLVED
        new = NewIncident(
            "Down",
            NewUpdate(status, "We look into it.", words),
            started_at=at(start),
            resolved_at=None if end is None else at(end),
        )
        return (await self.do(incidents.open_incident, new, now=now))["id"]

    async def uptime(self, *, days: int = 90, now: datetime = NOW, windows: Any = ()) -> dict[str, Any]:
        async with self.sessions() as session:
            page = await load_page(session, self.slug)
            assert page is not None
            return await page_uptime(session, page, OPERATORS, days=days, now=now, windows=windows)

    async def figures(self, component_id: str, **options: Any) -> dict[str, Any]:
        """Of one component; `on` has its days by date."""
        told = await self.uptime(**options)
        (found,) = [item for item in told["components"] if item["id"] == component_id]
        return found | {"on": {bar["date"]: bar for bar in found["days"]}, "windows": told["windows"]}

    async def statuses(self) -> dict[str, str]:
        async with self.sessions() as session:
            snapshot = await read_snapshot(session, f"page:{self.slug}")
        return {item["id"]: item["status"] for item in snapshot["components"]}


async def make_hub(sessions: Sessions, *, time_zone: str = "UTC") -> Hub:
    async with sessions.begin() as session:
        await pages.create(session, NewPage("acme", "Acme", time_zone=time_zone), by=ADMIN, now=at("2026-08-01"))
    return Hub(sessions)


@pytest.fixture
async def hub(sessions: Sessions) -> Hub:
    return await make_hub(sessions)


async def test_without_trouble_every_window_is_exactly_one_hundred(hub: Hub) -> None:
    """Case 1."""
    api = await hub.component("API")
    told = await hub.figures(api, windows=WINDOWS)
    assert told["ratio"] == 1.0
    assert {name: window["ratio"] for name, window in told["windows"].items()} == dict.fromkeys(
        ("24h", "7d", "30d", "90d"), 1.0
    )
    assert {bar["ratio"] for bar in told["days"]} == {1.0}
    assert told["seconds"] == {"operational": 89 * DAY + DAY // 2}


async def test_an_outage_is_in_the_figure_of_24_hours_as_soon_as_it_is_over(hub: Hub) -> None:
    """Case 2: ten minutes that ended a minute ago are 99.306 %, and are there at once while they last."""
    api = await hub.component("API")
    await hub.do(components.update, api, {"status": MAJOR}, now=NOW - timedelta(minutes=11))
    lasting = await hub.figures(api, now=NOW - timedelta(minutes=6), windows=WINDOWS)
    assert lasting["windows"]["24h"]["ratio"] == pytest.approx(1 - 5 / 1440, abs=1e-12)
    await hub.do(components.update, api, {"status": OK}, now=NOW - timedelta(minutes=1))
    told = await hub.figures(api, windows=WINDOWS)
    (figure,) = told["windows"]["24h"]["components"]
    assert round(100 * figure["ratio"], 3) == 99.306
    assert figure["seconds"] == {"operational": DAY - 600, "major_outage": 600}


async def test_two_outages_that_overlap_are_a_union(hub: Hub) -> None:
    """Case 4: 10:00 to 11:00 and 10:30 to 11:30 are 90 minutes, told in whichever order."""
    api = await hub.component("API")
    await hub.tell({api: MAJOR}, "2026-11-24T10:30", "2026-11-24T11:30")
    await hub.tell({api: MAJOR}, "2026-11-24T10:00", "2026-11-24T11:00")
    told = await hub.figures(api)
    assert told["on"]["2026-11-24"]["downtime_s"] == 90 * 60
    assert told["on"]["2026-11-24"]["ratio"] == pytest.approx(1 - 90 / 1440, abs=1e-12)


async def test_the_figure_is_weighted_by_time_and_not_by_the_number_of_reports(hub: Hub) -> None:
    """Cases 7 and 13: an hour told bad sixty times and an hour told good six times are 50 %; silence is free."""
    api = await hub.component("API")
    for minute in range(60):
        await hub.do(components.update, api, {"status": MAJOR}, now=at("2026-11-25T10:00") + timedelta(minutes=minute))
    for minute in range(0, 60, 10):
        await hub.do(components.update, api, {"status": OK}, now=at("2026-11-25T11:00") + timedelta(minutes=minute))
    told = await hub.figures(api, windows=[Stretch("2h", hours=2)])
    assert told["windows"]["2h"]["ratio"] == 0.5
    assert told["on"]["2026-11-24"]["ratio"] == 1.0  # a day on which nobody reported anything


async def test_days_that_nobody_knows_of_are_no_data(sessions: Sessions) -> None:
    """Case 10: five days between two stretches are neither green nor in the denominator."""
    async with sessions.begin() as session:
        page_id = await add_page(session, "acme", at("2026-08-01"))
        gap, back = at("2026-11-10"), at("2026-11-15")
        history = (("operational", at("2026-11-01"), gap), ("operational", back, None))
        api = await add_component(session, page_id, "API", at("2026-11-01"), *history)
    hub = Hub(sessions)
    told = await hub.figures(api)
    unknown = [day for day, bar in told["on"].items() if bar["no_data"] and day >= "2026-11-01"]
    assert unknown == [f"2026-11-{day}" for day in range(10, 15)]
    assert all((bar["ratio"], bar["worst"]) == (None, None) for bar in told["days"] if bar["no_data"])
    await hub.do(components.update, api, {"status": MAJOR}, now=NOW - timedelta(hours=12))
    told = await hub.figures(api)
    assert told["ratio"] == pytest.approx(1 - 0.5 / 19.5, abs=1e-12)  # 9 days, then 10.5, of which the last 0.5 down


async def test_an_outage_across_midnight_is_on_both_days(sessions: Sessions) -> None:
    """Case 14: 23:30 to 00:30 by the page's clock."""
    hub = await make_hub(sessions, time_zone="America/New_York")
    api = await hub.component("API")
    await hub.tell({api: MAJOR}, "2026-11-20T23:30-05:00", "2026-11-21T00:30-05:00")
    on = (await hub.figures(api))["on"]
    assert [on[day]["downtime_s"] for day in ("2026-11-20", "2026-11-21")] == [1800, 1800]
    assert [day for day, bar in on.items() if bar["ratio"] != 1.0] == ["2026-11-20", "2026-11-21"]


async def test_hours_are_those_of_the_clock_on_the_page(sessions: Sessions) -> None:
    """Case 16: in a zone of half hours an outage from 10:30 to 11:00 is in the hour of 10 alone."""
    hub = await make_hub(sessions, time_zone="Asia/Kolkata")
    api = await hub.component("API")
    await hub.tell({api: MAJOR}, "2026-11-24T10:30+05:30", "2026-11-24T11:00+05:30")
    async with sessions() as session:
        page = await load_page(session, "acme")
        assert page is not None
        told = await hours(session, page, OPERATORS, api, day=date(2026, 11, 24), now=NOW)
        today = await hours(session, page, OPERATORS, api, day=date(2026, 11, 25), now=NOW)
    assert [hour["local"] for hour in told] == [f"2026-11-24T{hour:02}:00+05:30" for hour in range(24)]
    assert told[0]["start"] == "2026-11-23T18:30:00.000Z"
    assert [hour["downtime_s"] for hour in told] == [1800 if hour == 10 else 0 for hour in range(24)]
    assert [hour["no_data"] for hour in today] == [False] * 18 + [True] * 6  # 17:30 there


async def test_days_of_25_and_of_23_hours(sessions: Sessions) -> None:
    """Case 17: 02:30 CEST to 02:30 CET is an hour of a day of 25; ninety bars, no date twice."""
    hub = await make_hub(sessions, time_zone="Europe/Berlin")
    api = await hub.component("API")
    await hub.tell({api: MAJOR}, "2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00")
    told = await hub.figures(api)
    assert len(told["on"]) == len(told["days"]) == 90
    assert told["on"]["2026-10-25"]["downtime_s"] == 3600
    assert told["on"]["2026-10-25"]["ratio"] == pytest.approx(1 - 1 / 25, abs=1e-12)
    async with sessions() as session:
        page = await load_page(session, "acme")
        assert page is not None
        longer = await hours(session, page, OPERATORS, api, day=date(2026, 10, 25), now=NOW)
        shorter = await hours(session, page, OPERATORS, api, day=date(2026, 3, 29), now=NOW)
    assert (len(longer), len(shorter)) == (25, 23)
    assert [hour["local"][11:] for hour in longer if hour["downtime_s"]] == ["02:00+02:00", "02:00+01:00"]


async def test_a_status_stays_until_another_is_told(hub: Hub) -> None:
    """Case 19: an hour in which nothing comes takes no status away."""
    api = await hub.component("API")
    await hub.do(components.update, api, {"status": PARTIAL}, now=NOW - timedelta(hours=1))
    told = await hub.figures(api)
    assert await hub.statuses() == {api: "partial_outage"}
    assert told["on"]["2026-11-25"]["downtime_s"] == 3600


async def test_weights_are_the_pages_and_come_with_the_figures(sessions: Sessions) -> None:
    """Case 20: the same day under two sets of weights; maintenance costs nothing, and there is a figure without it."""
    async with sessions.begin() as session:
        page_id = await add_page(session, "acme", at("2026-08-01"), weight_partial=0.5)
        edges = [at("2026-08-01"), *(at(f"2026-11-24T{hour:02}:00") for hour in (6, 9, 12, 18))]
        words = ("operational", "partial_outage", "operational", "under_maintenance")
        history = [(word, *edges[place : place + 2]) for place, word in enumerate(words)]
        api = await add_component(session, page_id, "API", at("2026-08-01"), *history, ("operational", edges[-1], None))
    hub = Hub(sessions)
    told = await hub.uptime(now=at("2026-11-24T23:59:59.999999"), days=1)
    assert told["weights"] == {"major_outage": 1.0, "partial_outage": 0.5, "degraded_performance": 0.0}
    (figure,) = told["components"]
    assert figure["id"] == api
    assert figure["ratio"] == pytest.approx(1 - 1.5 / 24, abs=1e-9)
    assert figure["ratio_excluding_maintenance"] == pytest.approx(1 - 1.5 / 18, abs=1e-9)
    assert told["ratio_excluding_maintenance"] == figure["ratio_excluding_maintenance"]
    assert figure["seconds"] == {"operational": 15 * 3600, "under_maintenance": 6 * 3600, "partial_outage": 3 * 3600}


async def test_a_group_is_the_plain_mean_of_its_components(hub: Hub) -> None:
    """Cases 22 and 23: 100 and 90 are 95; a day of outage in ninety, of one component of two, is 99.44."""
    ids = {}
    for name in ("Half", "Quarter"):
        group = (await hub.do(groups.create, NewGroup(name), now=at("2026-08-01")))["id"]
        ids[name] = [group, *[await hub.component(f"{name} {part}", group_id=group) for part in "AB"]]
    midnight = at("2026-11-26") - timedelta(microseconds=1)
    await hub.tell({ids["Half"][1]: MAJOR}, "2026-10-01", "2026-10-10")  # 9 of 90 days
    await hub.tell({ids["Quarter"][2]: MAJOR}, "2026-10-01", "2026-10-02")
    told = {item["id"]: item["ratio"] for item in (await hub.uptime(now=midnight))["groups"]}
    assert told[ids["Half"][0]] == pytest.approx(0.95, abs=1e-9)
    assert round(100 * told[ids["Quarter"][0]], 2) == 99.44


async def test_components_of_one_incident_recover_one_by_one(hub: Hub) -> None:
    """Case 34: each counts until the update that lets go of it."""
    a, b = await hub.component("A"), await hub.component("B")
    incident = await hub.tell({a: MAJOR, b: PARTIAL}, "2026-11-25T08:00", now=at("2026-11-25T08:00"))
    await hub.do(
        incidents.add_update, incident, NewUpdate(IDENTIFIED, "A is back.", {a: OK}), now=at("2026-11-25T09:00")
    )
    assert await hub.statuses() == {a: "operational", b: "partial_outage"}
    await hub.do(incidents.add_update, incident, NewUpdate(RESOLVED, "All is back."), now=at("2026-11-25T11:00"))
    assert (await hub.figures(a))["seconds"]["major_outage"] == 3600
    assert (await hub.figures(b))["seconds"]["partial_outage"] == 3 * 3600


async def test_the_end_of_a_maintenance_shows_the_outage_beneath(hub: Hub) -> None:
    """Case 35: it was an outage all along, and stays one."""
    api = await hub.component("API")
    await hub.tell({api: MAJOR}, "2026-11-25T08:00", now=at("2026-11-25T08:00"))
    await run_maintenance(hub, api, "2026-11-25T09:00", "2026-11-25T10:00")
    assert await hub.statuses() == {api: "major_outage"}
    told = await hub.figures(api)
    assert told["seconds"]["major_outage"] == 4 * 3600
    assert "under_maintenance" not in told["seconds"]


async def test_an_incident_told_afterwards_counts_on_its_day(hub: Hub) -> None:
    """Case 41: last Tuesday, 10:00 to 11:00. Taken back, the day is whole again; the status of today never moved."""
    api = await hub.component("API")
    incident = await hub.tell({api: MAJOR}, "2026-11-17T10:00", "2026-11-17T11:00")
    told = await hub.figures(api)
    assert told["on"]["2026-11-17"] == {
        "date": "2026-11-17",
        "ratio": pytest.approx(1 - 1 / 24, abs=1e-12),
        "worst": "major_outage",
        "downtime_s": 3600,
        "no_data": False,
    }
    assert told["seconds"]["major_outage"] == 3600
    assert await hub.statuses() == {api: "operational"}
    async with hub.sessions() as session:
        page = await load_page(session, "acme")
        assert page is not None
        found = await outages(session, page, OPERATORS, api, first=date(2026, 11, 10), last=date(2026, 11, 20), now=NOW)
    assert found == [
        {
            "status": "major_outage",
            "start": "2026-11-17T10:00:00.000Z",
            "end": "2026-11-17T11:00:00.000Z",
            "length_s": 3600,
            "incidents": [{"id": incident, "name": "Down"}],
            "maintenances": [],
        }
    ]
    await hub.do(incidents.delete, incident, now=NOW + timedelta(seconds=1))
    assert (await hub.figures(api, now=NOW + timedelta(seconds=2)))["ratio"] == 1.0


async def test_what_an_incident_left_behind_is_the_base_from_then_on(hub: Hub) -> None:
    """An end told afterwards that leaves a component degraded does so from then on, even if it is deleted."""
    api = await hub.component("API")
    incident = await hub.tell({api: MAJOR}, "2026-11-24T10:00", now=at("2026-11-24T10:00"))
    last = NewUpdate(RESOLVED, "Slow, but there.", {api: DEGRADED}, display_at=at("2026-11-24T12:00"))
    await hub.do(incidents.add_update, incident, last, now=at("2026-11-24T18:00"))
    assert await hub.statuses() == {api: "degraded_performance"}
    told = await hub.figures(api)
    assert told["seconds"]["major_outage"] == 2 * 3600
    assert told["seconds"]["degraded_performance"] == DAY
    await hub.do(incidents.delete, incident, now=NOW)
    assert (await hub.figures(api))["seconds"] == {
        "operational": 89 * DAY + DAY // 2 - DAY,
        "degraded_performance": DAY,
    }


async def test_maintenances_that_overlap_end_with_the_last(hub: Hub) -> None:
    """Case 58: 10 to 12 and 11 to 13 are three hours, without a gap, and cost nothing."""
    api = await hub.component("API")
    windows = [("2026-11-24T10:00", "2026-11-24T12:00"), ("2026-11-24T11:00", "2026-11-24T13:00")]
    ids = [
        (
            await hub.do(
                maintenances.schedule,
                NewMaintenance("Work", "We work.", scheduled_for=at(start), scheduled_until=at(end), components=[api]),
                now=at("2026-11-24T09:00"),
            )
        )["id"]
        for start, end in windows
    ]
    for hour, which in ((10, 0), (11, 1), (12, 0)):
        await advance(hub, ids[which], at(f"2026-11-24T{hour}:00"))
    assert await hub.statuses() == {api: "under_maintenance"}
    await advance(hub, ids[1], at("2026-11-24T13:00"))
    assert await hub.statuses() == {api: "operational"}
    told = await hub.figures(api)
    assert told["seconds"]["under_maintenance"] == 3 * 3600
    assert told["on"]["2026-11-24"]["worst"] == "under_maintenance"
    assert told["ratio"] == told["ratio_excluding_maintenance"] == 1.0


async def test_a_window_that_passed_while_nobody_worked_counts_at_its_planned_times(hub: Hub) -> None:
    """Case 49, as far as figures go."""
    api = await hub.component("API")
    planned = NewMaintenance(
        "Work",
        "We work.",
        scheduled_for=at("2026-11-24T10:00"),
        scheduled_until=at("2026-11-24T10:10"),
        components=[api],
    )
    key = (await hub.do(maintenances.schedule, planned, now=at("2026-11-24T09:00")))["id"]
    await advance(hub, key, at("2026-11-24T15:00"))
    assert (await hub.figures(api))["seconds"]["under_maintenance"] == 600


async def test_a_start_date_says_that_all_was_well_since_then_and_hides_what_was_before(hub: Hub) -> None:
    made = await hub.do(components.create, NewComponent("API"), now=at("2026-11-25T06:00"))
    api = made["id"]
    assert (await hub.figures(api))["seconds"] == {"operational": 6 * 3600}
    await hub.do(components.update, api, {"start_date": date(2026, 11, 20)}, now=at("2026-11-25T07:00"))
    assert (await hub.figures(api))["seconds"] == {"operational": 5 * DAY + DAY // 2}
    await hub.do(components.update, api, {"start_date": date(2026, 11, 23)}, now=at("2026-11-25T08:00"))
    told = await hub.figures(api)
    assert told["seconds"] == {"operational": 2 * DAY + DAY // 2}
    assert told["on"]["2026-11-22"]["no_data"]


async def test_other_zones_have_other_days(hub: Hub) -> None:
    """The page moves from UTC to Tokyo: 16:00 to 17:00 of one day is 01:00 to 02:00 of the next."""
    api = await hub.component("API")
    await hub.tell({api: MAJOR}, "2026-11-20T16:00", "2026-11-20T17:00")
    assert (await hub.figures(api))["on"]["2026-11-20"]["downtime_s"] == 3600
    await hub.do(pages.update, {"time_zone": "Asia/Tokyo"}, now=NOW)
    on = (await hub.figures(api))["on"]
    assert (on["2026-11-20"]["downtime_s"], on["2026-11-21"]["downtime_s"]) == (0, 3600)


async def run_maintenance(hub: Hub, component_id: str, start: str, end: str) -> None:
    planned = NewMaintenance(
        "Work", "We work.", scheduled_for=at(start), scheduled_until=at(end), components=[component_id]
    )
    key = (await hub.do(maintenances.schedule, planned, now=at(start) - timedelta(hours=1)))["id"]
    for text in (start, end):
        await advance(hub, key, at(text))


async def advance(hub: Hub, maintenance_id: str, now: datetime) -> None:
    async with hub.sessions.begin() as session:
        assert await schedule.advance(session, "acme", maintenance_id, now=now)
