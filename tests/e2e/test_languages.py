"""The page in the visitor's language: both halves alike, and what comes while it is open."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
from playwright.async_api import Page, expect

from hub.web import messages, words
from hub.web.shells import SHELLS
from tests.e2e.conftest import OpenTab, Site, is_live

pytestmark = pytest.mark.e2e

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 30, 12, 30, tzinfo=UTC)
# From a second to years, both ways, over both changes of the clocks.
SECONDS = (0, 59, 60, 61, 3_599, 3_600, 7_260, 86_399, 86_400, 90_000, 31 * 86_400, 250 * 86_400, 500 * 86_400)
RATIOS = (0, 0.5, 0.99306, 0.999999, 1)
NUMBERS = (0, 1, 2, 5, 11, 21, 22, 100)


def said() -> Any:
    """What the server says, in the language that is spoken."""
    ats = [NOW + timedelta(seconds=sign * s) for s in SECONDS for sign in (-1, 1)]
    return {
        "words": [dict(words.STATUS_WORDS), dict(words.UPDATE_WORDS), dict(words.IMPACT_WORDS)],
        "sentences": [words.sentence(text) for text in [*words.SENTENCES.english, "Anything else"]],
        "moments": [words.moment(at, ZONE, NOW) for at in ats],
        "windows": [words.window(at, at + timedelta(hours=1), ZONE, NOW) for at in ats],
        "ago": [words.ago(at, NOW) for at in ats],
        "lasting": [words.lasting(s) for s in SECONDS],
        "percent": [words.percent(ratio) for ratio in RATIOS],
        "plural": [messages._n("{n} component", "{n} components", n) for n in NUMBERS],
    }


IN_THE_BROWSER = """async ({ now, ats, seconds, ratios, numbers, sentences }) => {
    const w = await import('/words.js');
    const m = await import('/messages.js');
    const zone = new w.Zone('Europe/Berlin');
    return {
        words: [w.STATUS_WORDS, w.UPDATE_WORDS, w.IMPACT_WORDS],
        sentences: sentences.map(w.sentence),
        moments: ats.map((at) => zone.moment(at, now)),
        windows: ats.map((at) => zone.window(at, at + 3600000, now)),
        ago: ats.map((at) => w.ago(at, now)),
        lasting: seconds.map((s) => w.lasting(s * 1000)),
        percent: ratios.map(w.percent),
        plural: numbers.map((n) => m._n('{n} component', '{n} components', n)),
    };
}"""


@pytest.mark.parametrize("language", messages.LANGUAGES)
async def test_both_halves_say_the_same(module_tab: Page, language: str):
    island = json.dumps({"language": language, "messages": dict(messages.catalogue(language))})
    await module_tab.evaluate(
        """(text) => {
            const island = document.createElement('script');
            Object.assign(island, { type: 'application/json', id: 'messages' });
            island.textContent = text;
            document.head.append(island);
        }""",
        island,
    )
    now = round(NOW.timestamp() * 1000)
    given = {
        "now": now,
        "ats": [now + sign * s * 1000 for s in SECONDS for sign in (-1, 1)],
        "seconds": SECONDS,
        "ratios": RATIOS,
        "numbers": NUMBERS,
        "sentences": [*words.SENTENCES.english, "Anything else"],
    }
    with messages.speaking(language):
        expected = said()
    assert await module_tab.evaluate(IN_THE_BROWSER, given) == expected


@pytest.mark.parametrize(
    ("language", "sentence", "status", "update", "news"),
    [
        (
            "ru",
            "Частичный сбой системы",
            "Серьёзный сбой",
            "Выясняем причину",
            "Новый инцидент: Slow: Выясняем причину.",
        ),
        (
            "de",
            "Teilausfall des Systems",
            "Schwerer Ausfall",
            "Wird untersucht",
            "Neuer Vorfall: Slow: Wird untersucht.",
        ),
    ],
)
async def test_what_comes_live_is_in_the_language_that_was_chosen(
    site: Site, open_tab: OpenTab, language: str, sentence: str, status: str, update: str, news: str
):
    tab = await open_tab(f"{site.url}?lang={language}")
    await is_live(tab)
    await expect(tab.locator("html")).to_have_attribute("lang", language)
    incident = await site.open_incident("Slow", {"Tracking": "major_outage"})
    await expect(tab.locator("#sentence")).to_have_text(sentence)
    await expect(tab.locator(f'.component[data-key="{site.components["Tracking"]}"] .status')).to_have_text(status)
    card = tab.locator(f"#incident-{incident['id']}")
    await expect(card.locator(".word")).to_have_text(update)
    await expect(tab.locator("#announcer")).to_contain_text(news)
    built = await card.inner_html()
    await tab.goto(site.url)  # the choice is kept
    await is_live(tab)
    await expect(tab.locator("html")).to_have_attribute("lang", language)
    assert await card.locator("header").inner_text() == await tab.evaluate(
        "(html) => { const box = document.createElement('div'); box.innerHTML = html; document.body.append(box); "
        "const text = box.querySelector('header').innerText; box.remove(); return text; }",
        built,
    )
    await tab.locator(".languages > summary").click()
    await tab.get_by_role("link", name="English").click()
    await expect(tab.locator("#sentence")).to_have_text("Partial System Outage")


@pytest.mark.parametrize("language", sorted(messages.LANGUAGES.keys() - {"en"}))
async def test_no_door_says_a_word_in_english(site: Site, language: str):
    """Neither at once nor in what its script may say."""

    def texts(html: str) -> set[str]:
        return {
            text.strip()
            for text in re.findall(r">([^<>]*[a-z]{3}[^<>]*)<|aria-label=\"([^\"]*)\"", html)
            for text in text
        }

    names = {"Status Hub", "E-mail", "", *messages.LANGUAGES.values()}
    async with httpx2.AsyncClient(base_url=site.hub.base_url) as stranger:
        for shell in (shell for shell in SHELLS if shell.is_door):
            path = re.sub(r"\{\w+\}", "something", shell.path)
            english, other = [await stranger.get(f"{path}?lang={code}") for code in ("en", language)]
            assert other.headers["content-language"] == language
            assert texts(english.text) & texts(other.text) <= names, path
            island = json.loads(other.text.partition('id="messages">')[2].partition("</script>")[0])["messages"]
            assert [
                key for key, text in island.items() if key == text and key not in names | {"{n} s", "{n} min"}
            ] == []
            assert "viewers" not in str(island), "what only a status page says"


async def test_a_door_keeps_its_language_its_errors_and_what_its_link_holds(site: Site, open_tab: OpenTab):
    tab = await open_tab(f"{site.hub.base_url}/login#/invite/abc")
    await tab.locator(".languages > summary").click()
    await tab.get_by_role("link", name="Deutsch").click()
    await expect(tab.locator("h1")).to_have_text("Anmelden")
    await expect(tab.locator("a[data-onward]")).to_have_attribute("href", re.compile(r"#/invite/abc$"))
    await tab.get_by_role("button", name="Anmelden").click()
    await expect(tab.locator("#email-error")).to_have_text("Geben Sie Ihre E-Mail-Adresse ein.")
    await tab.fill("#email", "nobody@example.test")
    await tab.fill("#password", "wrong wrong wrong")
    await tab.keyboard.press("Enter")
    await expect(tab.locator("#problem")).to_have_text("Die E-Mail-Adresse oder das Passwort ist falsch.")
    await tab.goto(f"{site.hub.base_url}/register")  # the choice is kept
    await tab.fill("#email", "nobody@example.test")
    await tab.fill("#password", "short")
    await tab.keyboard.press("Enter")
    await expect(tab.locator("#password-error")).to_have_text("Wählen Sie 8 bis 256 Zeichen.")
    await tab.goto(f"{site.hub.base_url}/verify#made-up")
    await tab.get_by_role("button", name="Adresse bestätigen").click()
    await expect(tab.locator("#problem")).to_have_text("Dieser Link gilt nicht mehr; fordern Sie einen neuen an.")


@pytest.mark.parametrize("language", messages.LANGUAGES)
async def test_no_language_is_too_long_for_a_phone(site: Site, open_tab: OpenTab, language: str):
    for name, status in zip(site.components, words.STATUS_WORDS, strict=False):
        await site.set_status(name, status)
    tab = await open_tab(f"{site.url}?lang={language}", width=320, height=568)
    await is_live(tab)
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert await tab.evaluate(fits)
    await tab.context.set_offline(True)
    await expect(tab.locator("body")).to_have_attribute("data-live", "stale", timeout=15_000)
    assert await tab.evaluate(fits)
    await tab.context.set_offline(False)
    await is_live(tab)
    await tab.locator("#subscribe > summary").click()
    await expect(tab.locator(".snippet")).to_have_count(4)
    assert await tab.evaluate(fits)
