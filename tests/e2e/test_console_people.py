"""Groups, invitations, roles and keys in the console; open pages gain and lose what they may see at once."""

import time

import httpx2
import pytest
from playwright.async_api import Page, expect

from tests.e2e.conftest import OpenTab, Site, is_live
from tests.e2e.people import Person, Town, fill_in, is_drawn
from tests.support.accounts import PASSWORD

pytestmark = pytest.mark.e2e

SECRET = "Billing"  # a component that only members see
EVIL = "<img src=x onerror=\"document.title='hacked'\">'&amp;\u202e"


def secret(tab: Page, site: Site):
    return tab.locator(f'.component[data-key="{site.components[SECRET]}"]')


async def make_group(site: Site, town: Town, owner: Person, name: str = "Operations") -> str:
    """A group of `owner`, to which alone the secret component and its incident are shown."""
    slug = f"ops-{site.slug.removeprefix('acme-')}"
    async with httpx2.AsyncClient(base_url=site.hub.base_url) as client:
        body = {"email": owner.email, "password": PASSWORD}
        token = (await client.post("/api/v1/auth/login", json=body)).json()["data"]["access_token"]
        client.cookies.clear()
        headers = {"Authorization": f"Bearer {token}"}
        made = await client.post("/api/v1/groups", json={"slug": slug, "name": name}, headers=headers)
        assert made.is_success, made.text
    await site.send("PATCH", f"components/{site.components[SECRET]}", {"audience": f"group:{slug}"})
    return slug


async def confirm(tab: Page, verb: str) -> None:
    await tab.get_by_role("dialog").get_by_role("button", name=verb).click()


async def test_a_link_lets_somebody_in_and_his_open_page_follows_until_he_is_out(
    site: Site, town: Town, open_tab: OpenTab
):
    """R1, R8, case 89. The link is opened by strangers and scanners, and only the button takes it."""
    owner, guest = await town.person("owner"), await town.person("guest", is_verified=False)
    slug = await make_group(site, town, owner)
    await site.open_incident("Invoices are late", {SECRET: "major_outage"})
    desk = await open_tab("about:blank")
    await town.enter(desk, owner, f"/console/groups/{slug}")
    await is_drawn(desk)
    await desk.locator("#invite").get_by_role("button", name="Invite").click()
    link = await desk.locator("#link input").input_value()
    await expect(desk.locator("#invitations > li")).to_contain_text("0 of 1 used")

    async with httpx2.AsyncClient() as scanner:
        for method in ("GET", "HEAD", "GET"):
            answer = await scanner.request(method, link)
            assert answer.status_code == 200
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "Operations" not in answer.text
    stranger = await open_tab(link)
    await expect(stranger.locator("#stranger")).to_be_visible()
    await stranger.click("#to-login")
    assert "/invite/" not in stranger.url.partition("#")[0]
    await fill_in(stranger, email=guest.email, password=PASSWORD)
    await stranger.wait_for_url(link)
    await expect(stranger.locator("#who")).to_have_text(guest.email)

    page = await stranger.context.new_page()
    await page.goto(site.url)
    await is_live(page)
    await expect(secret(page, site)).to_have_count(0)
    await page.evaluate("globalThis.mark = 1")
    await stranger.get_by_role("button", name="Accept the invitation").click()
    await expect(stranger.locator("#said")).to_have_text("You belong to Operations now.")
    await expect(secret(page, site)).to_contain_text("Major outage")
    await expect(page.locator("#incidents")).to_contain_text("Invoices are late")
    await expect(page.locator("#answer")).to_have_class("answer s-partial_outage")

    await desk.reload()
    member = desk.locator("#members > li", has_text=guest.email)
    await member.get_by_role("button", name="Remove").click()
    began = time.monotonic()
    await confirm(desk, "Remove")
    await expect(secret(page, site)).to_have_count(0)
    assert time.monotonic() - began < 5  # a second on a machine that does nothing else
    shown = await page.evaluate("document.documentElement.outerHTML + document.title")
    for private in (SECRET, "Invoices", site.components[SECRET], "Partial System", slug):
        assert private not in shown, private
    assert await page.evaluate("globalThis.mark") == 1
    await expect(member).to_have_count(0)
    token = link.rpartition("/")[2]
    assert token not in site.hub.log
    assert "/invite/…" in site.hub.log


