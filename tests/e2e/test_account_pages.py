"""Accounts in the browser: made, confirmed, looked after, and what an open page makes of it at once."""

import re

import httpx2
import pytest
from playwright.async_api import Page, Route, expect

from hub.web.shells import SHELLS
from tests.e2e.conftest import OpenTab, Site, is_live
from tests.e2e.people import Town, fill_in, is_drawn
from tests.support.accounts import PASSWORD

pytestmark = pytest.mark.e2e

SECRET = "Billing"  # a component that only confirmed accounts see
NEW_PASSWORD = "another horse, another battery"


def secret(tab: Page, site: Site):
    return tab.locator(f'.component[data-key="{site.components[SECRET]}"]')


async def hide(site: Site, audience: str = "verified") -> None:
    await site.send("PATCH", f"components/{site.components[SECRET]}", {"audience": audience})


async def knows_nothing(tab: Page, site: Site) -> None:
    """Neither the name nor the id of the hidden component is anywhere in the document."""
    shown = await tab.evaluate("document.documentElement.outerHTML + document.title")
    assert SECRET not in shown
    assert site.components[SECRET] not in shown


async def test_an_account_is_made_confirmed_by_mail_and_sees_more_at_once(site: Site, town: Town, open_tab: OpenTab):
    """Case 89. A link that is only looked at confirms nothing."""
    await hide(site)
    email = f"new-{site.slug}@example.test"
    tab = await open_tab(f"{site.hub.base_url}/register?next=/p/{site.slug}")
    await fill_in(tab, email=email, password=PASSWORD)
    await expect(tab.locator("h1")).to_have_text("Look into your mailbox")
    await expect(tab.locator("#address")).to_have_text(email)
    await tab.click("#onward")
    await is_live(tab)
    await expect(tab.locator("#visitor")).to_have_text(email)
    await knows_nothing(tab, site)
    await tab.evaluate("globalThis.mark = 1")

    link = await town.link_to(email)
    mailed = await tab.context.new_page()
    for _ in range(3):
        await mailed.goto("about:blank")
        await mailed.goto(link)
    await expect(secret(tab, site)).to_have_count(0)
    await mailed.click("button[type=submit]")
    await expect(mailed.locator("#said")).to_have_text(f"{email} is confirmed.")
    assert "#" not in mailed.url
    await expect(secret(tab, site)).to_contain_text(SECRET)
    await expect(secret(tab, site).locator(".uptime")).to_contain_text("100 % uptime")
    assert await tab.evaluate("globalThis.mark") == 1
    await mailed.goto("about:blank")
    await mailed.goto(link)
    await mailed.click("button[type=submit]")
    await expect(mailed.locator("#problem")).to_be_visible()


async def test_registering_an_address_that_has_an_account_looks_the_same(site: Site, town: Town, open_tab: OpenTab):
    """T13."""
    person = await town.person("taken")
    tab = await open_tab(f"{site.hub.base_url}/register")
    await fill_in(tab, email=person.email, password=NEW_PASSWORD)
    await expect(tab.locator("h1")).to_have_text("Look into your mailbox")
    assert [letter.subject for letter in await town.letters_to(person.email)] == ["You already have an account"]


async def test_a_forgotten_password_is_replaced_and_every_sign_in_ends(site: Site, town: Town, open_tab: OpenTab):
    await hide(site)
    person = await town.person("forgetful")
    old = await open_tab("about:blank")
    await town.enter(old, person, f"/p/{site.slug}")
    await is_live(old)
    await expect(secret(old, site)).to_have_count(1)

    tab = await open_tab(f"{site.hub.base_url}/login")
    await tab.click("text=I forgot my password")
    await fill_in(tab, email=person.email)
    await expect(tab.locator("#done")).to_contain_text(person.email)
    await tab.goto(await town.link_to(person.email))
    await fill_in(tab, new_password="short")
    await expect(tab.locator("#new-password-error")).to_contain_text("New password must have 8")
    await fill_in(tab, new_password=NEW_PASSWORD)
    await tab.click("text=Sign in with it")
    await expect(secret(old, site)).to_have_count(0)
    await expect(old.locator("#visitor")).to_have_text("Sign in")
    await is_live(old)
    await knows_nothing(old, site)
    await fill_in(tab, email=person.email, password=PASSWORD)
    await expect(tab.locator("#problem")).to_have_text("The e-mail address or the password is wrong.")
    await fill_in(tab, email=person.email, password=NEW_PASSWORD)
    await tab.wait_for_url(re.compile(r"/(p/.*)?$"))


async def test_sign_ins_are_listed_and_one_is_ended(site: Site, town: Town, open_tab: OpenTab):
    await hide(site)
    person = await town.person("traveller")
    here, there = await open_tab("about:blank"), await open_tab("about:blank", user_agent=ODD_BROWSER)
    await town.enter(there, person, f"/p/{site.slug}")
    await is_live(there)
    await town.enter(here, person)
    await is_drawn(here)
    rows = here.locator("#sessions > li")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("this browser")
    await expect(secret(there, site)).to_have_count(1)
    await rows.nth(1).get_by_role("button", name=re.compile("Sign out")).click()
    await expect(rows).to_have_count(1)
    await expect(there.locator("#visitor")).to_have_text("Sign in")
    await expect(secret(there, site)).to_have_count(0)
    await is_live(there)
    await knows_nothing(there, site)
    await here.click("#sign-out-everywhere")
    await here.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
    await here.wait_for_url("**/login")


