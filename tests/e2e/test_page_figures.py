"""What stands beside the snapshot: uptime that goes on, response times, the calendar; both halves draw them alike."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from hub.domain.report import ReportKind, period_of
from hub.services import reports
from hub.web import messages
from hub.web.latency import line_of
from hub.web.month_grid import Grid, months_of
from hub.web.present import report_text
from tests.e2e.conftest import OpenTab, Site, is_live
from tests.e2e.people import Town
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 30, 12, 10, tzinfo=UTC)
WINDOWS = (("2026-11-28T00:00", 72), ("2026-12-03T04:00", 1), ("2026-12-09T21:00", 7.5), ("2027-03-27T22:00", 30))
BROWSER = """async ({ now, maintenances, series, reports }) => {
    const { Zone } = await import('/words.js');
    const { months } = await import('/month-grid.js');
    const { lineOf } = await import('/latency.js');
    const { longerText } = await import('/reports.js');
    const zone = new Zone('Europe/Berlin');
    const cellOf = (td) => {
        const link = td.querySelector('a');
        return [td.textContent, td.hasAttribute('aria-current'), link?.getAttribute('href') ?? null, link?.title ?? ''];
    };
    return {
        grids: months(maintenances, zone, now).map((table) => [
            table.caption.textContent,
            [...table.tBodies[0].rows].map((row) => [...row.cells].map(cellOf)),
        ]),
        lines: series.map((samples) => lineOf(samples, now)),
        reports: reports.map(longerText),
    };
}"""


def planned() -> list[dict[str, str]]:
    items = []
    for number, (start, hours) in enumerate(WINDOWS):
        begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
        end = begin + timedelta(hours=hours)
        times = {"scheduled_for": begin.isoformat(), "scheduled_until": end.isoformat()}
        items.append({"id": f"m{number}", "name": f"Window {number}", **times})
    return items


def measured() -> list[list[dict[str, Any]]]:
    def series(values: dict[int, float]) -> list[dict[str, Any]]:
        rising = sorted(values.items(), reverse=True)
        return [{"at": (NOW - timedelta(minutes=back)).isoformat(), "latency_ms": value} for back, value in rising]

    return [
        [],
        series({5: 100.0}),
        series({5: 0.0, 40: 0.0}),
        series({15 * back: 120.5 + back % 7 * 13.3 for back in range(96) if back % 11}),
        series({26 * 60: 4.0}),
    ]


def stored() -> list[dict[str, Any]]:
    periods = (
        ("weekly", "2026-11-23", "2026-11-30", 0.99987, 2),
        ("weekly", "2025-12-29", "2026-01-05", None, 1),
        ("monthly", "2026-10-01", "2026-11-01", 1, 0),
    )
    names = ("kind", "period_start", "period_end", "uptime", "incidents")
    return [dict(zip(names, values, strict=True)) for values in periods]


def grid_told(grid: Grid) -> list[Any]:
    def cell_told(cell: Any) -> list[Any]:
        href = f"#maintenance-{cell.first}" if cell.first else None
        return [str(cell.on.day) if cell.on else "", cell.is_today, href, cell.said]

    return [grid.title, [[cell_told(cell) for cell in week] for week in grid.weeks]]


@pytest.mark.parametrize("language", messages.LANGUAGES)
async def test_both_halves_draw_months_and_response_times_alike(module_tab: Page, language: str):
    island = json.dumps({"language": language, "messages": dict(messages.catalogue(language))})
    await module_tab.evaluate(
        """(text) => {
            const island = document.createElement('script');
            Object.assign(island, { type: 'application/json', id: 'messages', textContent: text });
            document.head.append(island);
        }""",
        island,
    )
    given = {
        "now": round(NOW.timestamp() * 1000),
        "maintenances": planned(),
        "series": measured(),
        "reports": stored(),
    }
    drawn = await module_tab.evaluate(BROWSER, given)
    with messages.speaking(language):
        lines = [line_of(samples, NOW) for samples in measured()]
        assert drawn["reports"] == [report_text(report) for report in stored()]
        assert drawn["grids"] == [grid_told(grid) for grid in months_of(planned(), ZONE, NOW)]
    assert drawn["lines"] == [[line.path, line.last, line.said] if line else None for line in lines]


def uptime_in(text: str) -> float:
    found = re.match(r"[\d.]+", text)
    assert found
    return float(found[0])


async def test_uptime_goes_on_while_one_watches(site: Site, open_tab: OpenTab):
    """An outage takes from figure, group and today as it lasts; the server then says no different."""
    await site.set_status("Billing", "major_outage")
    tab = await open_tab(site.url)
    await is_live(tab)
    row = tab.locator(f'[data-key="{site.components["Billing"]}"] .bars')
    before = await row.locator(".uptime").inner_text()
    group = tab.locator(".group", has=row).locator("summary > .uptime")
    mean = await group.inner_text()
    await tab.evaluate(
        "async () => { const { figures } = statusHub.page; figures.countedAt -= 3_600_000; await figures.run(); }"
    )
    after = await row.locator(".uptime").inner_text()
    assert uptime_in(after) < uptime_in(before) - 3, "an hour of one day"
    assert uptime_in(await group.inner_text()) < uptime_in(mean) - 1
    await expect(row.locator(".strip")).to_have_attribute("aria-label", re.compile(re.escape(after.split(" over")[0])))
    await tab.evaluate("statusHub.page.figures.soon(0)")
    await expect(row.locator(".uptime")).not_to_have_text(after)  # as it is known to the hub: no hour has passed


async def test_the_past_that_changes_changes_the_bars(site: Site, open_tab: OpenTab):
    """Case 41, the page's side: something backdated is on its day within a second or two."""
    component = site.components["Tracking"]
    tab = await open_tab(site.url)
    await is_live(tab)
    bars = tab.locator(f'[data-key="{component}"] .bars')
    start_date = datetime.now(UTC) - timedelta(days=30)
    await site.send("PATCH", f"components/{component}", {"start_date": f"{start_date:%F}"})
    await expect(bars).to_have_attribute("data-days", re.compile(r"no{30,31}$"))
    assert "m" not in (await bars.get_attribute("data-days") or "")
    start = datetime.now(UTC) - timedelta(days=5)
    body = {"name": "Then", "status": "resolved", "body": "It was.", "components": {component: "major_outage"}}
    body |= {"started_at": start.isoformat(), "resolved_at": (start + timedelta(minutes=30)).isoformat()}
    await site.send("POST", "incidents", body)
    await expect(bars).to_have_attribute("data-days", re.compile(r"m.{4,5}$"))
    await expect(bars.locator(".uptime")).not_to_contain_text("100 %")


