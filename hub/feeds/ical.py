"""`maintenance.ics`: the maintenances of one view as a calendar (RFC 5545) that calendars can subscribe to.

Windows of their own are in UTC. A series is one event with its rule, in the page's zone and with that zone's
VTIMEZONE; windows of it that are over stay as single events. Nothing depends on when it is made.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.parser import isoparse
from icalendar import Calendar, Event, Timezone, vRecur, vText

from hub.domain.recurrence import until_the_end_of_its_day
from hub.feeds.entries import Json, Site, parse, xml_text
from hub.feeds.zones import timezone_text

MEDIA_TYPE = "text/calendar"
YEARS_OF_ZONE = 10  # how far ahead the zone of a series is written out
_UTC_ZONES = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"})


def render_calendar(page: Json, maintenances: Iterable[Json], names: Mapping[str, str], site: Site) -> bytes:
    """The calendar. `maintenances` as `maintenance_json` gives them; `names`: of the components that the view sees."""
    calendar = Calendar()
    calendar.add("PRODID", "-//Status Hub//Maintenance calendar//EN")
    calendar.add("VERSION", "2.0")
    calendar.add("METHOD", "PUBLISH")
    calendar.add("X-WR-CALNAME", vText(f"{_text(page['title'])} maintenance"))  # else it is written as it is
    calendar.add("X-WR-TIMEZONE", page["time_zone"])
    calendar.add("REFRESH-INTERVAL", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    calendar.add("X-PUBLISHED-TTL", "PT1H")
    listed = sorted(maintenances, key=lambda item: (item["scheduled_for"], item["id"]))
    last = {item["series_id"]: item["id"] for item in listed if item["series_id"]}
    events = []
    years: list[int] = []
    for item in listed:
        is_last = last.get(item["series_id"], item["id"]) == item["id"]
        recurs = bool(is_last and item["rrule"] and (item["status"] != "completed" or item["cancelled_at"]))
        zone = ZoneInfo(page["time_zone"]) if recurs and page["time_zone"] not in _UTC_ZONES else None
        if zone is not None:
            years.append(parse(item["scheduled_for"]).astimezone(zone).year)
        event = _event(item, names, site, zone)
        event.add("UID", _uid(item, site, is_last=is_last))
        if recurs:
            event.add("RRULE", vRecur.from_ical(_rule(item["rrule"], ZoneInfo(page["time_zone"]))))
        events.append(event)
    if years:
        text = timezone_text(page["time_zone"], min(years) - 1, max(years) + YEARS_OF_ZONE)
        calendar.add_component(Timezone.from_ical(text))
    for event in events:
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _event(item: Json, names: Mapping[str, str], site: Site, zone: ZoneInfo | None) -> Event:
    """All but the name and the rule. `zone` None: times in UTC."""
    event = Event()
    event.add("SEQUENCE", item["sequence"])
    event.add("STATUS", "CANCELLED" if item["cancelled_at"] else "CONFIRMED")
    event.add("DTSTAMP", _whole_s(item["updated_at"]))
    event.add("CREATED", _whole_s(item["created_at"]))
    event.add("LAST-MODIFIED", _whole_s(item["updated_at"]))
    begins, ends = _whole_s(item["scheduled_for"]), _whole_s(item["scheduled_until"])
    event.add("DTSTART", begins if zone is None else begins.astimezone(zone))
    event.add("DTEND", ends if zone is None else ends.astimezone(zone))
    event.add("SUMMARY", _text(item["name"]))
    event.add("DESCRIPTION", _text(_description(item, names)))
    event.add("URL", site.maintenance_url(item["id"]))
    event.add("TRANSP", "TRANSPARENT")  # it takes nobody's time
    return event


def _uid(item: Json, site: Site, *, is_last: bool) -> str:
    """One for a series, whichever window is its last yet; a window before it has its own."""
    if item["series_id"] is None:
        return f"{item['id']}@{site.host}"
    return f"{item['series_id']}@{site.host}" if is_last else f"{item['id']}-window@{site.host}"


def _rule(rule: str, zone: ZoneInfo) -> str:
    """The stored rule, its end in UTC as RFC 5545 §3.3.10 wants it where the start has a zone."""
    parts = []
    for part in until_the_end_of_its_day(rule).upper().split(";"):
        name, _, value = part.partition("=")
        if name == "UNTIL" and not value.endswith("Z"):
            value = isoparse(value).replace(tzinfo=zone).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        parts.append(f"{name}={value}")
    return ";".join(parts)


def _description(item: Json, names: Mapping[str, str]) -> str:
    affected = [names[key] for key in item["components"] if key in names]
    return "\n\n".join(filter(None, [item["body"], f"Affects: {', '.join(affected)}" if affected else ""]))


def _whole_s(text: str) -> datetime:
    return parse(text).replace(microsecond=0)


def _text(text: str) -> str:
    """Without control characters, which no calendar can write; line ends as one character."""
    return xml_text(text.replace("\r\n", "\n").replace("\r", "\n"))
