"""What a node tells of its members: that they are here, that they have come, that they have left.

One writer for all, and everything in its order: nobody is heard to leave before he was heard to come, and whoever
leaves and comes back at once is here in the end. What comes in while a round trip lasts goes out together with the
next, so a storm of members costs as many round trips as fit into it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from redis.exceptions import RedisError

from hub.engine.broker import FLAG_JOIN, FLAG_LEAVE, NO_EPOCH, Broker, Message
from hub.engine.envelope import pack_client
from hub.engine.roster import Roster
from hub.engine.work import end
from hub.errors import Unavailable
from hub.protocol.stream import ClientInfo

REFRESH_S = 25.0
REFRESHED_AT_ONCE = 1_000  # entries
LAST_WORDS_S = 2.0

log = logging.getLogger(__name__)


class _Batch:
    """`done` is shared by all who wait for it."""

    def __init__(self) -> None:
        self.changes: dict[str, dict[str, ClientInfo | None]] = {}
        self.messages: list[Message] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __bool__(self) -> bool:
        return bool(self.changes or self.messages)

    def change(self, channel: str, client: str, info: ClientInfo | None) -> None:
        self.changes.setdefault(channel, {})[client] = info


class News:
    """Of one node; starts with `start`."""

    def __init__(self, roster: Roster, broker: Broker) -> None:
        self._roster = roster
        self._broker = broker
        self._here: dict[str, dict[str, ClientInfo]] = {}
        self._next: _Batch | None = None
        self._has_next = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._tell_forever(), name="news"),
            asyncio.create_task(self._refresh_forever(), name="presence-refresh"),
        ]

    async def close(self) -> None:
        """Whoever is still here is told to be gone; nobody waits long for that."""
        for channel, clients in self._here.items():
            for client in clients:
                self._batch().change(channel, client, None)
        self._here.clear()
        if self._next is not None and self._tasks:
            with contextlib.suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):
                    await asyncio.shield(self._next.done)
        await end(*self._tasks)

    async def here(self, channel: str, info: ClientInfo) -> None:
        """Return once whoever asks finds it; raises Unavailable."""
        self._here.setdefault(channel, {})[info.client] = info
        batch = self._batch()
        batch.change(channel, info.client, info)
        try:
            await asyncio.shield(batch.done)
        except BaseException:
            self.gone(channel, info.client)
            raise

    def gone(self, channel: str, client: str) -> None:
        clients = self._here.get(channel, {})
        if clients.pop(client, None) is not None:
            self._batch().change(channel, client, None)
        if not clients:
            self._here.pop(channel, None)

    def joined(self, channel: str, info: ClientInfo) -> None:
        self._tell(channel, info, FLAG_JOIN)

    def left(self, channel: str, info: ClientInfo) -> None:
        self._tell(channel, info, FLAG_LEAVE)

    def _tell(self, channel: str, info: ClientInfo, flag: int) -> None:
        self._batch().messages.append(Message(channel, NO_EPOCH, 0, flag, 0, 0, pack_client(info)))

    def _batch(self) -> _Batch:
        if self._next is None:
            self._next = _Batch()
            self._has_next.set()
        return self._next

    async def _tell_forever(self) -> None:
        while True:
            await self._has_next.wait()
            self._has_next.clear()
            batch, self._next = self._next, None
            if batch is not None:
                await self._send(batch)

    async def _send(self, batch: _Batch) -> None:
        """Who is here first: whoever hears of somebody new finds him. What is not told is not told again."""
        try:
            if batch.changes:
                await self._roster.write(batch.changes)
        except (RedisError, OSError) as error:
            log.warning("presence is not written: %s", str(error) or type(error).__name__)
            batch.done.set_exception(Unavailable())
            batch.done.exception()  # taken note of, also when nobody waits for it
        else:
            batch.done.set_result(None)
        try:
            if batch.messages:
                await self._broker.publish(batch.messages)
        except (RedisError, OSError) as error:
            log.info("joins and leaves are not told: %s", str(error) or type(error).__name__)

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            for part in self._parts():
                batch = self._batch()
                for channel, info in part:
                    if info.client in self._here.get(channel, ()):  # it may have left since
                        batch.change(channel, info.client, info)
                with contextlib.suppress(Unavailable):
                    await asyncio.shield(batch.done)

    def _parts(self) -> Iterator[list[tuple[str, ClientInfo]]]:
        everybody = [(channel, info) for channel, clients in self._here.items() for info in clients.values()]
        for first in range(0, len(everybody), REFRESHED_AT_ONCE):
            yield everybody[first : first + REFRESHED_AT_ONCE]
