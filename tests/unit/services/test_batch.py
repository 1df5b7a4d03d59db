"""Many ask at once, few reads answer."""

import asyncio

import pytest

from hub.services.batch import STORM_PER_S, Batch
from tests.support.waiting import wait_until


class Source:
    """Answers with the double of what it knows; each read waits to be let go."""

    def __init__(self) -> None:
        self.reads: list[set[int]] = []
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def read(self, keys):
        self.reads.append(set(keys))
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return {key: key * 2 for key in keys if key < 100}


async def test_who_asks_while_a_read_runs_shares_the_next_one():
    source = Source()
    batch = Batch(source.read)
    first = asyncio.ensure_future(batch.get(1))
    await wait_until(lambda: source.reads == [{1}])
    others = [asyncio.ensure_future(batch.get(n % 10)) for n in range(200)]
    unknown = asyncio.ensure_future(batch.get(100))
    await asyncio.sleep(0)  # all have asked
    source.go.set()
    assert await first == 2
    assert await asyncio.gather(*others) == [n % 10 * 2 for n in range(200)]
    assert await unknown is None
    assert source.reads == [{1}, {*range(10), 100}], "the first answer was read before the others asked"


async def test_a_large_crowd_is_read_in_parts():
    source = Source()
    source.go.set()
    batch = Batch(source.read, most=3)
    assert await asyncio.gather(*(batch.get(n) for n in range(8))) == [n * 2 for n in range(8)]
    assert [len(keys) for keys in source.reads] == [3, 3, 2]


async def test_a_failed_read_fails_for_all_who_asked_and_the_next_is_tried():
    source = Source()
    source.go.set()
    source.error = OSError("away")
    batch = Batch(source.read)
    answers = await asyncio.gather(batch.get(1), batch.get(2), return_exceptions=True)
    assert all(isinstance(answer, OSError) for answer in answers)
    source.error = None
    assert await batch.get(1) == 2


async def test_one_who_goes_takes_the_answer_from_nobody():
    source = Source()
    batch = Batch(source.read)
    one, other = asyncio.ensure_future(batch.get(1)), asyncio.ensure_future(batch.get(1))
    await wait_until(lambda: bool(source.reads))
    one.cancel()
    source.go.set()
    with pytest.raises(asyncio.CancelledError):
        await one
    assert await other == 2


async def test_in_a_storm_reads_wait_for_more_to_join_them():
    source = Source()
    batch = Batch(source.read)
    crowd = [asyncio.ensure_future(batch.get(n)) for n in range(40)]
    await wait_until(lambda: bool(source.reads))
    late = asyncio.ensure_future(batch.get(50))
    await asyncio.sleep(0)  # it has asked
    loop = asyncio.get_running_loop()
    before = loop.time()
    source.go.set()
    assert await late == 100
    assert loop.time() - before >= 40 / STORM_PER_S - 0.01
    await asyncio.gather(*crowd)
