"""What held a component when: the layers of its past, by tables and by laws."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.incident import IncidentStatus, is_open
from hub.domain.layers import effective_spans, held_by_incident, held_by_maintenance
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.page import Affected, Incident, Maintenance, Update
from hub.domain.status import Status, worst
from hub.domain.uptime import Interval, Span

OK, MAINTENANCE, DEGRADED, PARTIAL, MAJOR = Status
T0 = datetime(2026, 11, 25, tzinfo=UTC)
NOW = T0 + timedelta(hours=24)
OPEN, ENDED = "investigating", "resolved"


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def incident(
    *updates: tuple[float, str, dict[str, Status]], started: float | None = None, resolved: float | None = None
) -> Incident:
    """An incident by (hour shown, state, words)."""
    told = tuple(
        Update(
            id=f"u{number}",
            status=state,
            body="",
            affected=tuple(Affected(key, key, OK, word) for key, word in words.items()),
            display_at=at(hour),
            created_at=at(hour),
            updated_at=at(hour),
        )
        for number, (hour, state, words) in enumerate(updates)
    )
    return Incident(
        id="i",
        name="Down",
        status=IncidentStatus(updates[-1][1]),
        impact_override=None,
        audience=None,
        started_at=at(updates[0][0] if started is None else started),
        monitoring_at=None,
        resolved_at=None if resolved is None else at(resolved),
        updates=told,
        version=1,
        created_at=T0,
        updated_at=T0,
    )


def held(told: Incident, key: str = "a") -> list[tuple[Status, float, float | None]]:
    """(status, from, to) in hours, of what the incident held component `key` at, joined."""
    spans = [item for name, item in held_by_incident(told) if name == key and item.status is not OK]
    found: list[tuple[Status, float, float | None]] = []
    for item in spans:
        if item.end is not None and item.end <= item.start:
            continue
        start = (item.start - T0) / timedelta(hours=1)
        end = None if item.end is None else (item.end - T0) / timedelta(hours=1)
        if found and found[-1][0] is item.status and found[-1][2] == start:
            found[-1] = (item.status, found[-1][1], end)
        else:
            found.append((item.status, start, end))
    return found


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param(incident((1, OPEN, {"a": MAJOR})), [(MAJOR, 1, None)], id="open"),
        pytest.param(
            incident((1, OPEN, {"a": MAJOR}), (3, ENDED, {"a": OK}), resolved=3), [(MAJOR, 1, 3)], id="resolved"
        ),
        pytest.param(
            incident((1, OPEN, {"a": MAJOR}), (2, OPEN, {"a": PARTIAL}), (3, ENDED, {}), resolved=3),
            [(MAJOR, 1, 2), (PARTIAL, 2, 3)],
            id="milder on the way",
        ),
        pytest.param(
            incident((1, OPEN, {"a": MAJOR, "b": MAJOR}), (2, OPEN, {"a": OK}), (3, ENDED, {}), resolved=3),
            [(MAJOR, 1, 2)],
            id="one component recovers first",
        ),
        pytest.param(
            incident(
                (1, OPEN, {"a": MAJOR}), (2, ENDED, {"a": OK}), (4, OPEN, {"a": PARTIAL}), (5, ENDED, {}), resolved=5
            ),
            [(MAJOR, 1, 2), (PARTIAL, 4, 5)],
            id="reopened",
        ),
        pytest.param(
            incident((4, ENDED, {"a": MAJOR}), (6, OPEN, {"a": PARTIAL}), started=1),
            [(MAJOR, 1, 4), (PARTIAL, 6, None)],
            id="told when it was over, and reopened",
        ),
        pytest.param(
            incident((4, ENDED, {"a": MAJOR}), started=1, resolved=4), [(MAJOR, 1, 4)], id="told when it was over"
        ),
        pytest.param(
            incident((1, ENDED, {"a": MAJOR}), started=1, resolved=4),
            [(MAJOR, 1, 4)],
            id="shown at its start",
        ),
        pytest.param(
            incident((2, OPEN, {"a": MAJOR}), (3, ENDED, {"a": OK}), started=1, resolved=3),
            [(MAJOR, 1, 3)],
            id="a start moved back",
        ),
        pytest.param(
            incident((1, OPEN, {"a": MAJOR}), (5, ENDED, {"a": OK}), resolved=3),
            [(MAJOR, 1, 3)],
            id="over before it was said",
        ),
        pytest.param(
            incident((1, OPEN, {"a": MAJOR}), (3, ENDED, {"a": OK}), resolved=5),
            [(MAJOR, 1, 5)],
            id="over after it was said",
        ),
        pytest.param(
            incident((1, OPEN, {"a": MAJOR}), (3, ENDED, {"a": PARTIAL}), (4, "postmortem", {"a": OK}), resolved=5),
            [(MAJOR, 1, 5)],
            id="over after all that was said",
        ),
        pytest.param(
            incident((1, OPEN, {"a": MAJOR}), (3, ENDED, {"a": OK}), (9, "postmortem", {}), resolved=3),
            [(MAJOR, 1, 3)],
            id="with a postmortem",
        ),
        pytest.param(incident((1, OPEN, {"b": MAJOR})), [], id="another component"),
    ],
)
def test_an_incident_holds_from_its_words_to_its_end(
    told: Incident, expected: list[tuple[Status, float, float | None]]
) -> None:
    assert held(told) == expected


def maintenance(started: float | None, completed: float | None, status: MaintenanceStatus) -> Sequence[Interval]:
    told = Maintenance(
        id="m",
        name="Work",
        body="",
        status=status,
        audience=None,
        rrule=None,
        scheduled_for=at(1),
        scheduled_until=at(2),
        started_at=None if started is None else at(started),
        completed_at=None if completed is None else at(completed),
        auto_start=True,
        auto_complete=True,
        component_ids=("a",),
        updates=(),
        version=1,
        created_at=T0,
        updated_at=T0,
    )
    return [item for _, item in held_by_maintenance(told)]


def test_a_maintenance_holds_while_it_really_went_on() -> None:
    assert maintenance(None, None, MaintenanceStatus.SCHEDULED) == []
    assert maintenance(1.5, None, MaintenanceStatus.IN_PROGRESS) == [Interval(MAINTENANCE, at(1.5), None)]
    assert maintenance(1.5, 3, MaintenanceStatus.COMPLETED) == [Interval(MAINTENANCE, at(1.5), at(3))]


def test_what_is_known_begins_with_the_first_trouble_told_and_stops_where_a_component_is_deleted() -> None:
    base = [Interval(OK, at(5), at(8)), Interval(OK, at(10), None)]
    assert effective_spans(base, [Interval(MAJOR, at(2), at(3)), Interval(PARTIAL, at(7), at(11))], NOW) == [
        Span(MAJOR, at(2), at(3)),
        Span(OK, at(3), at(7)),
        Span(PARTIAL, at(7), at(8)),
        Span(PARTIAL, at(10), at(11)),
        Span(OK, at(11), NOW),
    ]
    assert effective_spans([], [], NOW) == []


hours = st.integers(0, 30)


@st.composite
def troubles(draw: st.DrawFn) -> Interval:
    start, length = draw(hours), draw(st.none() | st.integers(0, 12))
    return Interval(draw(st.sampled_from(Status)), at(start), None if length is None else at(start + length))


@given(st.lists(troubles(), max_size=8), st.lists(st.tuples(hours, st.sampled_from(Status)), max_size=4), hours)
def test_at_every_instant_the_worst_layer_holds(
    told: list[Interval], changes: list[tuple[int, Status]], hour: int
) -> None:
    starts = sorted({0: OK, **dict(changes)}.items())
    ends = [*(at(start) for start, _ in starts[1:]), None]
    base = [Interval(status, at(start), end) for (start, status), end in zip(starts, ends, strict=True)]
    instant = at(hour) + timedelta(minutes=30)
    spans = effective_spans(base, told, NOW)
    assert all(one.end == other.start and one.status is not other.status for one, other in pairwise(spans))
    holding = [
        item.status for item in (*base, *told) if item.start <= instant and (item.end is None or instant < item.end)
    ]
    found = [span.status for span in spans if span.start <= instant < span.end]
    assert found == ([worst(holding)] if instant < NOW else [])


@given(st.lists(st.tuples(hours, st.sampled_from(IncidentStatus), st.sampled_from(Status)), min_size=1, max_size=6))
def test_an_incident_that_is_open_holds_its_latest_word_now(told: list[tuple[int, IncidentStatus, Status]]) -> None:
    updates = [(float(hour), state.value, {"a": word}) for hour, state, word in sorted(told, key=lambda item: item[0])]
    one = incident(*updates)
    last = [item.status for key, item in held_by_incident(one) if item.end is None and item.status is not OK]
    expected = one.words["a"] if is_open(one.status) else OK
    assert last == ([] if expected is OK else [expected])
