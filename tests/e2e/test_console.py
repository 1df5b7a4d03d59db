"""What an operator can do in the console, and by which keys."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import EMAIL, OpenTab, Site, is_live, sign_in, tell

pytestmark = pytest.mark.e2e


def subject(tab: Page, site: Site, name: str):
    return tab.locator(f'#components li[data-key="{site.components[name]}"]')


def pressed(tab: Page, site: Site, name: str):
    return subject(tab, site, name).locator('[aria-pressed="true"]')


async def test_wrong_credentials_are_told_beside_the_form(site: Site, open_tab: OpenTab):
    tab = await open_tab(f"{site.hub.base_url}/login")
    await tab.click("button[type=submit]")
    await expect(tab.locator("#email-error")).to_have_text("Enter your e-mail address.")
    await tab.fill("#email", EMAIL)
    await tab.fill("#password", "wrong")
    await tab.click("button[type=submit]")
    await expect(tab.locator("#problem")).to_be_visible()
    assert "/login" in tab.url


async def test_a_key_sets_the_focused_component_and_visitors_see_it(site: Site, open_tab: OpenTab):
    console, visitor = await sign_in(site, open_tab), await open_tab(site.url)
    await is_live(visitor)
    await console.keyboard.press("c")
    await pressed(console, site, "Billing").focus()
    await console.keyboard.press("3")
    await expect(pressed(console, site, "Billing")).to_have_attribute("data-status", "partial_outage")
    shown = visitor.locator(f'.component[data-key="{site.components["Billing"]}"] .status')
    await expect(shown).to_have_text("Partial outage")
    await console.keyboard.press("z")
    await expect(shown).to_have_text("Operational")
    await expect(pressed(console, site, "Billing")).to_have_attribute("data-status", "operational")
    assert await pressed(console, site, "Billing").evaluate(
        "(e) => e.closest('li') === document.activeElement.closest('li')"
    )


async def test_an_incident_is_opened_updated_and_resolved_with_the_keyboard_alone(site: Site, open_tab: OpenTab):
    console, visitor = await sign_in(site, open_tab), await open_tab(site.url)
    await is_live(visitor)
    await console.keyboard.press("n")
    await console.keyboard.type("Labels do not print")
    await console.locator(f'#form-incident select[name="components.{site.components["Billing"]}"]').focus()
    await console.keyboard.type("Major")
    await console.locator('#form-incident textarea[name="body"]').focus()
    await console.keyboard.type("We are looking.")
    await console.keyboard.press("Control+Enter")
    await expect(console.locator("#question[open]")).to_be_visible()
    await console.keyboard.press("Enter")
    card = console.locator("#incidents .card", has_text="Labels do not print")
    await expect(card).to_contain_text("We are looking.")
    seen = visitor.locator("#incidents .incident", has_text="Labels do not print")
    await expect(seen.locator(".chip")).to_contain_text("Billing")
    await expect(console.locator('#form-incident input[name="name"]')).to_have_value("")

    await console.locator("#main").focus()
    await console.keyboard.press("u")
    await console.keyboard.type("A disk is full.")
    await console.keyboard.press("Control+Enter")
    await expect(console.locator("#question[open]")).to_be_visible()
    await console.keyboard.press("Control+Enter")  # the same key goes on
    await expect(seen).to_contain_text("A disk is full.")
    await expect(console.locator("#toasts")).to_contain_text("Posted to Labels do not print")
    await card.locator(".resolve").focus()
    await console.keyboard.press("Enter")
    await expect(console.locator("#question[open]")).to_be_visible()
    await console.keyboard.press("Enter")
    await expect(seen).to_have_count(0)
    await expect(card).to_have_count(0)
    await expect(visitor.locator("#history")).to_contain_text("This incident has been resolved.")


async def test_resolving_asks_only_about_components_that_would_stay_red(site: Site, open_tab: OpenTab):
    await site.open_incident("Invoices are late", {"Billing": "partial_outage"})
    await site.set_status("Billing", "partial_outage")
    console = await sign_in(site, open_tab)
    card = console.locator("#incidents .card", has_text="Invoices are late")
    await card.locator(".resolve").click()
    question = console.locator("#question")
    await expect(question).to_contain_text("Billing")
    await question.get_by_role("button", name="Set them operational").click()
    await expect(card).to_have_count(0)
    await expect(pressed(console, site, "Billing")).to_have_attribute("data-status", "operational")


async def test_a_maintenance_is_scheduled_begun_and_ended(site: Site, open_tab: OpenTab):
    console, visitor = await sign_in(site, open_tab), await open_tab(site.url)
    await is_live(visitor)
    await console.keyboard.press("m")
    await console.keyboard.type("New scanners")
    form = console.locator("#form-maintenance")
    await form.locator(".picker summary").click()
    await form.locator(f'input[name="affects.{site.components["Billing"]}"]').check()
    await form.locator('textarea[name="body"]').fill("Scans pause for a minute.")
    await form.get_by_role("button", name="Schedule").click()
    await tell(console, "Schedule")
    await expect(visitor.locator("#upcoming")).to_contain_text("New scanners")
    card = console.locator("#maintenances .card", has_text="New scanners")
    sheet = console.locator("dialog.sheet[open]")
    await card.get_by_role("button", name="Begin now").click()
    await sheet.get_by_role("button", name="Begin").click()
    await expect(visitor.locator("#running")).to_contain_text("New scanners")
    shown = visitor.locator(f'.component[data-key="{site.components["Billing"]}"] .status')
    await expect(shown).to_have_text("Under maintenance")
    await card.get_by_role("button", name="Finish").click()
    await sheet.get_by_role("button", name="Finish").click()
    await expect(card).to_have_count(0)
    await expect(shown).to_have_text("Operational")


async def test_errors_stand_next_to_their_fields_and_the_draft_survives(site: Site, open_tab: OpenTab):
    console = await sign_in(site, open_tab)
    form = console.locator("#form-incident")
    await form.locator('textarea[name="body"]').fill("Half a thought")
    await form.get_by_role("button", name="Open incident").click()
    await expect(form.locator('[data-field="name"] .error')).to_be_visible()
    await expect(form.locator('input[name="name"]')).to_be_focused()
    await console.reload()
    await expect(form.locator('textarea[name="body"]')).to_have_value("Half a thought")


async def test_two_operators_at_once_see_each_other_and_lose_nothing(site: Site, open_tab: OpenTab):
    incident = await site.open_incident("Scans arrive late", {"Tracking": "partial_outage"})
    console = await sign_in(site, open_tab)
    card = console.locator(f'#incidents [data-key="{incident["id"]}"].card')
    await card.get_by_label("Next words").fill("My words.")
    await site.send("POST", f"incidents/{incident['id']}/updates", {"status": "identified", "body": "Their words."})
    await expect(card.locator(".last")).to_contain_text("Their words.")
    await expect(card.get_by_label("Next words")).to_have_value("My words.")
    await expect(card.get_by_label("Next words")).to_be_focused()  # what comes from others takes nothing away
    await card.get_by_role("button", name="Post update").click()
    await tell(console, "Post update")
    question = console.locator("#question")
    await expect(question).to_contain_text("Their words.")
    await expect(question).to_contain_text("My words.")
    await question.get_by_role("button", name="Post mine as well").click()
    await expect(card.locator(".last")).to_contain_text("My words.")
    shown = await site.send("GET", f"incidents/{incident['id']}")
    assert [update["body"] for update in shown["updates"]][:2] == ["My words.", "Their words."]


async def test_the_session_is_renewed_when_its_access_token_has_run_out(site: Site, open_tab: OpenTab):
    console = await sign_in(site, open_tab)
    await console.context.clear_cookies(name="hub_access")
    await pressed(console, site, "Billing").focus()
    await console.keyboard.press("2")
    await expect(pressed(console, site, "Billing")).to_have_attribute("data-status", "degraded_performance")


async def test_the_keys_are_listed_and_signing_out_ends_the_session(site: Site, open_tab: OpenTab):
    console = await sign_in(site, open_tab)
    await console.locator("#main").focus()
    await console.keyboard.press("?")
    await expect(console.locator("#keys")).to_contain_text("New incident")
    await console.keyboard.press("Escape")
    await console.click("#sign-out")
    await expect(console).to_have_url(re.compile("/login"))
    await console.goto(f"{site.hub.base_url}/console")
    await console.wait_for_url("**/login**")


@pytest.mark.parametrize("width", [320, 900, 1440])
async def test_the_console_fits_its_screen(site: Site, open_tab: OpenTab, width: int):
    console = await sign_in(site, open_tab, width=width)
    assert await console.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
