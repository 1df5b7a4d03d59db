"""A node over a broker and a log in memory, in simulated time: joining, recovering, healing, leaving."""

import asyncio
import random

import pytest

from hub.engine.broker import FLAG_CUT, FLAG_REMAP, Message
from hub.engine.broker_memory import Exchange, MemoryBroker
from hub.engine.live import Unrecoverable
from hub.engine.node import LOG_SILENCE_LIMIT_S, Node, NodeLimits
from hub.errors import NotFound, Unavailable
from hub.protocol.codes import UnsubscribeCode
from hub.protocol.recovery import MAX_RECOVERED
from hub.protocol.stream import StreamPosition
from tests.support.engine import MemoryLog, Viewer
from tests.support.sim import SimulatedClock
from tests.support.stage import simulated

PAGE = "page:acme"


class Stage:
    def __init__(self) -> None:
        self.log = MemoryLog()
        self.log.create(PAGE)
        self.broker = MemoryBroker(Exchange())
        limits = NodeLimits(buffer_bytes=1_000, tick_s=0.0, stall_deadline_s=10.0, drain_s=10.0)
        self.node = Node(self.broker, self.log, self.log, clock=SimulatedClock(), limits=limits, rng=random.Random(1))

    async def change(self, count: int = 1, **options) -> list[Message]:
        """Committed and published."""
        messages = [self.log.commit(PAGE, **options) for _ in range(count)]
        await self.broker.publish(messages)
        return messages

    def lose(self, count: int = 1) -> None:
        """Committed, but lost by the broker."""
        for _ in range(count):
            self.log.commit(PAGE)

    async def viewer(self, since: StreamPosition | None = None) -> Viewer:
        viewer = Viewer(self.node, PAGE)
        await viewer.join(since)
        return viewer


@pytest.fixture
def stage() -> Stage:
    return Stage()


@simulated
async def test_a_viewer_gets_the_snapshot_and_then_each_change(stage):
    await stage.change(2)
    viewer = await stage.viewer()
    assert viewer.entries[0].snapshot == b'{"offset":2}'
    assert viewer.entries[0].position == StreamPosition("e1", 2)
    await stage.change(3)
    assert viewer.offsets == [3, 4, 5]
    assert stage.node.member_counts() == {PAGE: 1}


@simulated
async def test_an_unknown_channel_is_not_found_and_leaves_nothing_behind(stage):
    with pytest.raises(NotFound):
        await Viewer(stage.node, "page:nowhere").join()
    assert stage.node.member_counts() == {}


@simulated
async def test_many_at_once_cost_one_snapshot(stage):
    await stage.change(2)
    viewers = [Viewer(stage.node, PAGE) for _ in range(200)]
    await asyncio.gather(*(viewer.join() for viewer in viewers))
    assert stage.log.reads == {"tops": 1, "read_after": 0, "snapshot": 1}
    await stage.change()
    late = await stage.viewer()
    assert stage.log.reads["snapshot"] == 2, "a change makes the cached one old"
    assert late.entries[0].position.offset == 3


@simulated
async def test_a_returning_viewer_gets_only_what_was_missed_without_a_query(stage):
    await stage.viewer()
    await stage.change(5)
    before = dict(stage.log.reads)
    viewer = await stage.viewer(StreamPosition("e1", 2))
    assert viewer.entries[0].snapshot is None
    assert viewer.entries[0].position == StreamPosition("e1", 2)
    await stage.change()
    assert viewer.offsets == [3, 4, 5, 6]
    assert stage.log.reads == before


@simulated
async def test_what_the_ring_does_not_have_comes_from_the_log_in_one_read(stage):
    await stage.change(20)
    viewers = [Viewer(stage.node, PAGE) for _ in range(50)]
    await asyncio.gather(*(viewer.join(StreamPosition("e1", 5)) for viewer in viewers))
    assert all(viewer.offsets == list(range(6, 21)) for viewer in viewers)
    assert stage.log.reads["read_after"] == 1


@pytest.mark.parametrize(
    "since",
    [
        StreamPosition("e0", 3),
        StreamPosition("_", 3),
        StreamPosition("e1", 400),  # from the future
        StreamPosition("e1", 1),  # below the floor
        StreamPosition("e1", 350 - MAX_RECOVERED - 1),
    ],
)
@simulated
async def test_what_cannot_be_continued_gets_the_state_of_now(stage, since):
    await stage.change(350)
    stage.log.floor = 2
    viewer = await stage.viewer(since)
    assert viewer.entries[0].snapshot == b'{"offset":350}'
    assert viewer.offsets == []
    refused = Viewer(stage.node, PAGE)
    with pytest.raises(Unrecoverable):
        await refused.join(since, must_recover=True)


