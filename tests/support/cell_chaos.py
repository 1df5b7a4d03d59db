"""Faults of the plan, drawn at random over one cell; each is healed before the next or beside it."""

import asyncio
import random
import time

from hub.embedded import Postgres
from tests.support.cell import Cell, CellNode, admin_of
from tests.support.waiting import wait_until


class Chaos:
    """`random.Random(seed)` chooses; `cell.fired` counts."""

    def __init__(self, cell: Cell, postgres: Postgres, seed: int) -> None:
        self._cell = cell
        self._postgres = postgres
        self._rng = random.Random(seed)

    async def run(self, *, for_s: float, every_s: float) -> None:
        """Every fault once, in any order, and then whatever comes, until the time is over; healed at the end."""
        faults = [self.kill_node, self.kill_redis, self.kill_links, self.half_open_link, self.restart_database]
        self._rng.shuffle(faults)
        waiting = list(faults)
        ends_at = time.monotonic() + for_s
        while waiting or time.monotonic() < ends_at:
            fault = waiting.pop() if waiting else self._rng.choice(faults)
            await fault()
            await asyncio.sleep(self._rng.uniform(0.5, 1.5) * every_s)
        await asyncio.gather(*(node.hub.wait_ready(within_s=60) for node in self._cell.nodes))

    async def kill_node(self) -> None:
        """F1."""
        number = self._rng.randrange(len(self._cell.nodes))
        hub = self._cell.nodes[number].hub
        self._cell.avoided.add(number)
        await hub.kill()
        hub.launch()
        self._cell.fired["node killed"] += 1
        await hub.wait_ready(within_s=60)
        self._cell.avoided.discard(number)

    async def kill_redis(self) -> None:
        """F9."""
        await asyncio.to_thread(self._cell.valkey.kill)
        await asyncio.sleep(self._rng.uniform(0.1, 1.0))
        await asyncio.to_thread(self._cell.valkey.start)
        self._cell.fired["redis killed"] += 1

    async def kill_links(self) -> None:
        """F11."""

        async def are_killed() -> bool:
            async with admin_of(self._cell.valkey) as admin:
                return await admin.client_kill_filter(_type="pubsub") > 0

        await wait_until(are_killed, within_s=20, every_s=0.1)
        self._cell.fired["links killed"] += 1

    async def half_open_link(self) -> None:
        """F13, until the node has noticed."""
        node = self._rng.choice(self._cell.nodes)
        accepted = node.redis.accepted
        node.redis.lose("down")
        await wait_until(lambda: node.redis.accepted > accepted, within_s=20)
        node.redis.pass_on()
        node.redis.reset()
        self._cell.fired["half open"] += 1

    async def restart_database(self) -> None:
        """F19."""
        await asyncio.to_thread(self._postgres.kill if self._rng.random() < 0.5 else self._postgres.stop)
        await asyncio.sleep(self._rng.uniform(0.1, 1.0))
        await asyncio.to_thread(self._postgres.start)
        self._cell.fired["database restarted"] += 1


def all_run(nodes: list[CellNode]) -> bool:
    return all(node.hub.is_running for node in nodes)
