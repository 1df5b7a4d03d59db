"""The status scale, the layers of a component, and every row of the roll-up table, for one component and for many."""

import pytest

from hub.domain.status import Indicator, Status, effective_status, roll_up, worst

O, M, D, P, X = (  # noqa: E741
    Status.OPERATIONAL,
    Status.UNDER_MAINTENANCE,
    Status.DEGRADED_PERFORMANCE,
    Status.PARTIAL_OUTAGE,
    Status.MAJOR_OUTAGE,
)


@pytest.mark.parametrize(
    ("leaves", "indicator", "description"),
    [
        ([], "none", "All Systems Operational"),
        ([O], "none", "All Systems Operational"),
        ([D], "minor", "Partially Degraded Service"),
        ([P], "major", "Partial System Outage"),
        ([X], "critical", "Major System Outage"),
        ([M], "maintenance", "Service Under Maintenance"),
        ([X, X], "critical", "Major System Outage"),
        ([X, O], "major", "Partial System Outage"),
        ([X, P], "major", "Partial System Outage"),
        ([X] + [O] * 39, "major", "Partial System Outage"),
        ([P, P], "major", "Partial System Outage"),
        ([P, O], "minor", "Minor Service Outage"),
        ([P, D], "minor", "Minor Service Outage"),
        ([P] * 36 + [O] * 434, "minor", "Minor Service Outage"),
        ([D, D], "minor", "Degraded System Service"),
        ([D, O], "minor", "Partially Degraded Service"),
        ([D, M], "minor", "Partially Degraded Service"),
        ([M, M], "maintenance", "Service Under Maintenance"),
        ([M, O], "maintenance", "Service Under Maintenance"),
        ([M, X], "major", "Partial System Outage"),
        ([M, P], "minor", "Minor Service Outage"),
        ([O, O], "none", "All Systems Operational"),
    ],
)
def test_the_page_is_rolled_up_by_the_first_row_that_fits(leaves, indicator, description):
    """Cases 28, 29: one of forty is "major" by our table, not by a share; maintenance alone is never amber."""
    rolled = roll_up(leaves)
    assert (rolled.indicator, rolled.description) == (Indicator(indicator), description)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [([], O), ([O], O), ([O, M], M), ([M, D], D), ([D, P], P), ([P, X], X), ([X, O, M, D, P], X)],
)
def test_the_worst_status_wins_and_maintenance_is_the_mildest_trouble(statuses, expected):
    assert worst(statuses) is expected
    assert worst(reversed(statuses)) is expected


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({}, O),
        ({"in_maintenance": True}, M),
        ({"in_maintenance": True, "incident_words": [X]}, X),  # maintenance never hides an outage
        ({"incident_words": [P, D]}, P),
        ({"incident_words": [D]}, D),  # the milder one is revealed when the worse one has closed
        ({"incident_words": [O], "alerts": [D]}, D),
        ({"alerts": [X], "in_maintenance": True}, X),
    ],
)
def test_a_component_shows_the_worst_of_its_layers(layers, expected):
    assert effective_status(O, **layers) is expected


def test_closing_every_layer_reveals_the_base_status():
    assert effective_status(D, incident_words=[X], in_maintenance=True) is X
    assert effective_status(D, incident_words=[O], in_maintenance=True) is D
    assert effective_status(D) is D
