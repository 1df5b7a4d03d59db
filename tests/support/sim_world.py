"""A small world in simulated time: real nodes over a broker that loses, doubles, delays and reorders, and an oracle.

What runs is the product's own `Node` with everything below it. Only the ports are simulated: the log with its snapshots
("the database"), the broker and the clients' wires. All chance comes from one seed.
"""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from hub.engine.broker import FLAG_CUT
from hub.engine.live import LiveChannel
from hub.engine.node import Node, NodeLimits
from tests.support.sim import SimulatedClock, SimulatedLoop
from tests.support.sim_clients import Account, Client
from tests.support.sim_database import Database
from tests.support.sim_network import LossyBroker, Network

PUBLIC = "page:acme"
PRIVATE = "page:acme@verified"
TROUBLES = {
    "commit": 60, "cut": 12, "drop": 6, "connect": 14, "kill": 2, "prune": 5, "restore": 2, "away": 2, "suspect": 3,
}  # fmt: skip
CALM = {"commit": 60, "drop": 6, "connect": 14, "kill": 2}
RIGHTS = {"remove": 16, "give": 16, "drop": 14, "connect": 30}  # many are on their way in when rights change
ACCOUNTS = ("ann", "bob", "cid", "dan", "eve")
OUT_WITHIN_S = 15.0 + 2.0 + 1.0
"""Rights count as known for so long, the recall is spread, and the sweep takes its time."""


class World:
    """Three nodes, five clients and one database, with trouble.

    `has_rights`: the view is private, and accounts lose and get their right to see it. `outage_s`: after the trouble,
    nodes reach neither the database nor the control stream for so long, and everybody loses the right meanwhile.
    """

    def __init__(
        self,
        seed: int,
        *,
        loss: float = 0.1,
        control_loss: float = 0.3,
        slowest_s: float = 0.06,
        confirms: bool = True,
        is_snapshot_atomic: bool = True,
        is_calm: bool = False,
        has_rights: bool = False,
        outage_s: float = 0.0,
    ) -> None:
        self.rng = random.Random(seed)
        self.troubles = (CALM if is_calm else TROUBLES) | (RIGHTS if has_rights else {})
        self.outage_s = outage_s
        self.database = Database(self.rng, PRIVATE if has_rights else PUBLIC, ACCOUNTS)
        self.database.slowest_s = slowest_s
        self.database.is_snapshot_atomic = is_snapshot_atomic
        self.network = Network(self.rng, loss=loss, control_loss=control_loss, confirms=confirms)
        self.nodes: list[Node] = []
        self.clients = [Account(self, name) if has_rights else Client(self) for name in ACCOUNTS]
        self.cuts: dict[str, list[int]] = {}
        self._work: set[asyncio.Task[None]] = set()

    async def run(self, steps: int) -> list[str]:
        """Trouble for `steps` steps, then quiet; what was wrong in the end or on the way."""
        for _ in range(3):
            await self._start_node()
        for client in self.clients:
            self.spawn(self._connect(client))
        for _ in range(steps):
            await self._step()
            await asyncio.sleep(self.rng.choice((0.0, 0.002, 0.02, 0.3)))
        faults = await self._suffer_outage() if self.outage_s else []
        await self._settle()
        faults += [fault for client in self.clients for fault in client.faults]
        for client in self.clients:
            faults += self._faults_at_the_end(client)
        for node in self.nodes:
            await node.close()
        return faults

    def cut_passed_by(self, node: Node) -> int:
        """The offset of the last cut that `node` has heard of, in its epoch."""
        live = node._channels.get(self.database.view.name)
        if not isinstance(live, LiveChannel):
            return 0
        cuts = self.cuts.get(live.state.epoch, ())
        return max((offset for offset in cuts if offset <= live.state.pos), default=0)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _connect(self, client: Client) -> None:
        await client.connect(self.rng.choice(self.nodes))  # one that lives by now

    def _faults_at_the_end(self, client: Client) -> list[str]:
        database = self.database
        if isinstance(client, Account) and client.user not in database.allowed:
            return [f"{client.user} is still in"] if client.is_in else []
        reached = b"%s:%d" % (client.epoch.encode(), client.offset)
        if client.state != database.top and not (database.view.head == 0 and client.offset == 0):
            return [f"ended at {client.state!r} instead of {database.top!r}"]
        return [f"believes to be at {reached!r}, not {database.top!r}"] if reached != database.top else []

    async def _step(self) -> None:
        client, database = self.rng.choice(self.clients), self.database
        match self.rng.choices(list(self.troubles), list(self.troubles.values()))[0]:
            case "commit":
                self.network.publish(database.commit())
            case "cut":
                self.network.publish(database.commit(FLAG_CUT))
                self.cuts.setdefault(database.view.epoch, []).append(database.view.head)
            case "remove" if isinstance(client, Account):
                self.network.publish(database.remove(client.user))
            case "give" if isinstance(client, Account):
                self.network.publish(database.give(client.user))
            case "drop":
                client.disconnect()
            case "connect" if client.member is None:
                self.spawn(self._connect(client))
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

    async def _suffer_outage(self) -> list[str]:
        await self._settle()
        self.database.is_away = True
        control_loss, self.network.control_loss = self.network.control_loss, 1.0
        for name in ACCOUNTS:
            self.network.publish(self.database.remove(name))
        await asyncio.sleep(self.outage_s)
        self.network.control_loss = control_loss
        return [
            f"{name} is in long after its removal"
            for name, client in zip(ACCOUNTS, self.clients, strict=True)
            if client.is_in
        ]

    async def _settle(self) -> None:
        """Nothing breaks any more; everyone who is out comes back, and healing gets its promised time."""
        self._bring_back()
        for _ in range(8):
            for client in self.clients:
                if client.member is None:
                    self.spawn(self._connect(client))
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
                client.died()
        await node.close()
        await self._start_node()


def run_world(seed: int, *, steps: int = 60, **options: Any) -> list[str]:
    """What went wrong in the world of `seed`."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        return runner.run(World(seed, **options).run(steps))
