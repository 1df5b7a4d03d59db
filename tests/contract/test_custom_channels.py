"""Custom channels over a real Redis: histories, positions, presence, joins and leaves, on two nodes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from hub.clock import SystemClock
from hub.embedded import Valkey
from hub.engine.broker_redis import RedisBroker
from hub.engine.custom import NO_POSITION, CustomChannels
from hub.engine.fanout import Member
from hub.engine.live import Entry, Unrecoverable
from hub.engine.node import Node, NodeLimits
from hub.engine.options import ChannelOptions
from hub.engine.redis_client import make_client
from hub.engine.roster import Roster
from hub.engine.streams_redis import RedisStreams
from hub.errors import NotFound
from hub.ids import new_id
from hub.protocol.codes import UnsubscribeCode
from hub.protocol.stream import ClientInfo, Publication, StreamPosition
from tests.support.engine import MemoryLog
from tests.support.waiting import wait_until

OPTIONS = {
    "kept": ChannelOptions(history_size=5, has_recovery=True, has_presence=True, has_join_leave=True),
    "brief": ChannelOptions(history_size=5, history_ttl_s=0.3, has_recovery=True),
    "cache": ChannelOptions(history_size=3, has_recovery=True, is_cache=True),
    "plain": ChannelOptions(),
}


class Words:
    """Publications, joins and leaves as words."""

    def publication(self, channel: str, item: Publication) -> bytes:  # noqa: ARG002
        by = f" by {item.info.user}" if item.info is not None else ""
        return f"{item.offset}={item.data.decode()}{by};".encode()

    def join(self, channel: str, info: ClientInfo) -> bytes:  # noqa: ARG002
        return f"+{info.user};".encode()

    def leave(self, channel: str, info: ClientInfo) -> bytes:  # noqa: ARG002
        return f"-{info.user};".encode()


WORDS = Words()


class Place:
    """A member that notes everything it is given."""

    def __init__(self, node: Node, channel: str, user: str = "") -> None:
        self.node = node
        self.channel = channel
        self.told: list[str] = []
        self.recalls: list[UnsubscribeCode] = []
        self.entry: Entry | None = None
        self.info = ClientInfo(new_id(), user)
        options = node.custom.options(channel)
        is_seen = options.has_presence or options.has_join_leave
        self.member = Member(
            self, channel, WORDS, self.recalls.append, wants_joins=True, info=self.info if is_seen else None
        )

    async def join(self, since: StreamPosition | None = None, *, must_recover: bool = False) -> Entry:
        await self.node.join(self.channel, self.member, since, must_recover=must_recover, accept=self._accept)
        assert self.entry is not None
        return self.entry

    def _accept(self, entry: Entry) -> bool:
        self.entry = entry
        self.told += [f"{item.offset}={item.data.decode()}" for item in entry.publications]
        return True

    def leave(self) -> None:
        self.node.leave(self.channel, self.member)

    async def join_again(self) -> None:
        self.leave()
        await self.join()

    def write(self, frame: bytes) -> None:
        self.told += frame.decode().removesuffix(";").split(";")  # several may come as one

    def buffered_bytes(self) -> int:
        return 0

    def abort(self) -> None:
        raise AssertionError("nobody here is slow")


class Cell:
    """Two nodes on one Redis."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.names = {kind: f"{kind}:{new_id()}" for kind in OPTIONS}
        self._stack = contextlib.AsyncExitStack()

    async def node(self) -> Node:
        clock = SystemClock()
        redis = make_client(self.url)
        self._stack.push_async_callback(redis.aclose)
        broker = RedisBroker(self.url, clock)
        custom = CustomChannels(
            RedisStreams(redis, is_sharded=broker.is_sharded),
            Roster(redis),
            broker,
            lambda name: OPTIONS.get(name.partition(":")[0]),
            clock,
        )
        log = MemoryLog()
        node = Node(broker, log, log, clock=clock, limits=NodeLimits(), custom=custom)
        await node.start()
        self._stack.push_async_callback(node.close)
        await wait_until(lambda: broker.is_healthy)
        return node

    async def close(self) -> None:
        await self._stack.aclose()


@pytest.fixture(params=["redis_url", "cluster_url"])
async def cell(request: pytest.FixtureRequest) -> AsyncIterator[Cell]:
    cell = Cell(request.getfixturevalue(request.param))
    yield cell
    await cell.close()


