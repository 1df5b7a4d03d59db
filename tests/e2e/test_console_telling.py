"""Nothing that notifies goes by one key: first what it will look like, and how many see it (decision 0028)."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.e2e.conftest import OpenTab, Site, is_live, sign_in, tell
from tests.support.waiting import wait_until

pytestmark = pytest.mark.e2e


async def names(site: Site) -> list[str]:
    return [item["name"] for item in await site.send("GET", "incidents")]


async def one_viewer(site: Site) -> bool:
    return (await site.send("POST", "preview", {"kind": "incident"}))["viewers"] == 1


async def write_incident(console: Page, name: str) -> None:
    await console.locator('#form-incident [name="name"]').fill(name)
    await console.locator('#form-incident [name="body"]').fill("We **look**.")


async def test_a_look_and_a_second_key_stand_before_whatever_notifies(site: Site, open_tab: OpenTab):
    console, visitor = await sign_in(site, open_tab), await open_tab(site.url)
    await is_live(visitor)
    question = console.locator("#question[open]")
    body = console.locator('#form-incident [name="body"]')
    await wait_until(lambda: one_viewer(site), within_s=20)  # counts are some seconds old
    await write_incident(console, "Labels do not print")
    await body.press("Control+Enter")
    await expect(question.locator(".stage strong")).to_have_text("look")
    await expect(question.locator(".reach")).to_contain_text("1 person has the page open now and sees this at once")
    results = await Axe().run(console)
    assert results.violations_count == 0, results.generate_report()
    await console.keyboard.press("Escape")
    await expect(question).to_have_count(0)
    await expect(body).to_be_focused()
    await expect(body).to_have_value("We **look**.")
    assert "Labels do not print" not in await names(site)
    await body.press("Control+Enter")
    await tell(console, "Open incident")
    card = console.locator("#incidents .card", has_text="Labels do not print")
    words = card.get_by_label("Next words")
    await words.fill("A disk is full.")
    await words.press("Control+Enter")
    await expect(question.locator(".stage")).to_contain_text("A disk is full.")
    await question.get_by_role("button", name="Back to my text").click()
    await card.get_by_role("button", name="Resolve").click()
    await expect(question.locator(".stage")).to_contain_text("A disk is full.")
    await console.keyboard.press("Escape")
    await expect(words).to_have_value("A disk is full.")
    incident = (await site.send("GET", "incidents"))[0]
    assert [update["body"] for update in incident["updates"]] == ["We **look**."]


async def test_what_tells_nobody_goes_at_once(site: Site, open_tab: OpenTab):
    console = await sign_in(site, open_tab)
    await write_incident(console, "A quiet one")
    await console.locator('#form-incident [name="notify"]').uncheck()
    await console.locator('#form-incident [name="body"]').press("Control+Enter")
    card = console.locator("#incidents .card", has_text="A quiet one")
    await card.locator('[name="notify"]').uncheck()
    await card.get_by_role("button", name="Resolve").click()
    await expect(card).to_have_count(0)
    assert [update["deliver_notifications"] for update in (await site.send("GET", "incidents"))[0]["updates"]] == [
        False,
        False,
    ]


async def test_a_key_that_is_pressed_twice_tells_it_once(site: Site, open_tab: OpenTab):
    console = await sign_in(site, open_tab)
    await write_incident(console, "Pressed in a hurry")
    await console.locator('#form-incident [name="notify"]').uncheck()
    await console.evaluate(
        """() => {
            const form = document.getElementById("form-incident");
            form.requestSubmit();
            form.requestSubmit();
        }"""
    )
    await expect(console.locator('#form-incident [name="name"]')).to_have_value("")
    await console.locator('#form-incident [name="name"]').fill("x")
    await site.set_status("Billing", "degraded_performance")  # whatever was sent before is there by now
    assert (await names(site)).count("Pressed in a hurry") == 1


async def test_telling_of_a_correction_again_is_asked_and_nothing_else_of_it(site: Site, open_tab: OpenTab):
    """Case 40 in the console: a correction keeps its place, and is news only where that is wanted twice over."""
    incident = await site.open_incident("Scans arrive late", {"Tracking": "partial_outage"})
    path = f"incidents/{incident['id']}"
    for body in ("The second words.", "The third words."):
        await site.send("POST", f"{path}/updates", {"status": "identified", "body": body})
    console = await sign_in(site, open_tab)
    card = console.locator(f'#incidents [data-key="{incident["id"]}"].card')
    sheet, question = console.locator("dialog.sheet[open]"), console.locator("#question[open]")
    await card.locator(".updates-fold > summary").click()
    await card.locator(".correct").nth(1).click()
    await sheet.get_by_label("Words").fill("The second words, mended.")
    await sheet.get_by_label("Tell those who follow again").check()
    await sheet.get_by_role("button", name="Save").click()
    await expect(question).to_contain_text("The second words, mended.")
    await expect(question.locator(".reach")).to_contain_text("Feeds have it")
    await question.get_by_role("button", name="Back to my text").click()
    await sheet.get_by_label("Tell those who follow again").uncheck()
    await sheet.get_by_role("button", name="Save").click()
    await expect(sheet).to_have_count(0)
    shown = await site.send("GET", path)
    assert [update["body"] for update in shown["updates"]] == [
        "The third words.",
        "The second words, mended.",
        "We are looking.",
    ]
