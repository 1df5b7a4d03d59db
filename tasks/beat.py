"""RedBeat that goes on by itself after Redis was away or has lost its data; upstream ends the process instead."""

import logging
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from redbeat.schedulers import RedBeatScheduler, acquire_distributed_beat_lock
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import LockError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.lock import Lock

log = logging.getLogger(__name__)

_RETRY_S = 1.0


class SteadyScheduler(RedBeatScheduler):  # type: ignore[misc] # untyped upstream
    """One of several beats ticks: the holder of the lock. The others wait for it, and so does one that lost it."""

    lock: Lock | None = None

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; the seconds until the next look."""
        try:
            if self.lock is None:
                acquire_distributed_beat_lock(sender=SimpleNamespace(scheduler=self))
                self.setup_schedule()  # a Redis without its data has forgotten the schedule too
            return float(super().tick(*args, **kwargs))
        except LockError as error:
            log.warning("beat: standing by, the lock is gone: %s", error)
            self.lock = None
        except (RedisConnectionError, RedisTimeoutError) as error:
            log.warning("beat: Redis is away: %s", error)
        return _RETRY_S

    def close(self) -> None:
        """Give the lock back; without Redis it ends by its own time-out."""
        with suppress(RedisError):
            super().close()
