"""axe finds no fault, in light, dark and right-to-left, on wide screens and narrow ones."""

from importlib.resources import files

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import OpenTab, Site, is_live, sign_in

pytestmark = pytest.mark.e2e

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()


async def faults(tab) -> list[str]:
    # Run by the debugger, as the page's own policy allows no foreign script.
    await tab.evaluate(AXE + ";null")
    found = await tab.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found["violations"] for node in fault["nodes"]]


@pytest.mark.parametrize(
    ("scheme", "locale", "width"),
    [("light", "en", 1280), ("dark", "en", 320), ("light", "ar", 320), ("dark", "ar", 1280)],
)
async def test_axe_finds_nothing_on_the_status_page(
    site: Site, open_tab: OpenTab, scheme: str, locale: str, width: int
):
    """Case 97. With everything unfolded, and with a tooltip."""
    answer = await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"locale": locale})
    assert answer.is_success, answer.text
    for status in ("partial_outage", "major_outage", "under_maintenance"):
        name = {"partial_outage": "Billing", "major_outage": "Dashboard", "under_maintenance": "Sign-in"}[status]
        await site.set_status(name, status)
    tab = await open_tab(site.url, scheme=scheme, width=width)
    await is_live(tab)
    assert await tab.evaluate("document.documentElement.dir") == ("rtl" if locale == "ar" else "ltr")
    assert await faults(tab) == []
    await tab.evaluate("document.querySelectorAll('main details').forEach((fold) => { fold.open = true; })")
    await tab.locator(".strip").first.focus()
    await tab.keyboard.press("End")
    await expect(tab.locator("#tip")).to_be_visible()
    regions = "[aria-live], [role=status], [role=alert], [role=log], output"
    assert await tab.locator(regions).count() == 1, "one live region, not one for each row"
    assert await faults(tab) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_beside_the_status_page(site: Site, open_tab: OpenTab, scheme: str):
    for path in ("/login", "/register", f"/p/{site.slug}/history", "/p/missing", "/demo"):
        tab = await open_tab(site.hub.base_url + path, scheme=scheme)
        assert await faults(tab) == [], path
    console = await sign_in(site, open_tab, scheme=scheme, width=1440)
    assert await faults(console) == []
