"""There is a word for everything that a page can be told of."""

from hub.domain.incident import Impact, IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.status import Indicator, Status
from hub.web.words import GLYPHS, IMPACT_WORDS, STATUS_WORDS, TONES, UPDATE_WORDS


def test_every_status_state_and_impact_has_its_word_and_its_look():
    assert set(STATUS_WORDS) == set(GLYPHS) == {*Status}
    assert set(UPDATE_WORDS) == {*IncidentStatus, *MaintenanceStatus}
    assert set(IMPACT_WORDS) == {*Impact}
    assert set(TONES) == {*Impact, *Indicator}
    assert set(TONES.values()) == {*Status}
