"""The maintenance calendar: what calendars make of it (cases 115, 116)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest

from hub.domain.text import iso
from hub.feeds.entries import Site
from hub.feeds.ical import render_calendar
from hub.feeds.zones import timezone_text

Json = dict[str, Any]
SITE = Site("https://hub.example/p/acme", "hub.example", "/p/acme")
BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 10, 18, 1, tzinfo=UTC)  # a Sunday, 03:00 in Berlin, a week before summer time ends
PAGE = {"title": "Acme", "time_zone": "Europe/Berlin"}


def maintenance(key: str = "m1", at: datetime = START, **more: object) -> Json:
    return {
        "id": key, "name": "Upgrade", "body": "Brief pauses.", "status": "scheduled", "scheduled_for": iso(at),
        "scheduled_until": iso(at + timedelta(hours=1)), "rrule": None, "series_id": None, "sequence": 0,
        "cancelled_at": None, "created_at": iso(START - timedelta(days=9)),
        "updated_at": iso(START - timedelta(days=8)), "components": [], **more,
    }  # fmt: skip


def calendar(*items: Json, page: Json = PAGE, names: dict[str, str] | None = None) -> icalendar.Calendar:
    return icalendar.Calendar.from_ical(render_calendar(page, items, names or {}, SITE))


def events(*items: Json) -> list[icalendar.Event]:
    return list(calendar(*items).walk("VEVENT"))


def test_a_window_of_its_own_is_in_utc_and_needs_no_zone():
    """Case 115."""
    found = calendar(maintenance())
    [event] = found.walk("VEVENT")
    assert not found.walk("VTIMEZONE")
    assert event["DTSTART"].to_ical() == b"20261018T010000Z"
    assert event["DTEND"].to_ical() == b"20261018T020000Z"
    assert (event["UID"], event["STATUS"], event["SEQUENCE"]) == ("m1@hub.example", "CONFIRMED", 0)
    assert event["DTSTAMP"].to_ical() == b"20261010T010000Z"
    assert event["URL"] == "https://hub.example/p/acme/maintenances/m1"


def test_a_series_is_one_event_with_its_rule_and_its_zone():
    """Case 115. Without the zone a calendar would read its times as its own."""
    found = calendar(maintenance(rrule="FREQ=WEEKLY;BYDAY=SU;UNTIL=20261230T030000", series_id="m1"))
    [event], [zone] = found.walk("VEVENT"), found.walk("VTIMEZONE")
    assert event["DTSTART"].params["TZID"] == zone["TZID"] == "Europe/Berlin"
    assert event["DTSTART"].to_ical() == b"20261018T030000"
    assert event["RRULE"].to_ical() == b"FREQ=WEEKLY;UNTIL=20261230T020000Z;BYDAY=SU"


def test_a_series_of_a_page_in_utc_needs_no_zone_either():
    found = calendar(maintenance(rrule="FREQ=DAILY", series_id="m1"), page={**PAGE, "time_zone": "Etc/UTC"})
    assert not found.walk("VTIMEZONE")
    assert found.walk("VEVENT")[0]["DTSTART"].to_ical() == b"20261018T010000Z"


def test_a_window_that_is_moved_and_called_off_keeps_its_name():
    """Case 116."""
    moved = maintenance(at=START + timedelta(days=1), sequence=1)
    off = maintenance(sequence=2, cancelled_at=iso(START), status="completed")
    told = [events(item)[0] for item in (maintenance(), moved, off)]
    assert {event["UID"] for event in told} == {"m1@hub.example"}
    assert [event["SEQUENCE"] for event in told] == [0, 1, 2]
    assert [event["STATUS"] for event in told] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]


def test_a_series_keeps_its_name_while_its_windows_pass():
    rule = {"rrule": "FREQ=WEEKLY;COUNT=3", "series_id": "m1"}
    week = timedelta(weeks=1)
    first = maintenance("m1", **rule)
    done = {"status": "completed"}
    second = maintenance("m2", START + week, rrule="FREQ=WEEKLY;COUNT=2", series_id="m1")
    [event] = events(first)
    assert (event["UID"], event["RRULE"].to_ical()) == ("m1@hub.example", b"FREQ=WEEKLY;COUNT=3")
    past, present = events({**first, **done}, second)
    assert (past["UID"], "RRULE" in past, past["DTSTART"].to_ical()) == (
        "m1-window@hub.example", False, b"20261018T010000Z",
    )  # fmt: skip
    assert (present["UID"], present["RRULE"].to_ical()) == ("m1@hub.example", b"FREQ=WEEKLY;COUNT=2")
    off = {**second, **done, "cancelled_at": iso(START)}
    _, last = events({**first, **done}, off)
    assert (last["UID"], last["STATUS"]) == ("m1@hub.example", "CANCELLED")
    uids = [event["UID"] for event in events({**first, **done}, {**second, **done})]
    assert uids == ["m1-window@hub.example", "m1@hub.example"]


def test_no_line_is_longer_than_75_octets_and_texts_come_back_whole():
    """Case 116. Folding counts bytes and cuts no character; commas, semicolons, line ends and emoji survive."""
    text = "Größere Umbauten, 🔥 データベース; \\ und\r\nmehr: " * 20
    item = maintenance(name=text, body=text, components=["c1", "c2", "hidden"])
    document = render_calendar(PAGE, [item], {"c1": "API, v2", "c2": "Ω" * 90}, SITE)
    assert max(len(line) for line in document.split(b"\r\n")) <= 75
    assert b"\n" not in document.replace(b"\r\n", b"")
    [event] = icalendar.Calendar.from_ical(document).walk("VEVENT")
    assert event["SUMMARY"] == text.replace("\r\n", "\n")
    assert event["DESCRIPTION"] == f"{text}\n\nAffects: API, v2, {'Ω' * 90}".replace("\r\n", "\n")
    assert b"hidden" not in document


def test_control_characters_cannot_begin_a_line_of_their_own():
    document = render_calendar(PAGE, [maintenance(name="a\rX-EVIL:1\x00\x0b\nEND:VEVENT")], {}, SITE)
    [event] = icalendar.Calendar.from_ical(document).walk("VEVENT")
    assert "X-EVIL" not in event
    assert b"\x00" not in document


@pytest.mark.parametrize("title", ["two\nlines", "a\rX-EVIL:1", "a; b, c\\d", "tab\t🔥" * 30])
def test_a_title_of_any_kind_is_the_calendars_name(title: str):
    document = render_calendar(PAGE | {"title": title}, [maintenance()], {}, SITE)
    assert "X-EVIL" not in icalendar.Calendar.from_ical(document)
    lines = document.decode().replace("\r\n ", "").split("\r\n")
    [name] = [line.removeprefix("X-WR-CALNAME:") for line in lines if line.startswith("X-WR-CALNAME")]
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\r", "\\n"), ("\n", "\\n")):
        title = title.replace(plain, escaped)
    assert name == f"{title} maintenance"


def test_the_same_windows_make_the_same_bytes():
    items = [maintenance("m2"), maintenance("m1"), maintenance("m3", rrule="FREQ=MONTHLY", series_id="m3")]
    assert render_calendar(PAGE, items, {}, SITE) == render_calendar(PAGE, reversed(items), {}, SITE)


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"]
)
def test_a_zone_tells_the_same_offsets_as_the_database_of_zones(name: str):
    """Case 115. At every hour around every change, and in summer and winter."""
    zone = ZoneInfo(name)
    onsets = sorted(_onsets(timezone_text(name, 2025, 2030)))
    for day in (date(2026, 1, 1) + timedelta(days=number) for number in range(4 * 365)):
        for hour in range(24):
            local = datetime(day.year, day.month, day.day, hour, 30)  # noqa: DTZ001 (on the clocks of the zone)
            back = local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
            twice = local.replace(tzinfo=zone).utcoffset() != local.replace(tzinfo=zone, fold=1).utcoffset()
            if back != local or twice:
                continue  # hours that do not exist, or twice, are each calendar's own business
            offset = [to for at, to in onsets if at <= local][-1]
            assert offset == local.replace(tzinfo=zone).utcoffset(), local


def _onsets(text: str) -> list[tuple[datetime, timedelta]]:
    """(local time in the offset before, offset after) of every change that a VTIMEZONE tells of."""
    found = []
    for part in icalendar.Timezone.from_ical(text).subcomponents:
        more = part.get("RDATE")
        dates = [part["DTSTART"].dt, *([item.dt for item in more.dts] if more else [])]
        found += [(at, part["TZOFFSETTO"].td) for at in dates]
    return found
