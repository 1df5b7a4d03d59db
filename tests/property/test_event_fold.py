"""Laws of events: folding one gives the fresh snapshot, and it holds nothing that its view may not see."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hub.domain.audience import OPERATORS, Viewer
from hub.domain.event import apply, diff
from hub.domain.incident import IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.page import Affected, Component, Group, Incident, Maintenance, Page, PageState, Update
from hub.domain.snapshot import project
from hub.domain.status import Status

T0 = datetime(2026, 11, 1, tzinfo=UTC)
AT = "2026-11-25T00:00:00.000Z"
AUDIENCES = ["public", "authenticated", "verified", "group:ops"]
VIEWERS = [
    Viewer(),
    Viewer(is_authenticated=True),
    Viewer(is_authenticated=True, is_verified=True),
    Viewer(is_authenticated=True, is_verified=True, groups=frozenset({"ops"})),
    Viewer(is_operator=True),
]
COMPONENTS, GROUPS = [f"c{n}" for n in range(4)], ["g0", "g1"]

instants = st.integers(0, 20).map(lambda days: T0 + timedelta(days=days))
statuses, audiences = st.sampled_from(list(Status)), st.sampled_from(AUDIENCES)


def secret(audience: str, what: str) -> str:
    """A text that names whom it is for, so that a leak can be searched for."""
    return f"{what} <{audience}>"


@st.composite
def components(draw) -> tuple[Component, ...]:
    found = []
    for key in COMPONENTS:
        if draw(st.booleans()):
            audience = draw(audiences)
            found.append(
                Component(
                    id=key,
                    name=secret(audience, key),
                    description=None,
                    group_id=draw(st.sampled_from([None, *GROUPS])),
                    position=draw(st.integers(1, 3)),
                    showcase=True,
                    only_show_if_degraded=False,
                    start_date=None,
                    audience=audience,
                    base_status=draw(statuses),
                    version=draw(st.integers(1, 3)),
                    created_at=T0,
                    updated_at=T0,
                    is_deleted=draw(st.booleans()),
                )
            )
    return tuple(found)


@st.composite
def updates(draw, named: dict[str, Component], status: str) -> tuple[Update, ...]:
    return tuple(
        Update(
            id=f"u{n}",
            status=status,
            body="words",
            affected=tuple(
                Affected(key, named[key].name, Status.OPERATIONAL, draw(statuses))
                for key in draw(st.lists(st.sampled_from(sorted(named)), unique=True))
                if named
            )
            if named
            else (),
            display_at=T0 + timedelta(hours=n),
            created_at=T0,
            updated_at=T0,
        )
        for n in range(draw(st.integers(1, 2)))
    )


@st.composite
def states(draw) -> PageState:
    parts = draw(components())
    named = {item.id: item for item in parts}
    incidents, ended, maintenances = [], [], []
    for n in range(draw(st.integers(0, 3))):
        status, audience = draw(st.sampled_from(list(IncidentStatus))), draw(audiences)
        incident = Incident(
            id=f"i{n}",
            name="",
            status=status,
            impact_override=None,
            audience=audience,
            started_at=draw(instants),
            monitoring_at=None,
            resolved_at=None,
            updates=draw(updates(named, status.value)),
            version=1,
            created_at=T0,
            updated_at=draw(instants),
        )
        words = incident.words
        title = "shared" if words else secret(audience, incident.id)
        incident = replace(incident, name=title, resolved_at=None if incident.is_open else T0)
        (incidents if incident.is_open else ended).append(incident)
    for n in range(draw(st.integers(0, 2))):
        held = tuple(draw(st.lists(st.sampled_from(sorted(named)), unique=True))) if named else ()
        audience = draw(audiences)
        maintenances.append(
            Maintenance(
                id=f"m{n}",
                name="shared" if held else secret(audience, f"m{n}"),
                body="words",
                status=draw(st.sampled_from(list(MaintenanceStatus)[:3])),
                audience=audience,
                scheduled_for=draw(instants),
                scheduled_until=T0 + timedelta(days=30),
                started_at=None,
                completed_at=None,
                auto_start=True,
                auto_complete=True,
                rrule=None,
                component_ids=held,
                updates=(),
                version=1,
                created_at=T0,
                updated_at=T0,
            )
        )
    groups = tuple(Group(key, draw(st.sampled_from("ab")), draw(st.integers(1, 2)), 1, T0, T0) for key in GROUPS)
    page = Page("p", "acme", draw(st.sampled_from("xy")), None, "Etc/UTC", "en", "public", {}, 1, T0, T0)
    return PageState(page, groups, parts, tuple(incidents), tuple(ended), tuple(maintenances))


@given(before=states(), after=states(), viewer=st.sampled_from(VIEWERS))
def test_folding_an_event_gives_the_fresh_snapshot(before, after, viewer):
    view = viewer.view(AUDIENCES)
    old, new = project(before, view, AT), project(after, view, AT)
    changes = diff(old, new)
    wire = json.loads(json.dumps({"type": "page.updated", "at": AT, **(changes or {"set": {}, "remove": {}})}))
    assert apply(old, wire) == new
    assert (changes is None) == (old == new)


@given(first=states(), second=states(), third=states(), viewer=st.sampled_from(VIEWERS))
def test_folding_a_run_of_events_is_folding_each(first, second, third, viewer):
    view = viewer.view(AUDIENCES)
    a, b, c = (project(state, view, AT) for state in (first, second, third))
    one, two = diff(a, b), diff(b, c)
    folded = a
    for changes in (one, two):
        folded = apply(folded, changes) if changes else folded
    assert folded == c


@given(before=states(), after=states(), viewer=st.sampled_from(VIEWERS[:-1]))
def test_an_event_names_nothing_outside_its_view(before, after, viewer):
    view = viewer.view(AUDIENCES)
    old, new = project(before, view, AT), project(after, view, AT)
    text = json.dumps([old, new, diff(old, new)])
    for audience in AUDIENCES:
        if not view.admits(audience):
            assert f"<{audience}>" not in text


@given(state=states(), viewer=st.sampled_from(VIEWERS[:-1]))
def test_what_a_view_may_not_see_does_not_move_what_it_sees(state, viewer):
    """Roll-up, group status, impact and counts are those of the visible part: a hidden outage shows nowhere."""
    view = viewer.view(AUDIENCES)
    hidden = {item.id for item in state.components if not view.admits(item.audience)}
    louder = replace(
        state,
        components=tuple(
            replace(item, base_status=Status.MAJOR_OUTAGE) if item.id in hidden else item for item in state.components
        ),
    )
    assert project(louder, view, AT) == project(state, view, AT)


@given(state=states())
def test_operators_see_everything_that_is_there(state):
    shown = project(state, OPERATORS, AT)
    assert {item["id"] for item in shown["components"]} == {item.id for item in state.components if not item.is_deleted}
    assert {item["id"] for item in shown["incidents"]} == {item.id for item in state.incidents}
    assert {item["id"] for item in shown["maintenances"]} == {item.id for item in state.maintenances}
