"""Settings of a page in the console: fields, colours, logo, two operators at once, the page as a file, its end."""

import json
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from hub.domain.color import shades
from tests.e2e.conftest import EMAIL, PASSWORD, OpenTab, Site, is_live

pytestmark = pytest.mark.e2e

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


async def enter(tab: Page, site: Site) -> None:
    path = f"/console/settings?page={site.slug}"
    await tab.goto(f"{site.hub.base_url}/login?next={path}")
    await tab.fill("#email", EMAIL)
    await tab.fill("#password", PASSWORD)
    await tab.keyboard.press("Enter")
    await expect(tab.locator("#content")).to_be_visible()


def rgb(color: str) -> str:
    """The shade of a brand colour that a light page shows, as a browser says it."""
    shade = shades(color).light
    return f"rgb({int(shade[1:3], 16)}, {int(shade[3:5], 16)}, {int(shade[5:7], 16)})"


def field(tab: Page, name: str):
    return tab.locator(f'[data-field="{name}"]').locator("input, textarea, select")


async def test_an_operator_sets_up_his_page_and_errors_stand_at_the_field(site: Site, open_tab: OpenTab):
    tab = await open_tab("about:blank")
    await enter(tab, site)
    await field(tab, "title").fill("Ternwick Ferries")
    await field(tab, "custom_domain").fill("https://status.example.com")
    await field(tab, "brand_color").fill("#ffee00")
    for name, shade in shades("#ffee00")._asdict().items():
        await expect(tab.locator(f'[data-on="{name}"]')).to_have_attribute("data-shade", shade)
    await field(tab, "custom_css").fill("@import 'x';")
    await tab.get_by_role("button", name="Save the settings").click()
    await expect(tab.locator('[data-field="custom_domain"] .error')).to_contain_text("host name")
    await expect(tab.locator('[data-field="custom_css"] .error')).to_contain_text("@import")
    await field(tab, "custom_domain").fill("")
    await field(tab, "custom_css").fill("h1 { letter-spacing: 0 }")
    await field(tab, "weights.partial_outage").fill("0.5")
    await tab.get_by_role("button", name="Save the settings").click()
    await expect(tab.locator("#toasts")).to_contain_text("saved")
    page = (await site.operator.get(f"/api/v1/pages/{site.slug}")).json()["data"]
    assert (page["title"], page["brand_color"], page["weights"]["partial_outage"]) == (
        "Ternwick Ferries",
        "#ffee00",
        0.5,
    )
    assert page["custom_css"] == "h1 { letter-spacing: 0 }"

    await field(tab, "logo").set_input_files([{"name": "logo.png", "mimeType": "image/png", "buffer": PNG}])
    await expect(tab.locator(".logo-shown img")).to_be_visible()
    assert await tab.locator(".logo-shown img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 1

    visitor = await open_tab(site.url)
    await is_live(visitor)
    await expect(visitor.get_by_role("img", name="Ternwick Ferries")).to_be_visible()
    painted = await visitor.locator("main a").evaluate_all("links => links.map((link) => getComputedStyle(link).color)")
    assert rgb("#ffee00") in painted
    await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"brand_color": None, "custom_css": None})
    await site.operator.delete(f"/api/v1/pages/{site.slug}/files/logo")
    await expect(visitor.locator("#page-style")).to_have_count(0)
    await expect(visitor.locator(".brand")).to_have_text("Ternwick Ferries")

    for theme in ("light", "dark"):
        await tab.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        found = (await Axe().run(tab)).response["violations"]
        assert not found, [(item["id"], item["nodes"][0]["html"]) for item in found]
    await tab.set_viewport_size({"width": 320, "height": 640})
    assert await tab.evaluate("document.documentElement.scrollWidth") <= 320


