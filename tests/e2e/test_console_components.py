"""Components and groups in the console: added, edited by two at once, put in order, and what each visitor will see."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.e2e.conftest import EMAIL, PASSWORD, OpenTab, Site, is_live, sign_in, tell
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


def row(tab: Page, name: str):
    return tab.locator("#components li[data-key]", has_text=name)


async def names(tab: Page, selector: str) -> list[str]:
    return [text.strip() for text in await tab.locator(selector).all_inner_texts()]


async def test_components_are_added_edited_by_two_and_taken_away(site: Site, open_tab: OpenTab):
    """Case 44 in the console: the second of two editors sees both texts, and neither is lost."""
    console, visitor = await sign_in(site, open_tab), await open_tab(site.url)
    await is_live(visitor)
    sheet, question = console.locator("dialog.sheet[open]"), console.locator("#question")
    await console.get_by_role("button", name="Add component").click()
    await sheet.get_by_role("button", name="Add", exact=True).click()
    await expect(sheet.locator('[data-field="name"] .error')).to_be_visible()
    await sheet.get_by_label("Name").fill("Webhooks")
    await sheet.get_by_label("Group").select_option(label="Platform")
    await sheet.get_by_role("button", name="Add", exact=True).click()
    await expect(visitor.locator(".component", has_text="Webhooks")).to_be_visible()

    key = await row(console, "Webhooks").get_attribute("data-key")
    await row(console, "Webhooks").get_by_role("button", name="Edit").click()
    await sheet.get_by_label("Name").fill("Hooks")
    await sheet.get_by_label("Description").fill("Calls of yours.")
    await site.send("PATCH", f"components/{key}", {"name": "Web hooks", "showcase": False})
    await sheet.get_by_role("button", name="Save").click()
    await expect(question.locator(".theirs")).to_have_text("Web hooks")
    await expect(question.locator(".mine")).to_have_text("Hooks")
    await question.get_by_role("button", name="Back to my text").click()
    await expect(sheet.get_by_label("Name")).to_have_value("Hooks")
    await sheet.get_by_role("button", name="Save").click()
    await question.get_by_role("button", name="Leave theirs").click()
    await expect(sheet).to_have_count(0)
    stored = await site.send("GET", f"components/{key}")
    assert (stored["name"], stored["description"], stored["showcase"]) == ("Web hooks", "Calls of yours.", False)
    await console.locator(".toast", has_text="Saved").get_by_role("button", name="Undo").click()
    await expect(console.locator("#toasts")).to_contain_text("It is as it was.")
    assert (await site.send("GET", f"components/{key}"))["description"] is None
    await row(console, "Web hooks").get_by_role("button", name="Edit").click()
    results = await Axe().run(console)
    assert results.violations_count == 0, results.generate_report()
    await sheet.get_by_role("button", name="Delete the component").click()
    await expect(question).to_contain_text("old incidents go on naming it")
    await question.get_by_role("button", name="Delete it").click()
    await expect(row(console, "Web hooks")).to_have_count(0)
    await expect(visitor.locator(".component", has_text="Web hooks")).to_have_count(0)


async def test_order_is_changed_by_keys_and_by_dragging_and_taken_back(site: Site, open_tab: OpenTab):
    """Case 26 in the console: places change and nothing else; focus stays on what is moved."""
    console, other = await sign_in(site, open_tab), await sign_in(site, open_tab)
    shown = '#components section:has-text("Platform") li .name'
    await row(console, "Billing").locator('[tabindex="0"]').focus()
    await console.keyboard.press("Alt+ArrowUp")
    await wait_until(lambda: _is(other, shown, ["Billing", "Sign-in", "Dashboard"]), within_s=5)
    assert await console.evaluate("document.activeElement.closest('li').textContent.includes('Billing')")
    await expect(console.locator(".toast", has_text="order")).to_have_count(1)
    await console.keyboard.press("Alt+ArrowUp")  # on into the group before
    await expect(other.locator('#components section:has-text("Shipping API")')).to_contain_text("Billing")
    await expect(console.locator(".toast", has_text="order")).to_have_count(2)
    await console.keyboard.press("z")
    await wait_until(lambda: _is(other, shown, ["Billing", "Sign-in", "Dashboard"]), within_s=5)

    await console.get_by_role("button", name="Arrange").click()
    handle = row(console, "Dashboard").locator(".handle")
    to = await row(console, "Billing").bounding_box()
    await handle.hover()
    await console.mouse.down()
    await console.mouse.move(to["x"] + 30, to["y"] + 20, steps=3)
    await console.mouse.move(to["x"] + 30, to["y"] + 2, steps=3)
    await site.set_status("Tracking", "degraded_performance")  # what comes meanwhile waits, and is not lost
    await console.mouse.up()
    await wait_until(lambda: _is(other, shown, ["Dashboard", "Billing", "Sign-in"]), within_s=5)
    await expect(row(console, "Tracking").locator('[aria-pressed="true"]')).to_have_attribute(
        "data-status", "degraded_performance"
    )


async def _is(tab: Page, selector: str, wanted: list[str]) -> bool:
    return await names(tab, selector) == wanted


async def test_every_kind_of_visitor_is_shown_beforehand_and_a_draft_outlives_the_session(
    site: Site, open_tab: OpenTab
):
    await site.send("PATCH", f"components/{site.components['Billing']}", {"audience": "verified"})
    console, visitor = await sign_in(site, open_tab), await open_tab(site.url)
    await is_live(visitor)
    form = console.locator("#form-incident")
    preview = form.locator(".preview")
    await form.locator('[name="name"]').fill("Invoices are late")
    await form.locator('[name="body"]').fill("We **look**. <script>alert(1)</script>")
    await form.locator(f'select[name="components.{site.components["Billing"]}"]').select_option("major_outage")
    await expect(preview.locator(".stage")).to_contain_text("They notice nothing of it.")
    await preview.locator('[data-audience="verified"]').click()
    await expect(preview.locator(".stage .chip")).to_contain_text("Billing")
    await expect(preview.locator(".stage strong")).to_have_text("look")
    await expect(preview.locator(".stage")).to_contain_text("<script>")
    await form.locator(f'select[name="components.{site.components["Tracking"]}"]').select_option("partial_outage")
    await preview.locator('[data-audience="public"]').click()
    await expect(preview.locator(".stage .impact")).to_have_text("Major impact")
    await expect(preview.locator(".stage .chip")).to_have_count(1)
    await expect(preview.locator(".reach")).to_contain_text("nobody is mailed")

    card = await site.open_incident("Scans arrive late", {"Tracking": "partial_outage"})
    box = console.locator(f'#incidents [data-key="{card["id"]}"].card')
    await box.get_by_text("Change components").click()
    await box.locator(f'select[name="components.{site.components["Tracking"]}"]').select_option("major_outage")
    await box.get_by_label("Next words").fill("Half a thought")
    await console.context.clear_cookies()
    await form.get_by_role("button", name="Open incident").click()
    await expect(form.get_by_role("alert")).to_contain_text("What you have typed stays in this browser")
    await expect(form.get_by_role("alert")).to_be_in_viewport()
    await form.get_by_role("link", name="sign in").click()
    await console.fill("#email", EMAIL)
    await console.fill("#password", PASSWORD)
    await console.keyboard.press("Enter")
    await console.wait_for_url("**/console?page=**")
    await is_live(console)
    await expect(form.locator('[name="name"]')).to_have_value("Invoices are late")
    await expect(form.locator(f'select[name="components.{site.components["Billing"]}"]')).to_have_value("major_outage")
    await expect(box.get_by_label("Next words")).to_have_value("Half a thought")
    await expect(box.locator(f'select[name="components.{site.components["Tracking"]}"]')).to_have_value("major_outage")
    await form.get_by_role("button", name="Open incident").click()
    await tell(console, "Open incident")
    seen = visitor.locator("#incidents article", has_text="Invoices are late")
    await expect(seen.locator(".chip")).to_have_count(1)
    assert "Billing" not in await seen.inner_text()


async def test_simple_controls_make_rules_and_know_them_again(module_tab: Page):
    """Case 124: what is scheduled by hand reads back as it was chosen; a rule of another's making stays as it is."""
    made = await module_tab.evaluate(
        """async () => {
            const { ruleOf, choiceOf, ruleWords, placeOf } = await import('/console-recurrence.js');
            const start = '2026-11-29T03:00';
            const other = 'FREQ=MONTHLY;BYDAY=MO;BYSETPOS=2';
            const usual = { freq: '', interval: 1, days: [], monthly: 'date', ends: 'never', until: '', count: 10 };
            const choices = [
                { freq: 'DAILY' }, { freq: 'WEEKLY', interval: 2, days: ['MO', 'SU'] },
                { freq: 'MONTHLY', monthly: 'last' },
                { freq: 'WEEKLY', ends: 'after', count: 4 }, { freq: 'YEARLY', ends: 'on', until: '2030-01-31' }, {},
            ].map((choice) => ({ ...usual, ...choice }));
            const rules = choices.map((choice) => ruleOf(choice, start));
            return {
                rules, words: rules.map((rule) => ruleWords(rule, start)), place: placeOf(start),
                areKnown: choices.every((choice, at) => {
                    const again = choiceOf(rules[at], start);
                    const names = ['freq', 'interval', 'monthly', 'ends', 'until'];
                    return names.every((name) => again[name] === choice[name]);
                }),
                other: [choiceOf(other, start), ruleWords(other, start)],
            };
        }"""
    )
    assert made["rules"] == [
        "FREQ=DAILY",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU",
        "FREQ=MONTHLY;BYDAY=-1SU",
        "FREQ=WEEKLY;COUNT=4",
        "FREQ=YEARLY;UNTIL=20300131T235959",
        None,
    ]
    assert made["words"] == [
        "every day",
        "every 2 weeks on Mon, Sun",
        "every month on the last Sun",
        "every week 4 times",
        "every year until 31 Jan 2030",
        "",
    ]
    assert made["place"] == {"date": 29, "weekday": "SU", "nth": 5, "isLast": True}
    assert made["areKnown"]
    assert made["other"] == [None, "by the rule FREQ=MONTHLY;BYDAY=MO;BYSETPOS=2"]
