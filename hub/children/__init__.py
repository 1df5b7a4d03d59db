"""Child processes that never outlive their parent, and never run PostgreSQL as root.

Knows processes and signals; knows nothing of what the children do. `launch.py` runs in the child before its program,
`guard.py` beside the parent.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import IO

import psutil

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class RunAs:
    """Another user for a child; `may_search` lets it through folders that are closed to that user (Linux only)."""

    name: str
    may_search: bool = False


def launch_command(argv: Sequence[str], *, death_signal: Signals = SIGTERM, run_as: RunAs | None = None) -> list[str]:
    """`argv` wrapped so that its process gets `death_signal` when the caller's process dies, and runs as `run_as`.

    The wrapper replaces itself by the program, so the child's pid is the program's.
    """
    user = run_as.name if run_as else "-"
    search = "search" if run_as and run_as.may_search else "-"
    launch = [sys.executable, "-I", "-S", str(_HERE / "launch.py")]
    return [*launch, str(os.getpid()), str(int(death_signal)), user, search, *argv]


def spawn(
    argv: Sequence[str],
    *,
    death_signal: Signals = SIGTERM,
    run_as: RunAs | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: IO[bytes] | int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own (Ctrl-C in the terminal is the parent's business)."""
    return subprocess.Popen(
        launch_command(argv, death_signal=death_signal, run_as=run_as),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env=env,
        cwd=cwd,
        start_new_session=True,
    )


def kill_group(pid: int, sig: Signals = SIGKILL) -> None:
    """Signal a child and everything it started; nothing happens when it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, sig)


class Guard:
    """A helper process that outlives a `kill -9` of its parent just long enough to end the children it was told of."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_HERE / "guard.py")], stdin=subprocess.PIPE, start_new_session=True
        )

    def watch(self, pid: int, death_signal: Signals = SIGTERM) -> None:
        self._tell(f"+ {pid} {int(death_signal)}")

    def forget(self, pid: int) -> None:
        self._tell(f"- {pid}")

    def close(self) -> None:
        """Whatever is still watched is ended; returns when the guard has gone."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, ValueError):  # the guard was killed: the death signal still protects us on Linux
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()


class Register:
    """The children of one data directory on disk, so that the next start can wait for what a `kill -9` left behind."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started: dict[int, float] = {}

    def add(self, pid: int) -> None:
        with suppress(psutil.NoSuchProcess):
            self._started[pid] = psutil.Process(pid).create_time()
        self._write()

    def remove(self, pid: int) -> None:
        self._started.pop(pid, None)
        self._write()

    def await_leftovers(self, within_s: float = 15.0) -> None:
        """Return when no child of an earlier run is alive; whoever is not gone `within_s` is killed."""
        leftovers = [process for process in map(_alive, *_columns(self._path)) if process is not None]
        _, stubborn = psutil.wait_procs(leftovers, timeout=within_s)
        for process in stubborn:
            kill_group(process.pid)
        psutil.wait_procs(stubborn, timeout=5)

    def _write(self) -> None:
        temporary = self._path.with_suffix(".new")
        temporary.write_text(json.dumps({str(pid): at for pid, at in self._started.items()}))
        temporary.replace(self._path)


def _columns(path: Path) -> tuple[list[int], list[float]]:
    try:
        recorded = json.loads(path.read_text())
        return [int(pid) for pid in recorded], [float(at) for at in recorded.values()]
    except (FileNotFoundError, ValueError, AttributeError):
        return [], []


def _alive(pid: int, started_at: float) -> psutil.Process | None:
    """The process `pid` if it still is the one that started then; a reused pid is somebody else's."""
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - started_at) < 1 else None
    except psutil.NoSuchProcess:
        return None
