"""What all sessions of a node share."""

import asyncio
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from hub import __version__
from hub.clock import Clock
from hub.engine.node import Node
from hub.protocol.limits import Limits
from hub.settings import Settings
from hub.transport.access import Access
from hub.transport.sweep import Sweep

VERSION = f"status-hub {__version__}"


@dataclass(frozen=True, slots=True)
class Context:
    """Made once by the application; `tasks` holds the work of sessions that waits for something."""

    node: Node
    access: Access
    clock: Clock
    sweep: Sweep
    limits: Limits
    rng: random.Random = field(default_factory=random.SystemRandom)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def close(self) -> None:
        """Wait for what sessions have begun; the sockets are gone by then."""
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def connection_limits(settings: Settings) -> Limits:
    """The settings that concern one connection."""
    return Limits(
        frame_bytes=settings.hub_frame_limit_bytes,
        unread_bytes=settings.hub_send_buffer_limit_bytes,
        connect_deadline_s=settings.hub_connect_deadline_s,
        ping_interval_s=settings.hub_ping_interval_s,
        pong_timeout_s=settings.hub_pong_timeout_s,
        expiry_grace_s=settings.hub_expiry_grace_s,
        channels=settings.hub_channels_per_client,
        connections_per_user=settings.hub_connections_per_user,
    )