async def test_what_is_typed_outlives_the_session_and_what_another_has_stored_meanwhile(site: Site, open_tab: OpenTab):
    tab = await open_tab("about:blank")
    await enter(tab, site)
    await field(tab, "description").fill("All lines and the ferry.")
    await field(tab, "brand_color").fill("blue")
    await tab.get_by_role("button", name="Save the settings").click()
    await expect(tab.locator('[data-field="brand_color"] .error')).to_have_text(
        "Brand colour must be # and six digits from 0 to f, such as #2b5fd9."
    )
    await tab.context.clear_cookies()
    await tab.get_by_role("button", name="Save the settings").click()
    await expect(tab.get_by_role("alert").first).to_contain_text("What you have typed stays in this browser")
    address = f"/api/v1/pages/{site.slug}"
    await site.operator.patch(address, json={"description": "From elsewhere", "title": "Ternwick lines"})
    await enter(tab, site)
    await expect(field(tab, "title")).to_have_value("Ternwick lines")
    await expect(field(tab, "description")).to_have_value("All lines and the ferry.")
    await expect(tab.locator('[data-clash="description"] .theirs')).to_have_text("From elsewhere")
    await field(tab, "brand_color").fill("")
    await tab.get_by_role("button", name="Save the settings").click()
    await expect(tab.locator("#toasts")).to_contain_text("saved")
    assert (await site.operator.get(address)).json()["data"]["description"] == "All lines and the ferry."
    await tab.reload()
    await expect(field(tab, "description")).to_have_value("All lines and the ferry.")
    await expect(tab.locator("[data-clash]")).to_have_count(0)


async def test_two_operators_see_each_other_and_a_clash_loses_neither_text(site: Site, open_tab: OpenTab):
    """Case 44 in the console."""
    tab = await open_tab("about:blank")
    await enter(tab, site)
    address = f"/api/v1/pages/{site.slug}"
    await site.operator.patch(address, json={"description": "From elsewhere"})
    await expect(field(tab, "description")).to_have_value("From elsewhere")

    await field(tab, "title").fill("Mine")
    await site.operator.patch(address, json={"title": "Theirs", "locale": "de"})
    clash = tab.locator('[data-clash="title"]')
    await expect(clash.locator(".theirs")).to_have_text("Theirs")
    await expect(clash.locator(".mine")).to_have_text("Mine")
    await expect(field(tab, "locale")).to_have_value("de")
    await tab.get_by_role("button", name="Save the settings").click()
    await expect(tab.locator("#toasts")).to_contain_text("saved")
    page = (await site.operator.get(address)).json()["data"]
    assert (page["title"], page["locale"]) == ("Mine", "de")


async def test_a_page_is_exported_looked_at_imported_and_deleted_by_its_name(
    site: Site, open_tab: OpenTab, tmp_path: Path
):
    tab = await open_tab("about:blank")
    await enter(tab, site)
    async with tab.expect_download() as started:
        await tab.get_by_role("button", name="Export the page").click()
    file = tmp_path / "page.json"
    await (await started.value).save_as(file)
    document = json.loads(file.read_text())
    assert (document["format"], document["page"]["slug"]) == ("status-hub-page", site.slug)

    await field(tab, "file").set_input_files(file)
    await expect(tab.locator(".report")).to_contain_text("is like this already")
    document["page"]["title"] = "From the file"
    file.write_text(json.dumps(document))
    await field(tab, "file").set_input_files(file)
    await expect(tab.locator(".report")).to_contain_text("the page: 0 would be made, 1 would be changed")
    address = f"/api/v1/pages/{site.slug}"
    assert (await site.operator.get(address)).json()["data"]["title"] == "Ternwick"
    await tab.get_by_role("button", name="Import it").click()
    await expect(field(tab, "title")).to_have_value("From the file")

    await field(tab, "slug").fill("something")
    await tab.get_by_role("button", name="Delete this page").click()
    await expect(tab.locator('[data-field="slug"] .error')).to_contain_text("not the page's name")
    await field(tab, "slug").fill(site.slug)
    await tab.get_by_role("button", name="Delete this page").click()
    await tab.wait_for_url("**/console")
    assert (await site.operator.get(address)).status_code == 404
