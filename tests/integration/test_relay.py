"""The relay on a real PostgreSQL and Valkey: every committed offset arrives, in order, soon (guarantees G1, G5)."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from hub.clock import SystemClock
from hub.relay.bell import Bell
from hub.relay.loop import BATCH_ROWS
from hub.services import outbox
from tests.support.relaying import Stage, stage
from tests.support.waiting import wait_until


@pytest.fixture
async def here(database_url: str, redis_url: str) -> AsyncIterator[Stage]:
    async with stage(database_url, redis_url) as here:
        yield here


async def test_what_is_committed_arrives_once_and_in_order_and_what_is_not_never_does(here: Stage) -> None:
    relay = here.relay()

    async def write(number: int) -> None:
        for turn in range(15):
            names = ["page:a", "page:b", "page:c"][: 1 + (turn + number) % 3]
            await here.append(*names, roll_back=turn % 5 == 4)

    await asyncio.gather(*(write(number) for number in range(4)))
    await wait_until(here.has_all_arrived, within_s=20)
    assert here.consumer.holes == []
    assert here.consumer.duplicates == 0
    assert relay.status.published == sum((await here.heads()).values()) == 4 * sum(1 + (t % 3) for t in range(12))


async def test_a_backlog_of_more_than_one_batch_is_worked_off_without_waiting(here: Stage) -> None:
    async with here.sessions.begin() as session:
        for channel_id in here.channels.values():
            await session.execute(
                text(
                    "INSERT INTO event (channel_id, off, kind, payload, rights, flags, created_at)"
                    " SELECT :id, n, 'test', '{}', 0, 0, now() FROM generate_series(1, 600) n"
                ),
                {"id": channel_id},
            )
        await session.execute(
            text("UPDATE channel SET head = 600 WHERE id = ANY(:ids)"), {"ids": [*here.channels.values()]}
        )
        await session.execute(text("INSERT INTO outbox SELECT channel_id, off, created_at FROM event"))
    assert BATCH_ROWS < 3 * 600
    here.relay()
    await wait_until(here.has_all_arrived, within_s=20)
    assert here.consumer.holes == []


async def test_a_change_is_published_long_before_the_next_poll(here: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.relay.loop.POLL_INTERVAL_S", 3_600.0)
    relay = here.relay()
    await wait_until(lambda: relay.status.is_active, within_s=20)
    for _ in range(20):
        await here.append("page:a")
        await wait_until(here.has_all_arrived, within_s=20, every_s=0.002)


async def test_without_notifications_the_poll_delivers(here: Stage) -> None:
    here.relay(dsn="postgresql://nobody@/nowhere?host=/nonexistent")
    for _ in range(3):
        await here.append("page:a", "page:b")
    await wait_until(here.has_all_arrived, within_s=20)


async def test_one_of_two_relays_is_active_and_a_stopping_one_hands_over_at_once(here: Stage) -> None:
    first, second = here.relay(), here.relay()
    await wait_until(lambda: first.status.is_active != second.status.is_active, within_s=20)
    active, idle = (first, second) if first.status.is_active else (second, first)
    await here.append("page:a")
    await wait_until(here.has_all_arrived, within_s=20)
    assert idle.status.published == 0
    await active.stop()
    async with here.sessions() as session:
        held = text("SELECT count(*) FROM relay_lease WHERE owner = :owner AND expires_at > clock_timestamp()")
        assert await session.scalar(held, {"owner": active._owner}) == 0, "nobody waits for the lease to run out"
    await here.append("page:a")
    await wait_until(lambda: idle.status.is_active, within_s=20)
    await wait_until(here.has_all_arrived, within_s=20)
    assert here.consumer.duplicates == 0


async def test_an_event_over_64_kib_travels_as_a_header(here: Stage) -> None:
    async with here.sessions.begin() as session:
        big = outbox.Append(here.channels["page:a"], "test", '{"text":"' + "x" * 70_000 + '"}')
        await outbox.append(session, [big], SystemClock().now())
    here.relay()
    await wait_until(here.has_all_arrived, within_s=20)
    assert [message.payload for message in here.consumer.heard] == [None]


async def test_the_status_says_how_late_the_outbox_is(here: Stage) -> None:
    await here.append("page:a")
    async with here.sessions.begin() as session:
        await session.execute(text("UPDATE outbox SET created_at = now() - interval '7 seconds'"))
        await session.execute(
            text("INSERT INTO relay_lease VALUES (1, 'other', 'other', clock_timestamp() + interval '2 seconds')")
        )
    relay = here.relay()
    await wait_until(lambda: relay.status.oldest_age_s is not None, within_s=20)
    assert not relay.status.is_active
    assert relay.status.oldest_age_s is not None
    assert relay.status.oldest_age_s >= 7
    await wait_until(here.has_all_arrived, within_s=20)  # the other one's lease runs out
    await wait_until(lambda: relay.status.oldest_age_s is None, within_s=20)


async def test_the_bell_rings_after_a_cut_connection_because_notifications_are_lost_meanwhile(here: Stage) -> None:
    rings: list[float] = []
    bell = asyncio.create_task(Bell(here.database_url, lambda: rings.append(time.monotonic())).run())
    try:
        await wait_until(lambda: len(rings) == 1, within_s=20)
        await here.append("page:a")
        await wait_until(lambda: len(rings) == 2, within_s=20)
        async with here.sessions.begin() as session:
            cut = await session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = 'status-hub bell' AND datname = current_database()"
                )
            )
            assert len(cut.all()) == 1
        await wait_until(lambda: len(rings) == 3, within_s=20)
        await here.append("page:a")
        await wait_until(lambda: len(rings) == 4, within_s=20)
    finally:
        bell.cancel()
        await asyncio.gather(bell, return_exceptions=True)