async def test_the_calendar_follows_what_is_planned_and_leads_to_it(site: Site, open_tab: OpenTab):
    tab = await open_tab(site.url)
    await is_live(tab)
    await tab.locator("#months > summary").click()
    marked = tab.locator("#months td a")
    assert "Database upgrade" in (await marked.first.get_attribute("aria-label") or "")
    assert await tab.locator("#upcoming .head a").get_attribute("href") == f"/p/{site.slug}/maintenance.ics"
    start = datetime.now(UTC) + timedelta(days=3)
    body = {"name": "New switches", "body": "Short breaks.", "scheduled_for": start.isoformat()}
    made = await site.send(
        "POST", "maintenances", body | {"scheduled_until": (start + timedelta(minutes=1)).isoformat()}
    )
    link = tab.locator(f'#months td a[href="#maintenance-{made["id"]}"]')
    await expect(link).to_have_attribute("title", re.compile("New switches"))
    await link.focus()
    await tab.keyboard.press("Enter")
    await expect(tab.locator(f"#maintenance-{made['id']}")).to_be_in_viewport()


async def test_response_times_are_drawn_where_there_are_any(site: Site, open_tab: OpenTab):
    component = site.components["Dashboard"]
    path = f"components/{component}/latency"
    for back, latency_ms in ((90, 80), (60, 240), (5, 120)):
        at = datetime.now(UTC) - timedelta(minutes=back)
        await site.send("POST", path, {"latency_ms": latency_ms, "at": at.isoformat()})
    tab = await open_tab(site.url, js=False)
    line = tab.locator(f'[data-key="{component}"] .latency')
    await expect(line).to_have_text("120 ms")
    said = "Response time in the last 24 hours: 80 to 240 ms, 120 ms at last"
    await expect(tab.get_by_role("img", name=said)).to_be_visible()
    assert await tab.locator(".latency:visible").count() == 1
    tab = await open_tab(site.url)
    await is_live(tab)
    served = await line_in(tab, component)
    await site.set_status("Dashboard", "degraded_performance")  # the row is drawn anew
    await expect(tab.locator(f'[data-key="{component}"] .status')).to_have_text("Degraded performance")
    assert await line_in(tab, component) == served
    await tab.evaluate("document.querySelector('.latency path').setAttribute('d', '')")
    await tab.evaluate(
        """async () => {
            const { refresh } = await import(`${document.body.dataset.static}latency.js`);
            await refresh(document, statusHub.page.figures.ask, Date.now);
        }"""
    )
    assert await line_in(tab, component) == served


async def test_what_comes_live_has_its_figures_and_its_line(site: Site, open_tab: OpenTab):
    """Case 8: as after a reload; and the first measurement of a page is drawn like any other."""
    tab = await open_tab(site.url)
    await is_live(tab)
    made = await site.send("POST", "components", {"name": "Customs"})
    row = tab.locator(f'.component[data-key="{made["id"]}"]')
    await expect(row.locator(".scale .uptime")).to_have_text("100 % uptime over 1 day")
    await expect(row.locator(".latency")).to_be_hidden()
    await site.send("POST", f"components/{made['id']}/latency", {"latency_ms": 84})
    await tab.evaluate("statusHub.page.figures.latency(0)")  # what happens each quarter of an hour
    await expect(row.locator(".latency")).to_have_text("84 ms")
    drawn = await line_in(tab, made["id"])
    said = await row.locator(".latency svg").get_attribute("aria-label")
    await tab.reload()
    assert await line_in(tab, made["id"]) == drawn
    assert await row.locator(".latency svg").get_attribute("aria-label") == said
    await expect(row.locator(".scale .uptime")).to_have_text("100 % uptime over 1 day")


