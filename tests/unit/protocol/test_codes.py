"""The ranges of the codes are the rule that clients follow."""

import json

import pytest

from hub.protocol.codes import CloseCode, ErrorCode, UnsubscribeCode, reconnects, resubscribes


@pytest.mark.parametrize("code", CloseCode)
def test_a_close_reason_is_plain_words(code):
    assert len(code.reason.encode()) <= 123
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(code.reason)


@pytest.mark.parametrize(
    ("code", "expected"),
    [(1006, True), (3001, True), (3012, True), (3499, True), (3500, False), (3999, False), (4000, True), (4500, False)],
)
def test_which_close_codes_reconnect(code, expected):
    assert reconnects(code) is expected


def test_only_what_may_pass_is_temporary():
    assert [code for code in ErrorCode if code.is_temporary] == [ErrorCode.INTERNAL, ErrorCode.TOO_MANY_REQUESTS]
    assert all(code.text for code in ErrorCode)


def test_insufficient_state_makes_a_client_subscribe_again():
    assert resubscribes(UnsubscribeCode.INSUFFICIENT_STATE)
    assert not resubscribes(UnsubscribeCode.SERVER)
