"""The pictures of the documentation, taken of the running hub: what they show is what there is.

They are written only where they are missing or when asked for (`HUB_SCREENSHOTS=1`), because dates in them change.
"""

import os
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.conftest import OpenTab, Site, is_live, sign_in

pytestmark = pytest.mark.e2e

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PNG = b"\x89PNG\r\n\x1a\n"


async def take(tab: Page | Locator, name: str, **options: bool) -> None:
    """A picture of `tab`, or of a part of one; kept under docs/images if there is none of that name yet."""
    picture = await tab.screenshot(animations="disabled", **options)
    assert picture.startswith(PNG)
    path = IMAGES / f"{name}.png"
    if os.environ.get("HUB_SCREENSHOTS") or not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("status-page", {"width": 1100, "height": 1700}),
        ("status-page-dark", {"width": 1100, "height": 900, "scheme": "dark"}),
        ("status-page-phone", {"width": 390, "height": 844, "device_scale_factor": 2}),
    ],
)
async def test_the_status_page_is_pictured(demo: Site, open_tab: OpenTab, name: str, options: dict):
    tab = await open_tab(demo.url, **options)
    await is_live(tab)
    await expect(tab.locator("#answer")).to_be_visible()
    await take(tab, name)


async def test_an_incident_is_pictured(demo: Site, open_tab: OpenTab):
    incident = next(item for item in await demo.send("GET", "incidents") if item["status"] == "postmortem")
    tab = await open_tab(f"{demo.url}/incidents/{incident['id']}", width=1100, height=900)
    await expect(tab.locator("h1")).to_contain_text(incident["name"])
    await take(tab, "incident")


async def test_the_history_is_pictured(demo: Site, open_tab: OpenTab):
    tab = await open_tab(f"{demo.url}/history", width=1100, height=900)
    await expect(tab.locator(".past").first).to_be_visible()
    await take(tab, "history")


async def test_the_console_is_pictured(demo: Site, open_tab: OpenTab):
    tab = await sign_in(demo, open_tab, width=1280, height=850)
    await expect(tab.get_by_text("Rates & labels").first).to_be_visible()
    await take(tab, "console")


async def test_telling_of_an_incident_is_pictured(demo: Site, open_tab: OpenTab):
    """Nothing is sent: the page stays as it is for the others."""
    tab = await sign_in(demo, open_tab, width=1280, height=1700)
    form = tab.locator("#form-incident")
    await form.locator('[name="name"]').fill("Labels come without a barcode")
    await form.locator('[name="body"]').fill("Labels of the **last hour** may lack one. We are looking into it.")
    first = form.locator('select[name^="components."]').first
    await first.select_option("partial_outage")
    await expect(form.locator(".stage .impact")).to_have_text("Major impact")
    await take(tab.locator("#pane-composer"), "console-incident")
