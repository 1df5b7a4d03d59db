"""The calendar of planned maintenance: which months, which days, whose midnight."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hub.web.messages import speaking
from hub.web.month_grid import months_of, title_of

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def planned(start: str, hours: float, key: str = "m1", name: str = "Upgrade") -> dict[str, str]:
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
    end = begin + timedelta(hours=hours)
    return {"id": key, "name": name, "scheduled_for": begin.isoformat(), "scheduled_until": end.isoformat()}


def marked(items: list[dict[str, str]], zone: str = "UTC") -> list[date | None]:
    return [
        cell.on for grid in months_of(items, ZoneInfo(zone), NOW) for week in grid.weeks for cell in week if cell.first
    ]


def test_a_month_is_weeks_of_seven_days_from_monday_with_nothing_beside_it():
    (grid,) = months_of([planned("2026-12-03T04:00", 1)], ZoneInfo("UTC"), NOW)
    assert grid.title == "December 2026"
    assert all(len(week) == 7 for week in grid.weeks)
    days = [cell.on for week in grid.weeks for cell in week if cell.on]
    assert days == [date(2026, 12, day) for day in range(1, 32)]
    assert [cell.on for cell in grid.weeks[0]] == [None, *(date(2026, 12, day) for day in range(1, 7))]


def test_a_window_marks_each_day_of_the_pages_zone_that_it_touches():
    late = planned("2026-12-09T21:00", 7.5)
    assert marked([late]) == [date(2026, 12, 9), date(2026, 12, 10)]
    assert marked([late], "Asia/Tokyo") == [date(2026, 12, 10)]


def test_a_window_that_ends_at_midnight_does_not_touch_the_day_that_begins_then():
    assert marked([planned("2026-12-09T22:00", 2)]) == [date(2026, 12, 9)]


def test_one_that_has_begun_marks_what_is_left_of_it():
    assert marked([planned("2026-11-28T00:00", 72)]) == [date(2026, 11, 30)]


def test_a_day_names_all_that_is_planned_on_it_and_leads_to_the_first():
    both = [planned("2026-12-03T04:00", 1, "a", "Database"), planned("2026-12-03T09:00", 1, "b", "Network")]
    (grid,) = months_of(both, ZoneInfo("UTC"), NOW)
    (cell,) = [cell for week in grid.weeks for cell in week if cell.first]
    assert (cell.first, cell.said) == ("a", "Thu 3 Dec: Database, Network")


def test_at_most_three_months_are_shown_however_long_a_window_is():
    grids = months_of([planned("2026-12-31T00:00", 24 * 400)], ZoneInfo("UTC"), NOW)
    assert [grid.title for grid in grids] == ["December 2026", "January 2027", "February 2027"]


def test_months_between_without_anything_planned_are_left_out():
    grids = months_of([planned("2026-12-01T00:00", 1), planned("2027-03-01T00:00", 1)], ZoneInfo("UTC"), NOW)
    assert [grid.title for grid in grids] == ["December 2026", "March 2027"]
    assert months_of([], ZoneInfo("UTC"), NOW) == []


def test_a_month_is_named_as_its_language_does():
    with speaking("ru"):
        assert title_of(2026, 11) == "ноябрь 2026 г."
    with speaking("es"):
        assert title_of(2026, 11) == "noviembre de 2026"
