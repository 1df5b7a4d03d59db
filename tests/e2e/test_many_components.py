"""Case 98, the page's side: hundreds of components are folded away, found by a few letters, and live all the same."""

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import OpenTab, Site, is_live

pytestmark = pytest.mark.e2e

MANY = 300


async def test_a_component_among_hundreds_is_found_by_a_few_letters(site: Site, open_tab: OpenTab):
    groups = []
    for name in ("Harbours", "Depôts"):
        made = await site.operator.post(f"/api/v1/pages/{site.slug}/groups", json={"name": name})
        groups.append(made.json()["data"]["id"])
    ids = {}
    for number in range(MANY):
        body = {"name": f"Berth {number:03}", "group_id": groups[number % 2], "showcase": False}
        made = await site.operator.post(f"/api/v1/pages/{site.slug}/components", json=body)
        ids[body["name"]] = made.json()["data"]["id"]
    tab = await open_tab(site.url)
    await is_live(tab)
    box = tab.locator("#filter input")
    await expect(box).to_be_visible()
    shown = tab.locator("#components .component:visible")
    assert await shown.count() < 25  # the groups are folded
    await box.fill("berth 123")
    await expect(shown).to_have_count(1)
    await expect(tab.locator("#filter .found")).to_have_text("1 component")
    path = f"/api/v1/pages/{site.slug}/components/{ids['Berth 123']}"
    await site.operator.patch(path, json={"status": "major_outage"})
    await expect(shown.locator(".status")).to_have_text("Major outage")
    await expect(shown).to_have_count(1)
    await expect(box).to_be_focused()
    await box.fill("depots")  # a group's name, without its accent
    await expect(tab.locator("#filter .found")).to_have_text(f"{MANY // 2} components")
    await box.press("Escape")
    await expect(tab.locator("#components .entry:visible")).to_have_count(
        await tab.locator("#components .entry").count()
    )
