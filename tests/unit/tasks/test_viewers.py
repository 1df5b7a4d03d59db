"""Counting viewers from what the nodes tell."""

import pytest

from tasks.viewers import MAX_AGE_S, count_by_channel

NOW_S = 1_795_580_000.0


def test_the_members_of_all_nodes_are_added_up_by_channel() -> None:
    fields = {
        "a|page:acme": f"3|{NOW_S:.0f}",
        "b|page:acme": f"4|{NOW_S - 10:.0f}",
        "b|page:acme@verified+group-ops": f"1|{NOW_S:.3f}",
    }
    assert count_by_channel(fields, NOW_S) == {"page:acme": 7, "page:acme@verified+group-ops": 1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("a|page:acme", f"3|{NOW_S - MAX_AGE_S - 1}"),  # a node that died
        ("a|page:acme", f"0|{NOW_S}"),
        ("a|page:acme", f"-3|{NOW_S}"),
        ("a|page:acme", "3"),
        ("a|page:acme", "three|now"),
        ("a|page:acme", ""),
        ("page:acme", f"3|{NOW_S}"),  # no node
    ],
)
def test_old_and_senseless_entries_are_left_out(field: str, value: str) -> None:
    assert count_by_channel({field: value}, NOW_S) == {}
