"""Whole snapshots of a view kept beside its events, so that its past is read by folding a few (decision 0026).

Written in the transaction that writes the event, under the page's row lock, so what stands at an offset is what folding
the events up to it gives. The first frame of a view is the state before its first event: a view that nothing has
happened in needs none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.snapshot import Json
from models import Channel, Keyframe
from models import View as ViewRow

EVERY = 200  # events: as many are folded at most, and frames take about as much room as the events between them


@dataclass(frozen=True, slots=True)
class Stand:
    """One view of a page before a change: its channel, the last offset given out, and that of its last frame."""

    key: str
    channel_id: int
    changed_at: datetime
    head: int
    framed_at: int | None


async def stands(session: AsyncSession, page_id: str) -> list[Stand]:
    """All views of a page in ascending channel id. The caller holds the page's row lock, so nobody moves them."""
    framed_at = select(func.max(Keyframe.off)).where(Keyframe.channel_id == ViewRow.channel_id).scalar_subquery()
    rows = await session.execute(
        select(ViewRow.key, ViewRow.channel_id, ViewRow.changed_at, Channel.head, framed_at)
        .join(Channel, Channel.id == ViewRow.channel_id)
        .where(ViewRow.page_id == page_id)
        .order_by(ViewRow.channel_id)
    )
    return [Stand(*row) for row in rows.all()]


def frames(stand: Stand, old: Json | None, new: Json | None, now: datetime) -> list[Mapping[str, Any]]:
    """The rows that a view's next event, from `old` to `new`, makes due. None: the view may not see its page."""
    due = []
    last = stand.head if stand.framed_at is None else stand.framed_at
    if stand.framed_at is None and old is not None:
        # Before the first event the state is that of the view's making; of older events no frame was kept.
        due.append(_row(stand, stand.head, old, stand.changed_at if stand.head == 0 else now))
    reopens_or_ends = old is None or new is None  # such an event tells no difference that could be folded
    if reopens_or_ends or stand.head + 1 - last >= EVERY:
        due.append(_row(stand, stand.head + 1, new, now))
    return due


async def store(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await session.execute(insert(Keyframe), list(rows))


def _row(stand: Stand, off: int, snapshot: Json | None, at: datetime) -> Mapping[str, Any]:
    body = json.dumps(snapshot, ensure_ascii=False, separators=(",", ":"))
    return {"channel_id": stand.channel_id, "off": off, "body": body, "created_at": at}
