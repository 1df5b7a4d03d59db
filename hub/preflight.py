"""Is what the hub stands on there, and is it the right one? Asked before anything is changed."""

from dataclasses import dataclass

import asyncpg
from redis.exceptions import RedisError
from sqlalchemy.engine import make_url

from hub.engine.redis_client import make_client
from hub.errors import Unavailable

OLDEST_POSTGRES = 15
_CONNECT_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What a database says of itself; `revision` is None before the first migration."""

    version: str
    revision: str | None


async def check_database(url: str) -> DatabaseFacts:
    """Raises Unavailable, in one line for people, when the database cannot be used."""
    where = _described(url)
    try:
        connection = await asyncpg.connect(_plain(url), timeout=_CONNECT_WITHIN_S)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error).splitlines()[0] if str(error) else "no answer"
        raise Unavailable(f"the database {where} cannot be reached: {reason}") from None
    try:
        version = await connection.fetchval("SHOW server_version")
        if int(await connection.fetchval("SHOW server_version_num")) < OLDEST_POSTGRES * 10_000:
            raise Unavailable(f"the database {where} is PostgreSQL {version}; the hub needs {OLDEST_POSTGRES} or newer")
        has_revisions = await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL")
        revision = await connection.fetchval("SELECT version_num FROM alembic_version") if has_revisions else None
        return DatabaseFacts(version=str(version), revision=revision)
    finally:
        await connection.close()


async def check_redis(dsn: str) -> str:
    """The server's name and version; raises Unavailable, in one line for people, when it does not answer."""
    try:
        client = make_client(dsn, timeout_s=_CONNECT_WITHIN_S)
    except ValueError as error:
        raise Unavailable(f"REDIS_URL cannot be used: {error}") from None
    try:
        answer = await client.info("server")
    except (RedisError, OSError) as error:
        raise Unavailable(f"Redis cannot be reached: {error}") from None
    finally:
        await client.aclose()
    facts = answer if "redis_version" in answer else next(iter(answer.values()))  # a cluster: of each node
    name = "Valkey" if "valkey_version" in facts else "Redis"
    return f"{name} {facts.get('valkey_version') or facts.get('redis_version')}"


def require_current(facts: DatabaseFacts, newest: str, known: frozenset[str]) -> None:
    """Raises Unavailable unless the tables are as this code needs them. Newer ones are fine: changes only add."""
    if facts.revision == newest or (facts.revision is not None and facts.revision not in known):
        return
    raise Unavailable(
        f"the database's tables are at {facts.revision or 'nothing'} and this hub needs {newest}: "
        "run `python -m hub migrate`"
    )


def _plain(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)


def _described(url: str) -> str:
    """Where the database is, without the password."""
    parts = make_url(url)
    host = parts.host or parts.query.get("host", "localhost")
    return f"{parts.database} at {host}" + (f":{parts.port}" if parts.port else "")
