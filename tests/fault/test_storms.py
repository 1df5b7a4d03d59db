"""Many clients at once, over the cell: they come back all together, or come and go without end (I3, I4)."""

import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from hub.embedded import Postgres
from tests.fault.conftest import OpenCell
from tests.support.cell import Cell, admin_of, migrated, socket_of
from tests.support.crowd import States, Viewer, raise_file_limit
from tests.support.statements import Statements
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(180)]


def told(viewers: Sequence[Viewer]) -> Counter[str]:
    return sum((one.told for one in viewers), Counter())


@contextlib.asynccontextmanager
async def crowd(
    cell: Cell, count: int, where: Callable[[], int], *, spread_s: float = 1.0
) -> AsyncIterator[list[Viewer]]:
    """Viewers who are all there when the block begins."""
    raise_file_limit()
    states = States()
    viewers = [Viewer(where, cell.channel, states) for _ in range(count)]
    for viewer in viewers:
        viewer.come(random.uniform(0, count / 1_000))
    try:
        await wait_until(lambda: all(one.is_subscribed for one in viewers), within_s=90, every_s=0.1)
        yield viewers
    finally:
        for viewer in viewers:
            viewer.stop()


async def expect_equal(cell: Cell, viewers: Sequence[Viewer], within_s: float = 60) -> None:
    """Everybody has folded what the database holds, told each offset once and in order."""
    wanted = await cell.snapshot()
    try:
        await wait_until(lambda: all(one.position == wanted for one in viewers), within_s=within_s, every_s=0.1)
    finally:
        faults: Counter[str] = sum((one.faults for one in viewers), Counter())
        print(f"{len(viewers)} viewers:", dict(told(viewers)), "faults", dict(faults))  # noqa: T201
    assert not faults


async def test_n5_a_thousand_come_back_at_once_and_cost_the_database_nothing(
    open_a_cell: OpenCell, own_postgres: Postgres, server_directory
) -> None:
    """One of two nodes is killed; who was on it finds the other."""
    database = await migrated(own_postgres)
    statements = Statements(own_postgres, server_directory.path / "postgres.log")
    await statements.watch()
    async with open_a_cell(nodes=2, socket_of_postgres=socket_of(own_postgres), database=database) as cell:
        ports = [node.hub.port for node in cell.nodes]
        async with crowd(cell, 1_000, lambda: random.choice(ports)) as viewers:
            await cell.change(3, where=cell.at(1))
            await expect_equal(cell, viewers)
            there = told(viewers)
            statements.mark()
            started = time.monotonic()
            del ports[0]
            cell.avoided = {0}
            await cell.nodes[0].hub.kill()
            await wait_until(lambda: told(viewers)["end None"] > 0, within_s=20)
            await wait_until(lambda: all(one.is_subscribed for one in viewers), within_s=60, every_s=0.05)
            took_s = time.monotonic() - started
            asked = statements.since_mark()
            moved = told(viewers)["end None"]
            print(f"{moved} came back in {took_s:.1f} s; the database was asked {sum(asked.values())} times")  # noqa: T201
            print(asked.most_common(8))  # noqa: T201
            assert moved >= 300, "half of them were there"
            assert told(viewers)["recoveries"] - there["recoveries"] == moved, "nobody needed a snapshot"
            assert sum(asked.values()) <= 50
            await cell.change(3, where=cell.at(1))
            await expect_equal(cell, viewers)
            assert {name for name in told(viewers) if name.startswith("error")} == set()
            assert "Traceback" not in cell.nodes[1].hub.log


async def test_n6_clients_who_come_and_go_without_end_leave_the_broker_alone(open_a_cell: OpenCell) -> None:
    """An empty channel lingers, so that reloads and flapping networks cost no subscription to Redis."""
    async with open_a_cell(nodes=1) as cell, admin_of(cell.valkey) as admin:
        port = cell.nodes[0].hub.port

        async def calls() -> int:
            stats = await admin.info("commandstats")
            return sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("subscribe", "unsubscribe"))

        states = States()
        before, started, rounds = await calls(), time.monotonic(), 0
        while rounds < 8:
            viewers = [Viewer(lambda: port, cell.channel, states) for _ in range(100)]
            for viewer in viewers:
                viewer.come()
            await wait_until(lambda viewers=viewers: all(one.is_subscribed for one in viewers), within_s=60)
            for viewer in viewers:
                viewer.stop()
            rounds += 1
        took_s = time.monotonic() - started
        made = await calls() - before
        print(f"{rounds * 100} came and went in {took_s:.1f} s; SUBSCRIBE and UNSUBSCRIBE: {made}")  # noqa: T201
        assert made <= 2
        assert "Traceback" not in cell.nodes[0].hub.log
