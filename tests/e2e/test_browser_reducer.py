"""The reducer and the wire rules of the browser, run in the browser."""

import json

import pytest
from playwright.async_api import Page

from tests.support.reducer_vectors import FILE

pytestmark = pytest.mark.e2e


async def test_the_browser_folds_events_as_the_hub_does(module_tab: Page):
    cases = json.loads(FILE.read_text())
    folded = await module_tab.evaluate(
        """async (cases) => {
            const { apply } = await import('/reducer.js');
            return cases.map(({ before, event }) => apply(before, event));
        }""",
        cases,
    )
    assert folded == [case["after"] for case in cases]


async def test_close_codes_say_whether_to_come_back(module_tab: Page):
    codes = [1000, 1001, 1006, 1009, 1012, 3000, 3012, 3499, 3500, 3503, 3999, 4000, 4499, 4500, 4999]
    back = await module_tab.evaluate(
        "async (codes) => { const m = await import('/protocol.js'); return codes.filter(m.mayReconnect); }", codes
    )
    assert back == [1000, 1001, 1006, 1012, 3000, 3012, 3499, 4000, 4499]


async def test_back_off_is_spread_from_nothing_to_a_growing_ceiling(module_tab: Page):
    delays = await module_tab.evaluate(
        """async () => {
            const { backoff } = await import('/protocol.js');
            return [0, 1, 5, 40, 1000].map((attempt) => [backoff(attempt, () => 0), backoff(attempt, () => 0.999999)]);
        }"""
    )
    assert [low for low, _ in delays] == [0] * 5
    assert [high for _, high in delays] == [499, 999, 15999, 19999, 19999]


async def test_a_connection_tells_whose_it_is_and_when_its_sign_in_is_over(module_tab: Page):
    told = await module_tab.evaluate(
        """async () => {
            const { accountOf, endsSession } = await import('/protocol.js');
            const whose = [{}, { subs: {} }, { subs: { news: {} } }, { subs: { '#1qx': {} } }].map(accountOf);
            return [whose, [3000, 3005, 3499, 3500, 3501, 3503].filter(endsSession)];
        }"""
    )
    assert told == [[None, None, None, "1qx"], [3500]]


async def test_only_paths_of_this_hub_are_led_on_to(module_tab: Page):
    """X7, for what stands in the fragment and never reaches the server."""
    texts = [
        "/",
        "/p/acme",
        "/invite/abc",
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "javascript:alert(1)",
        "",
    ]
    led = await module_tab.evaluate(
        "async (texts) => { const { localPath } = await import('/doors.js'); return texts.filter(localPath); }", texts
    )
    assert led == ["/", "/p/acme", "/invite/abc"]
