"""The doorbell: PostgreSQL's NOTIFY on a connection of its own, heard as "look into the outbox now"."""

import asyncio
import logging
from collections.abc import Callable

import asyncpg

CHANNEL = "hub_outbox"
CONNECT_TIMEOUT_S = 2.0
RECONNECT_DELAY_S = 0.5

log = logging.getLogger(__name__)


class Bell:
    """Calls `on_ring` for each notification, and after each connect: what was notified while nobody listened is lost.

    Only a bell: the outbox is polled as well, so a link that is cut without a sign costs 100 ms, not a publication.
    """

    def __init__(self, dsn: str, on_ring: Callable[[], None]) -> None:
        self._dsn = dsn.replace("postgresql+asyncpg://", "postgresql://", 1)
        self._on_ring = on_ring

    async def run(self) -> None:
        """Listen for ever, through restarts of the server; ends by cancellation."""
        is_away = False
        while True:
            try:
                connection = await asyncpg.connect(
                    self._dsn, timeout=CONNECT_TIMEOUT_S, server_settings={"application_name": "status-hub bell"}
                )
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if not is_away:
                    log.warning("cannot listen to the database, polling alone: %s", str(error) or "timed out")
                is_away = True
            else:
                is_away = False
                await self._listen(connection)
            await asyncio.sleep(RECONNECT_DELAY_S)

    async def _listen(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        is_closed = asyncio.Event()
        connection.add_termination_listener(lambda _: is_closed.set())
        try:
            await connection.add_listener(CHANNEL, lambda *_: self._on_ring())
            self._on_ring()
            await is_closed.wait()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("the database stopped notifying: %s", error)
        finally:
            connection.terminate()
