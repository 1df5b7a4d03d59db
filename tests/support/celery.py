"""Celery workers and beats as real processes over a test's own database and Redis."""

import asyncio
import json
import os
import pickle
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from signal import SIGKILL, SIGTERM

import psutil
from celery import Celery
from redis import Redis

from hub.children import kill_group, spawn
from hub.settings import Settings
from tasks.app import Timing, create_app
from tests.support.hub import ROOT
from tests.support.waiting import wait_until

QUEUE, UNACKED = "hub:tasks", "hub:tasks:unacked"


class CeleryProcess:
    """One worker or beat. Its output is in `log`."""

    def __init__(self, command: str, *, settings: Settings, timing: Timing, directory: Path, number: int) -> None:
        self._log_path = directory / f"{command}-{number}.log"
        options = {
            "worker": ("--concurrency=1", "--loglevel=INFO", f"--hostname={command}{number}@test"),
            "beat": ("--loglevel=INFO",),
        }
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(directory),
            "DATABASE_URL": settings.sqlalchemy_url,
            "REDIS_URL": settings.redis_dsn,
            "HUB_DATA_DIR": str(directory),
        }
        argv = [sys.executable, "-m", "tests.support.run_tasks", json.dumps(asdict(timing)), command]
        with self._log_path.open("ab") as log:
            self._process: subprocess.Popen[bytes] = spawn([*argv, *options[command]], env=env, cwd=ROOT, output=log)

    @property
    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def children(self) -> list[psutil.Process]:
        """The processes of a worker's pool."""
        return psutil.Process(self._process.pid).children()

    async def said(self, words: str, *, within_s: float = 20.0) -> None:
        """Wait for `words` in the log."""
        await wait_until(lambda: words in self.log, within_s=within_s)

    async def kill(self) -> None:
        """`kill -9` of the whole group; AssertionError when there was nothing to kill."""
        assert self.is_running, self.log[-4000:]
        kill_group(self._process.pid)
        assert await asyncio.to_thread(self._process.wait) == -SIGKILL

    async def stop(self) -> None:
        if self.is_running:
            self._process.send_signal(SIGTERM)
            try:
                await wait_until(lambda: not self.is_running, within_s=20)
            finally:
                kill_group(self._process.pid)
        await asyncio.to_thread(self._process.wait)


class CeleryCell:
    """Everything of one test: starts processes, sends tasks, looks into the queue; `close` ends what is left."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.settings = settings
        self.redis = Redis.from_url(settings.redis_dsn, decode_responses=True)
        self._directory = directory
        self._app: Celery = create_app(settings)
        self.processes: list[CeleryProcess] = []

    def start(self, command: str, timing: Timing | None = None) -> CeleryProcess:
        process = CeleryProcess(
            command,
            settings=self.settings,
            timing=timing or Timing(),
            directory=self._directory,
            number=len(self.processes),
        )
        self.processes.append(process)
        return process

    async def start_worker(self, timing: Timing | None = None) -> CeleryProcess:
        """A worker that takes tasks."""
        worker = self.start("worker", timing)
        await worker.said(" ready.")
        return worker

    def send(self, task: str, *args: object) -> None:
        self._app.send_task(task, args)

    def send_pickled(self, task: str) -> None:
        """The message of somebody who would like to run code in our workers."""
        with self._app.producer_pool.acquire() as producer:
            producer.publish(
                pickle.dumps([(), {}, {}]),
                routing_key=QUEUE,
                content_type="application/x-python-serialize",
                content_encoding="binary",
                headers={"task": task, "id": "poison"},
            )

    @property
    def waiting(self) -> int:
        """Tasks in the queue, and those taken and not yet acknowledged."""
        return self.redis.llen(QUEUE) + self.unacked

    @property
    def unacked(self) -> int:
        return self.redis.hlen(UNACKED)

    async def is_drained(self, *, within_s: float = 20.0) -> None:
        await wait_until(lambda: self.waiting == 0, within_s=within_s)

    async def close(self) -> None:
        await asyncio.gather(*(process.stop() for process in self.processes))
        self._app.close()
        self.redis.close()
