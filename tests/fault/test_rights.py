"""G3, over the cell: whoever loses a right gets nothing that is written afterwards, whatever breaks meanwhile.

What happens to members who are behind, and to those whose answer is on its way, is in
`tests/unit/engine/test_fence.py` and `tests/property/test_delivery_model.py`, where the moment can be chosen.
"""

import asyncio

import httpx2
import pytest

from tests.fault.conftest import OpenCell
from tests.support.cell_people import Inner, Member
from tests.support.tampering import OnControl, through
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(180)]


async def all_know(word: str, *members: Member) -> None:
    await wait_until(lambda: all(member.knows(word) for member in members), within_s=30)


async def all_moved(*members: Member) -> None:
    """Each has the public view now, and follows it."""
    await wait_until(lambda: all(member.has_only_the_public_view for member in members), within_s=30)


async def test_r1_a_removed_member_gets_nothing_more_on_any_node_and_is_moved(open_a_cell: OpenCell) -> None:
    """R1: on the same node, on another node, over SSE, and while he is away and resumes."""
    async with open_a_cell(nodes=2) as cell, Inner(cell) as inner:
        keepers = [await inner.member(f"keeper{n}", cell.at(n)) for n in (0, 1)]
        removed = [
            await inner.member("same-node", cell.at(0)),
            await inner.member("other-node", cell.at(1)),
            await inner.member("streaming", cell.at(1), is_stream=True),
        ]
        away = await inner.member("away", cell.at(1))
        await inner.say("before", at=0)
        await all_know("before", *keepers, *removed, away)
        await away.viewer.close()
        for member in (*removed, away):
            await inner.remove(member, at=0)
        await inner.say("after", at=0)
        await all_know("after", *keepers)
        await all_moved(*removed)
        async with httpx2.AsyncClient(base_url=cell.nodes[1].address, headers=away.person.headers) as client:
            since = {"Last-Event-ID": str(away.heard.offset)}
            async with client.stream("GET", f"/p/{cell.slug}/events?epoch={away.heard.epoch}", headers=since) as answer:
                resumed = await anext(answer.aiter_text())
                while "event: snapshot" not in resumed:
                    resumed += await anext(answer.aiter_text())
        await cell.change(where=cell.at(1))
        await wait_until(lambda: all(one.heard.told["publications"] for one in removed), within_s=30)
        assert not any(one.knows("after") for one in removed)
        assert '"after"' not in resumed
        assert not any(one.heard.faults for one in (*keepers, *removed))


async def test_r1_a_removal_is_found_in_the_log_when_redis_loses_it_or_is_dead(open_a_cell: OpenCell) -> None:
    """R1: the control message is dropped; Redis is dead. Nothing is written that would make the node look."""
    async with open_a_cell(nodes=2) as cell, Inner(cell) as inner:
        losing = OnControl()
        cell.nodes[1].redis.tamper = through(losing)
        cell.nodes[1].redis.reset()
        await cell.nodes[1].hub.wait_ready()
        keeper = await inner.member("keeper", cell.at(1))
        dropped, dead = await inner.member("dropped", cell.at(1)), await inner.member("dead", cell.at(1))
        await inner.say("before", at=0)
        await all_know("before", keeper, dropped, dead)
        losing.arm()
        await inner.remove(dropped, at=0)
        await all_moved(dropped)
        assert losing.touched
        await asyncio.to_thread(cell.valkey.kill)
        await inner.remove(dead, at=0)
        await inner.say("after", at=0)
        await all_moved(dead)
        await asyncio.to_thread(cell.valkey.start)
        await all_know("after", keeper)
        assert not dropped.knows("after")
        assert not dead.knows("after")


async def test_r2_an_event_right_after_the_removal_waits_for_it(open_a_cell: OpenCell) -> None:
    """R2: the control message comes 5 s late; the node reads it from the log before it sends the event."""
    late = OnControl(delay_s=5.0)
    async with open_a_cell(nodes=2) as cell, Inner(cell) as inner:
        cell.nodes[1].redis.tamper = through(late)
        cell.nodes[1].redis.reset()
        await cell.nodes[1].hub.wait_ready()
        keeper, removed = await inner.member("keeper", cell.at(1)), await inner.member("removed", cell.at(1))
        await inner.say("before", at=0)
        await all_know("before", keeper, removed)
        late.arm()
        for turn in range(5):
            other = await inner.member(f"removed{turn}", cell.at(1))
            await all_know("before" if not turn else f"after{turn - 1}", other)
            await inner.remove(other, at=0)
            await inner.say(f"after{turn}", at=0)
            await all_know(f"after{turn}", keeper)
            assert not other.knows(f"after{turn}")
        await inner.remove(removed, at=0)
        await inner.say("last", at=0)
        await all_know("last", keeper)
        await all_moved(removed)
        assert not removed.knows("last")
        assert late.touched


async def test_r11_a_node_that_cannot_confirm_rights_serves_public_views_alone(open_a_cell: OpenCell) -> None:
    """R11: one node's link to the database is frozen; Redis goes on."""
    async with open_a_cell(nodes=2) as cell, Inner(cell) as inner:
        member = await inner.member("member", cell.at(0))
        removed = await inner.member("removed", cell.at(0))
        await cell.add_viewers(3, cell.at(0))
        await inner.say("before", at=1)
        await all_know("before", member, removed)
        cell.nodes[0].database.black_hole()
        cell.fired["frozen"] += 1
        await inner.remove(removed, at=1)
        await wait_until(lambda: member.heard.told["unsubscribe 2500"] > 0, within_s=60)
        told = sum(viewer.fold.told["publications"] for viewer in cell.viewers)
        await cell.change(3, where=cell.at(1))
        await inner.say("meanwhile", at=1)
        await wait_until(
            lambda: sum(viewer.fold.told["publications"] for viewer in cell.viewers) >= told + 9, within_s=30
        )
        assert not member.knows("meanwhile")
        cell.nodes[0].database.pass_on()
        cell.nodes[0].database.reset()
        await all_know("meanwhile", member)
        await all_moved(removed)
        assert not removed.knows("meanwhile")
        await cell.expect_equal()
        cell.expect_clean()


async def test_t6_an_ended_session_closes_its_socket_on_another_node_without_redis(open_a_cell: OpenCell) -> None:
    """T6: and with it, first."""
    async with open_a_cell(nodes=2) as cell, Inner(cell) as inner:
        keeper = await inner.member("keeper", cell.at(1))
        first, second = await inner.member("first", cell.at(1)), await inner.member("second", cell.at(1))
        await inner.say("before", at=0)
        await all_know("before", keeper, first, second)
        await inner.sign_out(first, at=0)
        await wait_until(lambda: 3500 in first.close_codes, within_s=30)
        await asyncio.to_thread(cell.valkey.kill)
        await inner.sign_out(second, at=0)
        await inner.say("after", at=0)
        await wait_until(lambda: 3500 in second.close_codes, within_s=30)
        await asyncio.to_thread(cell.valkey.start)
        await all_know("after", keeper)
        assert not first.knows("after")
        assert not second.knows("after")
