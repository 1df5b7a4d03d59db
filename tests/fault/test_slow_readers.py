"""N2: who reads slowly is shown the state as of now, loses nothing, and is nobody else's trouble (G4, I4)."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from hub.settings import Settings
from tests.integration.transport.conftest import LocalHub, Page, open_page, running
from tests.support.api import data_of
from tests.support.cell_viewers import digest
from tests.support.crowd import States, Viewer
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(120)]

LIMIT_BYTES = 16_384
SLOW_S, LESS_SLOW_S = 2.0, 0.05  # between reads of 16 KiB: while it has what others have; once it is left behind
MOST_CHANGES = 600


@pytest.fixture
async def hub(settings: Settings) -> AsyncIterator[LocalHub]:
    """One that lets little pile up for a client."""
    async with running(settings.model_copy(update={"hub_send_buffer_limit_bytes": LIMIT_BYTES})) as hub:
        yield hub


@pytest.fixture
async def page(hub: LocalHub) -> AsyncIterator[Page]:
    async with open_page(hub) as page:
        yield page


async def describe(page: Page, turn: int) -> None:
    """A change of 8 KB."""
    path = f"/api/v1/pages/{page.slug}/components/{page.component}"
    data_of(await page.operator.patch(path, json={"description": f"{turn} " + "𝄞" * 1_900}))


async def state_of(hub: LocalHub, page: Page) -> tuple[str, int, str]:
    async with httpx2.AsyncClient(base_url=hub.base_url) as visitor:
        data = data_of(await visitor.get(f"/api/v1/pages/{page.slug}/snapshot"))
    return data["epoch"], data["offset"], digest(data)


async def test_n2_a_slow_reader_is_skipped_comes_back_and_ends_equal(hub: LocalHub, page: Page) -> None:
    states = States()
    quick = Viewer(lambda: hub.port, page.channel, states)
    slow = Viewer(lambda: hub.port, page.channel, states, pause_s=SLOW_S)
    for viewer in (quick, slow):
        viewer.come()
        await wait_until(lambda viewer=viewer: viewer.is_subscribed, within_s=20)
    try:
        turn = most_bytes = 0
        while slow.told["unsubscribe 2500"] < 2:
            turn += 1
            assert turn < MOST_CHANGES, "it has never been told to come back"
            await describe(page, turn)
            await wait_until(lambda turn=turn: quick.told["publications"] == turn, within_s=20)
            members = hub.node._channels[page.channel].fanout
            slow.read_every(LESS_SLOW_S if members.has_behind else SLOW_S)
            most_bytes = max(most_bytes, *(member.wire.buffered_bytes() for member in members))
        slow.read_every(LESS_SLOW_S)
        wanted = await state_of(hub, page)
        await wait_until(lambda: slow.position == quick.position == wanted, within_s=60)
    finally:
        for viewer in (quick, slow):
            viewer.stop()
    print(f"{turn} changes; at most {most_bytes} bytes queued; quick {dict(quick.told)}; slow {dict(slow.told)}")  # noqa: T201
    assert not slow.faults
    assert not quick.faults
    assert quick.told == {"snapshots": 1, "publications": turn}
    assert slow.told["recoveries"] + slow.told["snapshots"] >= 3
    assert most_bytes <= LIMIT_BYTES + turn * 9_000, "an answer holds what was missed, and nothing is added to it"
