"""Atom and RSS: what strict readers make of them (cases 112, 113)."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import Any

import atoma
import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.text import iso, render_markdown
from hub.feeds.atom import NAMESPACE, render_atom
from hub.feeds.entries import Site, entries
from hub.feeds.rss import render_rss

Json = dict[str, Any]
SITE = Site("https://hub.example/p/acme", "hub.example", "/p/acme")
SELF = {"atom": f"{SITE.url}/history.atom", "rss": f"{SITE.url}/history.rss"}
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOSTILE = (
    "Fish & chips <img src=x onerror=alert(1)>",
    "]]> <![CDATA[ & &amp; &#0;",
    "bell \x07, escape \x1b[31m, \x00, \x0b, \ufffe, \x85",
    "🔥 データベース \u200fעברית\u200e مرحبا",
    "'\" \r\n\t spaces",
)


def tree(document: bytes) -> ET.Element:
    return ET.fromstring(document)  # noqa: S314 (our own)


def page(**more: object) -> Json:
    return {
        "title": "Acme", "description": None, "time_zone": "Etc/UTC", "locale": "en", "created_at": iso(NOON), **more,
    }  # fmt: skip


def update(status: str, body: str = "Words.", at: datetime = NOON) -> Json:
    return {
        "status": status,
        "body_html": render_markdown(body),
        "display_at": iso(at),
        "updated_at": iso(at),
    }


def incident(key: str = "i1", *updates: Json, at: datetime = NOON, **more: object) -> Json:
    told = list(updates) or [update("investigating")]
    return {
        "id": key, "name": f"Incident {key}", "status": told[0]["status"], "started_at": iso(at), "resolved_at": None,
        "updated_at": iso(at), "updates": told, **more,
    }  # fmt: skip


def maintenance(key: str = "m1", *updates: Json, at: datetime = NOON, **more: object) -> Json:
    told = list(updates) or [update("scheduled")]
    return {
        "id": key, "name": f"Maintenance {key}", "status": told[0]["status"], "scheduled_for": iso(at),
        "scheduled_until": iso(at + timedelta(hours=2)), "completed_at": None, "cancelled_at": None,
        "updated_at": iso(NOON), "updates": told, **more,
    }  # fmt: skip


def rendered(kind: str, incidents: list[Json], maintenances: list[Json], of: Json | None = None) -> bytes:
    render = render_atom if kind == "atom" else render_rss
    of = of or page()
    return render(of, entries(of, incidents, maintenances), SITE, self_url=SELF[kind])


def read(kind: str, document: bytes) -> Any:
    """By the most lenient reader and a strict one; neither finds a fault."""
    found = feedparser.parse(document)
    assert found.bozo == 0, found.get("bozo_exception")
    strict = atoma.parse_atom_bytes(document) if kind == "atom" else atoma.parse_rss_bytes(document)
    assert len(strict.entries if kind == "atom" else strict.items) == len(found.entries)
    return found


KINDS = pytest.mark.parametrize("kind", ["atom", "rss"])


@KINDS
@pytest.mark.parametrize("count", [0, 1, 50, 60])
def test_readers_take_a_feed_of_any_length_and_it_has_fifty_entries_at_most(kind: str, count: int):
    """Cases 112, 113. Incidents and maintenances together, newest first."""
    incidents = [incident(f"i{n}", at=NOON - timedelta(hours=2 * n)) for n in range(count)]
    maintenances = [maintenance(f"m{n}", at=NOON - timedelta(hours=2 * n + 1)) for n in range(min(count, 10))]
    found = read(kind, rendered(kind, incidents, maintenances))
    assert len(found.entries) == min(count + min(count, 10), 50)
    first = ["Incident i0", "Maintenance m0", "Incident i1", "Maintenance m1"]
    assert [entry.title for entry in found.entries[:4]] == first[: 2 * count]
    assert [entry.published_parsed for entry in found.entries] == sorted(
        (entry.published_parsed for entry in found.entries), reverse=True
    )
    assert found.feed.title == "Acme Status - Incident History"
    assert SELF[kind] in [link.href for link in found.feed.links if link.rel == "self"]


@KINDS
@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_any_kind_come_out_as_text(kind: str, text: str):
    """Cases 92, 94, 112. `&`, `]]>`, control characters, emoji, right-to-left, tags."""
    words = update("investigating", text)
    of = page(title=text, description=text)
    document = rendered(kind, [incident("i1", words, name=text)], [maintenance("m1", words, name=text)], of)
    found = read(kind, document)
    titles = [element.text for element in tree(document).iter() if element.tag.rpartition("}")[2] == "title"]
    expected = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text).replace("\r\n", "\n")
    assert [title.replace("\r", "") for title in titles[1:]] == [expected.replace("\r", "")] * 2
    content = _contents(kind, document)[0]
    assert "<img" not in content
    assert len(found.entries) == 2


@KINDS
@given(text=st.text())
def test_no_text_breaks_a_feed(kind: str, text: str):
    document = rendered(kind, [incident("i1", update("investigating", "x"), name=text)], [], page(title=text))
    tree(document)


def test_the_first_strong_word_says_whether_it_is_over():
    """Programs read it there; a postmortem, a repetition and a maintenance's own line do not stand before it."""
    resolved = [update("resolved"), update("identified"), update("investigating")]
    cases = {
        "Resolved": incident("i1", *resolved),
        "Monitoring": incident("i2", update("monitoring"), *resolved),
        "Update": incident("i3", update("identified"), update("identified")),
        "Scheduled": maintenance("m1"),
        "Completed": maintenance("m2", update("completed"), update("in_progress"), update("scheduled")),
        "Cancelled": maintenance("m3", update("completed", "Called off."), update("scheduled"), cancelled_at=iso(NOON)),
    }
    for word, item in cases.items():
        assert _first_strong(item) == word
    assert _first_strong(incident("i4", update("postmortem"), *resolved)) == "Resolved"
    assert _first_strong(incident("i5", update("resolved"), update("resolved"))) == "Resolved"
    ended = incident("i6", update("monitoring"), status="resolved", resolved_at=iso(NOON))
    assert _first_strong(ended) == "Resolved"


