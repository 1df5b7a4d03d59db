import base64

import pytest

from hub.api.cursor import next_cursor, read_cursor
from hub.errors import Invalid

ITEM = {"at": "2026-11-25T03:44:25.123Z", "made": "2026-11-25T03:44:26.000Z", "id": "0abcdefghij1"}


def test_a_cursor_brings_back_the_key_it_was_made_of():
    cursor = next_cursor([ITEM], 1, "at", "made", "id")
    (at, made), item_id = read_cursor(cursor, instants=2)
    assert (at.isoformat(), made.second, item_id) == ("2026-11-25T03:44:25.123000+00:00", 26, ITEM["id"])


def test_a_short_page_is_the_last_one():
    assert next_cursor([ITEM], 2, "at", "id") is None
    assert next_cursor([], 1, "at", "id") is None


@pytest.mark.parametrize(
    "text",
    ["", "|", "||", "2026|0abcdefghij1", "2026-11-25T03:44:25|0abcdefghij1", "2026-11-25T03:44:25Z|' OR 1=1",
     "2026-11-25T03:44:25Z|0abcdefghij1|x", "2026-11-25T03:44:25Z|0ABCDEFGHIJ1", "\x00"],
)  # fmt: skip
def test_a_cursor_of_somebody_elses_making_is_refused(text):
    with pytest.raises(Invalid):
        read_cursor(base64.urlsafe_b64encode(text.encode()).decode(), instants=1)


@pytest.mark.parametrize("cursor", ["", "é", "\x00", "A", "%%%", "====", "/" * 200])
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(Invalid):
        read_cursor(cursor, instants=1)
