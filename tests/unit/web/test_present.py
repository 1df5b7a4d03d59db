"""What the page says: what has just ended, reports, and what of the snapshot its script is given."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.web.bars import Bars
from hub.web.present import aftermath, island, report_text

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def snapshot(**changes: Any) -> dict[str, Any]:
    update = {
        "id": "u1",
        "status": "resolved",
        "display_at": "x",
        "body": "*x*",
        "body_html": "<p>x</p>",
        "updated_at": "x",
    }
    ended = {
        "id": "i1",
        "name": "Slow answers",
        "resolved_at": (NOW - timedelta(minutes=12)).isoformat(),
        "updates": [update, update | {"id": "u0"}],
    }
    whole = {"status": {"indicator": "none"}, "incidents": [], "history": [ended], "maintenances": []}
    return whole | {"groups": [], "components": []} | changes


def test_a_green_page_says_for_two_hours_what_has_ended():
    assert aftermath(snapshot(), NOW) == "Slow answers: resolved 12 min ago"
    assert aftermath(snapshot(), NOW + timedelta(hours=2)) == ""
    assert aftermath(snapshot(history=[]), NOW) == ""


@pytest.mark.parametrize("changes", [{"status": {"indicator": "minor"}}, {"incidents": [{"id": "i2"}]}])
def test_while_something_is_wrong_what_has_ended_is_not_what_matters(changes: dict[str, Any]):
    assert aftermath(snapshot(**changes), NOW) == ""


@pytest.mark.parametrize(
    ("kind", "start", "end", "text"),
    [
        ("daily", "2026-11-29", "2026-11-30", "Last daily report, Sun 29 Nov: 99.98 % uptime, 1 incident."),
        ("weekly", "2026-11-23", "2026-11-30", "Last weekly report, 23 Nov – 29 Nov: 99.98 % uptime, 1 incident."),
        ("weekly", "2025-12-29", "2026-01-05", "Last weekly report, 29 Dec 2025 – 4 Jan: 99.98 % uptime, 1 incident."),
        ("monthly", "2026-10-01", "2026-11-01", "Last monthly report, October 2026: 99.98 % uptime, 1 incident."),
    ],
)
def test_a_report_is_named_by_the_days_it_is_about(kind: str, start: str, end: str, text: str):
    report = {"kind": kind, "period_start": start, "period_end": end, "uptime": 0.99989, "incidents": 1}
    assert report_text(report) == text


def test_the_script_is_given_what_it_draws_with_and_no_sources():
    whole = snapshot()
    lean = island(whole)
    newest, older = lean["history"][0]["updates"]
    assert newest == {"id": "u1", "status": "resolved", "display_at": "x", "body_html": "<p>x</p>"}
    assert older == {"id": "u0", "status": "resolved", "display_at": "x"}
    assert whole == snapshot(), "the snapshot itself stays whole"


def test_an_uptime_in_the_page_is_cut_and_never_rounded_up():
    def text(uptime: float | None) -> str:
        return Bars("o", NOW.date(), {}, uptime).uptime_text

    assert [text(1), text(0.9999999), text(0.5), text(1 / 3)] == ["1", "0.999999", "0.5", "0.333333"]
