"""Maintenances that are over, corrected in the console: words, name and when they really ran."""

from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.e2e.conftest import OpenTab, Site, sign_in

pytestmark = pytest.mark.e2e


async def test_what_is_over_is_corrected_in_its_words_and_times_and_another_sees_it(site: Site, open_tab: OpenTab):
    now = datetime.now(UTC)
    window = {"scheduled_for": now.isoformat(), "scheduled_until": (now + timedelta(hours=1)).isoformat()}
    affects = {"components": [site.components["Billing"]], "auto_start": False, "auto_complete": False}
    made = await site.send("POST", "maintenances", {"name": "New pumps", "body": "Silence.", **window, **affects})
    path = f"maintenances/{made['id']}"
    console, other = await sign_in(site, open_tab), await sign_in(site, open_tab)
    for tab in (console, other):
        await tab.locator("#over > summary").click()
        await expect(tab.locator("#over .empty")).to_be_visible()
    await site.send("POST", f"{path}/updates", {"status": "in_progress", "body": "Begun."})
    await site.send("POST", f"{path}/finish", {"body": "Don."})
    over, elsewhere = (tab.locator("#over details.ended", has_text="New pumps") for tab in (console, other))
    sheet = console.locator("dialog.sheet[open]")
    await over.locator("> summary").click()
    await elsewhere.locator("> summary").click()
    await over.get_by_text("All words (3)").click()
    await over.locator(".correct").first.click()
    await sheet.get_by_label("Words").fill("Done.")
    await sheet.get_by_label("Said at").fill("2099-01-04T10:00")
    await sheet.get_by_role("button", name="Save").click()
    await expect(sheet.locator('[data-field="display_at"] .error')).to_be_visible()
    await sheet.get_by_label("Said at").fill(await sheet.get_by_label("Said at").get_attribute("value"))
    await sheet.get_by_role("button", name="Save").click()
    await expect(over.locator(".said")).to_contain_text("Done.")

    await over.locator(".notes-fold > summary").click()
    await over.get_by_label("New note").fill("The old ones go to the museum.")
    await over.get_by_role("button", name="Keep note").click()
    await expect(elsewhere.locator(".notes-fold > summary")).to_have_text("Notes (1)")
    await expect(over.locator(".notes-fold > summary")).to_have_text("Notes (1)")

    stored = await site.send("GET", path)
    await over.get_by_role("button", name="Edit name, components, times").click()
    await sheet.get_by_label("Began at").fill("2099-01-01T10:00")
    await sheet.get_by_role("button", name="Save").click()
    await expect(sheet.locator('[data-field="started_at"] .error')).to_have_text("Began at must not lie in the future.")
    results = await Axe().run(console)
    assert results.violations_count == 0, results.generate_report()
    await sheet.get_by_label("Began at").fill("2026-01-05T10:00")
    await sheet.get_by_role("button", name="Save").click()
    await expect(elsewhere).to_contain_text("ran: Mon 5 Jan")
    corrected = await site.send("GET", path)
    assert corrected["started_at"] == "2026-01-05T10:00:00.000Z"
    assert corrected["completed_at"] == stored["completed_at"]  # to the second, though the control shows minutes
    await console.locator(".toast", has_text="Saved").get_by_role("button", name="Undo").click()
    await expect(elsewhere).not_to_contain_text("5 Jan")
    assert (await site.send("GET", path))["started_at"] == stored["started_at"]
