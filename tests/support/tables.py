"""What the database holds, to see whether a request changed anything."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from models.base import Base

# What moves by itself (relay), or is about the asking itself (who asked when, and that he was refused).
_RESTLESS = frozenset({"relay_lease", "outbox", "hub_meta"})
_WHEN_USED = "- 'last_used_at'"


async def contents(state: Mapping[str, Any]) -> dict[str, str]:
    """Table → its rows as text, in a fixed order, without when they were last used."""
    async with state["db"]() as session:
        found = {}
        for table in sorted(Base.metadata.tables.keys() - _RESTLESS):
            row = f"(to_jsonb(t) {_WHEN_USED})::text"
            statement = f"SELECT coalesce(string_agg({row}, E'\\n' ORDER BY {row}), '') FROM {table} t"  # noqa: S608
            found[table] = str(await session.scalar(text(statement)))
    return found


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, set[str]]:
    """Table → rows that are in one of the two alone."""
    return {
        table: set(before[table].split("\n")) ^ set(after[table].split("\n"))
        for table in before
        if before[table] != after[table]
    }
