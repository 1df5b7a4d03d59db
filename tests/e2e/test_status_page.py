"""What a visitor sees of the page, and when."""

import asyncio
import re
import time

import httpx2
import pytest
from playwright.async_api import expect

from tests.e2e.conftest import OpenTab, Site, is_live

pytestmark = pytest.mark.e2e

TRACKING = "Tracking"


def row(page, site, name):
    return page.locator(f'.component[data-key="{site.components[name]}"] .status')


async def test_a_change_reaches_every_open_tab_within_a_second_without_a_reload(site: Site, open_tab: OpenTab):
    tabs = [await open_tab(site.url), await open_tab(site.url, width=320, height=568)]
    for tab in tabs:
        await is_live(tab)
        await tab.evaluate("globalThis.mark = 'not reloaded'")
    begun = time.monotonic()
    await site.set_status("Billing", "partial_outage")
    for tab in tabs:
        await expect(row(tab, site, "Billing")).to_have_text("Partial outage")
    assert time.monotonic() - begun < 1
    for tab in tabs:
        assert await tab.evaluate("globalThis.mark") == "not reloaded"
        await expect(tab.locator("#announcer")).to_contain_text("Billing: Partial outage.")


async def test_an_incident_is_told_from_opening_to_its_end(site: Site, open_tab: OpenTab):
    tab = await open_tab(site.url)
    await is_live(tab)
    incident = await site.open_incident("Labels do not print", {"Rates & labels": "major_outage"})
    card = tab.locator(f"#incident-{incident['id']}")
    await expect(card.locator("h3")).to_have_text("Labels do not print")
    await expect(card.locator(".chip")).to_contain_text("Rates & labels")
    await expect(tab.locator("#sentence")).to_have_text("Partial System Outage")
    await expect(tab).to_have_title("▲ Partial System Outage · Ternwick")
    assert "partial_outage" in (await tab.locator("#favicon").get_attribute("href") or "")
    await site.send(
        "POST", f"incidents/{incident['id']}/updates", {"status": "identified", "body": "A *disk* is full."}
    )
    await expect(card.locator(".update").first.locator("em")).to_have_text("disk")
    await site.send("POST", f"incidents/{incident['id']}/updates", {"status": "resolved", "body": "Printing again."})
    await expect(card).to_have_count(0)
    past = tab.locator(f'#history .past[data-key="{incident["id"]}"]')
    await expect(past).to_contain_text("Printing again.")
    await expect(row(tab, site, "Rates & labels")).to_have_text("Operational")


async def test_only_rows_that_changed_are_touched(site: Site, open_tab: OpenTab):
    """Case 62. Twenty changes: one row is drawn anew; focus, selection and scroll stay."""
    tab = await open_tab(site.url, height=400)
    await is_live(tab)
    link = tab.locator("#history .past a").first
    await link.focus()
    await tab.evaluate("document.querySelectorAll('.component').forEach((row) => { row.mark = true; })")
    await tab.evaluate("getSelection().selectAllChildren(document.querySelector('#history .past .body'))")
    kept = await tab.evaluate("[scrollY, String(getSelection())]")
    assert kept[0] > 0
    assert kept[1]
    await tab.evaluate(
        """() => {
            globalThis.touched = new Set();
            new MutationObserver((records) => {
                for (const { target } of records) {
                    const row = (target.nodeType === 1 ? target : target.parentElement).closest('.component');
                    if (row) globalThis.touched.add(row.dataset.key);
                }
            }).observe(document.getElementById('components'), {
                subtree: true, childList: true, attributes: true, characterData: true,
            });
        }"""
    )
    for status in ("degraded_performance", "operational") * 10:
        await site.set_status("Billing", status)
    await site.set_status("Billing", "degraded_performance")
    await expect(row(tab, site, "Billing")).to_have_text("Degraded performance")
    assert await tab.evaluate("[scrollY, String(getSelection())]") == kept
    assert await tab.evaluate("[...globalThis.touched]") == [site.components["Billing"]]
    assert await tab.evaluate("[...document.querySelectorAll('.component')].every((row) => row.mark)")
    assert await link.evaluate("(element) => element === document.activeElement")


async def test_nothing_is_lost_between_rendering_and_the_open_socket(site: Site, open_tab: OpenTab, browser):
    """Case 64. Rendered, then things change, then the script runs: it goes on from the rendered position."""
    html = (await site.operator.get(f"/p/{site.slug}", headers={"Authorization": ""})).text
    await site.set_status("Billing", "major_outage")
    await site.set_status("Dashboard", "degraded_performance")
    context = await browser.new_context()
    tab = await context.new_page()

    async def old_page(route):
        await route.fulfill(body=html, content_type="text/html")

    await tab.route(site.url, old_page)
    await tab.goto(site.url)
    await is_live(tab)
    await expect(row(tab, site, "Billing")).to_have_text("Major outage")
    await expect(row(tab, site, "Dashboard")).to_have_text("Degraded performance")
    async with httpx2.AsyncClient(base_url=site.hub.base_url) as visitor:  # the operator's view counts for itself
        history = (await visitor.get(f"/api/v1/pages/{site.slug}/history")).json()["data"]
    assert await tab.evaluate("statusHub.client.snapshot.offset") == history["offset"]
    await context.close()


