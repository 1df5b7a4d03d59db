"""`history.rss`: the same as RSS 2.0. What RSS has no element for stands in namespaces, so validators are content."""

from collections.abc import Sequence
from email.utils import format_datetime
from xml.etree import ElementTree as ET

from hub.domain.text import iso
from hub.feeds.entries import Entry, Json, Site, parse, xml_text

MEDIA_TYPE = "application/rss+xml"
NAMESPACES = {
    "xmlns:atom": "http://www.w3.org/2005/Atom",
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
    "xmlns:hub": "urn:status-hub:feed",
}


def render_rss(page: Json, found: Sequence[Entry], site: Site, *, self_url: str | None) -> bytes:
    """The document; `self_url` as in `render_atom`. A maintenance's `pubDate` is its start, which may be to come."""
    rss = ET.Element("rss", {"version": "2.0", **NAMESPACES})
    channel = ET.SubElement(rss, "channel")
    _add(channel, "title", f"{page['title']} Status - Incident History")
    _add(channel, "link", site.url)
    if self_url is not None:
        ET.SubElement(channel, "atom:link", {"rel": "self", "type": MEDIA_TYPE, "href": self_url})
    _add(channel, "description", page["description"] or f"{page['title']} Status")
    _add(channel, "language", page["locale"].replace("_", "-"))
    updated = max((entry.updated_at for entry in found), default=parse(page["created_at"]))
    _add(channel, "pubDate", format_datetime(updated))
    for entry in found:
        item = ET.SubElement(channel, "item")
        _add(item, "title", entry.title)
        _add(item, "description", entry.content)
        _add(item, "pubDate", format_datetime(entry.begins_at.replace(microsecond=0)))
        _add(item, "dc:date", iso(entry.updated_at))
        _add(item, "link", entry.url(site))
        _add(item, "guid", entry.url(site))
        if entry.ends_at is not None:
            _add(item, "hub:maintenanceEndDate", format_datetime(entry.ends_at.replace(microsecond=0)))
    return bytes(ET.tostring(rss, encoding="utf-8", xml_declaration=True))


def _add(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = xml_text(text)
    return element
