"""The simulated world's viewers. They believe what they are sent, and note what is wrong with it."""

# ruff: noqa: ARG002, ARG005  (ports have more parameters than one simulated channel needs)

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from hub.engine.fanout import Member
from hub.engine.live import Entry
from hub.engine.node import Node
from hub.engine.orders import Order
from hub.errors import HubError
from hub.protocol.stream import ClientInfo, Publication, StreamPosition
from tests.support.sim_database import Database

MAX_TRIES = 5


class Scene(Protocol):
    """What a client has to know of its world."""

    database: Database

    def spawn(self, work: Coroutine[Any, Any, None]) -> None: ...

    def cut_passed_by(self, node: Node) -> int:
        """The offset of the last cut that `node` has heard of."""


class Payloads:
    """Encodes a publication as a line with its payload, and joins and leaves as nothing."""

    def publication(self, channel: str, item: Publication) -> bytes:
        return item.data + b"\n"

    def join(self, channel: str, info: ClientInfo) -> bytes:
        return b""

    leave = join


PAYLOADS = Payloads()


class Client:
    """A visitor of a public view."""

    def __init__(self, world: Scene) -> None:
        self.world = world
        self.channel = world.database.view.name
        self.node: Node | None = None
        self.member: Member | None = None
        self.is_in = False
        self.epoch = ""
        self.offset = 0
        self.state: bytes | None = None
        self.faults: list[str] = []
        self._is_joining = False

    # The wire.

    is_closing = False

    def write(self, frame: bytes) -> None:
        for payload in frame.split():
            self.take(payload)

    def buffered_bytes(self) -> int:
        return 0

    def abort(self) -> None:
        self.disconnect()

    # What it does.

    def take(self, payload: bytes) -> None:
        epoch, offset = payload.decode().split(":")
        if epoch != self.epoch:
            self.faults.append(f"got {payload!r} in epoch {self.epoch}")
        if int(offset) != self.offset + 1:
            self.faults.append(f"got {offset} after {self.offset}")
        self.offset, self.state = int(offset), payload
        self.see()

    def see(self) -> None:
        """It has got what it holds now."""

    async def connect(self, node: Node) -> None:
        """Join, from where it was; a refusal is tried again later."""
        if self._is_joining:
            return
        if self.node is not node:
            self.disconnect()
        self._is_joining = True
        self.node = node
        try:
            await self._enter(node)
        except (HubError, ConnectionError):
            self.member = None
        finally:
            self._is_joining = False

    async def _enter(self, node: Node) -> None:
        await self._join(node, lambda: True)

    async def _join(self, node: Node, may_come_in: Callable[[], bool]) -> None:
        since = StreamPosition(self.epoch, self.offset) if self.state is not None else None
        member = Member(self, self.channel, PAYLOADS, lambda code: self.recalled(member))
        self.member, self.is_in = member, False
        await node.join(
            self.channel,
            member,
            since,
            must_recover=False,
            accept=lambda entry: may_come_in() and self.accept(node, member, entry),
        )

    def accept(self, node: Node, member: Member, entry: Entry) -> bool:
        if self.member is not member:
            return False
        self.is_in = True
        cut = self.world.cut_passed_by(node)
        if entry.snapshot is not None:
            self.epoch, self.offset, self.state = entry.position.epoch, entry.position.offset, entry.snapshot
            if self.state != b"%s:%d" % (self.epoch.encode(), self.offset):
                self.faults.append(f"got the state {self.state!r} as that of {self.epoch}:{self.offset}")
            if self.offset < cut:
                self.faults.append(f"got the state of {self.offset} after the cut at {cut}")
            self.see()
        elif entry.position != StreamPosition(self.epoch, self.offset):
            self.faults.append(f"recovered from {entry.position}, not from {self.epoch}:{self.offset}")
        for item in entry.publications:
            if item.offset < cut:
                self.faults.append(f"got {item.offset} again after the cut at {cut}")
            self.take(item.data)
        return True

    def recalled(self, member: Member) -> None:
        if self.member is member:
            self.member, self.is_in = None, False

    def leave(self) -> None:
        member, self.member, self.is_in = self.member, None, False
        if member is not None and self.node is not None:
            self.node.leave(self.channel, member)

    def disconnect(self) -> None:
        self.leave()

    def died(self) -> None:
        """Its node has."""
        self.member, self.is_in = None, False


class Account(Client):
    """Signed in; in a private view while the database says that it may be. As a transport's session does it."""

    def __init__(self, world: Scene, name: str) -> None:
        super().__init__(world)
        self.user = self.client = self.sign_in = name
        self._is_attached = False

    def see(self) -> None:
        if self.world.database.is_forbidden(self.user, self.epoch, self.offset):
            self.faults.append(f"{self.user} got {self.epoch}:{self.offset}, written after its removal")

    async def _enter(self, node: Node) -> None:
        node.sessions.attach(self)
        node.sessions.identified(self)
        changes = node.sessions.changes
        self._is_attached = True
        for _ in range(MAX_TRIES):
            stamp = changes.stamp
            if not await self.world.database.is_allowed(self.user) or not self._is_attached:
                break
            await self._join(node, lambda: not changes.since(stamp, self.user))  # noqa: B023  used before the next
            if self.is_in:
                return
        self.member = None

    def disconnect(self) -> None:
        super().disconnect()
        self._is_attached = False
        if self.node is not None:
            self.node.sessions.detach(self)

    def died(self) -> None:
        super().died()
        self._is_attached = False

    def recheck(self) -> None:
        self.leave()
        if self.node is not None:
            self.world.spawn(self.connect(self.node))

    dismiss = drain = disconnect

    def obey(self, order: Order) -> None:
        raise AssertionError(order)
