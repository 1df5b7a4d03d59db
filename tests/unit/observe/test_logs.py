"""What a line about a request may say: T10."""

import logging

import pytest

from hub.observe.logs import HideInvitations

TOKEN = "a-token-that-nobody-may-read"


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (f"/invite/{TOKEN}", "/invite/…"),
        (f"/invite/{TOKEN}/more?x={TOKEN}", "/invite/…"),
        ("/p/acme/events", "/p/acme/events"),
        ("/invite/", "/invite/"),
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
    assert HideInvitations().filter(record)
    assert record.getMessage() == f'127.0.0.1:1 - "GET {shown} HTTP/1.1" 200'


def test_another_form_of_line_is_left_alone():
    record = logging.LogRecord("uvicorn.access", logging.INFO, "", 0, "plain", None, None)
    assert HideInvitations().filter(record)
    assert record.getMessage() == "plain"
