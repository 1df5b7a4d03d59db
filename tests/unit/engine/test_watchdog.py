"""The loop stands still: somebody says where, and in the end the process is gone."""

import asyncio
import logging
import subprocess
import sys
import time

import pytest

from hub.engine.watchdog import EXIT_CODE, Watchdog
from tests.support.waiting import wait_until

STUCK = """
import asyncio, logging, time
from hub.engine.watchdog import Watchdog

def in_this_place():
    while True:
        time.sleep(0.05)

async def main():
    Watchdog(report_after_s=0.5, end_after_s=1.0).start()
    await asyncio.sleep(0.3)
    in_this_place()

logging.basicConfig()
asyncio.run(main())
"""


async def test_f3_a_loop_that_stands_still_is_reported_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(report_after_s=0.5)
    watchdog.start()
    try:
        await wait_until(lambda: watchdog._beats >= 2)
        time.sleep(1.5)  # noqa: ASYNC251 (this is the fault)
        await wait_until(lambda: "the event loop runs again" in caplog.text)
        reports = [one for one in caplog.records if one.levelno == logging.ERROR]
        assert len(reports) == 1
        assert "test_f3_a_loop_that_stands_still" in reports[0].getMessage()
        assert watchdog.longest_gap_s() >= 1.0
    finally:
        watchdog.stop()


async def test_a_loop_that_runs_is_left_in_peace(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(report_after_s=30)
    watchdog.start()
    await wait_until(lambda: watchdog._beats >= 5)
    watchdog.stop()
    assert caplog.records == []


async def test_f3_a_process_whose_loop_stays_still_ends() -> None:
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=40, check=False
    )
    assert done.returncode == EXIT_CODE, done.stderr
    assert "the process ends" in done.stderr
    assert "in_this_place" in done.stderr
