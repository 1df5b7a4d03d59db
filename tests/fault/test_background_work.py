"""G6: each report and summary happens once, whatever becomes of workers, beats and messages."""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from kombu.utils.json import loads
from sqlalchemy import text

from hub.auth.permissions import SYSTEM
from hub.clock import SystemClock
from hub.embedded import Valkey
from hub.services import maintenances
from hub.services.database import Sessions
from hub.services.maintenances import NewMaintenance
from hub.settings import Settings
from tasks.app import Timing
from tests.support.celery import QUEUE, CeleryCell, CeleryProcess
from tests.support.rows import add_component, add_page, events_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.fault

QUICK = Timing(
    look_every_s=1.0, time_limit_s=3, visibility_timeout_s=7, sweep_interval_s=0.3, beat_loop_s=0.2, beat_lock_s=5
)
VIEWS = ("public", "all")


@pytest.fixture
async def cell(settings: Settings, tmp_path: Path) -> AsyncIterator[CeleryCell]:
    cell = CeleryCell(settings, tmp_path)
    yield cell
    await cell.close()


@pytest.fixture
async def yesterday(sessions: Sessions) -> date:
    """The page `acme`, made two days ago; its day that ended last."""
    created_at = datetime.now(UTC) - timedelta(days=2)
    async with sessions.begin() as session:
        page_id = await add_page(session, "acme", created_at, views=VIEWS)
        await add_component(session, page_id, "API", created_at, ("operational", created_at, None))
    return datetime.now(UTC).date() - timedelta(days=1)


@asynccontextmanager
async def held_in_mid_task(sessions: Sessions, cell: CeleryCell, day: date) -> AsyncIterator[None]:
    """A worker is inside the transaction that stores the report, and goes no further until the block ends."""
    async with sessions() as blocker, sessions() as watcher:
        await blocker.execute(text("SELECT 1 FROM page FOR UPDATE"))
        cell.send("reports.store", "acme", "daily", day.isoformat())

        async def is_waiting() -> bool:
            await watcher.rollback()
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return bool(await watcher.scalar(text(waiting)))

        await wait_until(is_waiting)
        yield
        await blocker.rollback()


async def counts(sessions: Sessions, day: date) -> tuple[int, list[int]]:
    """Daily reports of `day` stored, and `report.published` events about it in each view.

    Of that day alone: a beat that lives through a full minute stores the days before as well, which is right.
    """
    async with sessions() as session:
        query = text("SELECT count(*) FROM report WHERE kind = 'daily' AND period_start = :day")
        stored = await session.scalar(query, {"day": day})
        events = [await events_of(session, name) for name in ("page:acme", "page:acme@all")]
    return int(stored or 0), [sum(map(_is_about(day), view)) for view in events]


def _is_about(day: date) -> Callable[[tuple[str, str]], bool]:
    def is_about(event: tuple[str, str]) -> bool:
        kind, payload = event
        if kind != "report.published":
            return False
        report = json.loads(payload)["set"].get("report")  # the event of a longer period has none
        return report is not None and bool(report["period_start"] == day.isoformat())

    return is_about


async def stored_once(sessions: Sessions, day: date, *, within_s: float) -> None:
    async def is_stored() -> bool:
        return (await counts(sessions, day))[0] > 0

    await wait_until(is_stored, within_s=within_s)
    assert await counts(sessions, day) == (1, [1, 1])


async def test_a_report_whose_worker_is_killed_in_mid_task_is_stored_once(
    cell: CeleryCell, sessions: Sessions, yesterday: date
) -> None:
    """J1: the whole process group gets SIGKILL; the message comes back after the visibility timeout."""
    worker = await cell.start_worker(QUICK)
    async with held_in_mid_task(sessions, cell, yesterday):
        await worker.kill()
    assert cell.unacked == 1
    assert await counts(sessions, yesterday) == (0, [0, 0])
    killed_at = time.monotonic()
    await cell.start_worker(QUICK)
    await stored_once(sessions, yesterday, within_s=60)
    assert time.monotonic() - killed_at < 60
    await cell.is_drained()
    assert await counts(sessions, yesterday) == (1, [1, 1])


async def test_a_report_whose_pool_process_is_killed_in_mid_task_is_stored_once(
    cell: CeleryCell, sessions: Sessions, yesterday: date
) -> None:
    """J2: only the child dies; its parent gives the task back."""
    worker = await cell.start_worker(QUICK)
    async with held_in_mid_task(sessions, cell, yesterday):
        (child,) = worker.children
        child.kill()
        await worker.said("WorkerLostError")
    await stored_once(sessions, yesterday, within_s=20)
    await cell.is_drained()
    assert await counts(sessions, yesterday) == (1, [1, 1])


async def test_a_message_that_comes_several_times_changes_nothing_more(
    cell: CeleryCell, sessions: Sessions, yesterday: date
) -> None:
    """J3: two workers get the same tasks again and again, side by side."""
    await cell.start_worker(QUICK)
    await cell.start_worker(QUICK)
    minute = "2026-11-25T10:00:00.000Z"
    for _ in range(10):
        cell.send("reports.store", "acme", "daily", yesterday.isoformat())
        cell.send("summaries.publish", "acme", minute, {"page:acme": 3})
    await cell.is_drained()
    assert await counts(sessions, yesterday) == (1, [1, 1])
    async with sessions() as session:
        kinds = [kind for kind, _ in await events_of(session, "page:acme")]
    assert kinds.count("summary.published") == 1
    assert sum(process.log.count(" succeeded in ") for process in cell.processes) == 20


