"""`python -m tests.support.run_tasks TIMING worker|beat …`: `python -m tasks` with a timing (JSON) of its own."""

import json
import sys

from hub.datadir import load_settings
from tasks.__main__ import OPTIONS
from tasks.app import Timing, create_app

if __name__ == "__main__":
    timing, command, *options = sys.argv[1:]
    create_app(load_settings(), Timing(**json.loads(timing))).start([command, *OPTIONS[command], *options])
