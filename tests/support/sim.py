"""A small world in simulated time: real nodes over a broker that loses, doubles, delays and reorders, and an oracle.

What runs is the product's own `Node` with everything below it, on an event loop whose clock jumps to the next timer.
Only the ports are simulated: the log with its snapshots ("the database"), the broker and the clients' wires. All
chance comes from one seed.
"""

# ruff: noqa: ARG002, ARG005  (ports have more parameters than one simulated channel needs)

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.engine.broker import Message, SnapshotAt, Top, decode_message, encode_message
from hub.engine.fanout import Member
from hub.engine.live import Entry
from hub.engine.node import Node, NodeLimits
from hub.errors import HubError
from hub.protocol.stream import ClientInfo, Publication, StreamPosition

CHANNEL = "page:acme"

TROUBLES = {
    "commit": 60, "drop": 6, "connect": 14, "kill": 2, "prune": 5, "restore": 2, "away": 2, "suspect": 3,
}  # fmt: skip
CALM = {"commit": 60, "drop": 6, "connect": 14, "kill": 2}


class Payloads:
    """Encodes a publication as a line with its payload, and joins and leaves as nothing."""

    def publication(self, channel: str, item: Publication) -> bytes:
        return item.data + b"\n"

    def join(self, channel: str, info: ClientInfo) -> bytes:
        return b""

    leave = join


PAYLOADS = Payloads()


class _NoSelector(selectors.BaseSelector):
    """Instead of waiting for sockets, lets time jump."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        self._jump = jump
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, 0, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("the simulated world has nothing left to do")
        self._jump(timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Sleeping costs nothing: the clock moves straight to whatever is due next."""

    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__(_NoSelector(self._jump))

    def time(self) -> float:
        return self._now_s

    def _jump(self, seconds: float) -> None:
        self._now_s += seconds


class SimulatedClock:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Database:
    """One channel's truth. A payload names its epoch and offset, and the state is the last payload."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.epoch = "e1"
        self.head = 0
        self.floor = 0
        self.rows: dict[int, Publication] = {}
        self.is_away = False
        self.is_snapshot_atomic = True

    def commit(self) -> Message:
        self.head += 1
        payload = b"%s:%d" % (self.epoch.encode(), self.head)
        self.rows[self.head] = Publication(self.head, payload, 0)
        carried = None if self.rng.random() < 0.05 else payload  # some are "too large to travel"
        return Message(CHANNEL, self.epoch, self.head, 0, 0, 0, carried)

    def prune(self) -> None:
        """Retention: only the newest few stay; the floor in the channel's row may be written later than that."""
        keep_above = max(0, self.head - self.rng.randint(0, 3))
        self.rows = {offset: row for offset, row in self.rows.items() if offset > keep_above}
        if self.rng.random() < 0.5:
            self.floor = max(self.floor, keep_above)

    def restore(self) -> None:
        """An older backup comes back, with the new epoch that says so."""
        self.epoch = f"e{int(self.epoch[1:]) + 1}"
        self.head = max(0, self.head - self.rng.randint(0, 4))
        self.floor = min(self.floor, self.head)
        self.rows = {offset: row for offset, row in self.rows.items() if offset <= self.head}

    async def _travel(self) -> None:
        await asyncio.sleep(self.rng.uniform(0.001, 0.06))
        if self.is_away:
            raise ConnectionError("the database is away")

    async def tops(self, channels: Sequence[str]) -> Mapping[str, Top]:
        await self._travel()
        tops = {name: Top(self.epoch, self.head, self.floor) for name in channels}
        await self._travel()
        return tops

    async def read_after(self, channel: str, after: int, limit: int) -> list[Publication]:
        await self._travel()
        rows = [self.rows[offset] for offset in sorted(self.rows) if offset > after][:limit]
        await self._travel()
        return rows

    async def snapshot(self, channel: str) -> SnapshotAt:
        await self._travel()
        state = b"%s:%d" % (self.epoch.encode(), self.head)
        if not self.is_snapshot_atomic:
            await self._travel()
        answer = SnapshotAt(self.epoch, self.head, state)
        await self._travel()
        return answer


class Network:
    """Pub/sub between the writers and the nodes' brokers: may lose, double, delay; says so only sometimes."""

    def __init__(self, rng: random.Random, *, loss: float, confirms: bool) -> None:
        self.rng = rng
        self.loss = loss
        self.confirms = confirms  # whether `subscribe` returns when listening has begun, or when the command is written
        self.brokers: list[LossyBroker] = []

    def publish(self, message: Message) -> None:
        raw = encode_message(message)
        for broker in self.brokers:
            if broker.is_listening and self.rng.random() >= self.loss:
                copies = 2 if self.rng.random() < 0.15 else 1
                for _ in range(copies):
                    delay_s = self.rng.choice((0.001, 0.004, 0.004, self.rng.uniform(0, 0.3)))
                    asyncio.get_running_loop().call_later(delay_s, broker.deliver, raw)


