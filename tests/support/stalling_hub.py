"""`python -m hub` whose event loop stands still for `TEST_STALL_S` seconds at each SIGUSR1."""

import os
import signal
import time

from hub.cli import main


def stand_still(*_: object) -> None:
    ends_at = time.monotonic() + float(os.environ["TEST_STALL_S"])
    while time.monotonic() < ends_at:
        pass


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, stand_still)
    main()
