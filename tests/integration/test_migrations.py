"""Migrations: there and back on data, no drift from the models, several migrators at once."""

import asyncio
from pathlib import Path

import asyncpg
from alembic import command
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from hub.migrate import alembic_config, revisions, upgrade
from tests.support.hub import run_hub
from tests.support.up import up_environment


def plain(url: str) -> str:
    return url.replace("+asyncpg", "")


async def test_tables_and_models_do_not_drift(database_url: str):
    await asyncio.to_thread(command.check, alembic_config(database_url))


async def test_up_down_up_on_data(empty_database_url: str):
    config = alembic_config(empty_database_url)
    await asyncio.to_thread(upgrade, empty_database_url)
    connection = await asyncpg.connect(plain(empty_database_url))
    try:
        await connection.execute(
            "INSERT INTO account (id, email, password_hash, is_admin, created_at, updated_at)"
            " VALUES ('a', 'a@example.test', 'x', false, now(), now())"
        )
        await asyncio.to_thread(command.downgrade, config, "base")
        left = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert [row["tablename"] for row in left] == ["alembic_version"]
        await asyncio.to_thread(upgrade, empty_database_url)
        assert await connection.fetchval("SELECT count(*) FROM account") == 0
    finally:
        await connection.close()


async def test_several_migrators_at_once_migrate_once(empty_database_url: str, tmp_path: Path):
    env = up_environment(tmp_path, DATABASE_URL=empty_database_url)
    done = await asyncio.gather(*(run_hub("migrate", env=env) for _ in range(2)))
    assert [one.returncode for one in done] == [0, 0], done
    connection = await asyncpg.connect(plain(empty_database_url))
    try:
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == revisions()[0]
    finally:
        await connection.close()


async def test_a_migration_gives_up_rather_than_queue_every_reader_behind_itself(database_url: str):
    """The session that migrates has a lock timeout."""
    seen = await asyncio.to_thread(_lock_timeout_of_a_migration, database_url)
    assert seen == "5s"


def _lock_timeout_of_a_migration(database_url: str) -> str:
    seen: list[str] = []

    def look(_revision, context):
        seen.append(context.connection.execute(text("SHOW lock_timeout")).scalar_one())
        return []

    config = alembic_config(database_url)
    with EnvironmentContext(config, ScriptDirectory.from_config(config), fn=look):
        ScriptDirectory.from_config(config).run_env()
    return seen[0]
