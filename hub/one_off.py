"""Work on the database from outside a running node: one transaction, then gone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import SYSTEM
from hub.clock import SystemClock
from hub.datadir import demo_sign_in
from hub.migrate import revisions
from hub.preflight import check_database, require_current
from hub.services import pages, seed
from hub.services.database import create_engine, create_sessions
from hub.settings import Settings


@asynccontextmanager
async def transaction(settings: Settings) -> AsyncIterator[AsyncSession]:
    """One transaction on a database that has all tables; what goes wrong inside takes everything back.

    Raises Unavailable, in one line for people, when the database cannot be used.
    """
    require_current(await check_database(settings.sqlalchemy_url), *revisions())
    engine = create_engine(settings.sqlalchemy_url, pool_size=1)
    try:
        async with create_sessions(engine).begin() as session:
            yield session
    finally:
        await engine.dispose()


async def seed_demo(settings: Settings, *, only_if_empty: bool = False) -> bool:
    """Make the demo page and its account; False when they, or with `only_if_empty` any page, are there already."""
    email, password = demo_sign_in(settings.hub_data_dir)
    async with transaction(settings) as session:
        if only_if_empty and await pages.list_pages(session, by=SYSTEM):
            return False
        return await seed.seed_demo(session, by=SYSTEM, now=SystemClock().now(), email=email, password=password)
