"""Rights in the engine's tests: a private view, a session whose rights change, and a log that can be made to wait."""

import asyncio
import random
from collections.abc import Mapping, Sequence

from hub.domain.control import CONTROL_CHANNEL, RightsChanged
from hub.engine.broker import Message, SnapshotAt, Top
from hub.engine.broker_memory import Exchange, MemoryBroker
from hub.engine.node import Node, NodeLimits
from hub.engine.orders import Order
from hub.errors import Unavailable
from hub.protocol.stream import Publication, StreamPosition
from tests.support.engine import MemoryLog, Viewer
from tests.support.sim import SimulatedClock

PRIVATE = "page:acme@verified"
PUBLIC = "page:acme"


class WaitingLog(MemoryLog):
    """What has been read is held back while its kind is in `holding`; only then may anything else happen."""

    def __init__(self) -> None:
        super().__init__()
        self.holding: set[str] = set()
        self.asked: list[str] = []  # channels whose publications were read
        self.is_control_away = False

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Top]:
        if self.is_control_away and CONTROL_CHANNEL in channels:
            raise ConnectionError("this part of the log is away")
        return await super().tops(channels)

    async def read_after(self, channel: str, after: int, limit: int) -> list[Publication]:
        self.asked.append(channel)
        found = await super().read_after(channel, after, limit)
        await self._wait(f"read_after {channel}")
        return found

    async def snapshot(self, channel: str) -> SnapshotAt:
        found = await super().snapshot(channel)
        await self._wait("snapshot")
        return found

    async def _wait(self, kind: str) -> None:
        while kind in self.holding:  # noqa: ASYNC110  time is simulated
            await asyncio.sleep(0.01)


class Account(Viewer):
    """Signed in with a session on this node; leaves the view when its rights have changed, as a transport would."""

    def __init__(self, node: Node, user: str, channel: str = PRIVATE) -> None:
        super().__init__(node, channel)
        self.user = self.client = self.sign_in = user
        self.rechecks = 0
        self.dismissals = 0
        node.sessions.attach(self)
        node.sessions.identified(self)

    def recheck(self) -> None:
        self.rechecks += 1
        self.leave()

    def dismiss(self) -> None:
        self.dismissals += 1
        self.leave()

    def obey(self, order: Order) -> None:
        raise AssertionError(order)

    def drain(self) -> None:
        self.leave()


class LateBroker(MemoryBroker):
    """Refuses subscriptions while `is_away`."""

    is_away = False

    async def subscribe(self, channel: str) -> None:
        if self.is_away:
            raise Unavailable
        await super().subscribe(channel)


class RightsStage:
    """A node with a private and a public view of one page."""

    def __init__(self) -> None:
        self.log = WaitingLog()
        self.log.create(PRIVATE)
        self.log.create(PUBLIC)
        self.broker = LateBroker(Exchange())
        limits = NodeLimits(tick_s=0.0)
        self.node = Node(self.broker, self.log, self.log, clock=SimulatedClock(), limits=limits, rng=random.Random(1))

    async def change(self, channel: str = PRIVATE, count: int = 1, flags: int = 0) -> list[Message]:
        """Committed and published."""
        messages = [self.log.commit(channel, flags=flags) for _ in range(count)]
        await self.broker.publish(messages)
        return messages

    def remove(self, user: str) -> Message:
        """Its rights have changed; what comes back is to be published, or to be lost."""
        return self.log.tell(RightsChanged(accounts=(user,)))

    async def viewer(self, channel: str = PRIVATE, since: StreamPosition | None = None) -> Viewer:
        viewer = Viewer(self.node, channel)
        await viewer.join(since)
        return viewer

    async def account(self, user: str, since: StreamPosition | None = None) -> Account:
        account = Account(self.node, user)
        await account.join(since)
        return account

    async def history(self, channel: str = PRIVATE, *, is_reverse: bool = False) -> Sequence[int]:
        _, found = await self.node.history(channel, None, -1, is_reverse=is_reverse)
        return [item.offset for item in found]
