"""`python -m tasks worker | beat | flower | inspect [options of Celery…]`, and `beat-lock` for health checks."""

import sys
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning
from redbeat.schedulers import ensure_conf, get_redis

from hub.datadir import load_settings
from tasks.app import create_app

OPTIONS = {  # of each command, before the caller's own
    # Gossip and mingling ask other workers for what ours need not know, and cost a second at each start.
    "worker": ("--without-gossip", "--without-mingle"),
    "beat": ("--pidfile=",),
    "flower": (),
    "inspect": (),
}


def main(argv: list[str]) -> None:
    command, *options = argv or [""]
    if command not in OPTIONS and command != "beat-lock":
        sys.exit("usage: python -m tasks worker|beat|flower|inspect|beat-lock [options]")
    try:
        app = create_app(load_settings())
    except ValueError as error:
        sys.exit(f"hub: {error}")
    # Celery warns root because pickled messages are code; this hub takes JSON only.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    if command == "beat-lock":
        sys.exit(0 if _is_beat_locked(app) else "no beat holds the lock")
    app.start([command, *OPTIONS[command], *options])


def _is_beat_locked(app: Celery) -> bool:
    """Does some beat keep the time?"""
    return bool(get_redis(app).exists(ensure_conf(app).lock_key))


if __name__ == "__main__":
    main(sys.argv[1:])
