"""What a worker process owns: one event loop and one pool of one connection, opened when it starts.

Celery's pool forks its processes, and neither an event loop nor a connection survives a fork; so both are made in
`worker_process_init` and closed in `worker_process_shutdown`, never at import.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Concatenate, ParamSpec, TypeVar, cast

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown
from redis import RedisError
from sqlalchemy.ext.asyncio import AsyncSession

from hub.clock import Clock, SystemClock
from hub.engine.redis_client import make_blocking_client
from hub.errors import NotFound, Unavailable
from hub.notify.delivery import deliver_due, sender_of
from hub.services.database import create_engine, create_sessions, is_unavailable
from hub.settings import Settings
from tasks import viewers

log = logging.getLogger(__name__)

GIVE_UP_AFTER_S = 20  # well below the time limit, at which the process would be killed
ATTEMPTS = 3
EXPECTED = (NotFound, Unavailable)  # a page deleted meanwhile, a database away: no traceback, the next tick goes on

P = ParamSpec("P")
R = TypeVar("R")


class Runtime:
    """One worker process: `transaction` runs a service, `deliver_mails` sends them, `clock` tells the time."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.clock = clock
        self._redis = make_blocking_client(settings.redis_dsn, decode_responses=True)
        self._runner = asyncio.Runner()
        self._engine = create_engine(settings.sqlalchemy_url, pool_size=1)
        self._sessions = create_sessions(self._engine)
        self._sender = sender_of(settings)

    def transaction(
        self, service: Callable[Concatenate[AsyncSession, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """The result of `service(session, *args, **kwargs)`, committed.

        Deadlocks, lost locks and a database that is away for a moment are tried again, up to `ATTEMPTS` times within
        `GIVE_UP_AFTER_S`; then it is Unavailable, and the next tick the retry.
        """

        async def attempt() -> R:
            async with self._sessions.begin() as session:
                return await service(session, *args, **kwargs)

        return self._runner.run(_repeated(attempt))

    def deliver_mails(self) -> int:
        """`hub.notify.delivery.deliver_due`; without the database it is Unavailable, and the next tick the retry."""
        try:
            return self._runner.run(deliver_due(self._sessions, self._sender, self.clock))
        except Exception as error:
            if is_unavailable(error):
                raise Unavailable(str(error)) from error
            raise

    def viewer_fields(self) -> dict[str, str]:
        """What the nodes have told of their members (`tasks.viewers`); empty when Redis is away for a moment."""
        try:
            return cast("dict[str, str]", self._redis.hgetall(viewers.KEY))
        except RedisError as error:
            log.warning("viewers are not counted this time: %s", error)
            return {}

    def close(self) -> None:
        self._runner.run(self._engine.dispose())
        self._runner.close()
        self._redis.close()


async def _repeated(attempt: Callable[[], Awaitable[R]]) -> R:
    failures = 0
    try:
        async with asyncio.timeout(GIVE_UP_AFTER_S):
            while True:
                try:
                    return await attempt()
                except Exception as error:
                    failures += 1
                    if failures == ATTEMPTS or not is_unavailable(error):
                        raise
                    log.warning("trying again, attempt %d failed: %s", failures, error)
                await asyncio.sleep(random.uniform(0.1, 0.5) * failures)  # noqa: S311 (spreads rivals, not a secret)
    except Exception as error:
        if is_unavailable(error):
            raise Unavailable(str(error)) from error
        raise


_current: Runtime | None = None


def current() -> Runtime:
    """The runtime of this worker process."""
    if _current is None:
        raise RuntimeError("asked for outside of a worker process")
    return _current


def transaction(service: Callable[Concatenate[AsyncSession, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
    """`Runtime.transaction` of this worker process."""
    return current().transaction(service, *args, **kwargs)


def now() -> datetime:
    return current().clock.now()


def open_in_workers_of(app: Celery, settings: Settings) -> None:
    """Have each process of `app`'s worker open its runtime when it starts, and close it when it ends."""

    def open_runtime(**_: object) -> None:
        global _current  # noqa: PLW0603 (one per process is the point)
        _current = Runtime(settings, SystemClock())

    def close_runtime(**_: object) -> None:
        global _current  # noqa: PLW0603
        if _current is not None:
            _current.close()
            _current = None

    uid = f"hub.runtime.{id(app)}"
    worker_process_init.connect(open_runtime, weak=False, dispatch_uid=uid)
    worker_process_shutdown.connect(close_runtime, weak=False, dispatch_uid=uid)
