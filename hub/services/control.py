"""Writing the control stream, and reading how far it has come (`hub.domain.control` says what it carries).

Locks are taken in one order everywhere: rows of the change, then the control stream's counter, then the counters of
views. So whatever tells of changed rights does so last, and nothing may follow it but `outbox.append`.
"""

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from hub.domain.control import CONTROL_CHANNEL, ControlEvent, encode_control
from hub.services.outbox import Append, append
from models import Channel

_HEAD = text("SELECT head FROM channel WHERE name = :name")
_HELD_HEAD = text("SELECT head FROM channel WHERE name = :name FOR SHARE")


async def tell(session: AsyncSession, *events: ControlEvent, now: datetime) -> None:
    """Let every node know, once this transaction commits."""
    channel_id = await session.scalar(select(Channel.id).where(Channel.name == CONTROL_CHANNEL))
    assert channel_id is not None, "the migration makes it"
    told = [Append(channel_id, str(event.__struct_config__.tag), encode_control(event).decode()) for event in events]
    await append(session, told, now)


async def head(session: AsyncSession) -> int:
    """The last offset given out, as this transaction sees it."""
    return int(await session.scalar(_HEAD, {"name": CONTROL_CHANNEL}) or 0)


async def hold(session: AsyncSession) -> int:
    """The same, and nothing more can be told until this transaction ends: what it writes is written under these rights.

    The last step before the counters of views are raised.
    """
    return int(await session.scalar(_HELD_HEAD, {"name": CONTROL_CHANNEL}) or 0)