ODD_BROWSER = "Mozilla/5.0 (<img src=x onerror=alert(1)>; rv:1) Firefox/1"


async def test_signing_out_in_one_tab_turns_the_others(site: Site, town: Town, open_tab: OpenTab):
    await hide(site)
    person = await town.person("leaver")
    tab = await open_tab("about:blank")
    await town.enter(tab, person, f"/p/{site.slug}")
    await is_live(tab)
    other = await tab.context.new_page()
    await other.goto(f"{site.hub.base_url}/account")
    await is_drawn(other)
    await expect(secret(tab, site)).to_have_count(1)
    await other.click("#sign-out")
    await other.wait_for_url("**/login")
    await expect(tab.locator("#visitor")).to_have_text("Sign in")
    await expect(secret(tab, site)).to_have_count(0)
    await is_live(tab)
    await knows_nothing(tab, site)
    await fill_in(other, email=person.email, password=PASSWORD)
    await expect(secret(tab, site)).to_have_count(1)
    await expect(tab.locator("#visitor")).to_have_text(person.email)


async def test_an_address_that_changes_is_unproven_until_its_link_is_used(site: Site, town: Town, open_tab: OpenTab):
    """Case 85."""
    await hide(site)
    person = await town.person("mover")
    tab = await open_tab("about:blank")
    await town.enter(tab, person)
    await is_drawn(tab)
    await expect(tab.locator("#proven")).to_have_text("confirmed")
    page = await tab.context.new_page()
    await page.goto(site.url)
    await is_live(page)
    await expect(secret(page, site)).to_have_count(1)
    await tab.click("text=Change the address")
    await fill_in(tab, new_email=f"other-{person.email}", email_password=PASSWORD)
    await expect(tab.locator("#proven")).to_have_text("not confirmed yet")
    await expect(secret(page, site)).to_have_count(0)
    await knows_nothing(page, site)
    mailed = await tab.context.new_page()
    await mailed.goto(await town.link_to(f"other-{person.email}"))
    await mailed.click("button[type=submit]")
    await expect(secret(page, site)).to_have_count(1)


async def test_a_password_is_changed_and_this_browser_stays(site: Site, town: Town, open_tab: OpenTab):
    """Case 91."""
    await hide(site)
    person = await town.person("careful")
    tab, other = await open_tab("about:blank"), await open_tab("about:blank")
    await town.enter(other, person, f"/p/{site.slug}")
    await is_live(other)
    await town.enter(tab, person)
    page = await tab.context.new_page()
    await page.goto(site.url)
    await is_live(page)
    await tab.click("text=Change the password")
    await fill_in(tab, current_password="wrong", new_password=NEW_PASSWORD)
    await expect(tab.locator("#current-password-error")).to_have_text("Present password is not the present password.")
    await fill_in(tab, current_password=PASSWORD, new_password=NEW_PASSWORD)
    await expect(tab.locator(".toast")).to_contain_text("The password is changed.")
    await expect(secret(other, site)).to_have_count(0)
    await is_live(page)
    await expect(page.locator("#visitor")).to_have_text(person.email)
    await expect(secret(page, site)).to_have_count(1)


async def test_an_account_is_deleted(site: Site, town: Town, open_tab: OpenTab):
    person = await town.person("goner")
    tab = await open_tab("about:blank")
    await town.enter(tab, person)
    await tab.click("text=Delete it for good")
    await fill_in(tab, delete_password=PASSWORD)
    await tab.get_by_role("dialog").get_by_role("button", name="Delete the account").click()
    await tab.wait_for_url(lambda url: "/account" not in url)
    await tab.goto(f"{site.hub.base_url}/login")
    await fill_in(tab, email=person.email, password=PASSWORD)
    await expect(tab.locator("#problem")).to_be_visible()


async def run_out(tab: Page, site: Site) -> None:
    """As after ten minutes: the access cookie is gone, the refresh cookie is not, and no open page renews it."""
    await tab.goto(f"{site.hub.base_url}/healthz")
    await tab.context.clear_cookies(name="hub_access")
    await tab.evaluate(
        "localStorage.setItem('hub-session', localStorage.getItem('hub-session').replace(/ .*/, ' 0'))",
    )


