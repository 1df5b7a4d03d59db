"""Nothing written after a right was taken away reaches whoever lost it, and nothing that was cut is replayed."""

import asyncio

import pytest

from hub.domain.control import CONTROL_CHANNEL
from hub.engine.broker import FLAG_CUT
from hub.engine.live import HELD_LENGTH
from hub.errors import Unavailable
from hub.protocol.codes import UnsubscribeCode
from hub.protocol.stream import StreamPosition
from tests.support.rights import PRIVATE, PUBLIC, RightsStage, Viewer
from tests.support.stage import simulated

CONTROL_READ = f"read_after {CONTROL_CHANNEL}"


@pytest.fixture
def stage() -> RightsStage:
    return RightsStage()


async def soon(work):
    """`work`, begun and waiting for something."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.1)
    return task


# The fence


@simulated
async def test_an_event_waits_for_the_removal_before_it_and_passes_the_removed_by(stage):
    """R2, inside one node: the control message is lost."""
    viewer, ann = await stage.viewer(), await stage.account("ann")
    stage.log.holding.add(CONTROL_READ)
    stage.remove("ann")
    await stage.change(count=3)
    await asyncio.sleep(0.1)
    assert viewer.offsets == [], "nobody gets it before it is known who may"
    stage.log.holding.clear()
    await asyncio.sleep(0.1)
    assert viewer.offsets == [1, 2, 3]
    assert (ann.rechecks, ann.offsets) == (1, [])


@simulated
async def test_events_behind_one_that_waits_keep_their_order(stage):
    viewer = await stage.viewer()
    stage.log.holding.add(CONTROL_READ)
    removal = stage.remove("ann")
    await stage.change(count=2)
    await stage.broker.publish([removal])  # known now; what waits has not been let go yet
    await stage.change(count=2)
    await asyncio.sleep(0.05)
    assert viewer.offsets == [1, 2, 3, 4]
    assert stage.node.tally.gaps == 0, "nothing had to be read"


@simulated
async def test_what_waits_is_bounded_and_what_did_not_fit_is_read_from_the_log(stage):
    viewer = await stage.viewer()
    stage.log.holding.add(CONTROL_READ)
    stage.remove("ann")
    await stage.change(count=HELD_LENGTH + 50)
    await asyncio.sleep(0.1)
    assert len(stage.node._channels[PRIVATE]._held) == HELD_LENGTH
    stage.log.holding.clear()
    await asyncio.sleep(0.1)
    assert viewer.offsets == list(range(1, HELD_LENGTH + 51))
    assert stage.node.tally.gaps == 50


@simulated
async def test_without_the_log_what_cannot_be_judged_is_kept_back_and_comes_later(stage):
    viewer = await stage.viewer()
    await asyncio.sleep(2.1)
    removal = stage.remove("ann")
    stage.log.is_away = True
    await stage.change(count=2)
    await asyncio.sleep(5)
    assert viewer.offsets == []
    await stage.broker.publish([removal])
    await stage.change()
    stage.log.is_away = False
    await asyncio.sleep(3)
    assert viewer.offsets == [1, 2, 3]


@simulated
async def test_public_views_wait_for_nothing(stage):
    viewer = await stage.viewer(PUBLIC)
    stage.log.holding.add(CONTROL_READ)
    stage.remove("ann")
    await stage.change(PUBLIC)
    assert viewer.offsets == [1]


@simulated
async def test_what_is_fetched_across_a_gap_waits_too(stage):
    viewer, ann = await stage.viewer(), await stage.account("ann")
    await asyncio.sleep(0.1)
    stage.log.holding.add(CONTROL_READ)
    stage.remove("ann")
    stage.log.commit(PRIVATE)
    stage.broker.lose_confidence("test")
    await asyncio.sleep(1)
    assert viewer.offsets == []
    stage.log.holding.clear()
    await asyncio.sleep(0.1)
    assert viewer.offsets == [1]
    assert ann.offsets == []


@simulated
async def test_a_resume_from_the_log_waits_too(stage):
    await stage.change(count=3)
    await stage.viewer()
    stage.remove("ann")
    stage.log.commit(PRIVATE)
    stage.log.holding.add(CONTROL_READ)
    viewer = Viewer(stage.node, PRIVATE)
    joining = await soon(viewer.join(StreamPosition("e1", 1)))
    assert not joining.done()
    stage.log.holding.clear()
    await joining
    assert viewer.offsets == [2, 3]
    await asyncio.sleep(5)
    assert viewer.offsets == [2, 3, 4]


@simulated
async def test_a_snapshot_waits_too(stage):
    await stage.viewer()
    stage.remove("ann")
    stage.log.commit(PRIVATE)
    stage.log.holding.add(CONTROL_READ)
    viewer = Viewer(stage.node, PRIVATE)
    stage.node._channels[PRIVATE]._cached = None
    joining = await soon(viewer.join())
    assert not joining.done()
    stage.log.holding.clear()
    await joining
    assert viewer.entries[0].snapshot == b'{"offset":1}'


@simulated
async def test_history_waits_too(stage):
    stage.remove("ann")
    stage.log.holding.add(CONTROL_READ)
    await stage.viewer(PUBLIC)
    stage.remove("ann")
    stage.log.commit(PRIVATE)
    for is_reverse in (False, True):
        stage.log.holding.add(CONTROL_READ)
        reading = await soon(stage.history(is_reverse=is_reverse))
        assert not reading.done()
        stage.log.holding.clear()
        assert await reading == [1]
        stage.remove("ann")
        stage.log.channels[PRIVATE].clear()
        stage.log.commit(PRIVATE)


@simulated
async def test_rights_of_another_life_keep_nobody_waiting_for_ever(stage):
    viewer = await stage.viewer()
    message = stage.log.commit(PRIVATE)
    await stage.broker.publish([type(message)(PRIVATE, "e0", 1, 0, 99, 5, b"{}")])
    await asyncio.sleep(0.1)
    assert viewer.offsets == [1], "the right one came from the log"
    await stage.change()
    assert viewer.offsets == [1, 2]


@simulated
async def test_a_removed_member_that_was_behind_is_not_told_to_come_back_for_what_it_missed(stage):
    """R1, while behind: it had not taken what was sent, and gets nothing once it does."""
    ann = await stage.account("ann")
    ann.waiting_bytes = 1_000_000
    await stage.change(count=2)
    await stage.broker.publish([stage.remove("ann")])
    await stage.change()
    ann.waiting_bytes = 0
    await asyncio.sleep(1)
    assert (ann.offsets, ann.recalls) == ([], [])
    assert stage.node.member_counts() == {}


# Fail closed


@simulated
async def test_when_rights_are_not_confirmed_only_public_views_go_on(stage):
    """R11."""
    await stage.change(count=2)
    viewer, public = await stage.viewer(), await stage.viewer(PUBLIC)
    await asyncio.sleep(20)
    stage.log.is_away = True
    await stage.change()
    assert viewer.offsets == [3], "what was known is good for a while"
    await asyncio.sleep(15.5)
    assert stage.node.member_counts() == {PUBLIC: 1}
    assert not stage.node.knows_rights
    await stage.change()
    await stage.change(PUBLIC)
    assert (viewer.offsets, public.offsets) == ([3], [1])
    await asyncio.sleep(2.1)
    assert viewer.recalls == [UnsubscribeCode.INSUFFICIENT_STATE]
    with pytest.raises(Unavailable):
        await viewer.join(StreamPosition("e1", 3))
    with pytest.raises(Unavailable):
        await stage.history()
    again = await stage.viewer(PUBLIC, StreamPosition("e1", 0))
    assert again.offsets == [1], "the ring of a public view serves on"
    stage.log.is_away = False
    await viewer.join(StreamPosition("e1", 3))
    await asyncio.sleep(0.1)
    assert viewer.offsets == [3, 4]
    assert await stage.history() == [1, 2, 3, 4]


@simulated
async def test_what_could_be_read_is_refused_too_while_rights_are_not_confirmed(stage):
    await stage.change(count=2)
    await stage.viewer()
    stage.log.is_control_away = True
    await asyncio.sleep(16)
    for since in (None, StreamPosition("e1", 1)):
        with pytest.raises(Unavailable):
            await stage.viewer(PRIVATE, since)
    for is_reverse in (False, True):
        with pytest.raises(Unavailable):
            await stage.history(is_reverse=is_reverse)
    await stage.viewer(PUBLIC)
    assert await stage.history(PUBLIC) == []
    stage.log.is_control_away = False
    assert await stage.history() == [1, 2]


@simulated
async def test_a_join_that_takes_longer_than_trust_lasts_is_put_off(stage):
    await stage.viewer()
    stage.log.holding.add("snapshot")
    stage.node._channels[PRIVATE]._cached = None
    joining = await soon(stage.viewer())
    stage.log.is_away = True
    await asyncio.sleep(16)
    stage.log.holding.clear()
    with pytest.raises(Unavailable):
        await joining


# Cuts


@simulated
async def test_a_resume_replays_nothing_of_before_a_cut(stage):
    """R3, inside one node: from the ring, from the log, and with a position without epoch as SSE has it."""
    await stage.viewer(PUBLIC)
    await stage.change(PUBLIC, count=3)
    stage.log.floor = 3
    await stage.change(PUBLIC, flags=FLAG_CUT)
    for epoch in ("e1", ""):
        viewer = await stage.viewer(PUBLIC, StreamPosition(epoch, 2))
        assert viewer.entries[0].snapshot == b'{"offset":4}'
        assert viewer.offsets == []


@simulated
async def test_a_cut_while_the_missed_is_read_ends_the_resume(stage):
    await stage.change(PUBLIC, count=3)
    await stage.viewer(PUBLIC)
    stage.log.holding.add(f"read_after {PUBLIC}")
    joining = await soon(stage.viewer(PUBLIC, StreamPosition("e1", 1)))
    stage.log.floor = 3
    stage.log.commit(PUBLIC, flags=FLAG_CUT)  # this node has not heard of it
    stage.log.holding.clear()
    viewer = await joining
    assert viewer.entries[0].snapshot == b'{"offset":4}'
    assert viewer.offsets == []


@simulated
async def test_a_cut_while_rights_are_waited_for_ends_the_resume(stage):
    await stage.change(count=3)
    await stage.viewer()
    stage.remove("ann")
    stage.log.holding.add(CONTROL_READ)
    await stage.change()
    joining = await soon(stage.viewer(PRIVATE, StreamPosition("e1", 1)))
    stage.log.floor = 4
    await stage.change(flags=FLAG_CUT)
    stage.log.holding.clear()
    viewer = await joining
    assert 2 not in viewer.offsets
    assert viewer.entries[0].snapshot is not None


@simulated
async def test_a_snapshot_of_before_a_cut_is_not_served_cached_or_on_its_way(stage):
    await stage.change(PUBLIC, count=3)
    await stage.viewer(PUBLIC)  # it is cached now
    stage.log.holding.add("snapshot")
    stage.node._channels[PUBLIC]._cached = None
    joining = await soon(stage.viewer(PUBLIC))
    stage.log.floor = 3
    await stage.change(PUBLIC, flags=FLAG_CUT)
    stage.log.holding.clear()
    assert (await joining).entries[0].snapshot == b'{"offset":4}'
    assert (await stage.viewer(PUBLIC)).entries[0].snapshot == b'{"offset":4}'


@pytest.mark.parametrize("is_reverse", [False, True])
@simulated
async def test_history_leaves_out_what_is_cut_while_it_is_read(stage, is_reverse):
    await stage.change(PUBLIC, count=5)
    stage.log.holding.add(f"read_after {PUBLIC}")
    reading = await soon(stage.history(PUBLIC, is_reverse=is_reverse))
    stage.log.floor = 4
    stage.log.holding.clear()
    assert await reading == [5]


@simulated
async def test_history_of_a_life_that_ended_while_it_was_read_is_asked_for_again(stage):
    await stage.change(PUBLIC, count=5)
    stage.log.holding.add(f"read_after {PUBLIC}")
    reading = await soon(stage.history(PUBLIC))
    stage.log.epoch = "e2"
    stage.log.holding.clear()
    with pytest.raises(Unavailable):
        await reading