class LossyBroker:
    """One node's end of the network."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._on_message: Callable[[Message], None] | None = None
        self._on_suspect: Callable[[str], None] | None = None
        self.is_listening = False
        network.brokers.append(self)

    async def start(self, on_message: Callable[[Message], None], on_suspect: Callable[[str], None]) -> None:
        self._on_message, self._on_suspect = on_message, on_suspect

    async def subscribe(self, channel: str) -> None:
        delay_s = self._network.rng.uniform(0.001, 0.3)
        asyncio.get_running_loop().call_later(delay_s, self._begin)
        if self._network.confirms:
            await asyncio.sleep(delay_s + 0.001)  # and the confirmation's way back

    def _begin(self) -> None:
        self.is_listening = self._on_message is not None

    async def unsubscribe(self, channel: str) -> None:
        self.is_listening = False

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._network.publish(message)

    @property
    def is_healthy(self) -> bool:
        return True

    async def close(self) -> None:
        self._on_message = self._on_suspect = None
        self.is_listening = False
        if self in self._network.brokers:
            self._network.brokers.remove(self)

    def deliver(self, raw: bytes) -> None:
        if self._on_message is not None and self.is_listening:
            self._on_message(decode_message(raw))

    def suspect(self) -> None:
        if self._on_suspect is not None:
            self._on_suspect("simulated")


class Client:
    """A viewer that believes what it is sent. It notes what it sees and what is wrong with that."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.node: Node | None = None
        self.member: Member | None = None
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

    async def connect(self, node: Node) -> None:
        """Join, from where it was; a refusal is tried again later."""
        if self._is_joining:
            return
        self._is_joining = True
        self.node = node
        since = StreamPosition(self.epoch, self.offset) if self.state is not None else None
        member = Member(self, CHANNEL, PAYLOADS, lambda code: self.recalled(member))
        self.member = member
        try:
            await node.join(CHANNEL, member, since, must_recover=False, accept=lambda e: self.accept(member, e))
        except HubError:
            self.member = None
        finally:
            self._is_joining = False

    def accept(self, member: Member, entry: Entry) -> bool:
        if self.member is not member:
            return False
        if entry.snapshot is not None:
            self.epoch, self.offset, self.state = entry.position.epoch, entry.position.offset, entry.snapshot
            if self.state != b"%s:%d" % (self.epoch.encode(), self.offset):
                self.faults.append(f"got the state {self.state!r} as that of {self.epoch}:{self.offset}")
        elif entry.position != StreamPosition(self.epoch, self.offset):
            self.faults.append(f"recovered from {entry.position}, not from {self.epoch}:{self.offset}")
        for item in entry.publications:
            self.take(item.data)
        return True

    def recalled(self, member: Member) -> None:
        if self.member is member:
            self.member = None

    def disconnect(self) -> None:
        member, self.member = self.member, None
        if member is not None and self.node is not None:
            self.node.leave(CHANNEL, member)


class World:
    """Three nodes, five clients and one database, with trouble."""

    def __init__(
        self,
        seed: int,
        *,
        loss: float = 0.1,
        confirms: bool = True,
        is_snapshot_atomic: bool = True,
        is_calm: bool = False,
    ) -> None:
        self.rng = random.Random(seed)
        self.troubles = CALM if is_calm else TROUBLES
        self.database = Database(self.rng)
        self.database.is_snapshot_atomic = is_snapshot_atomic
        self.network = Network(self.rng, loss=loss, confirms=confirms)
        self.nodes: list[Node] = []
        self.clients = [Client(self) for _ in range(5)]
        self._work: set[asyncio.Task[None]] = set()

    async def run(self, steps: int) -> list[str]:
        """Trouble for `steps` steps, then quiet; what was wrong in the end or on the way."""
        for _ in range(3):
            await self._start_node()
        for client in self.clients:
            self._spawn(client.connect(self.rng.choice(self.nodes)))
        for _ in range(steps):
            await self._step()
            await asyncio.sleep(self.rng.choice((0.0, 0.002, 0.02, 0.3)))
        await self._settle()
        faults = [fault for client in self.clients for fault in client.faults]
        for client in self.clients:
            top = b"%s:%d" % (self.database.epoch.encode(), self.database.head)
            reached = b"%s:%d" % (client.epoch.encode(), client.offset)
            if client.state != top and not (self.database.head == 0 and client.offset == 0):
                faults.append(f"ended at {client.state!r} instead of {top!r}")
            elif reached != top:
                faults.append(f"believes to be at {reached!r}, but the state is {top!r}")
        for node in self.nodes:
            await node.close()
        return faults

    async def _step(self) -> None:
        client, database = self.rng.choice(self.clients), self.database
        match self.rng.choices(list(self.troubles), list(self.troubles.values()))[0]:
            case "commit":
                self.network.publish(database.commit())
            case "drop":
                client.disconnect()
            case "connect" if client.member is None:
                self._spawn(client.connect(self.rng.choice(self.nodes)))
            case "kill":
                await self._kill(self.rng.randrange(len(self.nodes)))
            case "prune":
                database.prune()
            case "restore":
                database.restore()
            case "away":
                database.is_away = True
                asyncio.get_running_loop().call_later(self.rng.uniform(0.1, 3), self._bring_back)
            case "suspect":
                self.rng.choice(self.network.brokers).suspect()

    async def _settle(self) -> None:
        """Nothing breaks any more; everyone who is out comes back, and healing gets its promised time."""
        self._bring_back()
        for _ in range(8):
            for client in self.clients:
                if client.member is None:
                    self._spawn(client.connect(self.rng.choice(self.nodes)))
            await asyncio.sleep(1.0)

    def _bring_back(self) -> None:
        self.database.is_away = False

    async def _start_node(self) -> None:
        node = Node(
            LossyBroker(self.network),
            self.database,
            self.database,
            clock=SimulatedClock(),
            limits=NodeLimits(),
            rng=self.rng,
        )
        await node.start()
        self.nodes.append(node)

    async def _kill(self, index: int) -> None:
        node = self.nodes.pop(index)
        for client in self.clients:
            if client.node is node:
                client.member = None
        await node.close()
        await self._start_node()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


def run_world(seed: int, *, steps: int = 60, **options: Any) -> list[str]:
    """What went wrong in the world of `seed`."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(World(seed, **options).run(steps))
