"""The queue in front of an awaited `send`: order, size, end."""

import asyncio

import pytest

from hub.transport.queue_wire import QueueWire
from tests.support.waiting import wait_until


async def test_frames_go_out_in_order_and_count_until_they_are_sent():
    wire, sent, may_send = QueueWire(), [], asyncio.Event()

    async def send(batch: bytes) -> None:
        await may_send.wait()
        sent.append(batch)

    pumping = asyncio.create_task(wire.pump(send))
    wire.write(b"one")
    await asyncio.sleep(0)
    wire.write(b"two")
    assert wire.buffered_bytes() == 6
    may_send.set()
    await wait_until(lambda: sent == [b"one", b"two"])
    assert wire.buffered_bytes() == 0
    pumping.cancel()


async def test_finishing_sends_what_waits_and_takes_no_more():
    wire, sent = QueueWire(), []

    async def send(batch: bytes) -> None:
        sent.append(batch)

    pumping = asyncio.create_task(wire.pump(send))
    await asyncio.sleep(0)
    wire.write(b"last")
    wire.finish()
    wire.write(b"too late")
    await asyncio.wait_for(pumping, 20)
    assert sent == [b"last"]


async def test_finishing_an_empty_queue_ends_the_pump():
    wire = QueueWire()
    pumping = asyncio.create_task(wire.pump(_never))
    await asyncio.sleep(0)
    wire.finish()
    await asyncio.wait_for(pumping, 20)


async def test_silence_is_filled():
    wire, sent = QueueWire(), []

    async def send(batch: bytes) -> None:
        sent.append(batch)

    pumping = asyncio.create_task(wire.pump(send, idle_s=0.01, idle_frame=b":"))
    await wait_until(lambda: len(sent) >= 2)
    assert set(sent) == {b":"}
    pumping.cancel()


async def test_what_waits_goes_out_at_once():
    wire, sent = QueueWire(), []

    async def send(batch: bytes) -> None:
        sent.append(batch)

    wire.write(b"one")
    wire.write(b"two")
    wire.finish()
    await asyncio.wait_for(wire.pump(send), 20)
    assert sent == [b"onetwo"]


async def test_abort_ends_a_send_that_never_returns():
    wire, is_sending = QueueWire(), asyncio.Event()

    async def send(_: bytes) -> None:
        is_sending.set()
        await asyncio.Event().wait()

    pumping = asyncio.create_task(wire.pump(send))
    wire.write(b"x" * 100)
    await asyncio.wait_for(is_sending.wait(), 20)
    wire.write(b"y")
    wire.abort()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(pumping, 20)
    wire.write(b"z")
    assert wire.is_closing


async def test_abort_before_the_pump_runs_sends_nothing():
    wire = QueueWire()
    pumping = asyncio.create_task(wire.pump(_never))
    wire.write(b"x")
    wire.abort()
    await asyncio.wait_for(pumping, 20)


async def _never(batch: bytes) -> None:
    raise AssertionError(f"nothing was to be sent: {batch}")
