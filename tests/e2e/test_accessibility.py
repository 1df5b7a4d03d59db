"""axe finds no fault, in light, dark and right-to-left; the page stays within its budgets."""

import gzip
import re
from importlib.resources import files

import httpx2
import pytest

from tests.e2e.conftest import OpenTab, Site, is_live, sign_in

pytestmark = pytest.mark.e2e

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
PAGE_BUDGET_BYTES = 40_000


async def faults(tab) -> list[str]:
    # Run by the debugger, as the page's own policy allows no foreign script.
    await tab.evaluate(AXE + ";null")
    found = await tab.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found["violations"] for node in fault["nodes"]]


@pytest.mark.parametrize(("scheme", "locale"), [("light", "en"), ("dark", "en"), ("light", "ar"), ("dark", "ar")])
async def test_axe_finds_nothing_on_the_status_page(site: Site, open_tab: OpenTab, scheme: str, locale: str):
    answer = await site.operator.patch(f"/api/v1/pages/{site.slug}", json={"locale": locale})
    assert answer.is_success, answer.text
    for status in ("partial_outage", "major_outage", "under_maintenance"):
        name = {"partial_outage": "Billing", "major_outage": "Dashboard", "under_maintenance": "Sign-in"}[status]
        await site.set_status(name, status)
    tab = await open_tab(site.url, scheme=scheme)
    await is_live(tab)
    assert await tab.evaluate("document.documentElement.dir") == ("rtl" if locale == "ar" else "ltr")
    assert await faults(tab) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_beside_the_status_page(site: Site, open_tab: OpenTab, scheme: str):
    for path in ("/login", "/register", f"/p/{site.slug}/history", "/p/missing", "/demo"):
        tab = await open_tab(site.hub.base_url + path, scheme=scheme)
        assert await faults(tab) == [], path
    console = await sign_in(site, open_tab, scheme=scheme, width=1440)
    assert await faults(console) == []


async def test_page_and_all_it_loads_stay_within_the_budget(demo: Site):
    async with httpx2.AsyncClient(base_url=demo.hub.base_url, headers={"Accept-Encoding": "gzip"}) as visitor:
        html = (await visitor.get(f"/p/{demo.slug}")).text
        assert "style=" not in html
        assert re.findall(r"<script(?![^>]*src=)(?![^>]*application/json)", html) == []
        total = len(gzip.compress(html.encode(), 6))  # as `Rendered` packs it
        for address in sorted(set(re.findall(r'(?:href|src)="(/static/[^"]+\.(?:js|css|svg))"', html))):
            answer = await visitor.get(address)
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            total += len(gzip.compress(answer.content))
            again = await visitor.get(address, headers={"If-None-Match": answer.headers["etag"]})
            assert again.status_code == 304
    assert total <= PAGE_BUDGET_BYTES
