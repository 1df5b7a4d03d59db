"""Rows of the fault plan that take their time, over the cell; the short ones are in the folder above."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx2
import pytest

from hub.embedded import Postgres
from hub.engine.watchdog import EXIT_CODE
from tests.fault.conftest import OpenCell
from tests.fault.test_drain import contents_read
from tests.support.cell import Cell, admin_of, migrated, socket_of
from tests.support.cell_chaos import Chaos, all_run
from tests.support.hub import HubProcess
from tests.support.statements import Statements
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.long, pytest.mark.timeout(900)]


class StallingHub(HubProcess):
    module = "tests.support.stalling_hub"

    def stall(self) -> None:
        os.kill(self.pid, signal.SIGUSR1)


async def readiness(cell: Cell, number: int) -> dict[str, str]:
    async with httpx2.AsyncClient(base_url=cell.nodes[number].address, timeout=10) as client:
        checks: dict[str, str] = (await client.get("/readyz")).json()["checks"]
        return checks


@pytest.fixture
async def own_options(own_postgres: Postgres) -> dict[str, object]:
    """For rows that break PostgreSQL."""
    return {"socket_of_postgres": socket_of(own_postgres), "database": await migrated(own_postgres)}


async def test_f3_a_loop_that_stands_still_for_3_s_is_reported_and_delays_only_its_own(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2, env={"TEST_STALL_S": "3"}, make_process=StallingHub) as cell:
        await cell.add_viewers(10, cell.at(0))
        await cell.add_viewers(10, cell.at(1))
        cell.write(where=cell.at(1))
        await cell.flowed(10)
        cell.nodes[0].hub.stall()
        await wait_until(lambda: "the event loop has stood still" in cell.nodes[0].hub.log, within_s=20)
        cell.fired["stalled"] += 1
        await wait_until(lambda: "the event loop runs again" in cell.nodes[0].hub.log, within_s=20)
        async with httpx2.AsyncClient(base_url=cell.nodes[0].address) as client:
            figures = (await client.get("/metrics")).text
        gap_s = next(
            float(line.split()[1]) for line in figures.splitlines() if line.startswith("hub_loop_gap_seconds ")
        )
        assert gap_s > 2
        await cell.flowed(10)
        await cell.expect_equal()
        cell.expect_clean()


async def test_f3_a_loop_that_stays_still_ends_its_process(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2, env={"TEST_STALL_S": "60"}, make_process=StallingHub) as cell:
        await cell.add_viewers(10, cell.at(0))
        cell.write(where=cell.at(1))
        for viewer in cell.viewers:
            viewer._where = cell.at(1)
        hub = cell.nodes[0].hub
        process = hub._process
        hub.stall()
        cell.fired["stalled"] += 1
        await wait_until(lambda: not hub.is_running, within_s=40)
        assert process.returncode == EXIT_CODE
        assert "stand_still" in hub.log, "the log says where"
        cell.avoided.add(0)
        await cell.flowed(10)
        await cell.expect_equal()
        cell.expect_clean()


async def test_f9_redis_away_for_a_minute(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2) as cell:
        await cell.add_viewers(20, streams=3)
        cell.write(every_s=0.5)
        await cell.flowed(8)
        await asyncio.to_thread(cell.valkey.kill)
        cell.fired["killed"] += 1
        await asyncio.sleep(60)
        assert "ok" not in (await readiness(cell, 0))["redis"]
        await asyncio.to_thread(cell.valkey.start)
        await wait_until_ready(cell)
        await cell.expect_equal(within_s=20)
        cell.expect_clean()


async def test_f10_redis_frozen_for_70_s(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2) as cell:
        await cell.add_viewers(20, streams=3)
        cell.write(every_s=0.5)
        await cell.flowed(8)
        cell.valkey.pause()
        cell.fired["frozen"] += 1
        await asyncio.sleep(70)
        cell.valkey.resume()
        await wait_until_ready(cell)
        await cell.expect_equal(within_s=20)
        cell.expect_clean()
        assert max(cell.writers.seconds) < 3


async def test_f17_a_changed_password_makes_the_node_unready_and_loses_nothing(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2) as cell, admin_of(cell.valkey) as admin:
        await cell.add_viewers(10)
        cell.write()
        await cell.flowed(5)
        await admin.config_set("requirepass", "changed")
        cell.fired["links killed"] += await admin.client_kill_filter(_type="pubsub")
        await wait_until(lambda: "NOAUTH" in cell.nodes[0].hub.log, within_s=20)
        assert (await readiness(cell, 0))["redis"] != "ok"
        await cell.flowed(5)
        await admin.config_set("requirepass", "")
        await wait_until_ready(cell)
        await cell.expect_equal()
        cell.expect_clean()


async def test_f17_f18_a_full_and_then_emptied_redis_carries_on(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2) as cell, admin_of(cell.valkey) as admin:
        await cell.add_viewers(10)
        cell.write()
        await admin.config_set("maxmemory", "1mb")
        await cell.flowed(10)
        cell.fired["refused"] += (await admin.info("errorstats")).get("errorstat_OOM", {}).get("count", 0)
        await admin.config_set("maxmemory", "0")
        await admin.flushall()
        cell.fired["flushed"] += 1
        await cell.flowed(10)
        await cell.expect_equal()
        cell.expect_clean()


async def test_f20_a_frozen_database_gets_clear_answers_and_costs_no_viewer(
    open_a_cell: OpenCell, own_postgres: Postgres, own_options: dict[str, object]
) -> None:
    async with open_a_cell(nodes=2, **own_options) as cell:
        await cell.add_viewers(12)
        cell.write()
        await cell.flowed(5)
        await cell.writers.stop()
        own_postgres.pause()
        cell.fired["frozen"] += 1
        try:
            waits = [await timed_answer(cell, number % 2) for number in range(6)]
        finally:
            own_postgres.resume()
        print(waits)  # noqa: T201
        # A statement may take 10 s (hub/services/database.py) and a new connection 2 s.
        assert all(status == 503 and took_s < 15 for status, took_s in waits)
        cell.write()
        await cell.flowed(5, within_s=60)
        await cell.expect_equal(within_s=60)
        cell.expect_clean()
        assert all(viewer.fold.told["snapshots"] == 1 for viewer in cell.viewers), "nobody started anew"


async def test_f23_a_new_epoch_gives_every_viewer_a_snapshot(
    open_a_cell: OpenCell, own_postgres: Postgres, own_options
) -> None:
    """What the run-book says to do after an older state was restored: here ten changes are forgotten."""
    async with open_a_cell(nodes=2, **own_options) as cell:
        await cell.add_viewers(12)
        await cell.change(10)
        await wait_until(lambda: all(viewer.fold.told["publications"] == 10 for viewer in cell.viewers), within_s=30)
        async with superuser(own_postgres) as connection, connection.transaction():
            await connection.execute(
                "DELETE FROM event WHERE off > (SELECT head - 10 FROM channel WHERE id = channel_id)"
            )
            await connection.execute("UPDATE channel SET head = head - 10 WHERE head >= 10")
            await connection.execute("UPDATE channel SET epoch = substr(md5(random()::text), 1, 12)")
        cell.fired["restored"] += 1
        await cell.change(3)
        await cell.expect_equal(within_s=30)
        cell.expect_clean()
        assert all(viewer.fold.told["snapshots"] == 2 for viewer in cell.viewers)


async def test_f24_a_database_without_free_connections(
    open_a_cell: OpenCell, own_postgres: Postgres, own_options: dict[str, object]
) -> None:
    async with open_a_cell(nodes=2, **own_options) as cell:
        await cell.add_viewers(12)
        cell.write()
        await cell.flowed(5)
        async with crowd(own_postgres) as count:
            cell.fired["connections taken"] += count
            await cell.flowed(10, within_s=60)  # by the connections that the nodes have
            assert len(await asyncio.gather(*(timed_answer(cell, 0) for _ in range(30)))) == 30
        await cell.flowed(10, within_s=60)
        await cell.expect_equal(within_s=60)
        cell.expect_clean()
        assert cell.writers.answers.keys() <= {"200", "503"}


async def test_f25_a_slow_database_of_one_node_holds_up_nobody_elsewhere(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2) as cell:
        await cell.add_viewers(12)
        cell.write(where=cell.at(1))
        await cell.flowed(5)
        cell.nodes[0].database.delay_s = 0.2  # each way, each packet
        cell.fired["slowed"] += 1
        await cell.flowed(20, within_s=60)
        assert cell.writers.answers.keys() == {"200"}
        cell.nodes[0].database.delay_s = 0.0
        await cell.expect_equal(within_s=60)
        cell.expect_clean()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_f33_everything_at_once_for_a_minute(
    open_a_cell: OpenCell, own_postgres: Postgres, own_options: dict[str, object], seed: int
) -> None:
    async with open_a_cell(nodes=3, **own_options) as cell:
        await cell.add_viewers(40, streams=5)
        cell.write()
        await cell.flowed(5)
        await Chaos(cell, own_postgres, seed).run(for_s=60, every_s=2)
        await cell.flowed(5)
        print(f"ttr {await cell.expect_equal(within_s=60):.1f} s")  # noqa: T201
        cell.expect_clean()
        assert cell.writers.answers.keys() <= {"200", "503", "unknown"}
        assert all_run(cell.nodes)


async def test_a_rolling_restart_of_two_nodes_under_2000_clients_asks_the_database_as_if_they_were_few(
    open_a_cell: OpenCell, own_postgres: Postgres, own_options: dict[str, object], server_directory
) -> None:
    clients = 2_000
    statements = Statements(own_postgres, server_directory.path / "postgres.log")
    await statements.watch()
    async with open_a_cell(nodes=2, env={"HUB_DRAIN_S": "10"}, **own_options) as cell:
        for _ in range(clients // 100):
            await cell.add_viewers(100)
        cell.write(writers=1, every_s=1.0)
        await cell.flowed(2)
        asked = []
        for number, node in enumerate(cell.nodes):
            cell.avoided = {number}
            statements.mark()
            before = cell.writers.acknowledged
            assert await node.hub.stop(within_s=60) == 0
            cell.fired["left"] += 1
            await wait_until(lambda: all(viewer.is_subscribed for viewer in cell.viewers), within_s=120)
            counted = statements.since_mark()
            asked.append((contents_read(counted), sum(counted.values()), cell.writers.acknowledged - before))
            await node.hub.start()
            cell.avoided.clear()
        await cell.expect_equal(within_s=120)
        cell.expect_clean()
        print(asked)  # noqa: T201
        assert all(contents <= 30 + 10 * changes for contents, _, changes in asked), asked
        assert all(0 < reads <= 2 * clients for _, reads, _ in asked), asked


async def wait_until_ready(cell: Cell) -> None:
    await asyncio.gather(*(node.hub.wait_ready(within_s=30) for node in cell.nodes))


async def timed_answer(cell: Cell, number: int) -> tuple[int | None, float]:
    """Status of one read by REST (None: no answer) and how long it took."""
    started = time.monotonic()
    status: int | None = None
    try:
        async with httpx2.AsyncClient(base_url=cell.nodes[number].address, timeout=20) as client:
            status = (await client.get(f"/api/v1/pages/{cell.slug}/history?after=0")).status_code
    except httpx2.TransportError:
        pass
    return status, time.monotonic() - started


@asynccontextmanager
async def superuser(postgres: Postgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres.url_of("hub", user="postgres"))
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def crowd(postgres: Postgres) -> AsyncIterator[int]:
    """Somebody else takes every connection that is left."""
    taken: list[asyncpg.Connection] = []
    try:
        while True:
            taken.append(await asyncpg.connect(postgres.url_of("hub")))
    except asyncpg.TooManyConnectionsError:
        yield len(taken)
    finally:
        for connection in taken:
            await connection.close()
