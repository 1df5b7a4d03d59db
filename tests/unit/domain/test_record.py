"""What the audit log says of a change, by cases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.domain.incident import IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.page import Affected, Component, Group, Incident, Maintenance, Page, PageState, Update
from hub.domain.record import MAX_BYTES, record
from hub.domain.status import Status

T0 = datetime(2026, 11, 25, tzinfo=UTC)
PAGE = Page("page00000000", "acme", "Acme", None, "UTC", "en", "public", {}, 1, T0, T0)
GROUP = Group("group0000000", "Core", 1, 1, T0, T0)


def component(key: str = "a", **fields: Any) -> Component:
    values = {"description": None, "group_id": None, "position": 1, "showcase": True, "only_show_if_degraded": False}
    values |= {"start_date": None, "audience": None, "base_status": Status.OPERATIONAL, "version": 1, "updated_at": T0}
    return Component(id=key, name=key.upper(), created_at=T0, **(values | fields))


def update(key: str, body: str = "Looking.", status: str = "investigating", *affected: Affected) -> Update:
    return Update(key, status, body, affected, T0, T0, T0)


def incident(key: str = "i", *updates: Update, status: IncidentStatus = IncidentStatus.INVESTIGATING) -> Incident:
    resolved_at = None if status is IncidentStatus.INVESTIGATING else T0
    return Incident(key, key.upper(), status, None, None, T0, None, resolved_at, updates, 1, T0, T0)


def maintenance(key: str = "m", status: MaintenanceStatus = MaintenanceStatus.SCHEDULED) -> Maintenance:
    return Maintenance(
        key, "Work", "Body", status, None, T0, T0 + timedelta(hours=1), None, None, True, True, None, (), (), 1, T0, T0
    )


def state(**parts: Any) -> PageState:
    return PageState(**({"page": PAGE} | parts))


def test_what_stays_as_it_is_makes_no_entry():
    same = state(components=(component(),), incidents=(incident("i", update("u")),))
    assert record(same, replace(same), "a") is None


def test_of_a_changed_object_only_what_differs_is_told():
    before = state(components=(component(), component("b")))
    changed = component(base_status=Status.MAJOR_OUTAGE, version=2, updated_at=T0 + timedelta(1))
    found = record(before, state(components=(changed, component("b"))), "a")
    assert found is not None
    assert found.before == {"components": [{"id": "a", "name": "A", "base_status": "operational"}]}
    assert found.after == {"components": [{"id": "a", "name": "A", "base_status": "major_outage"}]}


def test_what_follows_from_elsewhere_is_not_told():
    before = state(components=(component(),), groups=(GROUP,))
    after = state(components=(component(status_since=T0),), groups=(GROUP,))
    assert record(before, after, None) is None


def test_what_is_made_has_no_before_and_what_is_gone_no_after():
    with_it, without = state(components=(component(),)), state(components=())
    made, gone = record(without, with_it, "a"), record(with_it, without, "a")
    assert made is not None
    assert gone is not None
    assert made.before is None
    assert gone.after is None
    assert made.after == gone.before
    assert record(with_it, state(components=(component(is_deleted=True),)), "a") == gone


def test_of_an_incident_the_update_that_is_new_or_other_is_told():
    old, new = (
        update("u1"),
        update("u2", "Found.", "identified", Affected("a", "A", Status.OPERATIONAL, Status.MAJOR_OUTAGE)),
    )
    before, after = state(incidents=(incident("i", old),)), state(incidents=(incident("i", old, new),))
    found = record(before, after, "i")
    assert found is not None
    assert found.after is not None
    assert found.before is not None
    [told] = found.after["incidents"]
    assert [item["id"] for item in told["updates"]] == ["u2"]
    assert told["updates"][0]["components"] == {"a": "major_outage"}
    assert "body_html" not in told["updates"][0]
    assert found.before["incidents"][0]["updates"] == []


def test_an_incident_that_ends_is_one_that_changes():
    ended = incident("i", status=IncidentStatus.RESOLVED)
    found = record(state(incidents=(incident(),)), state(ended_incidents=(ended,)), "i")
    assert found is not None
    assert found.before is not None
    assert found.after is not None
    assert found.before["incidents"][0]["status"] == "investigating"
    assert found.after["incidents"][0]["status"] == "resolved"


def test_old_incidents_that_come_into_sight_or_go_out_of_it_have_not_changed():
    old = incident("old", status=IncidentStatus.RESOLVED)
    before = state(incidents=(incident(),), ended_incidents=(old,))
    after = state(ended_incidents=(incident("i", status=IncidentStatus.RESOLVED),))
    for found in (record(before, after, "i"), record(after, before, "i")):
        assert found is not None
        assert "old" not in str(found)


def test_a_maintenance_that_brings_its_next_window_along_tells_of_both():
    done = maintenance("m", MaintenanceStatus.COMPLETED)
    found = record(state(maintenances=(maintenance(),)), state(maintenances=(done, maintenance("next"))), "m")
    assert found is not None
    assert found.after is not None
    assert {item["id"] for item in found.after["maintenances"]} == {"m", "next"}


def test_an_entry_stays_small_whatever_the_change():
    many = tuple(component(f"c{n}", description="ä" * 2_000) for n in range(500))
    found = record(state(), state(components=many), None)
    assert found is not None
    assert found.after is not None
    assert found.after["is_cut"] is True
    assert len(found.after["components"]) == 50
    assert found.after["components"][0].keys() == {"id", "name"}
    long = record(state(), state(components=(component(description="x" * 2_000),)), "a")
    assert long is not None
    assert long.after is not None
    assert len(long.after["components"][0]["description"]) == 1_001
    assert len(str(found.after)) < MAX_BYTES
