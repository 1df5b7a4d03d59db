"""When keys and sign-ins were last used: remembered here, and written down now and then, so that no request waits."""

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.clock import Clock
from hub.services.database import Sessions, is_unavailable
from models import MachineKey
from models import Session as SessionRow

FLUSH_INTERVAL_S = 5.0
KEY_INTERVAL_S, SESSION_INTERVAL_S = 60, 300  # how exact it is; a sign-in's refreshes are written at once besides

log = logging.getLogger(__name__)


class LastUses:
    """The uses of one node."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock
        self._keys: set[str] = set()
        self._sign_ins: set[str] = set()

    def note(self, principal: Principal) -> None:
        if principal.key_id is not None:
            self._keys.add(principal.key_id)
        elif principal.session_id is not None:
            self._sign_ins.add(principal.session_id)

    async def run(self) -> None:
        """Until cancelled; what was used until then is written down too."""
        try:
            while True:
                await asyncio.sleep(FLUSH_INTERVAL_S)
                await self._try_flush()
        finally:
            await self._try_flush()

    async def flush(self) -> None:
        keys, self._keys = self._keys, set()
        sign_ins, self._sign_ins = self._sign_ins, set()
        if keys or sign_ins:
            now = self._clock.now()
            async with self._sessions.begin() as session:
                await _write(session, MachineKey, keys, now, KEY_INTERVAL_S)
                await _write(session, SessionRow, sign_ins, now, SESSION_INTERVAL_S)

    async def _try_flush(self) -> None:
        try:
            await self.flush()
        except Exception as error:
            if not is_unavailable(error):
                log.exception("the last use of keys and sign-ins could not be stored")


async def _write(
    session: AsyncSession, table: type[MachineKey] | type[SessionRow], ids: Collection[str], now: datetime, every_s: int
) -> None:
    """Of rows that somebody else holds at this moment another time: nodes that write the same ones do not wait."""
    if not ids:
        return
    is_old = or_(table.last_used_at.is_(None), table.last_used_at < now - timedelta(seconds=every_s))
    due = select(table.id).where(table.id.in_(ids), is_old).with_for_update(skip_locked=True)
    await session.execute(
        update(table).where(table.id.in_(due)).values(last_used_at=now).execution_options(synchronize_session=False)
    )
