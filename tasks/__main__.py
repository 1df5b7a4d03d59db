"""`python -m tasks worker | beat | flower [options of Celery…]`."""

import sys

from hub.datadir import load_settings
from tasks.app import create_app

_OPTIONS = {
    # Gossip and mingling ask other workers for what ours need not know, and cost a second at each start.
    "worker": ("--without-gossip", "--without-mingle"),
    "beat": ("--pidfile=",),
    "flower": (),
}


def main(argv: list[str]) -> None:
    if not argv or argv[0] not in _OPTIONS:
        sys.exit("usage: python -m tasks worker|beat|flower [options]")
    command, *options = argv
    create_app(load_settings()).start([command, *_OPTIONS[command], *options])


if __name__ == "__main__":
    main(sys.argv[1:])
