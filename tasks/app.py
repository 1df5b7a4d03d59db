"""The Celery application, built from the settings, with the beat schedule as one table.

The schedule only says "look". What is due is worked out from Postgres at each tick, and everything done has a unique
key or a state there, so a tick that comes twice, late or never costs delay and nothing else. That is why no task uses
Celery's own retries: the next tick is the retry.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from celery import Celery
from celery.schedules import crontab

from hub.settings import Settings
from tasks import runtime
from tasks.broker import redis_configuration

_TASK_MODULES = ("tasks.latency", "tasks.mails", "tasks.maintenance", "tasks.reports", "tasks.summaries")


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast lost work comes back. The defaults are for production; tests shorten them.

    A message that is not acknowledged for `visibility_timeout_s` is given to another worker; found at the next
    sweep. It must be more than twice the time limit, or a slow task is started again while it still runs.
    """

    look_every_s: float = 3.0  # how late a maintenance may start or end, and then some
    mails_every_s: float = 2.0  # how long somebody waits for his link, and then some
    time_limit_s: int = 30
    visibility_timeout_s: int = 75
    sweep_interval_s: float = 5.0
    beat_loop_s: float = 1.0
    beat_lock_s: int = 10  # after a beat's death the next one waits this long; less than 5 risks two at once

    def __post_init__(self) -> None:
        if self.visibility_timeout_s <= 2 * self.time_limit_s:
            raise ValueError("the visibility timeout must be more than twice the time limit")


def create_app(settings: Settings, timing: Timing | None = None) -> Celery:
    """The Celery application of one process. Opens nothing; raises ValueError when no Redis or database is given."""
    timing = timing or Timing()
    app = Celery("hub", set_as_current=True)
    app.conf.update(_configuration(settings, timing))
    for module in _TASK_MODULES:
        import_module(module)
    app.finalize()
    runtime.open_in_workers_of(app, settings)
    return app


def _configuration(settings: Settings, timing: Timing) -> dict[str, Any]:
    redis = redis_configuration(settings.celery_dsn)
    return {
        **redis,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # wait for Redis for ever; the supervisor sees a living process
        "broker_transport_options": {
            **redis["broker_transport_options"],
            "visibility_timeout": timing.visibility_timeout_s,
            # Kombu sweeps every interval x throttle seconds; its defaults (10 x 10) left a killed worker's task
            # lying for 101 s.
            "unacked_restore_interval": timing.sweep_interval_s,
            "unacked_restore_throttle": 1,
            "unacked_key": "hub:tasks:unacked",
            "unacked_index_key": "hub:tasks:unacked_index",
            "unacked_mutex_key": "hub:tasks:unacked_mutex",
            "unacked_mutex_expire": 10,
        },
        "task_default_queue": "hub:tasks",
        # Only JSON comes in: a pickled message is code.
        "task_serializer": "json",
        "accept_content": ["json"],
        "event_serializer": "json",
        # Nobody reads results; without a backend none can pile up in Redis.
        "result_backend": None,
        "result_expires": None,
        "task_ignore_result": True,
        # A task counts as done when it is done: late acknowledgement covers a worker that dies, the second line one
        # whose child dies; prefetching less keeps the rest of the queue free for the others.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": 2,  # not one per core: tasks are few, short, and each process has a connection
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "task_time_limit": timing.time_limit_s,  # the child is killed; `runtime.transaction` gives up long before
        "task_track_started": False,
        "worker_send_task_events": True,
        "task_send_sent_event": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "timezone": "UTC",
        "enable_utc": True,
        "beat_schedule": _beat_schedule(timing),
        "beat_scheduler": "tasks.beat.SteadyScheduler",
        "beat_max_loop_interval": timing.beat_loop_s,
        "redbeat_key_prefix": "hub:redbeat:",
        "redbeat_lock_timeout": timing.beat_lock_s,
    }


def _beat_schedule(timing: Timing) -> dict[str, Any]:
    table = (
        # task, when (UTC), seconds after which a tick that still waits is dropped
        ("maintenance.advance_due", timing.look_every_s, 30),  # windows open and close within 5 s of their time
        ("mails.send_due", timing.mails_every_s, 10),  # a look is one statement; a mail that waits needs no other sign
        ("summaries.publish_due", crontab(), 50),  # each minute
        ("latency.prune", crontab(minute="17"), 50),  # each hour, a few batches
        ("reports.store_due", crontab(), 50),  # each minute, since days end at another minute in every zone
    )
    return {
        name: {"task": name, "schedule": when, "options": {"expires": expires_s}} for name, when, expires_s in table
    }
