"""Cursors of keyset paging: opaque to callers, the sort key of the last item for us. They grant nothing."""

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hub.errors import Invalid

_ID = re.compile(r"[a-z0-9]{12}")


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
    except ValueError:
        parsed, item_id = [], ""
    is_ours = len(parsed) == instants and all(time.tzinfo for time in parsed) and _ID.fullmatch(item_id)
    if not is_ours:
        raise Invalid(fields={"before": "is not a cursor of this list"})
    return parsed, item_id
