"""The simulated world's database: a page's view and the control stream, and who may see the view."""

import asyncio
import random
from collections.abc import Mapping, Sequence

from hub.domain.channel import is_private_channel
from hub.domain.control import CONTROL_CHANNEL, RightsChanged, encode_control
from hub.engine.broker import FLAG_CUT, Message, SnapshotAt, Top
from hub.protocol.stream import Publication

CONTROL_JUMP = 1_000_000
"""A new life of the control stream begins far above the old one: no rights of it are taken for known."""


class Stream:
    """One channel's truth."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.life = 1
        self.head = 0
        self.floor = 0
        self.rows: dict[int, Publication] = {}

    @property
    def epoch(self) -> str:
        return f"e{self.life}"

    @property
    def top(self) -> Top:
        return Top(self.epoch, self.head, self.floor)

    def append(self, payload: bytes, flags: int = 0, rights: int = 0) -> Message:
        self.head += 1
        self.rows[self.head] = Publication(self.head, payload, 0, flags, rights=rights)
        if flags & FLAG_CUT:
            self.floor = self.head - 1
        return Message(self.name, self.epoch, self.head, flags, rights, 0, payload)

    def restore(self, lost: int) -> None:
        """An older backup comes back, with the new epoch that says so."""
        self.life += 1
        self.head = max(0, self.head - lost)
        self.floor = min(self.floor, self.head)
        self.rows = {offset: row for offset, row in self.rows.items() if offset <= self.head}


class Database:
    """A payload names its epoch and offset, and the state is the last payload. `is_away` is what nodes find."""

    def __init__(self, rng: random.Random, channel: str, accounts: Sequence[str] = ()) -> None:
        self.rng = rng
        self.view = Stream(channel)
        self.control = Stream(CONTROL_CHANNEL)
        self.is_away = False
        self.slowest_s = 0.06  # a question's way there, or an answer's back
        self.is_snapshot_atomic = True
        self.allowed = set(accounts)
        self.removed_at: dict[str, int] = {}  # of those who are not allowed: the moment since when
        self._earlier = [frozenset(accounts)]
        self._moment = 0
        self._written_at: dict[tuple[str, int], int] = {}

    @property
    def top(self) -> bytes:
        return b"%s:%d" % (self.view.epoch.encode(), self.view.head)

    def commit(self, flags: int = 0) -> Message:
        self._moment += 1
        view = self.view
        self._written_at[view.epoch, view.head + 1] = self._moment
        payload = b"%s:%d" % (view.epoch.encode(), view.head + 1)
        rights = self.control.head if is_private_channel(view.name) else 0
        message = view.append(payload, flags, rights)
        if self.rng.random() >= 0.05:
            return message
        return Message(view.name, view.epoch, view.head, flags, rights, 0, None)  # "too large to travel"

    def remove(self, account: str) -> Message:
        self._set_allowed(self.allowed - {account})
        return self._tell(account)

    def give(self, account: str) -> Message:
        self._set_allowed(self.allowed | {account})
        return self._tell(account)

    def prune(self) -> None:
        """Retention: only the newest few stay; the floor in the channel's row may be written later than that."""
        view = self.view
        keep_above = max(0, view.head - self.rng.randint(0, 3))
        view.rows = {offset: row for offset, row in view.rows.items() if offset > keep_above}
        if self.rng.random() < 0.5:
            view.floor = max(view.floor, keep_above)

    def restore(self) -> None:
        """Everything is as it was some time ago; also who may see what."""
        before = self.view.epoch
        self.view.restore(self.rng.randint(0, 4))
        for offset in range(1, self.view.head + 1):
            self._written_at[self.view.epoch, offset] = self._written_at.get((before, offset), 0)
        self.control.restore(self.rng.randint(0, 4))
        self.control.head += CONTROL_JUMP
        self._moment += 1
        self._set_allowed(self.rng.choice(self._earlier[-5:]))

    def is_forbidden(self, account: str, epoch: str, offset: int) -> bool:
        """Whether it was written after `account` lost its right, and the right has not been given back."""
        removed_at = self.removed_at.get(account)
        return removed_at is not None and self._written_at.get((epoch, offset), 0) > removed_at

    def _set_allowed(self, allowed: frozenset[str] | set[str]) -> None:
        self._moment += 1
        for account in self.allowed - allowed:
            self.removed_at[account] = self._moment
        for account in allowed - self.allowed:
            del self.removed_at[account]
        self.allowed = set(allowed)
        self._earlier.append(frozenset(allowed))

    def _tell(self, account: str) -> Message:
        return self.control.append(encode_control(RightsChanged(accounts=(account,))))

    # What nodes ask.

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Top]:
        await self._travel()
        tops = {stream.name: stream.top for stream in (self.view, self.control) if stream.name in channels}
        await self._travel()
        return tops

    async def read_after(self, channel: str, after: int, limit: int) -> list[Publication]:
        await self._travel()
        rows = (self.control if channel == CONTROL_CHANNEL else self.view).rows
        found = [rows[offset] for offset in sorted(rows) if offset > after][:limit]
        await self._travel()
        return found

    async def snapshot(self, channel: str) -> SnapshotAt:
        await self._travel()
        state = self.top
        if not self.is_snapshot_atomic:
            await self._travel()
        rights = self.control.head if is_private_channel(channel) else 0
        answer = SnapshotAt(self.view.epoch, self.view.head, state, rights)
        await self._travel()
        return answer

    async def is_allowed(self, account: str) -> bool:
        await self._travel()
        answer = account in self.allowed
        await self._travel()
        return answer

    async def _travel(self) -> None:
        await asyncio.sleep(self.rng.uniform(0.001, self.slowest_s))
        if self.is_away:
            raise ConnectionError("the database is away")