@pytest.mark.parametrize("kind", ["atom", "rss"])
def test_what_has_no_update_is_an_entry_too(kind: str):
    """As it comes from other status pages: the state it is in is all there is to tell."""
    items = {"Investigating": incident("i1", updates=[]), "Scheduled": maintenance("m1", updates=[])}
    items["Resolved"] = incident("i2", updates=[], status="resolved", resolved_at=iso(NOON))
    for word, item in items.items():
        assert _first_strong(item) == word
    read(kind, rendered(kind, [items["Investigating"], items["Resolved"]], [items["Scheduled"]]))


def test_an_entry_tells_each_update_newest_first_in_the_pages_zone():
    item = incident(
        "i1",
        update("resolved", "All is **well**.", NOON),
        update("investigating", "One.\n\n- two\n- three", NOON - timedelta(hours=13)),
    )
    [entry] = entries(page(time_zone="Asia/Kathmandu"), [item], [])
    assert entry.content == (
        "<p><small>Nov <var data-var='date'>25</var>, <var data-var='time'>17:45</var> UTC+05:45</small><br>"
        "<strong>Resolved</strong> - All is <strong>well</strong>.</p>"
        "<p><small>Nov <var data-var='date'>25</var>, <var data-var='time'>04:45</var> UTC+05:45</small><br>"
        "<strong>Investigating</strong> -</p><p>One.</p>\n<ul>\n<li>two</li>\n<li>three</li>\n</ul>"
    )


def test_a_maintenance_says_first_that_it_is_planned_and_for_when():
    [entry] = entries(page(time_zone="Europe/Berlin"), [], [maintenance("m1", at=NOON)])
    assert entry.content.startswith("<p><b>This is a scheduled event: Nov 25, 13:00 - 15:00 CET</b></p>")
    rss = tree(rendered("rss", [], [maintenance("m1", at=NOON)]))
    assert rss.findtext(".//{urn:status-hub:feed}maintenanceEndDate") == "Wed, 25 Nov 2026 14:00:00 +0000"
    assert rss.findtext(".//item/pubDate") == "Wed, 25 Nov 2026 12:00:00 +0000"


@KINDS
def test_an_entry_keeps_its_name_and_its_first_date_while_its_content_changes(kind: str):
    """Cases 41, 112. A backdated one carries the old date; what is new moves `updated`."""
    old = NOON - timedelta(days=7)
    before = incident("i1", update("investigating"), at=old)
    after = incident("i1", update("resolved"), update("investigating"), at=old, name="Renamed")
    first, second = (read(kind, rendered(kind, [item], [])).entries[0] for item in (before, after))
    assert (
        first.id == second.id == ("tag:hub.example,2005:Incident/i1" if kind == "atom" else f"{SITE.url}/incidents/i1")
    )
    assert first.published_parsed == second.published_parsed == old.utctimetuple()
    assert second.updated_parsed == NOON.utctimetuple()
    assert first.link == f"{SITE.url}/incidents/i1"


def test_a_feed_that_nobody_shall_know_the_address_of_does_not_tell_it():
    for render in (render_atom, render_rss):
        assert b'rel="self"' not in render(page(), [], SITE, self_url=None)


def test_atom_says_what_rfc_4287_asks_for():
    root = tree(rendered("atom", [incident()], [maintenance()], page(locale="pt_BR")))
    assert root.tag == f"{{{NAMESPACE}}}feed"
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "pt-BR"
    assert root.findtext(f"{{{NAMESPACE}}}id") == "tag:hub.example,2005:/p/acme/history"
    for element in (root, *root.iter(f"{{{NAMESPACE}}}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{{{NAMESPACE}}}{name}")) == 1


def _first_strong(item: Json) -> str:
    kind = "maintenances" if "scheduled_for" in item else "incidents"
    [entry] = entries(page(), **{"incidents": [], "maintenances": [], kind: [item]})
    found = re.search("<strong>(.*?)</strong>", entry.content)
    assert found
    return found[1]


def _contents(kind: str, document: bytes) -> list[str]:
    root = tree(document)
    path = f".//{{{NAMESPACE}}}content" if kind == "atom" else ".//item/description"
    return [element.text or "" for element in root.findall(path)]
