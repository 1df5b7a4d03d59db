"""Account pages and the console's people: no fault for axe, nothing cut off on a small phone, right-to-left as well."""

import pytest

from tests.e2e.conftest import OpenTab, Site
from tests.e2e.people import Town, is_drawn
from tests.e2e.test_accessibility import faults
from tests.e2e.test_console_people import make_group

pytestmark = pytest.mark.e2e

DOORS = ("/login", "/register", "/verify#token", "/forgot", "/reset#token", "/invite/token", "/verify")
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1280)])
async def test_axe_finds_nothing_at_the_doors(site: Site, open_tab: OpenTab, scheme: str, width: int):
    tab = await open_tab("about:blank", scheme=scheme, width=width)
    for path in DOORS:
        await tab.goto(site.hub.base_url + path)
        await tab.locator("form button[type=submit], #stranger").first.wait_for(state="attached")
        assert await faults(tab) == [], path
        assert await tab.evaluate(FITS), path


@pytest.mark.parametrize(("scheme", "width"), [("dark", 320), ("light", 1280)])
async def test_axe_finds_nothing_behind_the_sign_in(site: Site, town: Town, open_tab: OpenTab, scheme: str, width: int):
    owner = await town.person("owner", is_admin=True)
    await site.send("POST", "people", {"email": owner.email, "role": "owner"})
    slug = await make_group(site, town, owner)
    key = {"name": "Robot", "pages": [site.slug], "scopes": ["read"]}
    assert (await site.operator.post("/api/v1/keys", json=key)).is_success
    tab = await open_tab("about:blank", scheme=scheme, width=width)
    await town.enter(tab, owner)
    group, people = f"/console/groups/{slug}", f"/console/people?page={site.slug}"
    for path in ("/account", "/console/groups", group, people, "/console/mails"):
        await tab.goto(site.hub.base_url + path)
        await is_drawn(tab)
        if path == group:
            await tab.locator("#invite").get_by_role("button", name="Invite").click()
            await tab.locator("#link input").wait_for()
        await tab.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        assert await faults(tab) == [], path
        assert await tab.evaluate(FITS), path
        await tab.evaluate("document.documentElement.dir = 'rtl'")
        assert await faults(tab) == [], path
        assert await tab.evaluate(FITS), path
