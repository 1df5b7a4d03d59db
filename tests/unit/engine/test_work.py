"""Tasks that are ended, also when one of them swallows a cancellation."""

import asyncio

from hub.engine.work import end


async def test_a_swallowed_cancellation_is_asked_again():
    refusals = 0

    async def stubborn() -> None:
        nonlocal refusals
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                refusals += 1
                if refusals > 1:
                    raise

    async def failed() -> None:
        raise ValueError

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(failed())]
    await asyncio.sleep(0)
    await end(*tasks)
    assert refusals == 2
    assert all(task.done() for task in tasks)
