"""Every state that something can be in has a word, on the server and in the browser."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from hub.domain.incident import Impact, IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.status import Indicator, Status
from hub.web import words

MODULES = Path(__file__).parents[3] / "client_demo"


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("STATUS_WORDS", [Status]),
        ("UPDATE_WORDS", [IncidentStatus, MaintenanceStatus]),
        ("IMPACT_WORDS", [Impact]),
        ("TONES", [Impact, Indicator]),
    ],
)
def test_every_state_has_a_word(name: str, states: list[type[StrEnum]]) -> None:
    wanted = {state.value for kind in states for state in kind}
    assert wanted <= set(getattr(words, name))
    table = re.search(rf"export const {name} = {{(.*?)}};", (MODULES / "words.js").read_text(), re.DOTALL)
    assert table is not None
    assert wanted <= set(re.findall(r"(\w+): ", table[1]))


def test_a_table_has_no_word_for_what_is_not() -> None:
    assert set(words.STATUS_WORDS) == set(words.GLYPHS) == {*Status}
    assert set(words.UPDATE_WORDS) == {*IncidentStatus, *MaintenanceStatus}
    assert set(words.IMPACT_WORDS) == {*Impact}
    assert set(words.TONES) == {*Impact, *Indicator}
    assert set(words.TONES.values()) == {*Status}


def test_an_operator_can_leave_every_impact_as_it_is() -> None:
    table = re.search(r"export const IMPACTS = {(.*?)};", (MODULES / "console-edit.js").read_text())
    assert table is not None
    assert {impact.value for impact in Impact} <= set(re.findall(r"(\w+): ", table[1]))
