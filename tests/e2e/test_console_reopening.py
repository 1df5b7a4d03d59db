"""Reopening what is over tells visitors only what was meant for them."""

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import OpenTab, Site, is_live, sign_in

pytestmark = pytest.mark.e2e


async def test_reopening_says_its_own_words_and_never_the_draft_of_the_postmortem(site: Site, open_tab: OpenTab):
    """Case 31. A draft that is not published stays among operators, also when the incident opens again."""
    opened = await site.operator.post(
        f"/api/v1/pages/{site.slug}/incidents",
        json={"name": "Slow labels", "status": "investigating", "body": "We look."},
    )
    assert opened.status_code == 201
    path = f"/api/v1/pages/{site.slug}/incidents/{opened.json()['data']['id']}"
    assert (await site.operator.post(f"{path}/updates", json={"status": "resolved", "body": "Over."})).is_success
    assert (await site.operator.put(f"{path}/postmortem", json={"body": "Somebody pulled the plug."})).is_success
    console, visitor = await sign_in(site, open_tab), await open_tab(site.url)
    await is_live(visitor)
    ended = console.locator("#ended details.ended", has_text="Slow labels")
    await ended.locator("> summary").click()
    await expect(ended.get_by_label("Postmortem")).to_have_value("Somebody pulled the plug.")
    await ended.get_by_role("button", name="Reopen").click()
    await console.locator("dialog.sheet[open]").get_by_role("button", name="Reopen").click()
    shown = visitor.locator("#incidents article", has_text="Slow labels")
    await expect(shown).to_be_visible()
    assert "pulled the plug" not in await visitor.content()
    await expect(shown).to_contain_text("This has come back. We are looking.")