async def test_days_that_were_missed_are_caught_up_once_and_in_order(
    cell: CeleryCell, sessions: Sessions, yesterday: date
) -> None:
    """Several ticks at once, as after a time without workers."""
    for _ in range(5):
        cell.send("reports.store_due")
    await cell.start_worker(QUICK)
    await cell.is_drained()
    async with sessions() as session:
        query = "SELECT period_start FROM report WHERE kind = 'daily' ORDER BY computed_at, period_start"
        days = list(await session.scalars(text(query)))
    assert days == [yesterday - timedelta(days=1), yesterday]
    assert [await counts(sessions, day) for day in days] == [(1, [1, 1])] * 2


async def test_two_beats_tick_as_one_and_the_second_takes_over(cell: CeleryCell) -> None:
    """J4: no pair of ticks; after the first beat's death the next tick comes within the lock's time."""
    first = cell.start("beat", QUICK)
    await first.said("Scheduler: Sending due task maintenance.advance_due")
    second = cell.start("beat", QUICK)
    await second.said("beat: Starting...")
    await wait_until(lambda: len(_ticks(cell)) >= 4, within_s=20)
    assert "Sending due task" not in second.log
    await first.kill()
    before = len(_ticks(cell))
    await wait_until(lambda: len(_ticks(cell)) >= before + 3, within_s=QUICK.beat_lock_s + 10)
    ticks = _ticks(cell)
    gaps = [later - earlier for earlier, later in pairwise(ticks)]
    assert min(gaps) > 0.5, gaps
    assert max(gaps) < QUICK.beat_lock_s + 3, gaps
    assert second.log.count("Sending due task maintenance.advance_due") >= 3


async def test_a_maintenance_begins_and_ends_once_however_many_beats_and_workers(
    cell: CeleryCell, sessions: Sessions, yesterday: date
) -> None:
    """J4, end to end: each transition within 5 s of its time, one event each."""
    for command in ("beat", "beat", "worker", "worker"):
        cell.start(command, QUICK)
    for process in cell.processes[2:]:
        await process.said(" ready.")
    begins_at = SystemClock().now() + timedelta(seconds=1.5)
    ends_at = begins_at + timedelta(seconds=2)
    async with sessions.begin() as session:
        component_id = await session.scalar(text("SELECT id FROM component"))
        assert component_id is not None
        new = NewMaintenance("Disks", "New disks.", begins_at, ends_at, components=[component_id])
        await maintenances.schedule(session, "acme", new, by=SYSTEM, now=SystemClock().now())

    async def is_over() -> bool:
        async with sessions() as session:
            return await session.scalar(text("SELECT status FROM maintenance")) == "completed"

    await wait_until(is_over, within_s=20)
    await cell.is_drained()
    async with sessions() as session:
        events = [(kind, payload) for kind, payload in await events_of(session, "page:acme") if "mainten" in kind]
        statuses = list(await session.scalars(text("SELECT status FROM status_interval ORDER BY lower(during)")))
    assert [kind for kind, _ in events] == ["maintenance.scheduled", "maintenance.started", "maintenance.completed"]
    for (_, payload), planned in zip(events[1:], (begins_at, ends_at), strict=True):
        late = datetime.fromisoformat(json.loads(payload)["at"]) - planned
        assert timedelta(0) <= late < timedelta(seconds=5)
    assert statuses == ["operational", "under_maintenance", "operational"]


async def test_what_is_not_a_task_is_put_aside_and_the_worker_lives(
    cell: CeleryCell, sessions: Sessions, yesterday: date
) -> None:
    """J6: an unknown name, wrong arguments, a pickled body, and the next good task."""
    worker = await cell.start_worker(QUICK)
    cell.send("no.such.task")
    cell.send("reports.store", "acme", "hourly", yesterday.isoformat())
    cell.send("reports.store", "acme", "daily", "not a day")
    cell.send("reports.store", "nowhere", "daily", yesterday.isoformat())
    cell.send("reports.store", "acme", "daily", (yesterday + timedelta(days=400)).isoformat())
    cell.send_pickled("reports.store")
    cell.send("reports.store", "acme", "daily", yesterday.isoformat())
    await stored_once(sessions, yesterday, within_s=20)
    await cell.is_drained()
    assert worker.is_running
    assert "Received unregistered task of type 'no.such.task'" in worker.log


async def test_worker_and_beat_live_through_a_restart_of_redis(
    database_url: str, own_valkey: Valkey, sessions: Sessions, yesterday: date, tmp_path: Path
) -> None:
    """Redis is killed and comes back without its data; both go on by themselves."""
    settings = Settings.model_validate({"database_url": database_url, "redis_url": own_valkey.url})
    cell = CeleryCell(settings, tmp_path)
    try:
        worker = await cell.start_worker(QUICK)
        beat = cell.start("beat", QUICK)
        await worker.said("Task maintenance.advance_due", within_s=20)
        own_valkey.kill()
        own_valkey.start()
        await _goes_on(worker, "Task maintenance.advance_due")
        await _goes_on(beat, "Sending due task maintenance.advance_due")
        cell.send("reports.store", "acme", "daily", yesterday.isoformat())
        await stored_once(sessions, yesterday, within_s=20)
    finally:
        await cell.close()


async def _goes_on(process: CeleryProcess, words: str) -> None:
    before = process.log.count(words)
    await wait_until(lambda: process.log.count(words) >= before + 2, within_s=30)


def _ticks(cell: CeleryCell) -> list[float]:
    """When each waiting tick of the maintenances was sent, from its expiry."""
    messages = [loads(raw) for raw in cell.redis.lrange(QUEUE, 0, -1)]
    sent = [
        datetime.fromisoformat(message["headers"]["expires"]).timestamp()
        for message in messages
        if message["headers"]["task"] == "maintenance.advance_due"
    ]
    return sorted(sent)
