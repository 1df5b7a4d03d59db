"""The connection pool, with the time limits that every transaction of the hub runs under."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

Sessions = async_sessionmaker[AsyncSession]


def create_engine(url: str, *, pool_size: int) -> AsyncEngine:
    """A pool of at most `pool_size` connections; waiting for one longer than 2 s is an error (`is_unavailable`)."""
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=2,
        pool_pre_ping=True,
        connect_args={
            "timeout": 2,
            "command_timeout": 10,
            "server_settings": {
                "application_name": "status-hub",
                "lock_timeout": "2000",
                "idle_in_transaction_session_timeout": "10000",
                "timezone": "UTC",
            },
        },
    )


def create_sessions(engine: AsyncEngine) -> Sessions:
    return async_sessionmaker(engine, expire_on_commit=False, autoflush=False)


@asynccontextmanager
async def one_moment(sessions: Sessions) -> AsyncIterator[AsyncSession]:
    """A read-only transaction in which every statement sees the same database snapshot. Keep it short."""
    async with sessions() as session, session.begin():
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        yield session


# SQLSTATE: connection trouble (08), lock not available / deadlock / serialisation, too many connections, shutdown.
_PASSING = ("08", "40001", "40P01", "53", "55P03", "57P")


def is_unavailable(error: BaseException | None) -> bool:
    """Is `error` the database being away or busy for a moment (answer 503, try again), rather than a fault of ours?"""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        return error.connection_invalidated or state.startswith(_PASSING) or is_unavailable(error.orig)
    # SQLAlchemy's pool time-out is a TimeoutError of its own; a refused or cut connection is an OSError.
    return isinstance(error, OSError | TimeoutError) or type(error).__name__ in {
        "TimeoutError",
        "InterfaceError",
        "ConnectionDoesNotExistError",
        "CannotConnectNowError",
    }
