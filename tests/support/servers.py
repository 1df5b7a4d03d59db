"""The real PostgreSQL and Valkey of one test process, and a fresh database for each test in about 30 ms."""

import asyncio
import fcntl
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar
from uuid import uuid4

import asyncpg

from hub.children import Guard
from hub.embedded import DataDirectory, Postgres, Valkey
from hub.migrate import upgrade

T = TypeVar("T")
_PREFIX = "status-hub-test-"
_TEMPLATE = "hub_template"
_SETTLED_S = 60


class Servers:
    """Started once per pytest process (each xdist worker has its own); they end with it, also after `kill -9`."""

    def __init__(self) -> None:
        _sweep_abandoned()
        self.directory = DataDirectory(Path(tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp")))
        self.directory.path.chmod(0o755)
        self.directory.acquire()
        self.postgres = Postgres(self.directory, is_durable=False)
        self.valkey = Valkey(self.directory, is_durable=False)
        self._guard = Guard()
        self._thread = ThreadPoolExecutor(1)  # a place to run coroutines beside the tests' own loops
        self._is_template_made = False

    def start(self) -> None:
        with (self.directory.path / "servers.log").open("wb") as log:
            self.postgres.start(output=log, guard=self._guard)
            self.valkey.start(output=log, guard=self._guard)

    def close(self) -> None:
        self._thread.shutdown()
        self.valkey.stop()
        self.postgres.stop()
        self._guard.close()
        self.directory.release()
        shutil.rmtree(self.directory.path, ignore_errors=True)

    def create_database(self, *, migrated: bool = True) -> str:
        """The address (`postgresql+asyncpg://…`) of a new database, with all tables or empty."""
        name = f"t_{uuid4().hex[:12]}"
        if migrated:
            self._make_template()
            self._admin(f"CREATE DATABASE {name} OWNER hub TEMPLATE {_TEMPLATE} STRATEGY file_copy")
        else:
            self._admin(f"CREATE DATABASE {name} OWNER hub")
        return self._address(name)

    def drop_database(self, address: str) -> None:
        name = address.partition("@/")[2].partition("?")[0]
        self._admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def flush_redis(self) -> None:
        self.valkey.command(b"FLUSHALL")

    def _make_template(self) -> None:
        if self._is_template_made:
            return
        self._admin(f"CREATE DATABASE {_TEMPLATE} OWNER hub")
        self._beside(lambda: upgrade(self._address(_TEMPLATE)))
        self._is_template_made = True

    def _address(self, name: str) -> str:
        return self.postgres.url_of(name).replace("postgresql:", "postgresql+asyncpg:", 1)

    def _admin(self, statement: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(self.postgres.url_of("postgres", user="postgres"))
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        self._beside(lambda: _complete(execute()))

    def _beside(self, action: Callable[[], T]) -> T:
        return self._thread.submit(action).result(timeout=60)


def _complete(coroutine: Coroutine[object, object, T]) -> T:
    with asyncio.Runner() as runner:
        return runner.run(coroutine)


def _sweep_abandoned() -> None:
    """Remove the directories of test runs that were killed: nobody holds their lock."""
    for folder in Path("/tmp").glob(f"{_PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime < _SETTLED_S:
                continue  # one that is being made has no lock yet
            with (folder / "lock").open("a+") as lock:
                _try_lock(lock)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


def _try_lock(file: IO[str]) -> None:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