@simulated
async def test_a_viewer_from_a_node_that_is_ahead_makes_this_one_catch_up(stage):
    watcher = await stage.viewer()
    stage.lose(3)
    viewer = await stage.viewer(StreamPosition("e1", 3))
    assert viewer.entries[0].snapshot is None
    assert watcher.offsets == [1, 2, 3]
    await stage.change()
    assert viewer.offsets == [4]


@simulated
async def test_a_lost_message_is_fetched_when_the_next_one_shows_the_gap(stage):
    viewer = await stage.viewer()
    stage.lose(2)
    await stage.change()
    assert viewer.offsets == []
    await asyncio.sleep(0.1)
    assert viewer.offsets == [1, 2, 3]


@simulated
async def test_a_lost_last_message_is_found_by_the_position_check(stage):
    viewer = await stage.viewer()
    await asyncio.sleep(1.0)
    stage.lose(1)
    await asyncio.sleep(4.5)
    assert viewer.offsets == [1]


@simulated
async def test_a_suspect_link_makes_the_node_compare_within_half_a_second(stage):
    viewer = await stage.viewer()
    await asyncio.sleep(2.1)
    stage.lose(1)
    stage.broker.lose_confidence("test")
    await asyncio.sleep(0.6)
    assert viewer.offsets == [1]


@simulated
async def test_one_query_checks_all_channels(stage):
    for n in range(30):
        stage.log.create(f"page:{n}")
        await Viewer(stage.node, f"page:{n}").join()
    before = stage.log.reads["tops"]
    await asyncio.sleep(2.1)
    assert stage.log.reads["tops"] == before + 1


@simulated
async def test_messages_too_large_to_travel_are_read_from_the_log(stage):
    viewer = await stage.viewer()
    await stage.change(payload=b"x" * 70_000)
    await stage.change()
    await asyncio.sleep(0.1)
    assert viewer.offsets == [1, 2]


@simulated
async def test_a_new_epoch_sends_everybody_back_to_a_snapshot(stage):
    await stage.change(5)
    viewer = await stage.viewer()
    stage.log.epoch = "e2"
    stage.log.channels[PAGE] = stage.log.channels[PAGE][:3]
    await stage.change()
    await asyncio.sleep(3.0)
    assert viewer.recalls == [UnsubscribeCode.INSUFFICIENT_STATE]
    assert viewer.offsets == []
    entry = await viewer.join(StreamPosition("e1", 5))
    assert entry.position == StreamPosition("e2", 4)
    await stage.change()
    assert viewer.offsets == [5]


@simulated
async def test_a_cut_hides_what_was_before_it(stage):
    await stage.viewer()
    await stage.change(3)
    stage.log.floor = 3
    await stage.change(flags=FLAG_CUT)
    viewer = await stage.viewer(StreamPosition("e1", 1))
    assert viewer.entries[0].snapshot == b'{"offset":4}'
    assert viewer.offsets == []
    just_before = await stage.viewer(StreamPosition("e1", 3))
    assert just_before.offsets == [4]


@simulated
async def test_a_remap_recalls_the_members(stage):
    viewer = await stage.viewer()
    await stage.change(flags=FLAG_REMAP)
    assert viewer.offsets == [1]
    assert stage.node.member_counts() == {}
    await asyncio.sleep(2.1)
    assert viewer.recalls == [UnsubscribeCode.INSUFFICIENT_STATE]


@simulated
async def test_a_deleted_channel_recalls_its_members_who_are_then_refused(stage):
    viewer = await stage.viewer()
    del stage.log.channels[PAGE]
    await asyncio.sleep(5.0)
    assert viewer.recalls == [UnsubscribeCode.INSUFFICIENT_STATE]
    with pytest.raises(NotFound):
        await viewer.join()


@simulated
async def test_a_slow_member_costs_the_others_nothing_and_comes_back(stage):
    slow, quick = await stage.viewer(), await stage.viewer()
    slow.waiting_bytes = 2_000
    await stage.change(3)
    assert (slow.offsets, quick.offsets) == ([], [1, 2, 3])
    slow.waiting_bytes = 0
    await asyncio.sleep(0.3)
    assert slow.recalls == [UnsubscribeCode.INSUFFICIENT_STATE]
    await slow.join(StreamPosition("e1", slow.member.last))
    assert slow.offsets == [1, 2, 3]


@simulated
async def test_a_member_that_never_drains_is_dropped(stage):
    viewer = await stage.viewer()
    viewer.waiting_bytes = 2_000
    await stage.change()
    await asyncio.sleep(10.5)
    assert viewer.is_aborted
    assert stage.node.member_counts() == {}


