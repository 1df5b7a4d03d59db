"""Looking back in time: with the slider, by the address, with and without JavaScript."""

import re
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import OpenTab, Site, is_live
from tests.e2e.test_accessibility import faults
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


def status_of(tab: Page, site: Site, name: str):
    return tab.locator(f'.component[data-key="{site.components[name]}"] .status')


async def instant_of_next_second() -> datetime:
    """A whole second that has begun: the slider's step on a young page."""
    begun = datetime.now(UTC)
    await wait_until(lambda: datetime.now(UTC).replace(microsecond=0) > begun, within_s=2)
    return datetime.now(UTC).replace(microsecond=0)


async def test_the_whole_page_shows_another_time_and_comes_back(site: Site, open_tab: OpenTab):
    await site.set_status("Billing", "partial_outage")
    then = await instant_of_next_second()
    await site.set_status("Billing", "operational")
    await instant_of_next_second()
    tab = await open_tab(site.url)
    await is_live(tab)
    await tab.locator("#travel > summary").click()
    slider = tab.locator("#travel-range")
    await expect(slider).to_be_visible()
    since = datetime.fromisoformat(await tab.locator("#travel").get_attribute("data-reach"))
    await slider.fill(str(int(then.timestamp()) - int(since.timestamp())))
    band = tab.locator("#then")
    await expect(band).to_contain_text("You are looking at")
    await expect(status_of(tab, site, "Billing")).to_have_text("Partial outage")
    await expect(tab.locator("#sentence")).to_have_text("Minor Service Outage")
    await expect(tab.locator("#live .text")).to_have_text("not now")
    assert f"at={then:%Y-%m-%dT%H%%3A%M%%3A%S}" in tab.url
    assert "UTC" in (await slider.get_attribute("aria-valuetext") or "")
    assert await faults(tab) == []
    # What happens now does not disturb it, but for what is hidden now.
    await site.set_status("Tracking", "major_outage")
    await site.send("PATCH", f"components/{site.components['Dashboard']}", {"audience": "verified"})
    await expect(status_of(tab, site, "Dashboard")).to_have_count(0)
    await expect(status_of(tab, site, "Billing")).to_have_text("Partial outage")
    await expect(status_of(tab, site, "Tracking")).to_have_text("Operational")
    # By the keys, to the end: now again.
    await slider.focus()
    await tab.keyboard.press("ArrowLeft")
    await expect(band).to_be_visible()
    await tab.locator("#then-back").click()
    await expect(band).to_be_hidden()
    await expect(status_of(tab, site, "Billing")).to_have_text("Operational")
    await expect(status_of(tab, site, "Tracking")).to_have_text("Major outage")
    await is_live(tab)
    assert "at=" not in tab.url


async def test_an_address_of_another_time_works_without_and_with_javascript(site: Site, open_tab: OpenTab):
    incident = await site.open_incident("Billing is down", {"Billing": "major_outage"})
    then = datetime.now(UTC)
    await site.send("POST", f"incidents/{incident['id']}/updates", {"status": "resolved", "body": "Over."})
    # The last second is now, where the slider is concerned.
    await wait_until(lambda: datetime.now(UTC) - then > timedelta(seconds=1.1), within_s=5)
    url = f"{site.url}?at={then:%Y-%m-%dT%H:%M:%S.%f}Z"
    async with httpx2.AsyncClient() as plain:
        html = (await plain.get(url)).text
        assert "You are looking at" in html
        assert f'id="incident-{incident["id"]}"' in html
        assert (await plain.get(f"{site.url}?at=2999-01-01T00:00")).headers["location"] == f"/p/{site.slug}"
        for bad in ("yesterday", "2001-01-01T00:00"):
            assert (await plain.get(f"{site.url}?at={bad}")).status_code == 404
    tab = await open_tab(url)
    card = tab.locator(f"#incident-{incident['id']}")
    await expect(card).to_be_visible()
    await expect(tab.locator("#live .text")).to_have_text("not now")
    await expect(tab.locator("#travel-before")).to_be_visible()
    await tab.evaluate(
        "async () => { while (!globalThis.statusHub.client.snapshot) await new Promise(requestAnimationFrame); }"
    )
    await tab.locator("#then-back").click()
    await expect(card).to_have_count(0)
    await is_live(tab)


async def test_figures_are_those_of_the_time_that_is_shown(site: Site, open_tab: OpenTab):
    """Bars and figures beside them, of components and groups; an outage that came later is in neither."""
    then = await instant_of_next_second()
    await instant_of_next_second()
    await site.set_status("Billing", "major_outage")
    await instant_of_next_second()
    await site.set_status("Billing", "operational")
    tab = await open_tab(site.url)
    await is_live(tab)
    bars = tab.locator(f'.component[data-key="{site.components["Billing"]}"] .bars')
    figure = bars.locator(".uptime")
    now = await figure.inner_text()
    assert not now.startswith("100")
    await tab.locator("#travel > summary").click()
    since = datetime.fromisoformat(await tab.locator("#travel").get_attribute("data-reach"))
    await tab.locator("#travel-range").fill(str(int(then.timestamp()) - int(since.timestamp())))
    await expect(figure).to_have_text(re.compile("^100"))
    await expect(bars).to_have_attribute("data-days", re.compile("o$"))
    await tab.locator("#then-back").click()
    await expect(figure).not_to_have_text(re.compile("^(100|$)"))
    await expect(bars).to_have_attribute("data-days", re.compile("m$"))
    tab = await open_tab(f"{site.url}?at={then:%Y-%m-%dT%H:%M:%S}Z")
    figure = tab.locator(f'.component[data-key="{site.components["Billing"]}"] .uptime')
    await expect(figure).to_have_text(re.compile("^100"))
    await tab.evaluate(
        "async () => { while (!globalThis.statusHub.client.snapshot) await new Promise(requestAnimationFrame); }"
    )
    await tab.locator("#then-back").click()
    await expect(figure).not_to_have_text(re.compile("^(100|$)"))


async def test_clocks_of_a_zone_are_read_and_written(module_tab: Page):
    """Over both changes: an hour that comes twice is the first, one that does not come is the hour after."""
    read = await module_tab.evaluate(
        """async (texts) => {
            const { instantOf, localText } = await import('/slider.js');
            const { Zone } = await import('/words.js');
            const zone = new Zone('Europe/Berlin');
            return texts.map((text) => {
                const at = instantOf(zone, text);
                return [new Date(at).toISOString(), localText(zone, at)];
            });
        }""",
        ["2026-11-03T14:00", "2026-07-01T00:00", "2026-10-25T02:30", "2026-03-29T02:30"],
    )
    assert read == [
        ["2026-11-03T13:00:00.000Z", "2026-11-03T14:00"],
        ["2026-06-30T22:00:00.000Z", "2026-07-01T00:00"],
        ["2026-10-25T00:30:00.000Z", "2026-10-25T02:30"],
        ["2026-03-29T01:30:00.000Z", "2026-03-29T03:30"],
    ]
