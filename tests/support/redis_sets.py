"""Several real Valkeys: a Cluster of masters, or a master with a replica and Sentinels, on free loopback ports."""

import contextlib
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from hub.children import Guard, kill_group, spawn
from hub.embedded import _valkey_program
from tests.support.hub import free_port
from tests.support.waiting import wait_until

SLOTS = 16_384


@dataclass
class Member:
    """One server; `role` is what it was started as."""

    folder: Path
    role: str
    port: int = field(default_factory=free_port)
    bus_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    async def start(self, guard: Guard, *options: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        fixed = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--daemonize", "no"]
        command = [str(_valkey_program()), *options, *fixed, "--save", "", "--appendonly", "no"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = spawn(command, output=log)
        guard.watch(self.process.pid)

        async def answers() -> bool:
            with contextlib.suppress(RedisError, OSError):
                return bool(await self.ask("PING"))
            return False

        await wait_until(answers, within_s=40)

    async def ask(self, *words: str | int) -> Any:
        async with Redis(port=self.port, decode_responses=True, socket_timeout=20) as client:
            return await client.execute_command(*words)  # type: ignore[no-untyped-call]

    async def known(self) -> set[str]:
        """Names of the cluster's nodes that this one knows; during a handshake a node has a name made up for it."""
        rows = [row.split() for row in (await self.ask("CLUSTER", "NODES")).splitlines()]
        return {name for name, _, flags, *_ in rows if "handshake" not in flags.split(",")}

    def kill(self) -> None:
        if self.process is not None:
            kill_group(self.process.pid)
            self.process.wait()
            self.process = None


@dataclass
class Cluster:
    """Masters that share the slots evenly, then replicas of the first ones."""

    members: list[Member]
    masters: int
    guard: Guard

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{one.port}" for one in self.members)

    async def start(self) -> None:
        """Returns when every node says that the cluster is whole."""
        masters = self.masters
        options = [
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            "1500",
            "--cluster-replica-validity-factor",
            "0",
        ]
        for one in self.members:
            await one.start(
                self.guard, *options, "--cluster-port", str(one.bus_port), "--repl-diskless-sync-delay", "0"
            )
        for number, one in enumerate(self.members[:masters]):
            await one.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            ends = (SLOTS * number // masters, SLOTS * (number + 1) // masters - 1)
            await one.ask("CLUSTER", "ADDSLOTSRANGE", *ends)
        await wait_until(self._have_all_met, within_s=60, every_s=0.1)
        for replica, master in zip(self.members[masters:], self.members, strict=False):
            await replica.ask("CLUSTER", "REPLICATE", await master.ask("CLUSTER", "MYID"))
        await wait_until(self.is_whole, within_s=60)

    async def is_whole(self, *, without: Sequence[Member] = ()) -> bool:
        alive = [one for one in self.members if one not in without]
        states = [await one.ask("CLUSTER", "INFO") for one in alive]
        return all("cluster_state:ok" in state for state in states)

    async def owner_of(self, slot: int) -> Member:
        for first, last, master, *_ in await self.members[-1].ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(one for one in self.members if one.port == master[1])
        raise AssertionError(f"nobody owns slot {slot}")

    async def move_slot(self, slot: int, target: Member) -> None:
        """Hand an empty slot over, as `--cluster reshard` does."""
        source = await self.owner_of(slot)
        target_id, source_id = await target.ask("CLUSTER", "MYID"), await source.ask("CLUSTER", "MYID")
        await target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        await source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        for one in (target, source):
            await one.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id)

    async def _have_all_met(self) -> bool:
        """Whether every node knows every other by its name; whoever does not is told again: a handshake runs out."""
        names = {one.port: await one.ask("CLUSTER", "MYID") for one in self.members}
        known = {one.port: await one.known() for one in self.members}
        strangers = [
            (one, other)
            for one, other in permutations(self.members, 2)  # all pairs: waiting for gossip takes longer
            if names[other.port] not in known[one.port]
        ]
        for one, other in strangers:
            await one.ask("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus_port)
        return not strangers

    def close(self) -> None:
        for one in self.members:
            one.kill()


def make_cluster(folder: Path, guard: Guard, *, masters: int = 3, replicas: int = 0) -> Cluster:
    members = [Member(folder / f"node-{number}", "node") for number in range(masters + replicas)]
    return Cluster(members, masters, guard)


@contextlib.asynccontextmanager
async def redis_cluster(folder: Path, guard: Guard, *, masters: int = 3, replicas: int = 0) -> AsyncIterator[Cluster]:
    cluster = make_cluster(folder, guard, masters=masters, replicas=replicas)
    try:
        await cluster.start()
        yield cluster
    finally:
        cluster.close()


@dataclass
class SentinelSet:
    """A master called `hub`, a replica of it, and Sentinels that agree within a second or two."""

    servers: list[Member]
    sentinels: list[Member]

    @property
    def url(self) -> str:
        return "redis+sentinel://" + ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels) + "/hub/0"

    async def master(self) -> Member:
        _, port = await self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "hub")
        return next(one for one in self.servers if one.port == int(port))

    async def start(self, guard: Guard) -> None:
        master, replica = self.servers
        await master.start(guard)
        await replica.start(guard, "--replicaof", "127.0.0.1", str(master.port))
        for one in self.sentinels:
            one.folder.mkdir(parents=True, exist_ok=True)
            config = one.folder / "sentinel.conf"
            config.write_text(
                f"sentinel monitor hub 127.0.0.1 {master.port} {len(self.sentinels) // 2 + 1}\n"
                "sentinel down-after-milliseconds hub 1000\n"
                "sentinel failover-timeout hub 3000\n"
            )
            await one.start(guard, str(config), "--sentinel")

        async def is_watched() -> bool:
            for one in self.sentinels:
                facts = _pairs(await one.ask("SENTINEL", "MASTER", "hub"))
                replicas = [_pairs(row) for row in await one.ask("SENTINEL", "REPLICAS", "hub")]
                links = [replica.get("master-link-status") for replica in replicas]
                if links != ["ok"] or int(facts["num-other-sentinels"]) != len(self.sentinels) - 1:
                    return False
            return True

        await wait_until(is_watched, within_s=60, every_s=0.1)

    def close(self) -> None:
        for one in [*self.sentinels, *self.servers]:
            one.kill()


@contextlib.asynccontextmanager
async def sentinel_set(folder: Path, guard: Guard, *, sentinels: int = 1) -> AsyncIterator[SentinelSet]:
    made = SentinelSet(
        [Member(folder / name, name) for name in ("first", "second")],
        [Member(folder / f"sentinel-{number}", "sentinel") for number in range(sentinels)],
    )
    try:
        await made.start(guard)
        yield made
    finally:
        made.close()


def _pairs(row: Any) -> dict[str, str]:
    """RESP2 has lists where RESP3 has maps."""
    return row if isinstance(row, dict) else dict(zip(row[::2], row[1::2], strict=True))