@simulated
async def test_a_client_that_no_longer_wants_the_answer_is_not_added(stage):
    viewer = Viewer(stage.node, PAGE)
    await stage.node.join(PAGE, viewer.member, None, must_recover=False, accept=lambda entry: False)  # noqa: ARG005
    assert stage.node.member_counts() == {}


@simulated
async def test_an_empty_channel_lingers_for_those_who_reload(stage):
    viewer = await stage.viewer()
    viewer.leave()
    await stage.change(3)
    await asyncio.sleep(20)
    before = dict(stage.log.reads)
    again = await stage.viewer(StreamPosition("e1", 0))
    assert again.offsets == [1, 2, 3]
    assert stage.log.reads == before
    again.leave()
    await asyncio.sleep(61)
    await stage.viewer(StreamPosition("e1", 0))
    assert stage.log.reads["read_after"] == before["read_after"] + 1, "forgotten by now"


@simulated
async def test_while_the_log_is_away_members_stay_and_newcomers_are_put_off(stage):
    viewer = await stage.viewer()
    stage.log.is_away = True
    await stage.change()
    assert viewer.offsets == [1]
    with pytest.raises(Unavailable):
        await stage.viewer()
    recovered = await stage.viewer(StreamPosition("e1", 0))
    assert recovered.offsets == [1], "the ring needs no log"
    await asyncio.sleep(LOG_SILENCE_LIMIT_S + 3)
    assert not stage.node.is_ready
    stage.log.is_away = False
    stage.lose(1)
    await asyncio.sleep(5)
    assert stage.node.is_ready
    assert viewer.offsets == [1, 2]


@simulated
async def test_history(stage):
    await stage.change(10)

    async def offsets(since, limit, *, is_reverse=False):
        position, found = await stage.node.history(PAGE, since, limit, is_reverse=is_reverse)
        assert position == StreamPosition("e1", 10)
        return [item.offset for item in found]

    assert await offsets(None, 0) == []
    assert await offsets(None, 3) == [1, 2, 3]
    assert await offsets(None, -1) == list(range(1, 11))
    assert await offsets(StreamPosition("e1", 8), -1) == [9, 10]
    assert await offsets(StreamPosition("", 8), 1) == [9]
    assert await offsets(None, 3, is_reverse=True) == [10, 9, 8]
    assert await offsets(StreamPosition("e1", 4), 2, is_reverse=True) == [3, 2]
    assert await offsets(StreamPosition("e1", 2), -1, is_reverse=True) == [1]
    with pytest.raises(Unrecoverable):
        await offsets(StreamPosition("e0", 2), 1)
    with pytest.raises(NotFound):
        await stage.node.history("page:nowhere", None, 1, is_reverse=False)


@simulated
async def test_a_node_that_leaves_is_not_ready_and_refuses_newcomers(stage):
    await stage.node.drain()
    assert stage.node.is_draining
    assert not stage.node.is_ready
    with pytest.raises(Unavailable):
        await stage.viewer()


@pytest.mark.parametrize("seed", range(10))
@simulated
async def test_members_are_counted_right_whatever_comes_and_goes(stage, seed):
    rng = random.Random(seed)
    names = [PAGE, "page:b", "page:c"]
    for name in names[1:]:
        stage.log.create(name)
    inside: set[Viewer] = set()
    for _ in range(200):
        if inside and rng.random() < 0.45:
            viewer = rng.choice(sorted(inside, key=id))
            inside.discard(viewer)
            viewer.leave()
            viewer.leave()
        else:
            viewer = Viewer(stage.node, rng.choice(names))
            await viewer.join()
            inside.add(viewer)
        if rng.random() < 0.1:
            await asyncio.sleep(rng.choice([1, 70]))
        counts = {name: sum(viewer.channel == name for viewer in inside) for name in names}
        assert stage.node.member_counts() == {name: count for name, count in counts.items() if count}


@simulated
async def test_more_than_fits_into_an_answer_is_a_snapshot_and_a_page_of_history(stage):
    for _ in range(30):
        stage.log.commit(PAGE, b'"%s"' % (b"x" * 50_000))
    viewer = await stage.viewer(StreamPosition("e1", 0))
    assert not viewer.entries[-1].is_recovered
    assert viewer.entries[-1].snapshot is not None
    _, held = await stage.node.history(PAGE, StreamPosition("e1", 0), -1, is_reverse=False)
    assert [item.offset for item in held] == list(range(1, len(held) + 1))
    assert 15 < len(held) < 30