async def test_what_is_published_on_one_node_arrives_in_order_on_the_other(cell: Cell) -> None:
    here, there = await cell.node(), await cell.node()
    name = cell.names["kept"]
    viewer = Place(there, name)
    entry = await viewer.join()
    assert (entry.position.offset, entry.is_recovered, entry.publications) == (0, False, ())
    by = ClientInfo("c", "ann", b'{"n":1}')
    positions = [await here.custom.publish(name, b"%d" % n, info=by) for n in range(1, 21)]
    assert [position.offset for position in positions] == list(range(1, 21))
    assert {position.epoch for position in positions} == {entry.position.epoch}
    await wait_until(lambda: len(viewer.told) == 21)
    assert [word for word in viewer.told if word != "+"] == [f"{n}={n} by ann" for n in range(1, 21)]


async def test_a_returning_member_gets_what_it_missed_or_is_told_that_it_cannot(cell: Cell) -> None:
    node = await cell.node()
    name = cell.names["kept"]
    top = (await Place(node, name).join()).position
    for n in range(1, 9):
        await node.custom.publish(name, b"%d" % n)
    fresh = await cell.node()  # its ring is empty: it reads the history
    for place in (Place(node, name), Place(fresh, name)):
        await wait_until(lambda place=place: place.node.has(name) or place.node is fresh)
        entry = await place.join(StreamPosition(top.epoch, 5))
        assert entry.is_recovered
        assert [word for word in place.told if word != "+"] == ["6=6", "7=7", "8=8"]
    assert not (await Place(fresh, name).join(StreamPosition("other", 5))).is_recovered
    with pytest.raises(Unrecoverable):
        await Place(fresh, name).join(StreamPosition(top.epoch, 1), must_recover=True)


async def test_a_history_that_has_run_out_is_no_proof_that_nothing_was_missed(cell: Cell) -> None:
    node = await cell.node()
    name = cell.names["brief"]
    epoch = (await node.custom.publish(name, b"1")).epoch
    position, held = await node.history(name, None, -1, is_reverse=False)
    assert (position, [item.data for item in held]) == (StreamPosition(epoch, 1), [b"1"])

    async def is_gone() -> bool:
        return not (await node.history(name, None, -1, is_reverse=False))[1]

    await wait_until(is_gone)
    assert not (await Place(node, name).join(StreamPosition(epoch, 0))).is_recovered
    assert (await Place(node, name).join(StreamPosition(epoch, 1))).is_recovered


async def test_history_both_ways_and_from_a_position(cell: Cell) -> None:
    node = await cell.node()
    name = cell.names["kept"]
    for n in range(1, 8):
        last = await node.custom.publish(name, b"%d" % n, tags={"n": str(n)})

    async def read(since: int | None, limit: int, *, is_reverse: bool = False) -> list[int]:
        position = None if since is None else StreamPosition(last.epoch, since)
        return [item.offset for item in (await node.history(name, position, limit, is_reverse=is_reverse))[1]]

    assert await read(None, -1) == [3, 4, 5, 6, 7]
    assert await read(5, -1) == [6, 7]
    assert await read(None, 2, is_reverse=True) == [7, 6]
    assert await read(6, 2, is_reverse=True) == [5, 4]
    (newest,) = (await node.history(name, None, 1, is_reverse=True))[1]
    assert newest.tags == {"n": "7"}
    await node.custom.remove_history(name)
    assert await read(None, -1) == []
    assert (await node.custom.publish(name, b"8")).offset == 8


async def test_a_publication_with_a_key_happens_once(cell: Cell) -> None:
    node = await cell.node()
    name = cell.names["kept"]
    first = await node.custom.publish(name, b"1", idempotency_key="k")
    assert await node.custom.publish(name, b"1", idempotency_key="k") == first
    assert (await node.custom.publish(name, b"2", idempotency_key="l")).offset == 2


async def test_a_publication_with_a_key_happens_once_where_nothing_is_kept(cell: Cell) -> None:
    node = await cell.node()
    name = cell.names["plain"]
    viewer = Place(node, name)
    await viewer.join()
    for word, key in ((b"1", "k"), (b"1", "k"), (b"2", "l")):
        assert await node.custom.publish(name, word, idempotency_key=key) == NO_POSITION
    await wait_until(lambda: len(viewer.told) == 2)
    assert viewer.told == ["0=1", "0=2"]


@pytest.mark.parametrize("odd", ["a{b}c", "a}b{", "{}", "}{x}", "%7B", "é", "#42"])
async def test_any_name_can_have_a_history_and_members(cell: Cell, odd: str) -> None:
    node = await cell.node()
    name = f"{cell.names['kept']}{odd}"
    place = Place(node, name, "ann")
    await place.join()
    await node.custom.publish(name, b"1")
    await wait_until(lambda: "1=1" in place.told)
    assert place.info.client in await node.custom.presence(name)


