"""Runs migrations: online over asyncpg, one migrator at a time; offline (`--sql`) as a script."""

import asyncio
from urllib.parse import quote, urlencode

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from hub.datadir import load_settings
from models import metadata

# Any fixed number of ours: whoever migrates this database holds this advisory lock.
_MIGRATION_LOCK = 7_368_747_755
# A migration that cannot get its table lock gives up rather than queue every reader of the table behind itself.
_LOCK_TIMEOUT = "5s"

config = context.config


def _address() -> str:
    """Give alembic.ini its `%(DB_*)s` values and return the address they make."""
    parts = make_url(config.attributes.get("database_url") or load_settings().sqlalchemy_url)
    values = {
        "DB_USER": quote(parts.username or "", safe=""),
        "DB_PASS": quote(str(parts.password or ""), safe=""),
        "DB_HOST": parts.host or "",
        "DB_PORT": str(parts.port or 5432),
        "DB_NAME": parts.database or "",
        "DB_QUERY": f"?{urlencode(parts.query, doseq=True)}" if parts.query else "",
    }
    for name, value in values.items():
        config.set_section_option(config.config_ini_section, name, value.replace("%", "%%"))
    address = config.get_main_option("sqlalchemy.url")
    assert address is not None
    return address


def _run(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    connection.execute(text("SELECT set_config('lock_timeout', :value, false)"), {"value": _LOCK_TIMEOUT})
    connection.commit()  # both outlive the transaction: they belong to the session
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run_online(address: str) -> None:
    engine = create_async_engine(address, poolclass=NullPool)  # closing the connection gives the lock back
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    context.configure(url=_address(), target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(_run_online(_address()))
