"""Ten seconds to take back whatever nobody was told of; and corrections of two at once."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import OpenTab, Site, sign_in

pytestmark = pytest.mark.e2e


async def test_what_nobody_was_told_of_is_taken_back(site: Site, open_tab: OpenTab):
    start = datetime.now(UTC) + timedelta(days=1)
    window = {"scheduled_for": start.isoformat(), "scheduled_until": (start + timedelta(hours=1)).isoformat()}
    planned = await site.send("POST", "maintenances", {"name": "New pumps", "body": "Silence.", **window})
    incident = await site.open_incident("Scans arrive late", {"Tracking": "partial_outage"})
    console = await sign_in(site, open_tab)
    sheet, toasts = console.locator("dialog.sheet[open]"), console.locator("#toasts")

    async def undo(said: str, then: str) -> None:
        await toasts.locator(".toast", has_text=said).get_by_role("button", name="Undo").click()
        await expect(toasts).to_contain_text(then)

    await console.get_by_role("button", name="Add component").click()
    await sheet.get_by_label("Name").fill("By mistake")
    await console.keyboard.press("Enter")
    await undo("on the page", "Gone again: By mistake")
    assert "By mistake" not in [item["name"] for item in await site.send("GET", "components")]

    card = console.locator(f'#incidents [data-key="{incident["id"]}"].card')
    await card.locator(".updates-fold > summary").click()
    await card.locator(".correct").click()
    await sheet.get_by_label("Words").fill("We look harder.")
    await sheet.get_by_role("button", name="Save").click()
    await undo("Corrected", "It is as it was.")
    assert (await site.send("GET", f"incidents/{incident['id']}"))["updates"][0]["body"] == "We are looking."

    card = console.locator(f'#maintenances [data-key="{planned["id"]}"].card')
    await card.get_by_role("button", name="Move").click()
    await sheet.get_by_label("Until").fill("2099-01-01T10:00")
    await sheet.get_by_role("button", name="Move").click()
    await expect(card).to_contain_text("2099")
    await undo("Moved: New pumps", "It is as it was.")
    await expect(card).not_to_contain_text("2099")
    moved = await site.send("GET", f"maintenances/{planned['id']}")
    assert moved["scheduled_until"] == planned["scheduled_until"]


async def test_a_corrected_time_and_anothers_corrected_words_go_together(site: Site, open_tab: OpenTab):
    began = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    told = {"name": "A storm", "status": "investigating", "body": "Wind.", "started_at": began}
    incident = await site.send("POST", "incidents", told)
    path = f"incidents/{incident['id']}"
    (update,) = (await site.send("GET", path))["updates"]
    console = await sign_in(site, open_tab)
    sheet = console.locator("dialog.sheet[open]")
    card = console.locator(f'#incidents [data-key="{incident["id"]}"].card')
    await card.locator(".updates-fold > summary").click()
    await card.locator(".correct").click()
    said_at = (datetime.now(UTC) - timedelta(days=3)).replace(second=0, microsecond=0, tzinfo=None)
    await sheet.get_by_label("Said at").fill(said_at.isoformat(timespec="minutes"))
    await site.send("PATCH", f"{path}/updates/{update['id']}", {"body": "Wind and rain."})
    await sheet.get_by_role("button", name="Save").click()
    await expect(sheet).to_have_count(0)
    (update,) = (await site.send("GET", path))["updates"]
    assert (update["body"], update["display_at"]) == ("Wind and rain.", f"{said_at.isoformat()}.000Z")
