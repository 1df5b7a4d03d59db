"""The rows about crowds at their full length: as many clients as this machine lets one process open, up to the plan's.

They print what they measured (N5, N7, N8, N2, W14); how fast a machine is, is not what they assert.
"""

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from benchmarks.processes import BenchError, Load
from benchmarks.targets import message
from hub.embedded import Postgres
from hub.engine.options import ChannelOptions
from hub.engine.redis_client import make_client
from hub.engine.streams_redis import RedisStreams
from tests.fault.conftest import OpenCell
from tests.fault.test_storms import crowd, expect_equal, told
from tests.support.arena import CHANNELS, PATIENCE_S, Arena, open_arena, watched
from tests.support.cell import migrated, socket_of
from tests.support.crowd import CONNECT, RawClient, States, Viewer, open_all, raise_file_limit, text
from tests.support.pauses import Pauses
from tests.support.servers import Servers
from tests.support.statements import Statements
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.long, pytest.mark.timeout(900)]

SPARE_FILES = 1_000
MEMBERS = 20_000
HOLD_S = 60.0


@pytest.fixture(scope="module")
def arena(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    with open_arena(servers, tmp_path_factory.mktemp("hub"), {"HUB_CONNECT_DEADLINE_S": "60"}) as arena:
        yield arena


def as_many_as_may_be(wanted: int) -> int:
    return min(wanted, raise_file_limit() - SPARE_FILES)


class Metronome(RawClient):
    """Publishes its time in a plain channel again and again, and hears itself."""

    def __init__(self, channel: str) -> None:
        super().__init__(CONNECT + text({"id": 2, "subscribe": {"channel": channel}}), keeps=False)
        self.took_s: list[float] = []
        self._channel = channel

    def on_message(self, payload: bytes) -> None:
        for line in payload.splitlines():
            publication = json.loads(line).get("push", {}).get("pub")
            if publication is not None:
                self.took_s.append(time.monotonic() - publication["data"])

    async def tick(self) -> None:
        await wait_until(lambda: self.received >= 2, within_s=PATIENCE_S)
        while not self.is_gone:
            self.say(text({"id": 3, "publish": {"channel": self._channel, "data": time.monotonic()}}))
            await asyncio.sleep(0.1)


def figures(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p50, p99 = (ordered[int(len(ordered) * share)] * 1e3 for share in (0.5, 0.99))
    return f"{len(ordered)}: p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {ordered[-1] * 1e3:.0f} ms"


async def test_n5_ten_thousand_come_back_at_once(
    open_a_cell: OpenCell, own_postgres: Postgres, server_directory, tmp_path: Path
) -> None:
    database = await migrated(own_postgres)
    statements = Statements(own_postgres, server_directory.path / "postgres.log")
    await statements.watch()
    channels = tmp_path / "channels.json"
    channels.write_text(json.dumps(CHANNELS))
    options = {"socket_of_postgres": socket_of(own_postgres), "database": database}
    async with open_a_cell(
        nodes=2, env={"HUB_CHANNELS_FILE": str(channels), "HUB_PING_INTERVAL_S": "25"}, **options
    ) as cell:
        ports = [node.hub.port for node in cell.nodes]
        async with crowd(cell, as_many_as_may_be(10_000), lambda: random.choice(ports)) as viewers:
            other = Metronome("plain:beside")
            await open_all([other], ports[1])
            ticking = asyncio.create_task(other.tick())
            await cell.change(3, where=cell.at(1))
            await expect_equal(cell, viewers)
            before = told(viewers)
            other.took_s.clear()
            statements.mark()
            started = time.monotonic()
            del ports[0]
            cell.avoided = {0}
            await cell.nodes[0].hub.kill()
            await wait_until(lambda: told(viewers)["end None"] > 0, within_s=60, every_s=0.5)
            await wait_until(lambda: all(one.is_subscribed for one in viewers), within_s=180, every_s=0.2)
            took_s = time.monotonic() - started
            asked = statements.since_mark()
            moved = told(viewers)["end None"]
            print(f"{moved} back in {took_s:.1f} s; database asked {sum(asked.values())} times: {asked.most_common(4)}")  # noqa: T201
            print("publications of others meanwhile, with this process's own pauses:", figures(other.took_s))  # noqa: T201
            assert told(viewers)["recoveries"] - before["recoveries"] == moved
            assert sum(asked.values()) <= 50
            await cell.change(3, where=cell.at(1))
            await expect_equal(cell, viewers, within_s=120)
            ticking.cancel()


class Idle(RawClient):
    """Subscribed, and notes when it was pinged."""

    def __init__(self, channel: str, pings: list[float]) -> None:
        super().__init__(CONNECT + text({"id": 2, "subscribe": {"channel": channel}}), keeps=False)
        self._pings = pings

    def on_message(self, payload: bytes) -> None:
        if payload == b"{}":
            self._pings.append(time.monotonic())


async def test_n7_idle_clients_cost_little_and_their_pings_are_spread(arena: Arena) -> None:
    count = as_many_as_may_be(MEMBERS)
    hub = psutil.Process(arena.hub.pid)
    pings: list[float] = []
    warm = [Idle("plain:idle", pings) for _ in range(200)]
    await open_all(warm, arena.hub.port)
    await wait_until(lambda: all(client.received >= 2 for client in warm), within_s=PATIENCE_S)
    before = hub.memory_info().rss
    clients = [Idle("plain:idle", pings) for _ in range(count)]
    started = time.monotonic()
    await open_all(clients, arena.hub.port)
    await wait_until(lambda: all(client.received >= 2 for client in clients), within_s=180, every_s=0.5)
    opened_s = time.monotonic() - started
    each_kb = (hub.memory_info().rss - before) / count / 1e3
    pings.clear()
    async with Pauses().running() as pauses:
        await asyncio.sleep(HOLD_S)
    seconds = Counter(int(at) for at in pings)
    most = max(seconds.values())
    kept = sum(client.is_open for client in clients)
    print(  # noqa: T201
        f"{count} in {opened_s:.1f} s, {each_kb:.1f} KB each; {len(pings)} pings in {HOLD_S:.0f} s, at most {most}"
        f" in a second ({most / count:.1%}); own pauses up to {pauses.longest_s:.2f} s"
    )
    for client in [*warm, *clients]:
        client.leave()
    assert kept == count
    assert each_kb <= 40
    assert most / count <= 0.08 * (1 + pauses.longest_s)
    assert len(pings) >= count * (HOLD_S / 25 - 1)


@pytest.mark.parametrize("rate_per_s", [5, 50])
async def test_n8_one_channel_with_as_many_members_as_may_be(arena: Arena, servers: Servers, rate_per_s: int) -> None:
    """The members are a program in C; 50/s to 20,000 is more than one core can write, which is why it only prints."""
    count, seconds = as_many_as_may_be(MEMBERS), 10
    subscribe = json.dumps({"id": 2, "subscribe": {"channel": "kept:n8"}})
    line = f'{{"id":1,"connect":{{}}}}\t"connect":\t{subscribe}\t"subscribe":'
    options = ChannelOptions(history_size=20, history_ttl_s=60.0, has_recovery=True)
    redis = make_client(servers.valkey.url)
    streams = RedisStreams(redis, is_sharded=False)
    with Load(arena.hub.port, "/connection/websocket", [line]) as load:
        await asyncio.to_thread(load.open, count)
        await asyncio.to_thread(load.reset)
        started = time.monotonic()
        for number in range(1, rate_per_s * seconds + 1):
            await streams.publish("kept:n8", message(number), options, time_ms=0)
            await asyncio.sleep(max(0.0, started + number / rate_per_s - time.monotonic()))
        took_s = time.monotonic() - started
        with contextlib.suppress(BenchError):
            while await asyncio.to_thread(load.got) < rate_per_s * seconds:
                pass
        stats = await asyncio.to_thread(load.stats)
        async with httpx2.AsyncClient(base_url=arena.hub.base_url, timeout=30) as client:
            lines = (await client.get("/metrics")).text.splitlines()
        gap = next(one for one in lines if one.startswith("hub_loop_gap_seconds "))
        print(  # noqa: T201
            f"{count} members, {rate_per_s}/s for {took_s:.1f} s: {stats.messages} of {count * rate_per_s * seconds}"
            f" deliveries, p50 {stats.p50_us / 1e3:.0f} ms, p99 {stats.p99_us / 1e3:.0f}, max {stats.max_us / 1e3:.0f};"
            f" {gap}"
        )
        assert stats.disorders == 0
    await redis.aclose()


async def test_n2_a_reader_of_one_kilobyte_a_second(open_a_cell: OpenCell) -> None:
    """How old what it reads is: printed, as most of it is a matter of the kernels in between."""
    async with open_a_cell(nodes=1) as cell:
        port = cell.nodes[0].hub.port
        states = States()
        quick = Viewer(lambda: port, cell.channel, states)
        slow = Viewer(lambda: port, cell.channel, states, pause_s=4.0, receive_buffer=4_096)
        for viewer in (quick, slow):
            viewer.come()
        await wait_until(lambda: quick.is_subscribed and slow.is_subscribed, within_s=60)
        cell.write(writers=4, every_s=0.05)
        oldest_s, known_at = 0.0, {}
        ends_at = time.monotonic() + 120
        while time.monotonic() < ends_at:
            known_at.setdefault(quick.offset, time.monotonic())
            behind = [at for offset, at in known_at.items() if offset > slow.offset]
            oldest_s = max(oldest_s, time.monotonic() - min(behind)) if behind else oldest_s
            await asyncio.sleep(0.1)
        slow.read_every(0.05)
        await cell.writers.stop()
        await expect_equal(cell, [quick, slow])
        print(f"at most {oldest_s:.1f} s behind; slow {dict(slow.told)}; quick {dict(quick.told)}")  # noqa: T201
        assert quick.told["snapshots"] == 1
        for viewer in (quick, slow):
            viewer.stop()


async def test_w14_a_thousand_commands_a_second_from_ten_clients_at_a_time_for_half_a_minute(arena: Arena) -> None:
    async with watched(arena, "kept") as kept:
        beside = Metronome("plain:beside")
        await open_all([beside], arena.hub.port)
        ticking = asyncio.create_task(beside.tick())
        await wait_until(lambda: len(beside.took_s) >= 50, within_s=PATIENCE_S)
        print("alone:", figures(beside.took_s))  # noqa: T201
        beside.took_s.clear()
        commands = [
            {"id": 2, "subscribe": {"channel": kept.channel}},
            {"id": 3, "unsubscribe": {"channel": kept.channel}},
            {"id": 4, "history": {"channel": kept.channel, "limit": -1}},
            {"id": 5, "publish": {"channel": "plain:other", "data": 1}},
            {"id": 6, "subscribe": {"channel": "x" * 256}},
        ]
        frames = b"".join(map(text, commands)) * 2
        ends_at, said, ends = time.monotonic() + 30, 0, Counter[int | None]()
        floods: list[RawClient] = []
        while time.monotonic() < ends_at:
            ends.update(client.close_code for client in floods if client.is_gone)
            floods = [client for client in floods if not client.is_gone]
            missing = [RawClient(CONNECT, keeps=False) for _ in range(10 - len(floods))]
            await open_all(missing, arena.hub.port)
            floods += missing
            for client in floods:
                if client.is_open:
                    client.say(frames)
                    said += 10
            await asyncio.sleep(0.1)
        ticking.cancel()
        print(f"{said / 30:.0f} commands/s; ends {dict(ends)}; beside:", figures(beside.took_s))  # noqa: T201
        assert set(ends) == {3509}
        assert not beside.is_gone
        for client in [*floods, beside]:
            client.leave()
        await kept.expect_unharmed()