async def test_the_page_is_complete_without_javascript(site: Site, open_tab: OpenTab):
    await site.open_incident("Scans arrive late", {TRACKING: "partial_outage"}, "Queues are long.")
    tab = await open_tab(site.url, js=False)
    await expect(tab.locator("h1")).to_contain_text("Minor Service Outage")
    await expect(tab.locator("#incidents")).to_contain_text("Queues are long.")
    await expect(row(tab, site, TRACKING)).to_have_text("Partial outage")
    await expect(tab.locator("#upcoming article")).to_contain_text("Database upgrade")
    await expect(tab.locator("#history")).to_contain_text("Sent once again.")
    assert await tab.locator(".strip svg path").count() > 0
    await expect(tab.locator("#live")).to_contain_text("as of")
    assert await tab.locator("noscript").count() == 1


async def test_the_browser_draws_rows_as_the_server_does(demo: Site, site: Site, open_tab: OpenTab):
    await site.open_incident("Scans arrive late", {TRACKING: "partial_outage", "Billing": "operational"})
    for page in (demo, site):
        tab = await open_tab(page.url)
        await is_live(tab)
        assert await tab.evaluate(SAME_ROWS) == []


SAME_ROWS = """() => {
    const { page } = globalThis.statusHub;
    const plain = (node) => {
        if (node.nodeType === 3) return node.data.trim() ? node.data.trim() : null;
        if (node.nodeType !== 1) return null;
        if (node.hasAttribute('data-keep')) return 'kept';
        const attributes = [...node.attributes].map((a) => `${a.name}=${a.value}`).sort();
        const inner = [...node.childNodes].map(plain).filter((part) => part !== null);
        return [node.nodeName.toLowerCase(), attributes, inner];
    };
    const lists = [...document.querySelectorAll('main .list')];
    const served = lists.map((list) => [...list.children].map(plain));
    page.signatures.clear();
    for (const list of lists) list.replaceChildren();
    page.render(page.snapshot);
    const drawn = lists.map((list) => [...list.children].map(plain));
    return served.flatMap((rows, list) => rows.flatMap((row, index) => {
        const [a, b] = [JSON.stringify(row), JSON.stringify(drawn[list][index] ?? null)];
        return a === b ? [] : [[a, b]];
    }));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1280])
async def test_no_width_scrolls_sideways(site: Site, open_tab: OpenTab, width: int, scheme: str):
    long = "Donaudampfschifffahrtsgesellschaftskapitän" * 6
    await site.open_incident(long[:255], {TRACKING: "partial_outage"}, long * 2)
    await site.send("PATCH", f"components/{site.components['Billing']}", {"name": long[:255]})
    tab = await open_tab(site.url, width=width, height=568, scheme=scheme)
    await is_live(tab)
    assert await tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    answer = await tab.locator("#answer").bounding_box()
    assert answer is not None
    assert answer["y"] + answer["height"] <= 568


async def test_markup_in_any_text_is_shown_and_never_run(site: Site, open_tab: OpenTab):
    """Case 92. In every text of the page, live and loaded again."""
    bad = '<img src=x onerror="globalThis.hacked=1">'
    tab = await open_tab(site.url)
    await is_live(tab)
    await site.send("PATCH", f"components/{site.components['Billing']}", {"name": bad, "description": bad})
    await site.open_incident(bad, {TRACKING: "partial_outage"}, bad)
    group = (await site.send("GET", "groups"))[0]["id"]
    await site.send("PATCH", f"groups/{group}", {"name": bad})
    window = next(item for item in await site.send("GET", "maintenances"))
    await site.send("PATCH", f"maintenances/{window['id']}", {"name": bad, "body": bad})
    answer = await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"title": bad, "description": bad})
    assert answer.is_success, answer.text
    await expect(tab.locator("#intro")).to_have_text(bad)
    await expect(tab.locator(".brand")).to_have_text(bad)
    await expect(tab.locator("#incidents .incident h3").first).to_have_text(bad)
    await expect(tab.locator("#upcoming .months td a")).to_have_attribute("title", re.compile(re.escape(bad)))
    await expect(tab.locator(f'[data-key="{site.components["Billing"]}"] .name')).to_have_text(bad)
    await tab.reload()
    await expect(tab.locator("#incidents .incident h3").first).to_have_text(bad)
    assert await tab.evaluate("globalThis.hacked ?? null") is None


async def test_bars_are_one_widget_for_the_keyboard(demo: Site, open_tab: OpenTab):
    tab = await open_tab(demo.url)
    await is_live(tab)
    strip = tab.locator(f'[data-key="{demo.components[TRACKING]}"] .strip')
    await tab.wait_for_selector(".strip[tabindex]")
    await strip.focus()
    await tab.keyboard.press("ArrowLeft")
    await expect(tab.locator("#tip")).to_contain_text("uptime")
    today = await strip.get_attribute("aria-valuetext")
    await tab.keyboard.press("ArrowLeft")
    assert await strip.get_attribute("aria-valuetext") != today
    await tab.keyboard.press("Escape")
    await expect(tab.locator("#tip")).to_be_hidden()


async def test_a_bar_tells_the_outages_of_its_day_with_their_incidents(site: Site, open_tab: OpenTab):
    """Case 97: by the keyboard alone, down to the incident's page."""
    incident = await site.open_incident("Labels do not print", {"Billing": "major_outage"})
    tab = await open_tab(site.url)
    strip = tab.locator(f'[data-key="{site.components["Billing"]}"] .strip[tabindex]')
    await strip.focus()
    await tab.keyboard.press("End")
    link = tab.locator("#tip a")
    await expect(link).to_have_text("Labels do not print")
    assert "Major outage" in (await strip.get_attribute("aria-valuetext") or "")
    await tab.keyboard.press("Enter")
    await expect(link).to_be_focused()
    assert (await link.get_attribute("href") or "").endswith(f"/incidents/{incident['id']}")
    await tab.keyboard.press("Escape")
    await expect(tab.locator("#tip")).to_be_hidden()
    await expect(strip).to_be_focused()


