"""Migrations: there and back on data, no drift from the models, several migrators at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from alembic import command
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from hub.migrate import alembic_config, revisions, upgrade
from tests.support.hub import run_hub
from tests.support.rows import add_component, add_page
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


async def test_days_and_bases_of_what_was_there_before_them(database_url: str):
    """Cut at the same midnights as the program does, where the clocks change at midnight too."""
    config, start = alembic_config(database_url), datetime(2026, 2, 1, 5, 7, tzinfo=UTC)
    engine = create_async_engine(database_url)
    try:
        async with AsyncSession(engine) as session, session.begin():
            for zone in ("Europe/Berlin", "America/Havana", "America/Santiago", "Asia/Kolkata", "Australia/Lord_Howe"):
                page_id = await add_page(session, f"in-{zone.partition('/')[2][:4].lower()}", start, time_zone=zone)
                edges = [start + timedelta(hours=n * 97, seconds=n) for n in range(80)]
                words = ("operational", "major_outage", "operational", "degraded_performance")
                history = [(words[n % 4], *edges[n : n + 2]) for n in range(79)]
                await add_component(session, page_id, "API", start, *history, ("operational", edges[-1], None))
        async with engine.begin() as connection:
            days = (await connection.execute(text("SELECT * FROM component_day ORDER BY 1, 2"))).all()
            bases = (await connection.execute(text("SELECT component_id, status, during FROM base_interval"))).all()
        await engine.dispose()
        await asyncio.to_thread(command.downgrade, config, "8baee90f21dd")
        await asyncio.to_thread(upgrade, database_url)
        async with engine.begin() as connection:
            assert (await connection.execute(text("SELECT * FROM component_day ORDER BY 1, 2"))).all() == days
            found = (await connection.execute(text("SELECT component_id, status, during FROM base_interval"))).all()
        assert sorted(map(str, found)) == sorted(map(str, bases))
        assert len(days) > 5 * 300
    finally:
        await engine.dispose()


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
