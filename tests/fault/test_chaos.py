"""G1, over the cell: everything breaks at once, and viewers join while everything changes."""

import asyncio
import json
import random

import pytest
import websockets

from hub.embedded import Postgres
from tests.fault.conftest import OpenCell
from tests.support.cell import Cell, migrated, socket_of
from tests.support.cell_chaos import Chaos, all_run
from tests.support.cell_viewers import Fold, digest

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_f33_everything_at_once(open_a_cell: OpenCell, own_postgres: Postgres) -> None:
    """Each fault once, in an order of the seed. `tests/fault/long` goes on for minutes."""
    seed = random.randrange(1_000)
    print(f"seed {seed}")  # noqa: T201
    database = await migrated(own_postgres)
    async with open_a_cell(nodes=2, socket_of_postgres=socket_of(own_postgres), database=database) as cell:
        await cell.add_viewers(16, streams=2)
        cell.write()
        await cell.flowed(5)
        await Chaos(cell, own_postgres, seed).run(for_s=0, every_s=0.5)
        await cell.flowed(5)
        await cell.expect_equal(within_s=60)
        cell.expect_clean()
        assert cell.writers.answers.keys() <= {"200", "503", "unknown"}
        assert all_run(cell.nodes)


async def test_f32_a_snapshot_and_the_changes_after_it_always_fit(open_a_cell: OpenCell) -> None:
    """Shortened: 600 joins while one page changes as fast as it can; each state is compared at its own offset."""
    async with open_a_cell(nodes=1) as cell:
        await cell.add_viewers(1)
        reference = cell.viewers[0].fold
        cell.write(writers=4, every_s=0.0)
        joined = await asyncio.gather(*(join_again_and_again(cell, times=60) for _ in range(10)))
        await cell.expect_equal()
        cell.expect_clean()
        right = {offset: shown for _, _, offset, shown in reference.log}
        states = [state for one in joined for state in one]
        assert len(states) == 600
        assert len({offset for offset, _ in states}) > 20, "the page changed meanwhile"
        known = [(offset, shown) for offset, shown in states if offset in right]
        assert len(known) > 500
        assert [offset for offset, shown in known if right[offset] != shown] == []


async def join_again_and_again(cell: Cell, times: int) -> list[tuple[int, str]]:
    """Subscribe afresh, fold a change or two, leave: what was then seen, as (offset, digest)."""
    seen: list[tuple[int, str]] = []
    url = cell.anywhere().replace("http", "ws", 1) + "/connection/websocket"
    async with websockets.connect(url, proxy=None, compression=None, ping_interval=None) as client:
        await client.send('{"id":1,"connect":{}}')
        number = 1
        while len(seen) < times:
            number += 1
            await client.send(json.dumps({"id": number, "subscribe": {"channel": cell.channel}}))
            fold = await _fold_of(client, cell.channel, number)
            seen.append((fold.offset, digest(fold.state)))
            assert not fold.faults
            await asyncio.sleep(random.uniform(0.1, 0.2))  # a client may send 20 commands a second
    return seen


async def _fold_of(client: websockets.ClientConnection, channel: str, number: int) -> Fold:
    fold = Fold()
    is_leaving = False
    async with asyncio.timeout(30):
        async for frame in client:
            for line in str(frame).splitlines():
                reply = json.loads(line)
                if not reply:
                    await client.send("{}")
                elif "error" in reply:
                    raise AssertionError(reply)
                elif "subscribe" in reply:
                    result = reply["subscribe"]
                    fold.snapshot(result["epoch"], result["offset"], result["data"])
                elif "pub" in reply.get("push", {}) and not is_leaving:
                    fold.publication(reply["push"]["pub"]["offset"], reply["push"]["pub"]["data"])
                    if fold.told["publications"] >= 2:
                        is_leaving = True
                        await client.send(json.dumps({"id": number + 10_000, "unsubscribe": {"channel": channel}}))
                elif "unsubscribe" in reply and is_leaving:
                    return fold
    raise AssertionError("the hub closed the socket")
