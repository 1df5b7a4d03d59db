"""What a feed tells of incidents and maintenances, before it is Atom or RSS: titles, instants, HTML.

Programs read "is it over?" out of the first `<strong>` of an entry, so that is the state of the newest update and
nothing else ever comes before it in that element (docs/feeds.md#entries).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from hub.domain.words import STATE_WORDS

Json = dict[str, Any]

ENTRIES = 50
CANCELLED = "Cancelled"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OVER = {"resolved": "resolved", "postmortem": "resolved", "completed": "completed"}
_ONE_PARAGRAPH = re.compile(r"<p>((?:(?!</?p>).)*)</p>", re.DOTALL)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Site:
    """Where a page is read. `url`: the page itself, without a slash behind it; `host` names it in ids that stay."""

    url: str
    host: str
    path: str  # "" for a page that has a host name of its own

    def incident_url(self, incident_id: str) -> str:
        return f"{self.url}/incidents/{incident_id}"

    def maintenance_url(self, maintenance_id: str) -> str:
        return f"{self.url}/maintenances/{maintenance_id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One incident or maintenance. `begins_at`: when it started, or is to; `ends_at`: a maintenance's end."""

    id: str
    title: str
    begins_at: datetime
    updated_at: datetime
    content: str  # HTML
    ends_at: datetime | None = None

    def url(self, site: Site) -> str:
        """Where people read of it."""
        return site.incident_url(self.id) if self.ends_at is None else site.maintenance_url(self.id)


def entries(
    page: Json, incidents: Iterable[Json], maintenances: Iterable[Json], *, limit: int = ENTRIES
) -> list[Entry]:
    """The newest by their beginning, as `incident_json` and `maintenance_json` give them to one view."""
    zone = ZoneInfo(page["time_zone"])
    found = [_of_incident(item, zone) for item in incidents]
    found += [_of_maintenance(item, zone) for item in maintenances]
    return sorted(found, key=lambda entry: (entry.begins_at, entry.id), reverse=True)[:limit]


def parse(text: str) -> datetime:
    """The instant of an ISO text of ours, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def xml_text(text: str) -> str:
    """`text` without what XML 1.0 has no way to write: control characters, lone surrogates, two code points more."""
    return _NOT_XML.sub("\ufffd", text)


def _of_incident(item: Json, zone: ZoneInfo) -> Entry:
    return Entry(
        item["id"], item["name"], parse(item["started_at"]), _updated_at(item), _told(item, item["resolved_at"], zone)
    )


def _of_maintenance(item: Json, zone: ZoneInfo) -> Entry:
    begins, ends = parse(item["scheduled_for"]), parse(item["scheduled_until"])
    is_off = item.get("cancelled_at") is not None
    what = "This event was called off" if is_off else "This is a scheduled event"
    line = f"<p><b>{what}: {escape(_window(begins, ends, zone))}</b></p>"
    told = _told(item, item.get("cancelled_at") or item["completed_at"], zone, final=CANCELLED if is_off else "")
    return Entry(item["id"], item["name"], begins, _updated_at(item), line + told, ends_at=ends)


def _updated_at(item: Json) -> datetime:
    return max([parse(item["updated_at"]), *(parse(update["updated_at"]) for update in item["updates"])])


def _told(item: Json, over_at: str | None, zone: ZoneInfo, final: str = "") -> str:
    """One paragraph for each update, newest first. `final`: the word for the end where it is not a state."""
    updates: Sequence[Json] = item["updates"]
    end = _OVER.get(item["status"])
    newest = next((update["status"] for update in updates if update["status"] != "postmortem"), None)
    paragraphs = []
    if final or (end is not None and newest != end) or not updates:
        at: str = over_at or item["updated_at"]
        paragraphs.append(_paragraph(at, final or STATE_WORDS[end or item["status"]], "", zone))
    for update, before in zip(updates, [*(other["status"] for other in updates), None][1:], strict=True):
        repeats = update["status"] == before and update["status"] not in _OVER
        label: str = "Update" if repeats else STATE_WORDS[update["status"]]
        tag = "em" if update["status"] == "postmortem" else "strong"  # what was resolved before it stays resolved
        paragraphs.append(_paragraph(update["display_at"], label, update["body_html"], zone, tag))
    return "".join(paragraphs)


def _paragraph(at: str, label: str, body_html: str, zone: ZoneInfo, tag: str = "strong") -> str:
    local = parse(at).astimezone(zone)
    when = (
        f"{_MONTHS[local.month - 1]} <var data-var='date'>{local.day}</var>, "
        f"<var data-var='time'>{local:%H:%M}</var> {escape(zone_name(local))}"
    )
    head = f"<small>{when}</small><br><{tag}>{escape(label)}</{tag}>"
    if not body_html:
        return f"<p>{head}</p>"
    whole = _ONE_PARAGRAPH.fullmatch(body_html)
    return f"<p>{head} - {whole[1]}</p>" if whole else f"<p>{head} -</p>{body_html}"


def _window(begins: datetime, ends: datetime, zone: ZoneInfo) -> str:
    """`Nov 26, 02:00 - 04:00 UTC`, with the second day where it is another one."""
    first, last = begins.astimezone(zone), ends.astimezone(zone)
    until = f"{last:%H:%M}" if first.date() == last.date() else f"{_day(last)}, {last:%H:%M}"
    return f"{_day(first)}, {first:%H:%M} - {until} {zone_name(last)}"


def _day(local: datetime) -> str:
    return f"{_MONTHS[local.month - 1]} {local.day}"


def zone_name(local: datetime) -> str:
    """`UTC`, `CET`, `UTC+05:45`: the zone's own abbreviation where it has letters for one."""
    name = local.tzname() or "UTC"
    if name.isalpha():
        return name
    offset = local.strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:5]}"
