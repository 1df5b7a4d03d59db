"""The embedded servers: fast, private, robust against what a crash leaves behind."""

import os
from pathlib import Path

import asyncpg
import pytest

from hub.children import Guard
from hub.embedded import DataDirectory, EmbeddedError, Postgres, Valkey
from tests.support.servers import Servers


async def test_each_test_has_a_database_of_its_own(servers: Servers, empty_database_url: str):
    connection = await asyncpg.connect(empty_database_url.replace("+asyncpg", ""))
    try:
        assert await connection.fetchval("SELECT current_user") == "hub"
        assert await connection.fetchval("SELECT usesuper FROM pg_user WHERE usename = 'hub'") is False
        assert await connection.fetchval("SELECT 'Z' < 'a' AND 'é' > 'z'")  # code points, whatever the machine's locale
    finally:
        await connection.close()


async def test_what_was_committed_outlives_a_crash_of_the_server(own_postgres: Postgres):
    async def ask(statement: str) -> object:
        connection = await asyncpg.connect(own_postgres.url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    await ask("CREATE TABLE kept AS SELECT 7 AS n")
    own_postgres.kill()
    own_postgres.start()
    assert await ask("SELECT n FROM kept") == 7


def test_queued_tasks_outlive_a_restart(server_directory: DataDirectory, guard: Guard, tmp_path: Path):
    server = Valkey(server_directory)
    with (tmp_path / "log").open("wb") as log:
        server.start(output=log, guard=guard)
        server.command(b"LPUSH hub:tasks one")
        server.stop()
        server.start(output=log, guard=guard)
    assert server.command(b"LLEN hub:tasks") == b":1\r\n"
    server.stop()


def test_a_second_copy_on_one_directory_is_refused(server_directory: DataDirectory):
    with pytest.raises(EmbeddedError, match="another hub is running on the data directory"):
        DataDirectory(server_directory.path).acquire()


def test_data_of_another_major_version_is_refused_and_left_alone(server_directory: DataDirectory):
    folder = server_directory.make("postgres")
    (folder / "PG_VERSION").write_text("15\n")
    with pytest.raises(EmbeddedError, match=r"written by PostgreSQL 15 and this hub brings PostgreSQL \d+"):
        Postgres(server_directory).prepare()
    assert [path.name for path in folder.iterdir()] == ["PG_VERSION"]


def test_stale_lock_files_with_a_living_pid_do_not_stop_a_start(own_postgres: Postgres):
    own_postgres.kill()
    lock = own_postgres.folder / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")  # the old pid is somebody else's now
    own_postgres.start()
    assert own_postgres.is_ready()


def test_a_long_path_closed_to_others_works(tmp_path: Path, guard: Guard):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    directory = DataDirectory(closed / ("a long name with spaces " * 6))
    directory.acquire()
    server = Postgres(directory, is_durable=False)
    with (tmp_path / "log").open("wb") as log:
        server.start(output=log, guard=guard)
    assert len(str(directory.sockets)) < 80
    server.stop()
    directory.release()


def test_an_unusable_data_directory_is_one_clear_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match="cannot use the data directory"):
        DataDirectory(tmp_path / "file" / "below").acquire()
