"""`history.atom`: incidents and maintenances of one view as Atom (RFC 4287)."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from hub.domain.text import iso
from hub.feeds.entries import Entry, Json, Site, parse, xml_text

MEDIA_TYPE = "application/atom+xml"
NAMESPACE = "http://www.w3.org/2005/Atom"


def render_atom(page: Json, found: Sequence[Entry], site: Site, *, self_url: str | None) -> bytes:
    """The document. `self_url` None leaves out where it is read: an address that is a secret is not told again."""
    feed = ET.Element("feed", {"xmlns": NAMESPACE, "xml:lang": page["locale"].replace("_", "-")})
    _add(feed, "id", f"tag:{site.host},2005:{site.path}/history")
    ET.SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": site.url})
    if self_url is not None:
        ET.SubElement(feed, "link", {"rel": "self", "type": MEDIA_TYPE, "href": self_url})
    _add(feed, "title", f"{page['title']} Status - Incident History")
    _add(feed, "updated", iso(max((entry.updated_at for entry in found), default=parse(page["created_at"]))))
    _add(ET.SubElement(feed, "author"), "name", page["title"])
    for entry in found:
        _add_entry(feed, entry, site)
    return bytes(ET.tostring(feed, encoding="utf-8", xml_declaration=True))


def _add_entry(feed: ET.Element, entry: Entry, site: Site) -> None:
    found = ET.SubElement(feed, "entry")
    _add(found, "id", f"tag:{site.host},2005:Incident/{entry.id}")
    _add(found, "published", iso(entry.begins_at))
    _add(found, "updated", iso(entry.updated_at))
    ET.SubElement(found, "link", {"rel": "alternate", "type": "text/html", "href": entry.url(site)})
    _add(found, "title", entry.title)
    _add(found, "content", entry.content).set("type", "html")


def _add(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = xml_text(text)
    return element