async def test_what_a_finger_opens_stays_until_it_touches_something_else(site: Site, open_tab: OpenTab):
    tab = await open_tab("about:blank", width=390, height=844, has_touch=True, is_mobile=True)
    await tab.clock.install()
    await tab.goto(site.url)
    await is_live(tab)
    row = tab.locator(f'.component[data-key="{site.components["Billing"]}"]')
    tip = tab.locator("#tip")
    for _ in range(2):  # what tells it is loaded at the first touch
        for place, said in ((".strip", "no data"), (".scale .uptime", "Uptime over the last 90 days")):
            await row.locator(place).tap()
            await expect(tip).to_contain_text(said)
            await tab.clock.run_for(400)  # longer than a pointer may be away
            await expect(tip).to_be_visible()
        await tab.locator("#sentence").tap()
        await expect(tip).to_be_hidden()


async def test_the_box_to_subscribe_has_feeds_and_lines_to_paste(site: Site, open_tab: OpenTab):
    tab = await open_tab(site.url, width=320, height=568)
    await is_live(tab)
    await tab.locator("#subscribe > summary").click()
    for name in ("history.atom", "history.rss", "maintenance.ics"):
        await expect(tab.locator(f'#subscribe .ways a[href$="{name}"]')).to_be_visible()
    await expect(tab.get_by_label("Badge in Markdown", exact=True)).to_have_value(
        f"[![Status of Ternwick]({site.url}/badge.svg)]({site.url})"
    )
    assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await tab.keyboard.press("Escape")
    await expect(tab.locator("#subscribe .panel")).to_be_hidden()


async def test_the_chosen_theme_stays(demo: Site, open_tab: OpenTab):
    tab = await open_tab(demo.url)
    await tab.locator("#theme").click()
    assert await tab.evaluate("document.documentElement.dataset.theme") == "dark"
    await tab.reload()
    assert await tab.evaluate("document.documentElement.dataset.theme") == "dark"
    await tab.locator("#theme").click()
    assert await tab.evaluate("document.documentElement.dataset.theme ?? 'system'") == "system"


async def test_what_is_not_there_and_what_is_not_permitted_look_the_same(site: Site, open_tab: OpenTab):
    await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"audience": "verified"})
    pages = []
    async with asyncio.timeout(20):
        for slug in (site.slug, "missing"):
            tab = await open_tab(f"{site.hub.base_url}/p/{slug}")
            pages.append(await tab.content())
    assert pages[0] == pages[1]


async def test_nothing_moves_while_the_page_loads_and_goes_live(demo: Site, open_tab: OpenTab):
    tab = await open_tab("about:blank")
    await tab.add_init_script(
        """globalThis.shift = 0;
        new PerformanceObserver((list) => { for (const entry of list.getEntries()) globalThis.shift += entry.value; })
            .observe({ type: 'layout-shift', buffered: true });"""
    )
    await tab.goto(demo.url)
    await is_live(tab)
    assert await tab.evaluate("globalThis.shift") < 0.001
