"""The queue in front of an awaited `send`: order, size, end."""

import asyncio

from hub.transport.queue_wire import QueueWire
from tests.support.waiting import wait_until


async def test_frames_go_out_in_order_and_count_until_they_are_sent():
    wire, sent, may_send = QueueWire(), [], asyncio.Event()

    async def send(batch: list[bytes]) -> None:
        await may_send.wait()
        sent.extend(batch)

    pumping = asyncio.create_task(wire.pump(send, idle_s=60, idle_frame=b""))
    wire.write(b"one")
    await asyncio.sleep(0)
    wire.write(b"two")
    assert wire.buffered_bytes() == 6
    may_send.set()
    await wait_until(lambda: sent == [b"one", b"two"])
    assert wire.buffered_bytes() == 0
    pumping.cancel()


async def test_closing_sends_what_waits_and_takes_no_more():
    wire, sent = QueueWire(), []

    async def send(batch: list[bytes]) -> None:
        sent.extend(batch)

    pumping = asyncio.create_task(wire.pump(send, idle_s=60, idle_frame=b""))
    await asyncio.sleep(0)
    wire.write(b"last")
    wire.close()
    wire.write(b"too late")
    await asyncio.wait_for(pumping, 5)
    assert sent == [b"last"]


async def test_closing_an_empty_queue_ends_the_pump():
    wire = QueueWire()
    pumping = asyncio.create_task(wire.pump(_never, idle_s=60, idle_frame=b""))
    await asyncio.sleep(0)
    wire.close()
    await asyncio.wait_for(pumping, 5)


async def test_silence_is_filled():
    wire, sent = QueueWire(), []

    async def send(batch: list[bytes]) -> None:
        sent.extend(batch)

    pumping = asyncio.create_task(wire.pump(send, idle_s=0.01, idle_frame=b":"))
    await wait_until(lambda: len(sent) >= 2)
    assert set(sent) == {b":"}
    pumping.cancel()


async def test_abort_forgets_what_waits():
    wire = QueueWire()
    wire.write(b"x" * 100)
    wire.abort()
    await asyncio.wait_for(wire.aborted(), 5)
    wire.write(b"y")
    assert wire.is_closing


async def _never(batch: list[bytes]) -> None:
    raise AssertionError(f"nothing was to be sent: {batch}")
