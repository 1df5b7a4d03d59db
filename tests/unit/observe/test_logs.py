"""What a line about a request may say: T10."""

import logging

import pytest

from hub.observe.logs import HideSecrets, render_text

TOKEN = "a-token-that-nobody-may-read"


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (f"/invite/{TOKEN}", "/invite/…"),
        (f"/invite/{TOKEN}/more?x={TOKEN}", "/invite/…"),
        ("/p/acme/events", "/p/acme/events"),
        ("/invite/", "/invite/"),
        (f"/p/acme/feed/{TOKEN}/history.atom", "/p/acme/feed/…"),
        (f"/feed/{TOKEN}/components/x/badge.svg?days=7", "/feed/…"),
    ],
)
def test_a_line_about_a_request_holds_no_invitation(asked: str, shown: str):
    """T10. uvicorn logs the whole address of every request."""
    record = logging.LogRecord(
        "uvicorn.access",
        logging.INFO,
        "",
        0,
        '%s - "%s %s HTTP/%s" %d',
        ("127.0.0.1:1", "GET", asked, "1.1", 200),
        None,
    )
    assert HideSecrets().filter(record)
    assert record.getMessage() == f'127.0.0.1:1 - "GET {shown} HTTP/1.1" 200'


def test_another_form_of_line_is_left_alone():
    record = logging.LogRecord("uvicorn.access", logging.INFO, "", 0, "plain", None, None)
    assert HideSecrets().filter(record)
    assert record.getMessage() == "plain"


FORGED = "04:15:08.123 info    relay: all is well"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_no_text_begins_a_line_of_its_own(end: str):
    """X7, log injection: a name, a path, the text of an error."""
    line = {"at": "2026-11-25T04:15:08.123456Z", "level": "warning", "logger": "hub.relay"}
    shown = render_text(None, "", {**line, "event": f"a{end}{FORGED}", "name": f"b{end}{FORGED}"})
    shown += render_text(None, "", {**line, "event": "fault", "exception": f"Traceback:\nValueError: c{end}{FORGED}"})
    first, *others = shown.splitlines()
    assert first.startswith("04:15:08.123 warning relay: a")
    assert not [other for other in others if other.startswith("04:15:08.123 info")]


def test_no_text_speaks_to_the_terminal():
    """X7."""
    line = {"at": "2026-11-25T04:15:08.123456Z", "level": "info", "logger": "hub"}
    assert "\x1b" not in render_text(None, "", {**line, "event": "\x1b[2J\x1b]0;owned\x07"})
