"""Offsets and events: given out in the writer's transaction, taken from there by the relay.

See docs/guarantees.md: the counter's row lock is held to the commit, so order of offsets = order of commits, gapless.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.engine.broker import FLAG_CUT

LEASE_S = 3


@dataclass(frozen=True, slots=True)
class Append:
    """One event for one channel; `body` is the JSON text exactly as it will be sent.

    `rights`: how far the control stream had come; 0 for what everybody may see.
    """

    channel_id: int
    kind: str
    body: str
    flags: int = 0
    rights: int = 0


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event that waits to be published."""

    channel_id: int
    channel: str
    epoch: str
    off: int
    flags: int
    rights: int
    created_at: datetime
    payload: str


_APPEND = text(
    """
    WITH bumped AS (
        UPDATE channel SET head = head + 1, floor = CASE WHEN :cut THEN head ELSE floor END
        WHERE id = :channel_id
        RETURNING id, head
    ), written AS (
        INSERT INTO event (channel_id, off, kind, payload, rights, flags, created_at)
        SELECT id, head, :kind, :body, :rights, :flags, :now FROM bumped
    ), waiting AS (
        INSERT INTO outbox (channel_id, off, created_at) SELECT id, head, now() FROM bumped
    )
    SELECT head FROM bumped
    """
)
_CLAIM = text(
    """
    SELECT outbox.channel_id, channel.name AS channel, channel.epoch, outbox.off,
           event.flags, event.rights, event.created_at, event.payload
    FROM outbox
    JOIN event USING (channel_id, off)
    JOIN channel ON channel.id = outbox.channel_id
    ORDER BY outbox.channel_id, outbox.off
    LIMIT :limit
    """
)
_SETTLE = text(
    """
    DELETE FROM outbox USING unnest(CAST(:channel_ids AS bigint[]), CAST(:offs AS bigint[])) AS done(channel_id, off)
    WHERE outbox.channel_id = done.channel_id AND outbox.off = done.off
    """
)
_TAKE_LEASE = text(
    """
    INSERT INTO relay_lease (id, owner, token, expires_at)
    VALUES (1, :owner, :token, clock_timestamp() + make_interval(secs => :lease_s))
    ON CONFLICT (id) DO UPDATE
        SET owner = excluded.owner, token = excluded.token, expires_at = excluded.expires_at
        WHERE relay_lease.expires_at < clock_timestamp()
           OR (relay_lease.owner = excluded.owner AND relay_lease.token = excluded.token)
    RETURNING true
    """
)
_GIVE_BACK = text("UPDATE relay_lease SET expires_at = '-infinity' WHERE id = 1 AND owner = :owner AND token = :token")
_OLDEST = text("SELECT EXTRACT(EPOCH FROM clock_timestamp() - min(created_at)) FROM outbox")


async def append(session: AsyncSession, events: Sequence[Append], now: datetime) -> None:
    """Give each event its channel's next offset. The last thing a transaction does before it commits.

    `events` must be in ascending channel id (two transactions in different orders would deadlock).
    """
    for item in events:
        await session.execute(
            _APPEND,
            {
                "channel_id": item.channel_id,
                "kind": item.kind,
                "body": item.body,
                "rights": item.rights,
                "flags": item.flags,
                "cut": bool(item.flags & FLAG_CUT),
                "now": now,
            },
        )
    await session.execute(text("SELECT pg_notify('hub_outbox', '')"))


async def claim(session: AsyncSession, limit: int) -> list[OutboxRow]:
    """The oldest waiting events of each channel, in the order to publish. Takes no lock: duplicates are harmless."""
    rows = await session.execute(_CLAIM, {"limit": limit})
    return [OutboxRow(**row) for row in rows.mappings()]


async def settle(session: AsyncSession, rows: Sequence[OutboxRow]) -> None:
    """Forget what has been published."""
    await session.execute(_SETTLE, {"channel_ids": [row.channel_id for row in rows], "offs": [row.off for row in rows]})


async def take_lease(session: AsyncSession, owner: str, token: str) -> bool:
    """Become or stay the active relay for `LEASE_S` s of the database's clock; False while another one is."""
    values = {"owner": owner, "token": token, "lease_s": LEASE_S}
    return bool(await session.scalar(_TAKE_LEASE, values))


async def give_back_lease(session: AsyncSession, owner: str, token: str) -> None:
    await session.execute(_GIVE_BACK, {"owner": owner, "token": token})


async def oldest_age_s(session: AsyncSession) -> float | None:
    """Seconds that the oldest unpublished event has waited; None when none waits."""
    age = await session.scalar(_OLDEST)
    return None if age is None else float(age)
