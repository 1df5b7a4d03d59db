"""What operators have in the console beside the next words: notes, corrections, templates, postmortems, other times."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.e2e.conftest import OpenTab, Site, is_live, sign_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


async def test_an_incident_is_told_corrected_noted_and_explained(site: Site, open_tab: OpenTab):
    """Cases 31, 40 and 124 in the console; and notes and drafts that no visitor gets."""
    console, visitor = await sign_in(site, open_tab), await open_tab(site.url)
    await is_live(visitor)
    form = console.locator("#form-incident")
    await form.locator('[name="name"]').fill("Labels do not print")
    await form.locator('[name="body"]').fill("We look.")
    await form.locator(f'select[name="components.{site.components["Billing"]}"]').select_option("major_outage")
    await form.get_by_role("button", name="Keep as template").click()
    await console.locator("#question").get_by_role("button", name="Keep", exact=True).click()
    await expect(console.locator("#toasts")).to_contain_text("Template kept")
    await form.locator('[name="name"]').fill("")
    await form.locator('[name="body"]').fill("")
    await form.locator('select[name="template"]').select_option(label="Labels do not print")
    await expect(form.locator('[name="body"]')).to_have_value("We look.")
    await form.get_by_role("button", name="Open incident").click()
    card = console.locator("#incidents .card", has_text="Labels do not print")
    await expect(card).to_contain_text("We look.")
    shown = visitor.locator("#incidents article", has_text="Labels do not print")
    await expect(shown).to_contain_text("We look.")

    await card.locator(".notes-fold summary").click()
    await card.locator(".notes-fold textarea").fill("Call the printer people, **not** the ferry.")
    await card.get_by_role("button", name="Keep note").click()
    await expect(card.locator(".notes li")).to_contain_text("not the ferry")
    await expect(card.locator(".notes-fold summary")).to_have_text("Notes (1)")
    await card.locator(".correct").click()
    question = console.locator("#question")
    await question.locator("textarea").fill("We are looking into it.")
    await question.get_by_role("button", name="Save").click()
    await expect(shown).to_contain_text("We are looking into it.")
    assert await shown.locator(".update").count() == 1

    await card.get_by_role("button", name="Resolve").click()
    await expect(card).to_have_count(0)
    ended = console.locator("#ended details", has_text="Labels do not print")
    await ended.locator("summary").click()
    await ended.locator("textarea").fill("A roll of paper was wound the wrong way.")
    await ended.get_by_role("button", name="Keep draft").click()
    await expect(ended.locator("summary")).to_contain_text("draft")
    assert "wound the wrong way" not in await visitor.content()
    await ended.get_by_role("button", name="Publish").click()
    await question.get_by_role("button", name="Publish").click()
    await expect(ended.locator("summary")).to_contain_text("Postmortem")
    await expect(visitor.locator("#history article", has_text="Labels do not print")).to_contain_text(
        "wound the wrong way"
    )
    assert "printer people" not in await visitor.content()
    await ended.get_by_role("button", name="Reopen").click()
    await question.get_by_role("button", name="Reopen").click()
    await expect(card).to_be_visible()
    results = await Axe().run(console)
    assert results.violations_count == 0, results.generate_report()


async def test_what_was_over_before_it_was_told_lies_in_the_past_and_windows_come_move_and_go(
    site: Site, open_tab: OpenTab
):
    console = await sign_in(site, open_tab)
    form = console.locator("#form-incident")
    await form.locator('[name="name"]').fill("A storm last week")
    await form.locator('[name="body"]').fill("It is over.")
    await form.locator('[name="status"]').select_option("resolved")
    await form.get_by_text("It began earlier").click()
    await form.locator('[name="started_at"]').fill("2026-01-05T10:00")
    await form.locator('[name="notify"]').uncheck()
    await form.get_by_role("button", name="Open incident").click()

    async def told() -> dict | None:
        found = (await site.operator.get(f"/api/v1/pages/{site.slug}/incidents")).json()["data"]
        return next((item for item in found if item["name"] == "A storm last week"), None)

    await wait_until(told, within_s=10)
    incident = await told()
    assert incident["started_at"].startswith("2026-01-05T")
    assert incident["updates"][0]["deliver_notifications"] is False

    await console.get_by_role("tab", name="Maintenance").click()
    form = console.locator("#form-maintenance")
    await form.locator('[name="name"]').fill("New pumps")
    await form.locator('[name="body"]').fill("Half an hour of silence.")
    await form.locator('[name="scheduled_for"]').fill("2100-01-03T03:00")
    await form.locator('[name="scheduled_until"]').fill("2100-01-03T04:00")
    await form.locator('[name="rrule"]').select_option("FREQ=WEEKLY")
    await form.get_by_role("button", name="Schedule").click()
    card = console.locator("#maintenances .card", has_text="New pumps")
    await card.get_by_text("Move", exact=True).first.click()
    await card.locator('[name="scheduled_until"]').fill("2100-01-03T05:30")
    await card.get_by_role("button", name="Move").click()
    await expect(card.locator(".facts")).to_contain_text("05:30")
    await card.get_by_role("button", name="Call off").click()
    await console.locator("#question").get_by_role("button", name="Call off all that follow").click()
    await expect(card).to_have_count(0)
    found = (await site.operator.get(f"/api/v1/pages/{site.slug}/maintenances")).json()["data"]
    assert [item["cancelled_at"] is not None for item in found if item["name"] == "New pumps"] == [True]
