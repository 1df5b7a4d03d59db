"""Wait for the parent to end and take its children along. Reads `+ PID SIGNAL`, `- PID`; end of file is the end.

Runs under `python -I -S` with the standard library alone. On Linux the kernel's death signal usually is faster; this
is what macOS has, and what ends a child that does not listen.
"""

import os
import signal
import sys
import time

_PATIENCE_S = 12.0


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def send(pid: int, sig: int, *, group: bool = False) -> None:
    try:
        if group:
            os.killpg(pid, sig)
        else:
            os.kill(pid, sig)
    except (ProcessLookupError, PermissionError):
        pass


def watch() -> dict[int, int]:
    """Pids and their signals that are left when the parent is gone."""
    children: dict[int, int] = {}
    for line in sys.stdin:
        match line.split():
            case ["+", pid, sig]:
                children[int(pid)] = int(sig)
            case ["-", pid]:
                children.pop(int(pid), None)
    return children


def end(children: dict[int, int]) -> None:
    for pid, sig in children.items():
        send(pid, sig)
    deadline = time.monotonic() + _PATIENCE_S
    while any(map(is_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in children:
        send(pid, signal.SIGKILL, group=True)


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    end(watch())
