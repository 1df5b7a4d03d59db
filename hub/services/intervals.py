"""`status_interval` follows the effective statuses: every change closes one row and opens the next."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.status import Status

# A status that lasted no time at all leaves no row: its interval would be empty.
_CLOSE = text(
    """
    WITH void AS (
        DELETE FROM status_interval
        WHERE component_id = ANY(:ids) AND upper_inf(during) AND lower(during) >= :now
    )
    UPDATE status_interval SET during = tstzrange(lower(during), :now)
    WHERE component_id = ANY(:ids) AND upper_inf(during) AND lower(during) < :now
    """
)
_OPEN = text(
    """
    INSERT INTO status_interval (component_id, status, during)
    SELECT id, status, tstzrange(GREATEST(:now, last_end), NULL)
    FROM unnest(CAST(:ids AS text[]), CAST(:statuses AS text[])) AS opened(id, status)
    LEFT JOIN LATERAL (
        SELECT max(upper(during)) AS last_end FROM status_interval WHERE component_id = opened.id
    ) AS past ON true
    RETURNING component_id, lower(during) AS since
    """
)


async def follow_statuses(
    session: AsyncSession, before: Mapping[str, Status], after: Mapping[str, Status], now: datetime
) -> dict[str, datetime]:
    """Close and open the intervals of every component whose effective status differs; returns the new starts.

    New components open their first interval, deleted ones close their last. Runs under the page's row lock.
    """
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    if not changed:
        return {}
    await session.execute(_CLOSE, {"ids": sorted(changed & before.keys()), "now": now})
    opened = sorted(changed & after.keys())
    if not opened:
        return {}
    rows = await session.execute(_OPEN, {"ids": opened, "statuses": [after[key].value for key in opened], "now": now})
    return {row.component_id: row.since for row in rows}
