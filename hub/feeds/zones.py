"""VTIMEZONE of an IANA zone: every change of its offset between two years, each at the right local time.

Ours, because the generator of `icalendar` 7.3 writes the onset of summer time in the time after it and not, as RFC 5545
§3.6.5 wants, in the time before: what begins in that hour would be an hour off.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from icalendar import Component, Timezone, TimezoneDaylight, TimezoneStandard


@lru_cache(maxsize=64)
def timezone_text(name: str, first_year: int, last_year: int) -> str:
    """The component as text, for `Timezone.from_ical`. About 2 ms for ten years; kept."""
    zone = ZoneInfo(name)
    start = datetime(first_year, 1, 1, tzinfo=UTC)
    found = Timezone()
    found.add("TZID", name)
    first = start.astimezone(zone)
    offset = first.utcoffset() or timedelta()
    found.add_component(_observance(first, offset, start + offset))
    for onset in _changes(zone, start, datetime(last_year + 1, 1, 1, tzinfo=UTC)):
        before = (onset - timedelta(seconds=1)).astimezone(zone).utcoffset() or timedelta()
        found.add_component(_observance(onset.astimezone(zone), before, onset + before))
    return bytes(found.to_ical()).decode()


def _observance(after: datetime, offset_before: timedelta, onset_local: datetime) -> Component:
    """What holds from one change on. Each is a part of its own: of a list in RDATE, `ical.js` 2.2 takes the first."""
    part = TimezoneDaylight() if after.dst() else TimezoneStandard()
    part.add("DTSTART", onset_local.replace(tzinfo=None))
    part.add("TZOFFSETFROM", offset_before)
    part.add("TZOFFSETTO", after.utcoffset() or timedelta())
    part.add("TZNAME", after.tzname() or "UTC")
    return part


def _changes(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """The instants, exact to the second, at which offset or abbreviation change. No zone changes twice in a day."""
    days = [start + timedelta(days=number) for number in range((end - start).days + 1)]
    return [
        _change_between(zone, before, after)
        for before, after in pairwise(days)
        if _state(zone, before) != _state(zone, after)
    ]


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    low, high = int(before.timestamp()), int(after.timestamp())
    old = _state(zone, before)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _state(zone, datetime.fromtimestamp(middle, UTC)) == old else (low, middle)
    return datetime.fromtimestamp(high, UTC)


def _state(zone: ZoneInfo, at: datetime) -> tuple[timedelta | None, str | None]:
    local = at.astimezone(zone)
    return local.utcoffset(), local.tzname()
