"""Statuspage documents: what is read of them, what is refused, and where a refusal points."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from hub.domain.import_plan import settle
from hub.domain.status import Status
from hub.domain.statuspage import DocumentInvalid, parse
from hub.domain.text import render_markdown
from tests.support.statuspage import AT, component, document, incident, maintenance, update, word


def faults(*documents: object) -> dict[str, str]:
    with pytest.raises(DocumentInvalid) as caught:
        parse(documents)
    assert caught.value.fields is not None
    return caught.value.fields


def base_statuses(*documents: object) -> dict[str, str]:
    return {item.external_id: item.base_status.value for item in settle(parse(documents)).components}


def test_a_document_of_any_subset_of_its_keys_is_read() -> None:
    assert [item.external_id for item in parse([{"components": [component("a")]}]).components] == ["a"]
    assert [item.external_id for item in parse([{"incidents": [incident("i")]}]).incidents] == ["i"]
    assert [item.external_id for item in parse([{"scheduled_maintenances": [maintenance("m")]}]).maintenances] == ["m"]


def test_unknown_keys_are_passed_over_and_missing_new_ones_have_defaults() -> None:
    old = {"id": "c", "name": "C", "status": "operational", "colour": "green", "group_id": None}
    planned = parse([document(components=[old], weather={"is": "fine"})]).components[0]
    assert (planned.position, planned.showcase, planned.start_date, planned.created_at) == (1, True, None, None)


def test_instants_come_out_in_utc_and_dates_as_dates() -> None:
    row = component(created_at="2020-06-16T13:27:41.530-07:00", start_date="2030-01-02")
    planned = parse([document(components=[row])]).components[0]
    assert planned.created_at == datetime(2020, 6, 16, 20, 27, 41, 530_000, UTC)
    assert planned.start_date == date(2030, 1, 2)


def test_updates_are_oldest_first_and_keep_the_order_of_the_document_at_the_same_instant() -> None:
    listed = [update("u3"), update("u2"), update("u1", display_at="2031-03-09T14:00:00.000Z")]
    planned = parse([document(incidents=[incident("i", "investigating", *listed)])]).incidents[0]
    assert [item.external_id for item in planned.updates] == ["u1", "u2", "u3"]


def test_words_stay_as_they_were_written_markup_and_all() -> None:
    body = "one<br />two<BR>\r\nthree <b>bold</b>"
    planned = parse([document(incidents=[incident("i", "investigating", update("u", body=body))])]).incidents[0]
    assert planned.updates[0].body == body
    assert render_markdown(body) == "<p>one<br>\ntwo<br>\nthree &lt;b&gt;bold&lt;/b&gt;</p>"


def test_an_ended_incident_without_a_time_of_resolution_takes_that_of_its_resolving_update() -> None:
    later = "2031-03-09T15:00:00.000Z"
    listed = [update("u2", "resolved", created_at=later, display_at=later), update("u1")]
    planned = parse([document(incidents=[incident("i", "resolved", *listed)])]).incidents[0]
    assert planned.resolved_at == datetime(2031, 3, 9, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"components": {}}, "components"),
        ({"components": [component(status="purple")]}, "components[0].status"),
        ({"components": [component("a"), component("b", name=None)]}, "components[1].name"),
        ({"components": [component("a"), component("a")]}, "components[1].id"),
        ({"components": [component("a", group_id="nowhere")]}, "components[0].group_id"),
        ({"components": [component("a", position=True)]}, "components[0].position"),
        ({"components": [component("a", position=2**31)]}, "components[0].position"),
        ({"components": [component("a", name="x" * 256)]}, "components[0].name"),
        ({"components": [component("a", name="a\0b")]}, "components[0].name"),
        ({"components": [component("a", description="\ud800")]}, "components[0].description"),
        ({"components": [component("a", start_date="yesterday")]}, "components[0].start_date"),
        ({"components": ["a"]}, "components[0]"),
        ({"incidents": [incident(created_at="2031-03-09T14:05:00")]}, "incidents[0].created_at"),
        ({"incidents": [incident(created_at="0001-01-01T00:00:00+14:00")]}, "incidents[0].created_at"),
        ({"incidents": [incident(impact="huge")]}, "incidents[0].impact"),
        (
            {"incidents": [incident("i"), incident("j", "monitoring", update("u"), update("v", "asleep"))]},
            "incidents[1].incident_updates[1].status",
        ),
        (
            {"incidents": [incident("i", "monitoring", update("u", "monitoring", word("c", "sleepy")))]},
            "incidents[0].incident_updates[0].affected_components[0].new_status",
        ),
        ({"scheduled_maintenances": [maintenance(scheduled_until=AT)]}, "scheduled_maintenances[0].scheduled_until"),
        ({"scheduled_maintenances": [maintenance(status="resolved")]}, "scheduled_maintenances[0].status"),
    ],
)
def test_a_bad_value_is_named_by_its_path(parts: dict[str, Any], path: str) -> None:
    assert path in faults(document(**parts))


def test_every_bad_record_is_named_not_only_the_first() -> None:
    rows = [component(f"c{n}", status="purple" if n % 2 else "operational") for n in range(6)]
    assert list(faults(document(components=rows))) == [f"components[{n}].status" for n in (1, 3, 5)]


def test_a_page_that_is_no_page_is_refused() -> None:
    for zone in ("Mars/Olympus", "localtime", "Factory", ""):
        assert "page.time_zone" in faults({"page": {"id": "p", "name": "P", "time_zone": zone}})
    assert "document" in faults({"greeting": "hello"})
    assert "document" in faults([])


def test_documents_of_two_pages_do_not_mix() -> None:
    other = {"page": {"id": "another", "name": "Another"}}
    assert "documents[1].page.id" in faults(document(), other)


def test_of_a_record_in_two_documents_the_newer_one_counts() -> None:
    old, new = incident("i", name="old"), incident("i", name="new", updated_at="2031-03-09T16:00:00.000Z")
    for order in ([old, new], [new, old]):
        assert [item.name for item in parse([document(incidents=[one]) for one in order]).incidents] == ["new"]


# ── layers ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_an_open_incident_holds_is_operational_beneath_it() -> None:
    held = incident("i", "identified", update("u", "identified", word("c", "partial_outage")))
    assert base_statuses(document(components=[component("c", "partial_outage")], incidents=[held])) == {
        "c": "operational"
    }


def test_a_status_that_nothing_accounts_for_is_the_base() -> None:
    held = incident("i", "identified", update("u", "identified", word("c", "degraded_performance")))
    rows = [component("c", "major_outage"), component("d", "degraded_performance")]
    assert base_statuses(document(components=rows, incidents=[held])) == {
        "c": "major_outage",
        "d": "degraded_performance",
    }


def test_a_component_set_better_by_hand_than_its_incident_says_is_what_the_incident_counts_for() -> None:
    held = incident("i", "monitoring", update("u", "monitoring", word("c", "major_outage", "major_outage")))
    plan = settle(parse([document(components=[component("c")], incidents=[held])]))
    said = plan.incidents[0].updates[0].words[0]
    assert (said.old_status, said.new_status, said.held) == (Status.MAJOR_OUTAGE,) * 2 + (Status.OPERATIONAL,)
    assert said.word is Status.OPERATIONAL
    assert plan.components[0].base_status is Status.OPERATIONAL
    assert len(plan.warnings) == 1


def test_maintenance_in_progress_holds_its_components() -> None:
    running = maintenance("m", "in_progress", components=[component("c", "under_maintenance")])
    row = component("c", "under_maintenance")
    assert base_statuses(document(components=[row], scheduled_maintenances=[running])) == {"c": "operational"}


def test_maintenance_in_progress_lets_go_of_a_component_that_is_operational() -> None:
    running = maintenance("m", "in_progress", components=[component("c")])
    plan = settle(parse([document(components=[component("c")], scheduled_maintenances=[running])]))
    assert plan.maintenances[0].components == ()
    assert len(plan.warnings) == 1


def test_an_incident_that_lists_a_component_without_a_word_on_it_holds_it_at_its_status() -> None:
    row = component("c", "degraded_performance")
    plan = settle(parse([document(components=[row], incidents=[incident("i", components=[row])])]))
    assert plan.incidents[0].latest_words == {"c": Status.DEGRADED_PERFORMANCE}
    assert plan.components[0].base_status is Status.OPERATIONAL


def test_components_known_from_incidents_alone_are_planned_too() -> None:
    row = component("c", group_id="group-of-another-document")
    planned = parse([document(incidents=[incident("i", components=[row])])]).components[0]
    assert (planned.external_id, planned.is_embedded) == ("c", True)
