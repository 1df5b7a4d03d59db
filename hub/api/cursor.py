"""Cursors of keyset paging: opaque to callers, the sort key of the last item for us. They grant nothing."""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hub.errors import Invalid

_ID = re.compile(r"[a-z0-9]{12}")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def next_cursor(items: Sequence[Mapping[str, Any]], limit: int, *keys: str) -> str | None:
    """The cursor of what follows `items`; None when they are fewer than asked for, so nothing does."""
    if len(items) < limit:
        return None
    key = "|".join(items[-1][name] for name in keys)
    return base64.urlsafe_b64encode(key.encode()).rstrip(b"=").decode()


def read_cursor(cursor: str, instants: int) -> tuple[list[datetime], str]:
    """The instants and the id that a cursor of `instants` + 1 parts holds; Invalid when nobody here made it."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        *times, item_id = base64.urlsafe_b64decode(padded).decode("ascii").split("|")
        parsed = [datetime.fromisoformat(time) for time in times]
        in_utc = [time.astimezone(UTC) for time in parsed if time.tzinfo]
    except (ValueError, OverflowError):
        in_utc, item_id = [], ""
    if len(in_utc) != instants or not _ID.fullmatch(item_id):
        raise Invalid(fields={"before": "is not a cursor of this list"})
    return in_utc, item_id


def number_cursor(items: Sequence[Mapping[str, Any]], limit: int) -> str | None:
    """As `next_cursor`, of a list that is in the order of its items' ids, which are numbers."""
    return None if len(items) < limit else base64.urlsafe_b64encode(items[-1]["id"].encode()).rstrip(b"=").decode()


def read_number_cursor(cursor: str | None) -> int | None:
    """The number that such a cursor holds, None without one; Invalid when nobody here made it."""
    if cursor is None:
        return None
    try:
        number = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError:
        number = ""
    if not _NUMBER.fullmatch(number):
        raise Invalid(fields={"before": "is not a cursor of this list"})
    return int(number)
