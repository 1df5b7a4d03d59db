"""The demo data set reads as a Statuspage document at any instant, and tells a story that fits together."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hub.domain.import_plan import settle
from hub.domain.incident import derived_impact
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.status import Indicator, Status, roll_up
from hub.domain.statuspage import parse
from hub.seed import demo_documents, resolve

LONDON = ZoneInfo("Europe/London")
NOWS = [
    datetime(2026, 11, 25, 4, 0, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # the night the clocks go back
    datetime(2027, 3, 28, 1, 30, tzinfo=UTC),
    datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
]


@pytest.mark.parametrize("now", NOWS)
def test_at_any_instant_the_demo_is_a_page_with_one_small_trouble(now: datetime) -> None:
    plan = settle(parse(demo_documents(now)))
    assert (len(plan.groups), len(plan.components), plan.warnings) == (4, 14, ())
    assert roll_up([item.status for item in plan.components]).indicator is Indicator.MINOR
    assert [item.name for item in plan.incidents if item.resolved_at is None] == [
        "Tracking pages are a few minutes behind"
    ]
    assert {item.base_status for item in plan.components} == {Status.OPERATIONAL}


@pytest.mark.parametrize("now", NOWS)
def test_nothing_of_the_past_lies_in_the_future(now: datetime) -> None:
    plan = parse(demo_documents(now))
    for update in plan.updates:
        assert update.display_at <= update.created_at <= now
    for incident in plan.incidents:
        assert incident.started_at <= (incident.resolved_at or now) <= now
        assert incident.updates[0].display_at == incident.started_at
    for maintenance in plan.maintenances:
        assert (maintenance.scheduled_for > now) == (maintenance.status is MaintenanceStatus.SCHEDULED)


def test_impacts_follow_from_what_the_updates_say_and_words_follow_each_other() -> None:
    plan = parse(demo_documents(NOWS[0]))
    now_at: dict[str, Status] = {}
    for incident in sorted(plan.incidents, key=lambda item: item.started_at):
        assert incident.impact == derived_impact(word.new_status for one in incident.updates for word in one.words)
        for update in incident.updates:
            for word in update.words:
                assert now_at.get(word.component, Status.OPERATIONAL) is word.old_status
                now_at[word.component] = word.new_status


def test_relative_times_are_read_by_the_pages_clock() -> None:
    now = datetime(2026, 10, 26, 12, 0, tzinfo=UTC).astimezone(LONDON)
    assert resolve("-90m", now) == "2026-10-26T10:30:00.000+00:00"
    assert resolve("-2d 09:14", now) == "2026-10-24T09:14:00.000+01:00"
    assert resolve("+3d 04:00", now) == "2026-10-29T04:00:00.000+00:00"
    assert resolve("-120d", now) == (now.date() - timedelta(days=120)).isoformat()
    assert resolve("On -3d we ate cake", now) == "On -3d we ate cake"
