"""Reading a document never fails in another way than by naming paths; settling keeps every status."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.domain.import_plan import settle
from hub.domain.incident import OPEN_STATUSES, IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.status import Status, effective_status
from hub.domain.statuspage import DocumentInvalid, parse
from tests.support.statuspage import component, document, incident, maintenance, update, word

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
KEYS = st.sampled_from(["id", "name", "status", "components", "incidents", "incident_updates", "page", "body", "group"])
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)
STATUSES = st.sampled_from([status.value for status in Status])
COMPONENTS = ["c0", "c1", "c2"]


def faults(documents: list[Any]) -> list[str] | None:
    """Paths of what is wrong with `documents`; None when they can be read."""
    try:
        parse(documents)
    except DocumentInvalid as error:
        return list(error.fields or ())
    return None


@given(documents=st.lists(JSON, min_size=1, max_size=3))
def test_any_json_is_read_or_refused_with_paths(documents: list[Any]) -> None:
    assert faults(documents) != []


@given(data=st.data())
def test_one_bad_value_anywhere_is_refused_and_named(data: st.DataObject) -> None:
    whole = document(components=[component(f"c{n}") for n in range(5)], incidents=[incident(f"i{n}") for n in range(5)])
    kind = data.draw(st.sampled_from(["components", "incidents"]))
    index = data.draw(st.integers(0, 4))
    key = data.draw(st.sampled_from(["id", "name", "status"]))
    whole[kind][index][key] = data.draw(st.none() | st.integers() | st.just("\0") | st.just("x" * 300))
    assert faults([whole]) == [f"{kind}[{index}].{key}"]


@st.composite
def pages(draw: st.DrawFn) -> dict[str, Any]:
    def words(*, may_be_none: bool = True) -> list[dict[str, Any]]:
        named = draw(st.lists(st.sampled_from(COMPONENTS), unique=True, min_size=0 if may_be_none else 1))
        return [word(key, draw(STATUSES), draw(STATUSES)) for key in named]

    incidents = []
    for n in range(draw(st.integers(0, 3))):
        status = draw(st.sampled_from(list(IncidentStatus))).value
        listed = [component(key, "operational") for key in draw(st.lists(st.sampled_from(COMPONENTS), unique=True))]
        updates = [update(f"u{n}{m}", status, *words()) for m in range(draw(st.integers(1, 3)))]
        incidents.append(incident(f"i{n}", status, *updates, components=listed))
    maintenances = [
        maintenance(
            f"m{n}", draw(st.sampled_from(list(MaintenanceStatus))).value, update(f"v{n}", "scheduled", *words())
        )
        for n in range(draw(st.integers(0, 2)))
    ]
    rows = [component(key, draw(STATUSES)) for key in COMPONENTS]
    return document(components=rows, incidents=incidents, scheduled_maintenances=maintenances)


@given(page=pages())
def test_after_settling_every_component_shows_the_status_of_the_document(page: dict[str, Any]) -> None:
    plan = settle(parse([page]))
    for planned in plan.components:
        words = [
            item.latest_words[planned.external_id]
            for item in plan.incidents
            if item.status in OPEN_STATUSES and planned.external_id in item.latest_words
        ]
        held = any(
            planned.external_id in item.components
            for item in plan.maintenances
            if item.status in {MaintenanceStatus.IN_PROGRESS, MaintenanceStatus.VERIFYING}
        )
        assert effective_status(planned.base_status, incident_words=words, in_maintenance=held) is planned.status


@given(page=pages())
def test_settling_twice_is_settling_once_but_for_the_notes(page: dict[str, Any]) -> None:
    once = settle(parse([page]))
    twice = settle(once)
    assert (twice.components, twice.incidents, twice.maintenances) == (
        once.components,
        once.incidents,
        once.maintenances,
    )
