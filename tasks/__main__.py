"""`python -m tasks worker | beat | flower | inspect [options of Celery…]`, and `beat-lock` for health checks."""

import logging
import sys
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging
from redbeat.schedulers import ensure_conf, get_redis

from hub.datadir import load_settings
from hub.observe import logs
from hub.settings import Settings
from tasks.app import create_app

OPTIONS = {  # of each command, before the caller's own
    # Gossip and mingling ask other workers for what ours need not know, and cost a second at each start.
    "worker": ("--without-gossip", "--without-mingle"),
    "beat": ("--pidfile=",),
    "flower": (),
    "inspect": (),
}

# Two lines for every tick, every few seconds; what a task has done it says itself.
_TICKING = ("celery.worker.strategy", "celery.app.trace")


def main(argv: list[str]) -> None:
    command, *options = argv or [""]
    if command not in OPTIONS and command != "beat-lock":
        sys.exit("usage: python -m tasks worker|beat|flower|inspect|beat-lock [options]")
    settings = load_settings()
    try:
        app = create_app(settings)
    except ValueError as error:
        sys.exit(f"hub: {error}")
    # With a receiver of this signal Celery leaves logging alone.
    setup_logging.connect(lambda **_: _configure_logs(settings, command), weak=False)
    # Celery warns root because pickled messages are code; this hub takes JSON only.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    if command == "beat-lock":
        sys.exit(0 if _is_beat_locked(app) else "no beat holds the lock")
    app.start(["--quiet", command, *OPTIONS[command], *options])


def _configure_logs(settings: Settings, who: str) -> None:
    logs.configure(settings, who)
    if settings.hub_log_level != "debug":
        for name in _TICKING:
            logging.getLogger(name).setLevel(logging.WARNING)


def _is_beat_locked(app: Celery) -> bool:
    """Does some beat keep the time?"""
    return bool(get_redis(app).exists(ensure_conf(app).lock_key))


if __name__ == "__main__":
    main(sys.argv[1:])
