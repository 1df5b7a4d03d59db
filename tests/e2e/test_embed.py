"""The page's state on somebody else's site: live, for everybody's eyes alone, under a strict content policy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Frame, Locator, Page, Request, expect

from tests.e2e.conftest import OpenTab, Site, sign_in

WALK = """() => {
  const one = (e) => e.outerHTML + (e.shadowRoot ? of(e.shadowRoot) : "");
  const of = (root) => [...root.querySelectorAll("*")].map(one).join("");
  return of(document);
}"""
BOX = "status-hub section[part=box]"
PRIVATE = "Only for those who are verified"


@asynccontextmanager
async def another_site(html: str, policy: str) -> AsyncIterator[str]:
    """A page of another origin, but of the same host, so that the browser would send the hub's cookie along."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = html.encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Security-Policy: {policy}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def page_around(site: Site, *, frame: bool = False) -> tuple[str, str]:
    """(HTML, its content policy): the lines of docs/embed.md on a page that allows no more than they need."""
    hub = site.hub.base_url
    element = f'<script type="module" src="{hub}/embed.js"></script><status-hub page="{site.slug}">Loading</status-hub>'
    framed = f'<iframe src="{hub}/p/{site.slug}/embed" title="Status" width="100%" height="200"></iframe>'
    html = f'<!doctype html><title>Shop</title><div id="messages">Not a message</div>{element}{framed if frame else ""}'
    return html, f"default-src 'none'; script-src {hub}; connect-src {hub}; frame-src {hub}"


async def hide_something(site: Site) -> None:
    await site.send(
        "POST", "incidents", {"name": PRIVATE, "status": "investigating", "body": "x", "audience": "verified"}
    )


async def test_an_element_on_another_site_is_live_and_shows_what_anybody_sees(site: Site, open_tab: OpenTab):
    """Cases 43, 97. Even to an operator, whose cookie the browser has."""
    await hide_something(site)
    tab = await sign_in(site, open_tab)
    asked: list[Request] = []
    html, policy = page_around(site, frame=True)
    async with another_site(html, policy) as address:

        def note(request: Request) -> None:
            asked.append(request)

        tab.on("request", note)
        await tab.goto(address)
        box = tab.locator(BOX)
        framed = tab.frame_locator("iframe").locator(BOX)
        for shown in (box, framed):
            await expect(shown.locator(".mark")).to_have_text("● live")
            await expect(shown.locator(".answer")).to_have_text("All Systems Operational")
            await expect(shown.get_by_role("link", name="Ternwick")).to_have_attribute(
                "href", f"{site.hub.base_url}/p/{site.slug}"
            )
        shapes = [await shape_of(box)]
        await site.set_status("Billing", "major_outage")
        incident = await site.open_incident("Cards are <b>refused</b>", {"Tracking": "partial_outage"})
        for shown in (box, framed):
            await expect(shown.locator(".answer")).to_have_text("Partial System Outage")
            await expect(shown.locator("li")).to_contain_text("Cards are <b>refused</b>Investigating")
            link = shown.get_by_role("link", name="Cards are")
            await expect(link).to_have_attribute(
                "href", f"{site.hub.base_url}/p/{site.slug}/incidents/{incident['id']}"
            )
        shapes.append(await shape_of(box))
        assert len(set(shapes)) == 2  # another shape, not another colour alone
        await site.send("POST", f"incidents/{incident['id']}/updates", {"status": "resolved", "body": "Fixed."})
        await expect(box.locator("ul")).to_be_hidden()
        for place in (tab, tab.frames[1]):
            assert PRIVATE not in await everything_in(place)
        streams = [await request.all_headers() for request in asked if "/events" in request.url]
        assert [headers for headers in streams if "cookie" in headers] == []
        assert len(streams) == 2
        assert await tab.evaluate("document.querySelector('status-hub').snapshot.channel") == f"page:{site.slug}"


async def test_what_is_framed_is_whole_without_scripts_and_for_anybody_to_frame(site: Site, open_tab: OpenTab):
    await hide_something(site)
    await site.open_incident("Parcels are late", {"Tracking": "degraded_performance"})
    tab = await open_tab(f"{site.hub.base_url}/p/{site.slug}/embed?lang=de", js=False, width=320)
    await expect(tab.locator("h1")).to_be_visible()
    await expect(tab.locator("li")).to_contain_text("Parcels are late")
    assert PRIVATE not in await tab.content()
    assert await tab.evaluate("document.documentElement.scrollWidth") <= 320
    answer = await site.operator.get(f"{site.hub.base_url}/p/{site.slug}/embed?lang=de")
    assert PRIVATE not in answer.text
    assert '<html lang="de"' in answer.text
    assert "set-cookie" not in answer.headers
    assert "frame-ancestors *" in answer.headers["content-security-policy"]
    assert "x-frame-options" not in answer.headers


async def test_an_element_that_has_lost_the_hub_says_so_and_comes_back(site: Site, open_tab: OpenTab):
    """Case 61. Colours dimmed, the time of what is shown; by REST where streams are blocked."""
    html, policy = page_around(site)
    async with another_site(html, policy) as address:
        tab = await open_tab("about:blank")
        await tab.route("**/events?*", lambda route: route.abort())
        await tab.goto(address)
        box = tab.locator(BOX)
        await expect(box.locator(".mark")).to_contain_text("not live, as of", timeout=20_000)
        await expect(box).to_have_class("box is-stale")
        await tab.unroute("**/events?*")
        await expect(box.locator(".mark")).to_have_text("● live", timeout=25_000)
        await expect(box).to_have_class("box")


async def shape_of(box: Locator) -> str | None:
    return await box.locator(".answer path").get_attribute("d")


async def everything_in(place: Page | Frame) -> str:
    """The document with what is in its shadows."""
    return str(await place.evaluate(WALK))
