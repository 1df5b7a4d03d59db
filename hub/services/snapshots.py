"""State and its position, from one database snapshot; and the objects that one principal sees."""

import json
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.audience import view_of_key
from hub.domain.channel import is_private_channel
from hub.domain.snapshot import Json, project
from hub.domain.text import iso
from hub.engine.broker import SnapshotAt
from hub.errors import NotFound
from hub.services import control
from hub.services.database import Sessions, one_moment
from hub.services.state import load_state
from hub.services.views import resolve_view, see_page
from models import Channel
from models import View as ViewRow

__all__ = ["SqlSnapshots", "read_snapshot", "resolve_view", "see_snapshot"]


async def read_snapshot(session: AsyncSession, channel: str) -> Json:
    """`{"channel", "epoch", "offset", "page", …}` of a view; NotFound when it is gone or may not see its page.

    `session` must be a `one_moment`: state and offset read at two moments disagree under load.
    """
    row = (
        await session.execute(
            select(Channel.epoch, Channel.head, ViewRow.page_id, ViewRow.key, ViewRow.changed_at)
            .join(ViewRow, ViewRow.channel_id == Channel.id)
            .where(Channel.name == channel)
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such channel.")
    state = await load_state(session, row.page_id)
    snapshot = project(state, view_of_key(row.key), iso(row.changed_at))
    if snapshot is None:
        raise NotFound("There is no such channel.")
    return {"channel": channel, "epoch": row.epoch, "offset": row.head, **snapshot}


async def see_snapshot(session: AsyncSession, slug: str, principal: Principal) -> Json:
    """What `principal` sees of a page now, without a position: for answers that are read once."""
    sight = await see_page(session, slug, principal)
    changed_at: datetime | None = await session.scalar(
        select(ViewRow.changed_at).where(ViewRow.page_id == sight.page.id, ViewRow.key == sight.view.key)
    )
    snapshot = project(await load_state(session, sight.page.id), sight.view, iso(changed_at or sight.page.created_at))
    assert snapshot is not None, "see_page has admitted the view"
    return snapshot


class SqlSnapshots:
    """The engine's `Snapshots` port over PostgreSQL."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def snapshot(self, channel: str) -> SnapshotAt:
        async with one_moment(self._sessions) as session:
            snapshot = await read_snapshot(session, channel)
            rights = await control.head(session) if is_private_channel(channel) else 0
        data = json.dumps(snapshot, ensure_ascii=False, separators=(",", ":")).encode()
        return SnapshotAt(snapshot["epoch"], snapshot["offset"], data, rights)
