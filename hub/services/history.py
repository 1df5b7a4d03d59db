"""Past publications of a channel: for recovery, for late joiners, and as the REST fallback."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.engine.broker import Top
from hub.errors import NotFound
from hub.protocol.stream import Publication
from hub.services.database import Sessions, one_moment
from models import Channel, Event


@dataclass(frozen=True, slots=True)
class History:
    """`is_recovered`: the publications follow the asked offset without a gap, up to the top or `limit` of them."""

    epoch: str
    offset: int
    publications: tuple[Publication, ...]
    is_recovered: bool


async def read_history(session: AsyncSession, channel: str, *, after: int, limit: int) -> History:
    """Publications with offsets above `after`, ascending, at most `limit`; `offset` is the channel's top.

    Not recovered, and empty, when `after` is of another history (above the top) or older than what is kept: then
    only a fresh snapshot helps. `session` must be a `one_moment`. NotFound when there is no such channel.
    """
    top = (await read_tops(session, [channel])).get(channel)
    if top is None:
        raise NotFound("There is no such channel.")
    if not top.floor <= after <= top.head:
        return History(top.epoch, top.head, (), is_recovered=False)
    publications = await read_after(session, channel, after, limit)
    expected = range(after + 1, after + 1 + len(publications))
    is_whole = [item.offset for item in publications] == list(expected) and (bool(publications) or after == top.head)
    return History(top.epoch, top.head, tuple(publications) if is_whole else (), is_recovered=is_whole)


async def read_tops(session: AsyncSession, channels: Sequence[str]) -> dict[str, Top]:
    rows = await session.execute(
        select(Channel.name, Channel.epoch, Channel.head, Channel.floor).where(Channel.name.in_(channels))
    )
    return {name: Top(epoch, head, floor) for name, epoch, head, floor in rows.all()}


async def read_after(session: AsyncSession, channel: str, after: int, limit: int) -> list[Publication]:
    rows = await session.execute(
        select(Event.off, Event.payload, Event.created_at, Event.flags, Event.rights)
        .join(Channel, Channel.id == Event.channel_id)
        .where(Channel.name == channel, Event.off > after)
        .order_by(Event.off)
        .limit(limit)
    )
    return [
        Publication(off, payload.encode(), round(at.timestamp() * 1000), flags, rights=rights)
        for off, payload, at, flags, rights in rows.all()
    ]


class SqlLog:
    """The engine's `Log` port over PostgreSQL. A channel that is missing in `tops` does not exist (any more)."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Top]:
        async with self._sessions() as session:
            return await read_tops(session, channels)

    async def read_after(self, channel: str, after: int, limit: int) -> list[Publication]:
        async with one_moment(self._sessions) as session:
            return await read_after(session, channel, after, limit)
