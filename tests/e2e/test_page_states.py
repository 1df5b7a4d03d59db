"""The states of the page beside the happy one: other scripts, other colours, nothing yet, paper."""

import re

import pytest
from playwright.async_api import expect

from hub.domain.status import Status
from tests.e2e.conftest import OpenTab, Site, is_live

pytestmark = pytest.mark.e2e

TEXT = "🔥 データベース \u200fעברית"


async def test_any_script_is_shown_as_it_was_written(site: Site, open_tab: OpenTab):
    """Case 94. In every text, live and loaded again, with scripts and without."""
    tab = await open_tab(site.url)
    await is_live(tab)
    component = site.components["Billing"]
    await site.send("PATCH", f"components/{component}", {"name": TEXT, "description": TEXT})
    answer = await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"title": TEXT, "description": TEXT})
    assert answer.is_success, answer.text
    incident = await site.open_incident(TEXT, {"Tracking": "partial_outage"}, TEXT)
    await expect(tab.locator("#intro")).to_have_text(TEXT)
    for page in (tab, await open_tab(site.url), await open_tab(site.url, js=False)):
        row = page.locator(f'[data-key="{component}"]')
        assert await row.locator(".name").text_content() == TEXT
        assert await row.locator(".about > p").text_content() == TEXT
        assert await page.locator(".brand").text_content() == TEXT
        card = page.locator(f"#incident-{incident['id']}")
        assert await card.locator("h3").text_content() == TEXT
        assert await card.locator(".body p").text_content() == TEXT
        assert await page.title() == f"◐ Minor Service Outage · {TEXT}"


async def test_an_arabic_page_runs_from_the_right_and_each_text_by_its_own_words(site: Site, open_tab: OpenTab):
    """Case 95. Today is on the left, names of either script begin on the right, times and counts read as written."""
    answer = await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"locale": "ar", "title": "حالة الخدمات"})
    assert answer.is_success, answer.text
    await site.send("PATCH", f"components/{site.components['Tracking']}", {"name": "قاعدة البيانات"})
    await site.open_incident("انقطاع", {"Billing": "partial_outage"}, "Redis: السبب")
    tab = await open_tab(site.url, width=900)
    await is_live(tab)
    for name in ("Billing", "Tracking"):
        place = f'[data-key="{site.components[name]}"] .name'
        assert await tab.locator(place).get_attribute("dir") == "auto"
        assert await tab.locator(place).evaluate(FROM_THE_RIGHT_PX) < 4
    # In the order of the eye, from left to right.
    for place in (".update .when .abs", "#since", ".group .count", ".bars .uptime"):
        found = tab.locator(place).first
        assert await found.evaluate(AS_SEEN) == re.sub(r"\s+", "", await found.inner_text()), place
    strip = tab.locator(f'[data-key="{site.components["Billing"]}"] .strip')
    box = await strip.bounding_box()
    assert box is not None
    await strip.focus()
    await tab.keyboard.press("End")
    cursor = await strip.locator(".cursor").bounding_box()
    assert cursor is not None
    assert cursor["x"] - box["x"] < 20, "today is at the left end"
    await tab.keyboard.press("ArrowRight")
    yesterday = await strip.locator(".cursor").bounding_box()
    assert yesterday is not None
    assert yesterday["x"] > cursor["x"]
    await expect(strip).to_have_attribute("aria-valuenow", "-1")


FROM_THE_RIGHT_PX = """(element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const row = element.closest('.line').getBoundingClientRect();
    const after = parseFloat(getComputedStyle(element, '::after').inlineSize) || 0; // the sign of a description
    return row.right - Math.max(...[...range.getClientRects()].map((box) => box.right)) - after;
}"""
AS_SEEN = """(element) => {
    const seen = [];
    const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        for (let at = 0; at < node.length; at += 1) {
            const range = document.createRange();
            range.setStart(node, at);
            range.setEnd(node, at + 1);
            const box = range.getBoundingClientRect();
            if (node.data[at].trim()) seen.push([Math.round(box.top), box.left, node.data[at]]);
        }
    }
    return seen.sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , letter]) => letter).join('');
}"""


async def test_each_state_is_told_by_a_shape_and_a_word_without_any_colour(site: Site, open_tab: OpenTab):
    """Case 97."""
    names = ("Billing", "Dashboard", "Sign-in", "Tracking", "Rates & labels")
    for name, status in zip(names, Status, strict=True):
        await site.set_status(name, status.value)
    tab = await open_tab(site.url, forced_colors="active")
    await is_live(tab)
    shapes, words, bars = set(), set(), set()
    for name in names:
        row = tab.locator(f'[data-key="{site.components[name]}"]')
        shapes.add(await row.locator(".status use").get_attribute("href"))
        words.add(await row.locator(".status").inner_text())
        bars.add(await row.locator(".strip path:not(.b-no_data)").last.evaluate("(path) => path.getAttribute('d')"))
    assert len(shapes) == len(words) == len(bars) == len(Status)
    drawn = await tab.evaluate(
        "[...document.querySelectorAll('.strip path, .status .icon')].map((shape) => getComputedStyle(shape))"
        ".map((style) => style.fill === 'none' ? style.stroke : style.fill)"
    )
    ground = await tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground not in drawn, "what has the colour of the ground is not seen"


