"""What operators have in the console beside the next words: templates, notes, corrections, postmortems, other times."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.e2e.conftest import OpenTab, Site, is_live, sign_in, tell
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


async def undo(console: Page, said: str) -> None:
    await console.locator(".toast", has_text=said).get_by_role("button", name="Undo").click()


async def test_an_incident_is_told_corrected_noted_and_explained(site: Site, open_tab: OpenTab):
    """Cases 31 and 124 in the console; and notes and drafts that no visitor gets."""
    console, visitor = await sign_in(site, open_tab), await open_tab(site.url)
    await is_live(visitor)
    sheet, question = console.locator("dialog.sheet[open]"), console.locator("#question")
    form = console.locator("#form-incident")
    await form.locator('[name="name"]').fill("Labels do not print")
    await form.locator('[name="body"]').fill("We look.")
    await form.locator(f'select[name="components.{site.components["Billing"]}"]').select_option("major_outage")
    await form.get_by_role("button", name="Keep as template").click()
    await sheet.get_by_role("button", name="Keep", exact=True).click()
    await expect(console.locator("#toasts")).to_contain_text("Template kept")
    await form.locator('[name="name"]').fill("Something else")
    await form.locator('[name="body"]').fill("")
    await form.locator('select[name="template"]').select_option(label="Labels do not print")
    await expect(form.locator('[name="body"]')).to_have_value("We look.")
    await undo(console, "is in the form")
    await expect(form.locator('[name="name"]')).to_have_value("Something else")
    await form.locator('select[name="template"]').select_option(label="Labels do not print")
    await form.get_by_role("button", name="Open incident").click()
    await tell(console, "Open incident")
    card = console.locator("#incidents .card", has_text="Labels do not print")
    await expect(card.locator(".last")).to_contain_text("We look.")
    shown = visitor.locator("#incidents article", has_text="Labels do not print")
    await expect(shown).to_contain_text("We look.")

    await card.locator(".notes-fold > summary").click()
    await card.locator(".notes-fold textarea").fill("Call the printer people, **not** the ferry.")
    await card.get_by_role("button", name="Keep note").click()
    await expect(card.locator(".notes li")).to_contain_text("not the ferry")
    await expect(card.locator(".notes-fold > summary")).to_have_text("Notes (1)")
    await card.get_by_role("button", name="Delete note").click()
    await expect(card.locator(".notes li")).to_have_count(0)
    await undo(console, "Note deleted")
    await expect(card.locator(".notes li")).to_contain_text("not the ferry")
    incident = (await site.send("GET", "incidents"))[0]["id"]
    (note,) = await site.send("GET", f"incidents/{incident}/notes")
    await site.send("PATCH", f"incidents/{incident}/notes/{note['id']}", {"body": "The printer people know."})
    await expect(card.locator(".notes li")).to_contain_text("The printer people know.")  # another operator changed it
    await card.locator(".updates-fold > summary").click()
    await card.locator(".correct").click()
    await sheet.locator("textarea").fill("We are looking into it.")
    await sheet.get_by_role("button", name="Save").click()
    await expect(shown).to_contain_text("We are looking into it.")
    assert await shown.locator(".update").count() == 1

    await card.get_by_role("button", name="Edit name, impact, start").click()
    await sheet.locator('[name="name"]').fill("Labels print slowly")
    await sheet.locator('[name="impact"]').select_option("minor")
    await sheet.get_by_role("button", name="Save").click()
    renamed = visitor.locator("#incidents article", has_text="Labels print slowly")
    await expect(renamed).to_contain_text("Minor impact")
    await undo(console, "Saved")
    await expect(shown).to_contain_text("Critical impact")

    await card.get_by_role("button", name="Resolve").click()
    await tell(console, "Resolve")
    await expect(card).to_have_count(0)
    ended = console.locator("#ended details.ended", has_text="Labels do not print")
    await ended.locator("> summary").click()
    await ended.get_by_label("Postmortem").fill("A roll of paper was wound the wrong way.")
    await expect(ended.locator("> summary")).to_contain_text("draft")  # it is kept as one types
    assert "wound the wrong way" not in await visitor.content()
    await ended.get_by_role("button", name="Publish").click()
    await question.get_by_role("button", name="Publish").click()
    await expect(ended.locator("> summary")).to_contain_text("Postmortem")
    past = visitor.locator("#history article", has_text="Labels do not print")
    await expect(past).to_contain_text("wound the wrong way")
    assert "printer people" not in await visitor.content()
    await ended.get_by_role("button", name="Reopen").click()
    await sheet.get_by_role("button", name="Reopen").click()
    await expect(card).to_be_visible()
    results = await Axe().run(console)
    assert results.violations_count == 0, results.generate_report()
    await card.get_by_role("button", name="Delete", exact=True).click()
    await question.get_by_role("button", name="Delete it").click()
    await expect(shown).to_have_count(0)
    await expect(card).to_have_count(0)


async def test_what_was_over_before_it_was_told_lies_in_the_past(site: Site, open_tab: OpenTab):
    """Cases 27 and 28 in the console: nobody is told of what is over, unless that is asked for."""
    console = await sign_in(site, open_tab)
    form = console.locator("#form-incident")
    await form.locator('[name="name"]').fill("A storm last week")
    await form.locator('[name="body"]').fill("It is over.")
    await form.locator('[name="status"]').select_option("resolved")
    await form.get_by_text("It began earlier").click()
    await expect(form.locator('[name="notify"]')).to_be_checked()
    await form.locator('[name="started_at"]').fill("2026-01-05T10:00")
    await form.locator('[name="resolved_at"]').fill("2026-01-05T12:00")
    await expect(form.locator('[name="notify"]')).not_to_be_checked()
    await expect(form.locator(".preview")).to_contain_text("marked as no news")
    await form.get_by_role("button", name="Open incident").click()

    async def told() -> dict | None:
        found = (await site.operator.get(f"/api/v1/pages/{site.slug}/incidents")).json()["data"]
        return next((item for item in found if item["name"] == "A storm last week"), None)

    await wait_until(told, within_s=10)
    incident = await told()
    assert (incident["started_at"][:16], incident["resolved_at"][:16]) == ("2026-01-05T10:00", "2026-01-05T12:00")
    assert incident["updates"][0]["deliver_notifications"] is False


async def test_windows_come_again_move_begin_and_are_called_off(site: Site, open_tab: OpenTab):
    """Case 40 in the console: what is said of the next windows is what will come."""
    answer = await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"time_zone": "Europe/Berlin"})
    assert answer.is_success
    console, visitor = await sign_in(site, open_tab), await open_tab(site.url)
    await is_live(visitor)
    sheet = console.locator("dialog.sheet[open]")
    await console.get_by_role("tab", name="Maintenance").click()
    form = console.locator("#form-maintenance")
    await form.locator('[name="name"]').fill("New pumps")
    await form.locator('[name="body"]').fill("Half an hour of silence.")
    await form.locator('[name="scheduled_for"]').fill("2099-03-22T03:00")
    await form.locator('[name="scheduled_until"]').fill("2099-03-22T04:00")
    await form.locator('[name="rrule"]').select_option("WEEKLY")
    await form.locator('[name="rrule.SU"]').check()
    await expect(form.locator(".windows")).to_contain_text(
        "The next 3 windows: Sun 22 Mar 2099, 03:00 – 04:00 UTC+1; Sun 29 Mar 2099, 03:00 – 04:00 UTC+2"
    )
    await form.locator('[name="remind_before_min"]').select_option("1440")
    await form.get_by_role("button", name="Schedule").click()
    await tell(console, "Schedule")
    card = console.locator("#maintenances .card", has_text="New pumps")
    await expect(card).to_contain_text("comes again every week on Sun")
    await card.get_by_role("button", name="Move").click()
    await sheet.locator('[name="scheduled_until"]').fill("2099-03-22T05:30")
    await sheet.get_by_role("button", name="Move").click()
    await expect(card.locator("> header .facts")).to_contain_text("05:30")
    await card.get_by_role("button", name="Begin now").click()
    await sheet.get_by_label("What visitors read").fill("Silence begins.")
    await sheet.get_by_role("button", name="Begin").click()
    await expect(visitor.locator("#running")).to_contain_text("Silence begins.")
    await expect(card.get_by_role("button", name="Call off")).to_be_hidden()
    await card.get_by_text("Say more").click()
    await card.get_by_label("Next words").fill("Half of it is done.")
    await expect(card.locator(".preview")).to_contain_text("Half of it is done.")
    await card.get_by_role("button", name="Post update").click()
    await tell(console, "Post update")
    await expect(visitor.locator("#running")).to_contain_text("Half of it is done.")
    await card.get_by_role("button", name="Finish").click()
    await sheet.get_by_role("button", name="Finish").click()
    await expect(card.locator("> header .facts")).to_contain_text("29 Mar")  # the window after that one
    await card.get_by_role("button", name="Call off").click()
    await sheet.get_by_label("And all that were to follow").check()
    await sheet.get_by_role("button", name="Call it off").click()
    await expect(card).to_have_count(0)
    found = (await site.operator.get(f"/api/v1/pages/{site.slug}/maintenances")).json()["data"]
    pumps = [item for item in found if item["name"] == "New pumps"]
    assert [item["cancelled_at"] is not None for item in pumps] == [True, False]
    assert [item["remind_before_min"] for item in pumps] == [1440, 1440]