async def test_a_page_that_is_not_for_somebody_any_more_becomes_the_page_of_nothing(
    site: Site, town: Town, open_tab: OpenTab
):
    """R1. What an address says where nothing is, without a word of what was there."""
    person = await town.person("doubted")
    answer = await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"audience": "verified"})
    assert answer.is_success, answer.text
    page, missing = await open_tab("about:blank"), await open_tab(f"{site.hub.base_url}/p/missing")
    await town.enter(page, person, f"/p/{site.slug}")
    await is_live(page)
    answer = await site.operator.patch(f"/api/v1/accounts/{person.id}", json={"verified": False})
    assert answer.is_success, answer.text
    await expect(page.locator("h1")).to_have_text("There is nothing here")
    assert await page.title() == await missing.title()
    assert await page.locator("main").inner_html() == await missing.locator("main").inner_html()
    shown = await page.evaluate("document.documentElement.outerHTML + document.title")
    for private in ("Ternwick", SECRET, site.components[SECRET]):
        assert private not in shown
    assert await page.evaluate("document.getElementById('favicon').href") == await missing.evaluate(
        "document.getElementById('favicon').href"
    )


async def test_invitations_are_mailed_sent_again_and_revoked(site: Site, town: Town, open_tab: OpenTab):
    owner, guest = await town.person("owner"), await town.person("guest")
    desk = await open_tab("about:blank")
    await town.enter(desk, owner, "/console/groups")
    await is_drawn(desk)
    name = f"Night shift {site.slug}"
    await desk.get_by_label("Name", exact=True).fill(name)
    await expect(desk.get_by_label("Short name")).to_have_value(f"night-shift-{site.slug}")
    await desk.get_by_role("button", name="Make the group").click()
    await desk.wait_for_url("**/console/groups/night-shift-*")
    await is_drawn(desk)
    invite = desk.locator("#invite form")
    await invite.get_by_label("E-mail").fill("nobody")
    await invite.get_by_role("button", name="Invite").click()
    await expect(invite.locator('[data-field="email"] .error')).to_contain_text("must be an e-mail address")
    await invite.get_by_label("E-mail").fill(guest.email)
    await invite.get_by_role("button", name="Invite").click()
    first = await desk.locator("#link input").input_value()
    assert await town.link_to(guest.email) == first
    row = desk.locator("#invitations > li", has_text=guest.email)
    await expect(row).to_contain_text("open")
    await row.get_by_role("button", name="Send again").click()
    await expect(desk.locator("#link input")).not_to_have_value(first)
    second = await desk.locator("#link input").input_value()

    tab = await open_tab("about:blank")
    await town.enter(tab, guest, "/account")
    await tab.goto(first)
    await tab.get_by_role("button", name="Accept the invitation").click()
    await expect(tab.locator("#problem")).to_contain_text("cannot be accepted")
    await row.get_by_role("button", name="Revoke").click()
    await expect(row).to_contain_text("revoked")
    await tab.goto(second)
    await tab.get_by_role("button", name="Accept the invitation").click()
    await expect(tab.locator("#problem")).to_contain_text("cannot be accepted")
    await expect(desk.locator("#audit")).to_contain_text("invitation revoked")


async def test_roles_are_given_changed_taken_and_the_page_is_handed_over(site: Site, town: Town, open_tab: OpenTab):
    owner, helper = await town.person("owner"), await town.person("helper")
    await site.send("POST", "people", {"email": owner.email, "role": "owner"})
    desk = await open_tab("about:blank")
    await town.enter(desk, owner, f"/console/people?page={site.slug}")
    await is_drawn(desk)
    add = desk.locator("#add form")
    await add.get_by_label("E-mail").fill("missing@example.test")
    await add.get_by_role("button", name="Add").click()
    await expect(add.locator(".error:visible, .alert:visible")).to_have_count(1)
    await add.get_by_label("E-mail").fill(helper.email)
    await add.get_by_label("Role").select_option("editor")
    await add.get_by_role("button", name="Add").click()
    row = desk.locator("#people > li", has_text=helper.email)
    await expect(row.get_by_role("combobox")).to_have_value("editor")

    console = await open_tab("about:blank")
    await town.enter(console, helper, f"/console?page={site.slug}")
    await is_live(console)
    await expect(console.locator("#components")).to_contain_text(SECRET)
    await row.get_by_role("combobox").select_option("viewer")
    await expect(desk.locator("#audit > ul > li").first).to_contain_text("role changed")
    await expect(desk.locator("#audit > ul > li").first).to_contain_text("editor")
    await row.get_by_role("button", name="Remove").click()
    await confirm(desk, "Remove")
    await expect(row).to_have_count(0)
    await expect(console.locator("#main")).to_contain_text("no longer yours to edit")
    await expect(console.locator("#main")).not_to_contain_text(SECRET)

    await site.send("POST", "people", {"email": helper.email, "role": "editor"})
    await desk.reload()
    await row.get_by_role("button", name="Hand the page over").click()
    await confirm(desk, "Hand the page over")
    await desk.wait_for_url("**/console")
    await desk.goto(f"{site.hub.base_url}/console/people?page={site.slug}")
    await expect(desk.locator("#trouble")).to_contain_text("no page that you own")