async def test_a_first_day_says_that_there_is_no_data_before_it(site: Site, open_tab: OpenTab):
    tab = await open_tab(site.url)
    bars = tab.locator(f'[data-key="{site.components["Billing"]}"] .bars')
    assert re.fullmatch(r"n{88,89}o{1,2}", await bars.get_attribute("data-days") or "")
    await expect(bars.locator(".uptime")).to_have_text(re.compile(r"100 % uptime over [12] days?"))
    await expect(tab.locator("#how")).to_contain_text("Counted as downtime: Major outage 100 %, Partial outage 30 %.")


async def test_what_shows_only_in_trouble_comes_and_goes(site: Site, open_tab: OpenTab):
    made = await site.send("POST", "components", {"name": "Standby line", "only_show_if_degraded": True})
    tab = await open_tab(site.url)
    await is_live(tab)
    row = tab.locator(f'.component[data-key="{made["id"]}"]')
    await expect(row).to_have_count(0)
    assert "Standby line" in {c["name"] for c in await site.send("GET", "components")}
    await site.send("PATCH", f"components/{made['id']}", {"status": "partial_outage"})
    await expect(row.locator(".status")).to_have_text("Partial outage")
    await expect(row.locator(".strip svg")).to_be_visible()
    await site.send("PATCH", f"components/{made['id']}", {"status": "operational"})
    await expect(row).to_have_count(0)


async def test_what_has_just_ended_is_said_by_the_green_banner(site: Site, open_tab: OpenTab):
    tab = await open_tab(site.url)
    await is_live(tab)
    incident = await site.open_incident("Labels do not print", {"Billing": "major_outage"})
    await expect(tab.locator("#since")).to_contain_text("since")
    await site.send("POST", f"incidents/{incident['id']}/updates", {"status": "resolved", "body": "They print."})
    await expect(tab.locator("#sentence")).to_have_text("All Systems Operational")
    await expect(tab.locator("#since")).to_have_text("Labels do not print: resolved just now")


async def test_paper_shows_all_of_it_with_the_time_it_was_true_at(site: Site, open_tab: OpenTab):
    tab = await open_tab(site.url)
    await is_live(tab)
    await tab.locator(".group > summary").first.click()  # folded on the screen
    await tab.emulate_media(media="print")
    for place in (".tools", ".links", "#travel", ".live .text"):
        await expect(tab.locator(place).first).to_be_hidden()
    await expect(tab.locator(f'[data-key="{site.components["Tracking"]}"] .status')).to_be_visible()
    at = await tab.locator("#live").evaluate("(live) => getComputedStyle(live, '::after').content")
    assert re.search(r"\d{4}, \d\d:\d\d UTC", at), at


async def test_times_are_the_pages_and_the_readers_own_on_hover(site: Site, open_tab: OpenTab):
    await site.open_incident("Labels do not print", {"Billing": "major_outage"})
    tab = await open_tab(site.url, timezone_id="Asia/Kolkata")
    await is_live(tab)
    await expect(tab.locator("#zone")).to_contain_text("Your clock: UTC+5:30.")
    time = tab.locator(".update time").first
    await expect(time).to_contain_text("UTC")
    await time.hover()
    await expect(time).to_have_attribute("title", re.compile("your time"))


async def test_the_readers_own_times_stand_beside_the_pages_without_a_pointer(site: Site, open_tab: OpenTab):
    """By keyboard or by touch, in what comes live too, and kept; nobody of the page's own zone is asked."""
    incident = await site.open_incident("Labels do not print", {"Billing": "major_outage"})
    tab = await open_tab(site.url, timezone_id="Asia/Kolkata")
    await is_live(tab)
    button = tab.get_by_role("button", name="Show my time too")
    await button.focus()
    await tab.keyboard.press("Enter")
    await expect(button).to_have_attribute("aria-pressed", "true")
    told = re.compile(r"^(\d+ \w+, )?\d\d:\d\d \(your time\)$")
    for place in (".update time", "#since", "#incidents .since"):
        await expect(tab.locator(place).first).to_have_attribute("data-own", told)
    window = re.compile(r" – \d\d:\d\d UTC\+5:30 \(your time\)$| – .*, \d\d:\d\d UTC\+5:30 \(your time\)$")
    await expect(tab.locator("#upcoming .facts time")).to_have_attribute("data-own", window)
    await site.send("POST", f"incidents/{incident['id']}/updates", {"status": "identified", "body": "The printer."})
    await expect(tab.locator(".update.u-identified time")).to_have_attribute("data-own", told)
    for address in (site.url, f"{site.url}/incidents/{incident['id']}"):
        await tab.goto(address)
        await expect(tab.locator(".update time").first).to_have_attribute("data-own", told)
    await tab.get_by_role("button", name="Show my time too").click()
    await expect(tab.locator("[data-own]")).to_have_count(0)
    await tab.goto(f"{site.url}/history")
    await expect(tab.locator("#zone")).to_contain_text("Your clock")
    same = await open_tab(site.url, timezone_id="Etc/UTC")
    await is_live(same)
    await expect(same.locator("#zone")).to_have_text("Times are in UTC.")


async def test_a_long_title_pushes_no_answer_below_the_fold(site: Site, open_tab: OpenTab):
    long = "Donaudampfschifffahrtsgesellschaftskapitän" * 7
    answer = await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"title": long[:255]})
    assert answer.is_success, answer.text
    tab = await open_tab(site.url, width=320, height=568)
    await is_live(tab)
    box = await tab.locator("#answer").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 568
    assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
