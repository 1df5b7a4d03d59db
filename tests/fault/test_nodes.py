"""G1, over the cell: a hub process is killed, frozen or sent away, and its viewers lose nothing."""

import pytest

from tests.fault.conftest import OpenCell
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(180)]


async def test_f1_a_node_killed_under_load_costs_its_viewers_a_reconnect(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=3) as cell:
        await cell.add_viewers(24, streams=3)
        cell.write()
        await cell.flowed(10)
        cell.avoided.add(1)
        await cell.nodes[1].hub.kill()
        cell.fired["killed"] += 1
        await cell.flowed(20)
        await cell.expect_equal()
        cell.expect_clean()
        ended = [viewer for viewer in cell.viewers if viewer.fold.told["end None"]]
        assert ended, "somebody was on that node"


async def test_f2_a_frozen_node_is_left_and_says_nothing_stale_when_it_wakes(open_a_cell: OpenCell) -> None:
    """Shortened: viewers wait for 5 s of silence instead of 35."""
    async with open_a_cell(nodes=2) as cell:
        await cell.add_viewers(10, cell.at(0))
        await cell.add_viewers(10, cell.at(1))
        cell.write(where=cell.at(1))
        await cell.flowed(10)
        left = cell.viewers[:10]
        for viewer in left:
            viewer._where = cell.at(1)  # where they go when they have given up on the frozen one
        cell.nodes[0].hub.pause()
        cell.fired["frozen"] += 1
        await wait_until(lambda: all(one.fold.told["end None"] >= 1 and one.is_subscribed for one in left), within_s=30)
        cell.nodes[0].hub.resume()
        cell.fired["resumed"] += 1
        await cell.add_viewers(5, cell.at(0))
        await cell.flowed(10)
        await cell.expect_equal()
        cell.expect_clean()
        assert cell.nodes[0].hub.is_running, "frozen is not stuck: the watchdog leaves it alone"
