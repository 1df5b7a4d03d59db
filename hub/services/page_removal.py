"""What a page has by the thousand goes in batches: no statement runs long, however much history there is."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

BATCH_ROWS = 20_000
_OF_COMPONENTS = "component_id IN (SELECT id FROM component WHERE page_id = :page_id)"
_OF_CHANNELS = "channel_id IN (SELECT channel_id FROM view WHERE page_id = :page_id)"
_LARGE = {
    "status_interval": _OF_COMPONENTS,
    "base_interval": _OF_COMPONENTS,
    "component_day": _OF_COMPONENTS,
    "latency_sample": _OF_COMPONENTS,
    "incident_update": "incident_id IN (SELECT id FROM incident WHERE page_id = :page_id)",
    "maintenance_update": "maintenance_id IN (SELECT id FROM maintenance WHERE page_id = :page_id)",
    "report": "page_id = :page_id",
    "audit_entry": "page_id = :page_id",
    "keyframe": _OF_CHANNELS,
    "event": _OF_CHANNELS,
}


async def remove_history(session: AsyncSession, page_id: str, *, batch_rows: int = BATCH_ROWS) -> int:
    """Delete the rows of a page's large tables, up to `batch_rows` by each statement; how many statements it took."""
    count = 0
    for table, where in _LARGE.items():
        statement = text(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {where} LIMIT :most))"  # noqa: S608
        )
        while True:
            count += 1
            gone = await session.execute(statement, {"page_id": page_id, "most": batch_rows})
            if gone.rowcount < batch_rows:  # type: ignore[attr-defined]
                break
    return count