async def test_a_key_is_shown_once_works_and_is_revoked(site: Site, town: Town, open_tab: OpenTab):
    owner = await town.person("owner")
    await site.send("POST", "people", {"email": owner.email, "role": "owner"})
    desk = await open_tab("about:blank")
    await town.enter(desk, owner, f"/console/people?page={site.slug}")
    await is_drawn(desk)
    form = desk.locator("#new-key form")
    await form.get_by_role("button", name="Make the key").click()
    await expect(form.locator('[data-field="name"] .error')).to_be_visible()
    await form.get_by_label("What it is for").fill("Deploy robot")
    await form.get_by_label("Say how components are").check()
    await form.get_by_role("button", name="Make the key").click()
    key = await desk.locator("#key input").input_value()
    row = desk.locator("#keys > li", has_text="Deploy robot")
    await expect(row).to_contain_text("status:write")
    async with httpx2.AsyncClient(base_url=site.hub.base_url, headers={"Authorization": f"Bearer {key}"}) as robot:
        path = f"/api/v1/pages/{site.slug}/components/{site.components[SECRET]}"
        assert (await robot.patch(path, json={"status": "partial_outage"})).status_code == 200
        await desk.reload()
        await is_drawn(desk)
        assert key not in await desk.content()
        await row.get_by_role("button", name="Revoke").click()
        await confirm(desk, "Revoke the key")
        await expect(row).to_have_count(0)
        assert (await robot.patch(path, json={"status": "operational"})).status_code == 401
    await expect(desk.locator("#audit")).to_contain_text("Deploy robot")


async def test_what_people_have_typed_runs_nowhere(site: Site, town: Town, open_tab: OpenTab):
    """X3. Names of groups, keys, devices, pages are text; the tab fails on any breach of the policy."""
    owner = await town.person("owner")
    await site.send("POST", "people", {"email": owner.email, "role": "owner"})
    await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"title": EVIL})
    slug = await make_group(site, town, owner, name=EVIL)
    await site.open_incident(EVIL, {SECRET: "partial_outage"}, body=EVIL)
    key = await site.operator.post("/api/v1/keys", json={"name": EVIL, "pages": [site.slug], "scopes": ["read"]})
    assert key.is_success, key.text
    tab = await open_tab("about:blank", user_agent=f"Mozilla/5.0 {EVIL.encode('ascii', 'ignore').decode()} Firefox/1")
    await tab.add_init_script(
        "addEventListener('securitypolicyviolation', (e) => console.error('Content Security Policy: ' + e.blockedURI));"
    )
    await town.enter(tab, owner, f"/p/{site.slug}")
    await is_live(tab)
    for path, place in (
        ("/account", "#groups"),
        ("/console/groups", "#groups"),
        (f"/console/groups/{slug}", "#heading"),
        (f"/console/people?page={site.slug}", "#keys"),
        (f"/console?page={site.slug}", "#incidents"),
        (f"/p/{site.slug}", "#incidents"),
    ):
        await tab.goto(site.hub.base_url + path)
        await expect(tab.locator(place)).to_contain_text("<img src=x onerror=")
        assert await tab.locator("img").count() == 0
        assert await tab.title() != "hacked"


async def test_admins_of_a_hub_without_mail_server_read_its_mails(site: Site, town: Town, open_tab: OpenTab):
    person = await town.person("reader")
    tab = await open_tab(f"{site.hub.base_url}/forgot")
    await fill_in(tab, email=person.email)
    await expect(tab.locator("#done")).to_be_visible()
    link = await town.link_to(person.email)
    admin = await town.person("admin", is_admin=True)
    await town.enter(tab, admin, "/console/mails")
    await is_drawn(tab)
    card = tab.locator(".card", has_text=person.email)
    await expect(card.get_by_role("link")).to_have_attribute("href", link)
    await tab.click("#sign-out")
    await tab.wait_for_url("**/login")
    await town.enter(tab, person, "/console/mails")
    await expect(tab.locator("#trouble")).to_be_visible()
    await expect(tab.locator(".card")).to_have_count(0)