async def test_a_sign_in_that_has_run_out_is_renewed_before_anything_is_shown(
    site: Site, town: Town, open_tab: OpenTab
):
    """The access cookie lives ten minutes; who comes later is still who he is, and sees no page that is not his."""
    await hide(site)
    person = await town.person("sleeper")
    tab = await open_tab("about:blank")
    await town.enter(tab, person, f"/p/{site.slug}")
    seen: list[str] = []

    async def look(route: Route) -> None:
        seen.append(await tab.evaluate("getComputedStyle(document.querySelector('main')).visibility"))
        await route.continue_()

    await tab.route("**/api/v1/auth/refresh", look)
    for path in ("", "/history"):
        await run_out(tab, site)
        await tab.goto(site.url + path)
        await expect(tab.locator("#visitor")).to_have_text(person.email)
        await expect(tab.locator("html")).not_to_have_attribute("data-renewing", "")
        if not path:
            await expect(secret(tab, site)).to_have_count(1)
    answer = await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"audience": "authenticated"})
    assert answer.is_success, answer.text
    await run_out(tab, site)
    await tab.goto(site.url)
    await is_live(tab)
    assert seen == ["hidden"] * 3


async def test_where_sockets_are_blocked_rights_that_go_are_felt_as_well(site: Site, town: Town, open_tab: OpenTab):
    """R1, by server-sent events."""
    await hide(site)
    person = await town.person("walled")
    tab = await open_tab("about:blank")
    await tab.add_init_script("globalThis.WebSocket = class { constructor() { throw new Error('blocked'); } };")
    await town.enter(tab, person, f"/p/{site.slug}")
    await is_live(tab)
    await expect(secret(tab, site)).to_have_count(1)
    answer = await site.operator.patch(f"/api/v1/accounts/{person.id}", json={"verified": False})
    assert answer.is_success, answer.text
    await expect(secret(tab, site)).to_have_count(0, timeout=15_000)
    await knows_nothing(tab, site)


@pytest.mark.parametrize("address", ["/login?next=//evil.test", "/login#//evil.test", "/login?next=/%5Cevil.test"])
async def test_a_sign_in_leads_to_no_other_site(site: Site, town: Town, open_tab: OpenTab, address: str):
    """X7."""
    person = await town.person("victim")
    tab = await open_tab(site.hub.base_url + address)
    await fill_in(tab, email=person.email, password=PASSWORD)
    await tab.wait_for_url(lambda url: "/login" not in url)
    assert tab.url.startswith(f"{site.hub.base_url}/")


async def test_accounts_are_used_by_keyboard_alone(site: Site, town: Town, open_tab: OpenTab):
    person = await town.person("typist")
    tab = await open_tab(f"{site.hub.base_url}/login?next=/account")
    await press(tab, "#email")
    await tab.keyboard.type(person.email)
    await tab.keyboard.press("Tab")
    await tab.keyboard.type(PASSWORD)
    await tab.keyboard.press("Enter")
    await is_drawn(tab)
    await press(tab, "#change-password", inside="summary")
    await tab.keyboard.press("Enter")
    await press(tab, "#current-password")
    await tab.keyboard.type(PASSWORD)
    await tab.keyboard.press("Tab")
    await tab.keyboard.type(NEW_PASSWORD)
    await tab.keyboard.press("Enter")
    await expect(tab.locator(".toast")).to_contain_text("The password is changed.")
    await press(tab, "#sign-out-everywhere")
    await tab.keyboard.press("Enter")
    await tab.keyboard.press("Tab")
    await tab.keyboard.press("Enter")
    await tab.wait_for_url("**/login")


async def press(tab: Page, selector: str, *, inside: str = "") -> None:
    """Tab on until that element, or the `inside` of its fold, has the focus."""
    wanted = f"document.querySelector('{selector}')" + (
        f".closest('details').querySelector('{inside}')" if inside else ""
    )
    for _ in range(40):
        if await tab.evaluate(f"document.activeElement === {wanted}"):
            return
        await tab.keyboard.press("Tab")
    raise AssertionError(f"the Tab key does not lead to {selector}")


async def test_shells_are_the_same_for_everybody_and_allow_nothing_inline(site: Site):
    """X10, R13. What is somebody's own comes by REST alone."""
    async with httpx2.AsyncClient(base_url=site.hub.base_url) as stranger:
        for shell in SHELLS:
            path = re.sub(r"\{\w+\}", "something", shell.path)
            shown, to_operator = await stranger.get(path), await site.operator.get(path)
            assert shown.status_code == 200
            assert shown.content == to_operator.content
            policy = shown.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert shown.headers["x-frame-options"] == "DENY"
            assert shown.headers["referrer-policy"] == (
                "no-referrer" if shell.is_secret else "strict-origin-when-cross-origin"
            )
            assert re.findall(r"<script(?![^>]*src=)|<style| style=| on\w+=", shown.text) == []
            assert "something" not in shown.text.replace("/console/groups/something", "")


async def test_a_page_that_was_shown_to_somebody_is_kept_nowhere(site: Site):
    """R13."""
    async with httpx2.AsyncClient(base_url=site.hub.base_url) as stranger:
        public = await stranger.get(f"/p/{site.slug}")
    private = await site.operator.get(f"/p/{site.slug}")
    assert public.headers["cache-control"] == "no-cache"
    assert private.headers["cache-control"] == "private, no-store"
    assert {"cookie", "authorization"} <= {name.strip().lower() for name in public.headers["vary"].split(",")}
    assert "@" not in public.text.partition("</header>")[0]
