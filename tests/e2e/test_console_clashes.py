"""Two operators change one thing: what only one has touched goes together, and no text of either is lost (case 44)."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import OpenTab, Site, sign_in

pytestmark = pytest.mark.e2e


async def test_what_only_one_of_two_has_touched_is_no_clash(site: Site, open_tab: OpenTab):
    incident = await site.open_incident("Scans arrive late", {"Tracking": "major_outage", "Billing": "partial_outage"})
    start = datetime.now(UTC) + timedelta(days=1)
    window = {"scheduled_for": start.isoformat(), "scheduled_until": (start + timedelta(hours=1)).isoformat()}
    affects = sorted((site.components["Tracking"], site.components["Billing"]), reverse=True)
    planned = {"name": "New pumps", "body": "Silence.", "components": affects, **window}
    maintenance = await site.send("POST", "maintenances", planned)
    console = await sign_in(site, open_tab)
    sheet, question = console.locator("dialog.sheet[open]"), console.locator("#question[open]")
    card = console.locator(f'#incidents [data-key="{incident["id"]}"].card')
    await card.get_by_role("button", name="Edit name, impact, start").click()
    await sheet.get_by_label("Impact").select_option("minor")
    await site.send("PATCH", f"incidents/{incident['id']}", {"name": "Scans are late"})
    await sheet.get_by_role("button", name="Save").click()
    await expect(sheet).to_have_count(0)
    stored = await site.send("GET", f"incidents/{incident['id']}")
    assert (stored["name"], stored["impact"]) == ("Scans are late", "minor")

    card = console.locator(f'#maintenances [data-key="{maintenance["id"]}"].card')
    await card.get_by_role("button", name="Edit name, components, reminder").click()
    await sheet.get_by_label("Announcement").fill("Half an hour of silence.")
    await sheet.get_by_text("What is affected").click()
    await sheet.get_by_label("Sign-in").check()
    await site.send("PATCH", f"maintenances/{maintenance['id']}", {"name": "Newer pumps"})
    await sheet.get_by_role("button", name="Save").click()
    await expect(sheet).to_have_count(0)
    await expect(question).to_have_count(0)
    stored = await site.send("GET", f"maintenances/{maintenance['id']}")
    assert (stored["name"], stored["body"], len(stored["components"])) == ("Newer pumps", "Half an hour of silence.", 3)


async def test_errors_name_fields_as_the_form_does(site: Site, open_tab: OpenTab):
    console = await sign_in(site, open_tab)
    await console.get_by_role("tab", name="Maintenance").click()
    form = console.locator("#form-maintenance")
    await form.locator('[name="name"]').fill("New pumps")
    await form.locator('[name="body"]').fill("Silence.")
    await form.locator('[name="scheduled_until"]').fill("2020-01-01T00:00")
    await form.get_by_role("button", name="Schedule").click()
    problem = form.locator('[data-field="scheduled_until"] .error')
    await expect(problem).to_have_text("Until must come after “From”.")
    await form.locator('[name="scheduled_until"]').fill("")
    await form.get_by_role("button", name="Schedule").click()
    await expect(problem).to_have_text("Fill in “Until”.")
    await expect(console.locator("#question[open]")).to_have_count(0)


async def test_a_step_of_a_maintenance_that_another_has_changed_keeps_the_words(site: Site, open_tab: OpenTab):
    start = datetime.now(UTC) + timedelta(days=1)
    window = {"scheduled_for": start.isoformat(), "scheduled_until": (start + timedelta(hours=1)).isoformat()}
    made = await site.send("POST", "maintenances", {"name": "New pumps", "body": "Silence.", **window})
    path = f"maintenances/{made['id']}"
    console = await sign_in(site, open_tab)
    sheet, question = console.locator("dialog.sheet[open]"), console.locator("#question[open]")
    card = console.locator(f'#maintenances [data-key="{made["id"]}"].card')
    await card.get_by_role("button", name="Call off").click()
    await expect(sheet.locator(".stage .impact")).to_have_text("Cancelled")
    await sheet.get_by_label("What visitors read").fill("Not today.")
    await expect(sheet.locator(".stage")).to_contain_text("Not today.")
    await expect(sheet.locator(".stage .impact")).to_have_text("Cancelled")
    await site.send("POST", f"{path}/updates", {"status": "scheduled", "body": "Half an hour, not more."})
    await sheet.get_by_role("button", name="Call it off").click()
    await expect(question.locator(".theirs")).to_contain_text("Half an hour, not more.")
    await expect(question.locator(".mine")).to_contain_text("Not today.")
    await question.get_by_role("button", name="Back to my text").click()
    await expect(sheet.get_by_label("What visitors read")).to_have_value("Not today.")
    await sheet.get_by_role("button", name="Call it off").click()  # theirs has been seen
    await expect(card).to_have_count(0)
    stored = await site.send("GET", path)
    assert [update["body"] for update in stored["updates"]] == ["Not today.", "Half an hour, not more.", "Silence."]
