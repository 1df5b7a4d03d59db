"""G1, over the cell: the links to Redis break in every way, and viewers are told each change once and in order."""

import asyncio
import contextlib
import errno
import random
import socket
import statistics
import sys
from collections.abc import Iterator

import pytest

from hub.engine.broker import Message, encode_message
from hub.engine.redis_link import Server, open_link
from tests.fault.conftest import OpenCell
from tests.support.cell import admin_of
from tests.support.tampering import LosesNext, Shuffles, through
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(180)]


async def test_f11_subscriber_connections_killed_again_and_again_lose_nothing(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2) as cell, admin_of(cell.valkey) as admin:
        await cell.add_viewers(16, streams=2)
        cell.write()
        for _ in range(4):
            await cell.flowed(8)
            cell.fired["links killed"] += await admin.client_kill_filter(_type="pubsub")
        await cell.flowed(8)
        await cell.expect_equal()
        cell.expect_clean()
        assert cell.fired["links killed"] >= 4


async def test_f13_a_half_open_link_is_noticed_and_replaced(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2) as cell:
        await cell.add_viewers(8, cell.at(0))
        await cell.add_viewers(8, cell.at(1))
        cell.write(where=cell.at(1))
        await cell.flowed(5)
        link = cell.nodes[0].redis
        accepted = link.accepted
        link.lose("down")  # what it says arrives, what it is told does not; nothing is ever reset
        cell.fired["half open"] += 1
        await wait_until(lambda: "silent for 3 s" in cell.nodes[0].hub.log, within_s=20)
        await cell.flowed(10)
        behind = cell.viewers[0].fold.offset
        await wait_until(lambda: cell.viewers[0].fold.offset > behind, within_s=20)  # by the position check alone
        link.pass_on()
        link.reset()
        await wait_until(lambda: link.accepted > accepted, within_s=20)
        await cell.flowed(5)
        await cell.expect_equal()
        cell.expect_clean()


async def test_f12_an_overflowing_subscriber_is_cut_off_and_loses_nothing(open_a_cell: OpenCell) -> None:
    """A node stops reading; Redis must not store for it, and cuts it off."""
    async with open_a_cell(nodes=2) as cell, admin_of(cell.valkey) as admin:
        await admin.config_set("client-output-buffer-limit", "pubsub 256kb 0 0")
        await cell.add_viewers(8, cell.at(0))
        await cell.add_viewers(8, cell.at(1))
        cell.write(where=cell.at(1))
        await cell.flowed(5)
        cell.nodes[0].redis.black_hole()
        # Old offsets, which a node drops; small, as Valkey counts large ones that it shares as next to nothing.
        old = encode_message(Message(cell.channel, cell.viewers[0].fold.epoch, 1, 0, 0, 0, b"x" * 900))

        async def is_cut() -> bool:
            async with admin.pipeline(transaction=False) as pipeline:
                for _ in range(1_000):
                    pipeline.publish(f"hub:view:{cell.channel}", old)
                await pipeline.execute()
            cell.fired["cut"] = (await admin.info("stats"))["client_output_buffer_limit_disconnections"]
            return cell.fired["cut"] > 0

        await wait_until(is_cut, within_s=20)
        cell.nodes[0].redis.pass_on()
        await cell.flowed(10)
        await cell.expect_equal()
        cell.expect_clean()


async def test_f15_a_lost_last_publication_is_found_by_comparing_positions(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2) as cell:
        losing = LosesNext()
        cell.nodes[0].redis.tamper = through(losing)
        cell.nodes[0].redis.reset()  # its links come back through the tampering
        await cell.nodes[0].hub.wait_ready()
        await cell.add_viewers(5, cell.at(0))
        await cell.change(3, cell.at(1))
        await wait_until(lambda: all(viewer.fold.told["publications"] == 3 for viewer in cell.viewers), within_s=20)
        losing.arm()
        await cell.change(1, cell.at(1))  # and then silence
        await wait_until(lambda: losing.lost == 1, within_s=20)
        cell.fired["lost"] += losing.lost
        await cell.expect_equal(within_s=20)
        cell.expect_clean()
        assert all(viewer.fold.told["publications"] == 4 for viewer in cell.viewers), "handed on, not started anew"


async def test_f16_late_doubled_and_disordered_publications_are_put_right(open_a_cell: OpenCell) -> None:
    shuffling = Shuffles(random.Random(16), delay_s=0.5)
    async with open_a_cell(nodes=2) as cell:
        cell.nodes[0].redis.tamper = through(shuffling)
        cell.nodes[0].redis.reset()
        await cell.nodes[0].hub.wait_ready()
        await cell.add_viewers(10, cell.at(0))
        cell.write(every_s=0.05, where=cell.at(1))
        await cell.flowed(60)
        cell.fired["doubled"] += shuffling.doubled
        cell.fired["shuffled"] += shuffling.passed
        await cell.expect_equal()
        cell.expect_clean()


async def test_f9_redis_killed_and_back_empty(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2) as cell:
        await cell.add_viewers(12, streams=2)
        cell.write()
        await cell.flowed(8)
        await asyncio.to_thread(cell.valkey.kill)
        cell.fired["killed"] += 1
        await cell.flowed(8)  # writing does not need Redis
        assert cell.writers.answers.keys() == {"200"}
        await asyncio.to_thread(cell.valkey.start)
        await cell.flowed(8)
        await cell.expect_equal()
        cell.expect_clean()


async def test_f10_redis_frozen_delays_no_writer_and_loses_nothing(open_a_cell: OpenCell) -> None:
    async with open_a_cell(nodes=2) as cell:
        await cell.add_viewers(12, streams=2)
        cell.write()
        await cell.flowed(8)
        cell.valkey.pause()
        cell.fired["frozen"] += 1
        cell.writers.seconds.clear()
        await cell.flowed(20)
        usual_s = statistics.median(cell.writers.seconds)
        cell.valkey.resume()
        await cell.expect_equal()
        cell.expect_clean()
        assert usual_s < 1, "publishing gives up after a second, and is not on the writers' path"


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is Linux's")
async def test_f14_a_link_that_the_kernel_gives_up_is_lost_once_and_the_loop_runs_on() -> None:
    """ETIMEDOUT from the kernel itself: nobody reads at the far end, the window is full, TCP_USER_TIMEOUT passes."""
    lost: list[Exception | None] = []
    turns = 0
    with silent_listener() as port:
        link = await open_link(Server("127.0.0.1", port), lambda *_: None, lost.append, lambda _: False)
        sock = link._transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1_000)
        for _ in range(200):
            link.send("PING", "x" * 65_536)

        async def is_lost() -> bool:
            nonlocal turns
            turns += 1
            return bool(lost)

        await wait_until(is_lost, within_s=40)
    assert [getattr(error, "errno", None) for error in lost] == [errno.ETIMEDOUT]
    assert turns > 20, "the loop turned all the while"


@contextlib.contextmanager
def silent_listener() -> Iterator[int]:
    """A port where connections are taken and nothing is ever read."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]
