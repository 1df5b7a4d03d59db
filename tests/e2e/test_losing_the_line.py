"""What the page says and does when its line to the hub breaks: never green and silent, never a change lost."""

import re

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import OpenTab, Site, is_live
from tests.support.proxy import tcp_proxy

pytestmark = [pytest.mark.e2e, pytest.mark.fault]


def row(page, site, name):
    return page.locator(f'.component[data-key="{site.components[name]}"] .status')


async def test_a_page_whose_hub_is_gone_says_so_and_recovers_every_change(site: Site, open_tab: OpenTab):
    """Case 61."""
    async with tcp_proxy(site.hub.port) as proxy:
        tab = await open_tab(f"http://127.0.0.1:{proxy.port}/p/{site.slug}")
        await is_live(tab)
        await tab.evaluate(
            """() => {
                globalThis.offsets = [];
                statusHub.client.addEventListener('change', ({ detail }) => {
                    offsets.push(detail.event ? detail.snapshot.offset : -1);
                });
            }"""
        )
        first = await tab.evaluate("statusHub.client.snapshot.offset")
        proxy.refuse()
        proxy.reset()
        await expect(tab.locator("body")).to_have_attribute("data-live", re.compile("reconnecting|stale"))
        for status in ("degraded_performance", "partial_outage", "major_outage"):
            await site.set_status("Billing", status)
        await expect(tab.locator("body")).to_have_attribute("data-live", "stale", timeout=8_000)
        await expect(tab.locator("#live")).to_have_text(re.compile(r"not live, as of \d\d:\d\d"))
        dimmed = await tab.locator("#answer").evaluate("(element) => getComputedStyle(element).filter")
        assert "saturate" in dimmed
        await expect(row(tab, site, "Billing")).to_have_text("Operational")
        proxy.pass_on()
        await is_live(tab)
        await expect(row(tab, site, "Billing")).to_have_text("Major outage")
        offsets = await tab.evaluate("offsets")
        assert offsets == list(range(first + 1, first + 1 + len(offsets)))


async def test_a_page_without_network_is_not_called_live_for_a_moment_longer(site: Site, open_tab: OpenTab):
    """Without waiting for the ping that will not come; nor is a page that slept, when somebody looks again."""
    tab = await open_tab(site.url)
    await is_live(tab)
    body = tab.locator("body")
    await tab.context.set_offline(True)
    await expect(body).to_have_attribute("data-live", re.compile("reconnecting|stale"))
    await site.set_status("Billing", "partial_outage")
    await tab.context.set_offline(False)
    await is_live(tab)
    await expect(row(tab, site, "Billing")).to_have_text("Partial outage")
    await tab.evaluate(
        """() => {
            globalThis.states = [];
            statusHub.client.addEventListener('state', ({ detail }) => states.push(detail.state));
            const now = Date.now;
            Date.now = () => now() + 3600000; // an hour of sleep
            document.dispatchEvent(new Event('visibilitychange'));
            Date.now = now;
        }"""
    )
    await is_live(tab)
    assert await tab.evaluate("states[0]") == "reconnecting"


async def test_what_is_opened_while_the_line_is_lost_works_once_it_is_back(site: Site, open_tab: OpenTab):
    tab = await open_tab(site.url)
    await is_live(tab)
    strip = tab.locator(f'[data-key="{site.components["Billing"]}"] .strip')
    await tab.context.set_offline(True)
    await tab.locator("#subscribe > summary").click()
    await tab.locator("#travel > summary").click()
    await strip.hover()
    await expect(tab.locator("body")).to_have_attribute("data-live", "stale", timeout=15_000)
    await tab.context.set_offline(False)
    await is_live(tab)
    for _ in range(2):  # closed, and opened again
        await tab.locator("#subscribe > summary").click()
        await tab.locator("#travel > summary").click()
    await expect(tab.locator(".snippet")).to_have_count(4)
    await expect(tab.locator("#travel input[type=range]")).to_be_visible()
    await tab.locator("#subscribe > summary").click()
    await tab.locator("#components-title").hover()
    await strip.hover()
    await expect(tab.locator("#tip")).to_contain_text("no data")


async def test_a_restarted_hub_is_found_again_without_a_reload(own_site: Site, open_tab: OpenTab):
    tab = await open_tab(own_site.url)
    await is_live(tab)
    await tab.evaluate("globalThis.mark = 1")
    await own_site.hub.stop()
    await expect(tab.locator("body")).not_to_have_attribute("data-live", "live")
    await own_site.hub.start()
    await own_site.set_status("Billing", "partial_outage")
    await expect(row(tab, own_site, "Billing")).to_have_text("Partial outage", timeout=25_000)
    await is_live(tab)
    assert await tab.evaluate("globalThis.mark") == 1


async def test_where_sockets_are_blocked_events_come_as_a_stream(site: Site, open_tab: OpenTab):
    tab = await open_tab("about:blank")
    await tab.add_init_script("globalThis.WebSocket = class { constructor() { throw new Error('blocked'); } };")
    await tab.goto(site.url)
    await is_live(tab)
    await site.set_status("Billing", "partial_outage")
    await expect(row(tab, site, "Billing")).to_have_text("Partial outage")


async def test_where_streams_are_blocked_too_the_page_polls_and_says_it_is_not_live(site: Site, open_tab: OpenTab):
    tab = await open_tab("about:blank")
    await tab.add_init_script(
        """globalThis.WebSocket = class { constructor() { throw new Error('blocked'); } };
        globalThis.EventSource = class extends EventTarget {
            constructor() { super(); queueMicrotask(() => this.dispatchEvent(new Event('error'))); }
            close() {}
        };"""
    )
    await tab.goto(site.url)
    await expect(tab.locator("body")).to_have_attribute("data-live", "stale", timeout=8_000)
    await site.set_status("Billing", "partial_outage")
    await expect(row(tab, site, "Billing")).to_have_text("Partial outage", timeout=15_000)
    await expect(tab.locator("body")).to_have_attribute("data-live", "stale")
