"""From nothing to a page that tells of an incident, without the API; and what is there without JavaScript."""

import re

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.e2e.conftest import OpenTab, Site, is_live, sign_in, tell

pytestmark = pytest.mark.e2e


async def test_an_administrator_makes_a_page_fills_it_and_tells_of_an_incident(site: Site, open_tab: OpenTab):
    console = await sign_in(site, open_tab, width=320, height=568, timezone_id="Europe/Berlin")
    sheet = console.locator("dialog.sheet[open]")
    await console.get_by_role("button", name="New page").click()
    await sheet.get_by_role("button", name="Make the page").click()
    await expect(sheet.locator('[data-field="title"] .error')).to_have_text("Title must not be empty.")
    await expect(sheet.locator('[data-field="slug"] .error')).to_contain_text(
        "Short name must be 1 to 63 small letters"
    )
    await sheet.get_by_label("Title").fill("Ferry lines")
    await expect(sheet.get_by_label("Short name")).to_have_value("ferry-lines")
    await sheet.get_by_label("Short name").fill(site.slug)
    await sheet.get_by_role("button", name="Make the page").click()
    await expect(sheet.locator('[data-field="slug"] .error')).to_have_text(
        "Short name is that of another page already."
    )
    results = await Axe().run(console)
    assert results.violations_count == 0, results.generate_report()
    slug = site.slug.replace("acme", "ferries")
    await sheet.get_by_label("Short name").fill(slug)
    await sheet.get_by_role("button", name="Make the page").click()
    await expect(console).to_have_url(re.compile(f"page={slug}$"))
    await is_live(console)
    page = (await site.operator.get(f"/api/v1/pages/{slug}")).json()["data"]
    assert (page["title"], page["time_zone"], page["audience"]) == ("Ferry lines", "Europe/Berlin", "public")

    await console.get_by_role("button", name="Add group").click()
    await sheet.get_by_label("Name").fill("Boats")
    await console.keyboard.press("Enter")
    await expect(sheet).to_have_count(0)
    await console.get_by_role("button", name="Add component").click()
    await sheet.get_by_label("Name").fill("Northern line")
    await sheet.get_by_label("Group").select_option(label="Boats")
    await sheet.get_by_role("button", name="Add", exact=True).click()
    await expect(console.locator("#components section", has_text="Boats")).to_contain_text("Northern line")
    form = console.locator("#form-incident")
    await console.locator(".thumbs").get_by_role("link", name="New").click()
    await form.get_by_label("Name").fill("Fog")
    await form.get_by_label("Northern line").select_option("major_outage")
    await form.get_by_label("First words").fill("No boats for now.")
    await form.get_by_role("button", name="Open incident").click()
    await tell(console, "Open incident")
    visitor = await open_tab(f"{site.hub.base_url}/p/{slug}")
    await expect(visitor.locator("#incidents")).to_contain_text("No boats for now.")


async def test_without_javascript_there_is_no_dead_control(site: Site, open_tab: OpenTab):
    tab = await open_tab(f"{site.hub.base_url}/console", js=False)
    await expect(tab.locator(".note")).to_contain_text("The console needs JavaScript.")
    await expect(tab.get_by_role("link", name="REST")).to_be_visible()
    assert await tab.get_by_role("button").count() == 0
