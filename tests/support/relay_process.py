"""A relay that kills itself at the point its last argument names: `… DATABASE_URL REDIS_URL POINT`."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from hub.clock import SystemClock
from hub.engine.broker import Message
from hub.engine.broker_redis import RedisBroker
from hub.relay.loop import Relay
from hub.services.database import create_engine, create_sessions


class MortalBroker(RedisBroker):
    """Publishes for real, and dies before, in the middle of or after the first batch."""

    def __init__(self, url: str, point: str) -> None:
        super().__init__(url, SystemClock())
        self._point = point

    async def publish(self, messages: Sequence[Message]) -> None:
        if self._point == "before_publish":
            os.kill(os.getpid(), signal.SIGKILL)
        sent = messages[: max(1, len(messages) // 2)] if self._point == "mid_batch" else messages
        await super().publish(sent)
        if self._point != "never":
            os.kill(os.getpid(), signal.SIGKILL)


async def main(database_url: str, redis_url: str, point: str) -> None:
    engine = create_engine(database_url, pool_size=2)
    relay = Relay(create_sessions(engine), MortalBroker(redis_url, point), SystemClock(), database_url)
    await relay.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