async def test_one_question_tells_where_many_channels_stand(cell: Cell) -> None:
    node = await cell.node()
    names = [f"{cell.names['kept']}:{n}" for n in range(450)]
    last = await node.custom.publish(names[7], b"1")
    tops = await node.custom.streams.tops(names)
    assert list(tops) == names
    assert (tops[names[7]].epoch, tops[names[7]].head, tops[names[7]].floor) == (last.epoch, 1, 0)
    assert {top.head for name, top in tops.items() if name != names[7]} == {0}
    assert await node.custom.streams.tops(names) == tops


async def test_a_cache_gives_the_newest_alone_and_nothing_to_whoever_has_it(cell: Cell) -> None:
    node = await cell.node()
    name = cell.names["cache"]
    for n in range(1, 6):
        top = await node.custom.publish(name, b"%d" % n)
    place = Place(node, name)
    entry = await place.join(StreamPosition("", 0))
    assert entry.is_recovered
    assert place.told == ["5=5"]
    again = Place(node, name)
    assert (await again.join(top)).is_recovered
    assert again.told == []


async def test_a_plain_channel_passes_on_what_comes_and_remembers_nothing(cell: Cell) -> None:
    here, there = await cell.node(), await cell.node()
    name = cell.names["plain"]
    viewer = Place(there, name)
    entry = await viewer.join()
    assert entry.position.epoch == ""
    for n in range(3):
        assert await here.custom.publish(name, b"%d" % n) == NO_POSITION
    await wait_until(lambda: len(viewer.told) == 3)
    assert viewer.told == ["0=0", "0=1", "0=2"]
    assert (await here.history(name, None, -1, is_reverse=False))[1] == ()


async def test_everybody_sees_who_comes_and_goes_on_all_nodes(cell: Cell) -> None:
    here, there = await cell.node(), await cell.node()
    name = cell.names["kept"]
    watcher, ann, bob = (Place(node, name, user) for node, user in ((here, "watcher"), (there, "ann"), (here, "bob")))
    for place in (watcher, ann, bob):
        await place.join()
        assert place.info.client in await there.custom.presence(name)
        await wait_until(lambda place=place: f"+{place.info.user}" in watcher.told)
    bob.leave()
    await wait_until(lambda: "-bob" in watcher.told)
    assert watcher.told == ["+watcher", "+ann", "+bob", "-bob"]
    assert await here.custom.presence(name) == {place.info.client: place.info for place in (watcher, ann)}


async def test_a_crowd_that_leaves_and_comes_back_at_once_is_here_in_the_end(cell: Cell) -> None:
    node = await cell.node()
    name = cell.names["kept"]
    watcher = Place(node, name, "watcher")
    await watcher.join()
    crowd = [Place(node, name, f"u{n}") for n in range(400)]
    await asyncio.gather(*(place.join() for place in crowd))
    for place in crowd:
        place.leave()
    await asyncio.gather(*(place.join() for place in crowd))
    crowd[0].leave()
    await crowd[1].join_again()
    assert set(await node.custom.presence(name)) == {place.info.client for place in (watcher, *crowd[1:])}
    heard = ["+u1", "-u1"] * 2 + ["+u1"]
    await wait_until(lambda: [word for word in watcher.told if word in {"+u1", "-u1"}] == heard)


async def test_redis_without_its_data_sends_everybody_to_a_new_life_of_the_channel(own_valkey: Valkey) -> None:
    cell = Cell(own_valkey.url)
    try:
        node = await cell.node()
        name = cell.names["kept"]
        place = Place(node, name)
        before = (await place.join()).position
        await node.custom.publish(name, b"1")
        await wait_until(lambda: "1=1" in place.told)
        own_valkey.kill()
        own_valkey.start()
        await wait_until(lambda: place.recalls == [UnsubscribeCode.INSUFFICIENT_STATE], within_s=20)
        entry = await place.join(StreamPosition(before.epoch, 1))
        assert not entry.is_recovered
        assert entry.position.epoch != before.epoch
        after = await node.custom.publish(name, b"2")
        await wait_until(lambda: f"{after.offset}=2" in place.told)
    finally:
        await cell.close()


async def test_a_name_of_no_namespace_is_no_channel(cell: Cell) -> None:
    node = await cell.node()
    for name in ("page:acme", "other:x", "x"):
        with pytest.raises(NotFound):
            await node.custom.publish(name, b"1")