async def test_what_passed_while_the_line_was_lost_is_counted_afterwards(site: Site, open_tab: OpenTab):
    """Case 8: the outage came and went unseen; its bar and its figure are as after a reload."""
    tab = await open_tab(site.url)
    await is_live(tab)
    await tab.evaluate("Math.random = () => 0")  # who comes back does not wait for the others
    bars = tab.locator(f'[data-key="{site.components["Tracking"]}"] .bars')
    await tab.evaluate("dispatchEvent(new Event('pagehide'))")
    await expect(tab.locator("body")).to_have_attribute("data-live", re.compile("reconnecting|stale"))
    await site.set_status("Tracking", "major_outage")

    async def served() -> float:
        figures = await site.send("GET", f"uptime?days=90&component={site.components['Tracking']}")
        return float(figures["components"][0]["ratio"])

    async def costs_a_fifth() -> bool:
        return await served() < 0.8

    async def is_told() -> bool:
        return abs(float(await bars.get_attribute("data-uptime") or 1) - await served()) < 0.05

    await wait_until(costs_a_fifth, within_s=30)
    await site.set_status("Tracking", "operational")
    await tab.evaluate("dispatchEvent(new Event('pageshow'))")
    await expect(bars).to_have_attribute("data-days", re.compile("m$"))
    await wait_until(is_told, within_s=10)


async def test_reports_of_weeks_and_months_move_while_one_watches(site: Site, town: Town, open_tab: OpenTab):
    tab = await open_tab(site.url)
    await is_live(tab)
    await tab.evaluate("Math.random = () => 0")  # who is told does not wait for the others
    now = datetime.now(UTC)
    for kind, back in ((ReportKind.MONTHLY, 32), (ReportKind.WEEKLY, 7), (ReportKind.DAILY, 1)):
        async with town.sessions.begin() as session:
            assert await reports.store(session, site.slug, period_of(kind, now.date() - timedelta(days=back)), now=now)
        await expect(tab.locator(f"text=Last {kind.value} report")).to_be_visible()
    live = await tab.locator(".bottom").inner_text()
    await tab.reload()
    await is_live(tab)
    assert (await tab.locator(".bottom").inner_text()).split("Times")[0] == live.split("Times")[0]


async def line_in(tab: Page, component: str) -> str | None:
    return await tab.locator(f'[data-key="{component}"] .latency path').get_attribute("d")


async def test_what_leaves_the_view_leaves_the_figures_and_the_calendar(site: Site, open_tab: OpenTab):
    """The mean of a group, and the days of a window, say nothing of what may not be seen any more."""
    component = site.components["Billing"]
    await site.set_status("Billing", "major_outage")
    start = datetime.now(UTC) + timedelta(days=3)
    times = {"scheduled_for": start.isoformat(), "scheduled_until": (start + timedelta(hours=1)).isoformat()}
    body = {"name": "New ledger", "body": "Soon.", "components": [component], **times}
    window = await site.send("POST", "maintenances", body)
    tab = await open_tab(site.url)
    await is_live(tab)
    mean = tab.locator(".group", has=tab.locator(f'[data-key="{component}"]')).locator("summary > .uptime")
    assert uptime_in(await mean.inner_text()) < 100
    sibling = tab.locator(".group", has=tab.locator(f'[data-key="{site.components["Dashboard"]}"]'))
    day = tab.locator(f'#months td a[href="#maintenance-{window["id"]}"]')
    await expect(day).to_have_count(1)
    await site.send("PATCH", f"components/{component}", {"audience": "verified"})
    await expect(day).to_have_count(0)
    await expect(sibling.locator("summary > .uptime")).to_have_text("100 %")
    assert "New ledger" not in await tab.content()


async def test_another_time_zone_of_the_page_is_another_page(site: Site, open_tab: OpenTab):
    tab = await open_tab(site.url)
    await is_live(tab)
    answer = await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"time_zone": "Asia/Tokyo"})
    assert answer.is_success, answer.text
    await expect(tab.locator("#zone")).to_contain_text("Asia/Tokyo (UTC+9)")
    await is_live(tab)


async def test_other_weights_of_the_page_are_other_figures_on_open_pages(site: Site, open_tab: OpenTab):
    tab = await open_tab(site.url)
    await is_live(tab)
    await site.set_status("Billing", "partial_outage")
    await expect(tab.locator("#how")).to_have_attribute("data-weights", re.compile("partial_outage:0.3"))
    answer = await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"weights": {"partial_outage": 0.9}})
    assert answer.is_success, answer.text
    await expect(tab.locator("#how")).to_have_attribute("data-weights", re.compile("partial_outage:0.9"))
    await is_live(tab)
