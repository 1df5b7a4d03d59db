"""The life cycle of incidents and their impact."""

from itertools import product

import pytest

from hub.domain.incident import Impact, IncidentStatus, derived_impact, is_open, may_follow
from hub.domain.status import Status

OPEN = [IncidentStatus.INVESTIGATING, IncidentStatus.IDENTIFIED, IncidentStatus.MONITORING]
ENDED = [IncidentStatus.RESOLVED, IncidentStatus.POSTMORTEM]


def test_an_incident_is_open_until_it_is_resolved():
    assert [is_open(status) for status in IncidentStatus] == [True, True, True, False, False]


@pytest.mark.parametrize(("previous", "following"), list(product([None, *IncidentStatus], [*OPEN, ENDED[0]])))
def test_any_state_may_follow_any_other_reopening_included(previous, following):
    assert may_follow(previous, following)


@pytest.mark.parametrize(
    ("previous", "allowed"),
    [(None, False), *((status, False) for status in OPEN), *((status, True) for status in ENDED)],
)
def test_only_an_ended_incident_takes_a_postmortem(previous, allowed):
    assert may_follow(previous, IncidentStatus.POSTMORTEM) is allowed


@pytest.mark.parametrize(
    ("words", "impact"),
    [
        ([], Impact.NONE),
        ([Status.OPERATIONAL], Impact.NONE),
        ([Status.UNDER_MAINTENANCE], Impact.MAINTENANCE),
        ([Status.DEGRADED_PERFORMANCE], Impact.MINOR),
        ([Status.PARTIAL_OUTAGE], Impact.MAJOR),
        ([Status.MAJOR_OUTAGE], Impact.CRITICAL),
        ([Status.PARTIAL_OUTAGE, Status.OPERATIONAL], Impact.MAJOR),  # how bad it was, not how bad it is
    ],
)
def test_impact_is_that_of_the_worst_word_ever_said(words, impact):
    assert derived_impact(words) is impact
