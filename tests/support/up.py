"""`python -m hub up` as a child, with all that it starts."""

import os
import re
import subprocess
import sys
from pathlib import Path
from signal import SIGKILL, Signals

import psutil

from hub.children import kill_group, spawn
from tests.support.hub import ROOT, free_port
from tests.support.waiting import wait_until

_READY = re.compile(r"Status Hub: (\S+)/p/demo \(sign in: (\S+) / (\S+)\)")


class UpProcess:
    """The all-in-one hub over `data_dir`; with embedded servers unless `env` says otherwise."""

    def __init__(self, data_dir: Path, log_path: Path, **env: str) -> None:
        self.data_dir = data_dir
        self.log_path = log_path
        self.env = up_environment(data_dir, **env)
        self.base_url = ""
        self.email = ""
        self.password = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it and return at once."""
        with self.log_path.open("ab") as log:
            self._process = spawn([sys.executable, "-m", "hub", "up"], env=self.env, cwd=ROOT, output=log)
        return self._process

    async def start(self) -> None:
        """Returns when the address is printed."""
        seen = len(self.log) if self.log_path.exists() else 0
        process = self.launch()

        def address() -> re.Match[str] | None:
            assert process.poll() is None, self.log[seen:]
            return _READY.search(self.log, seen)

        found = await wait_until(address, within_s=60, every_s=0.05)
        assert found is not None
        self.base_url, self.email, self.password = found.groups()

    def family(self) -> list[psutil.Process]:
        """Everything it has started, and what that has started."""
        return psutil.Process(self.pid).children(recursive=True)

    def part(self, words: str) -> psutil.Process:
        """The direct child whose command line holds `words`."""
        for process in psutil.Process(self.pid).children():
            if words in " ".join(process.cmdline()):
                return process
        raise AssertionError(f"no child with {words!r}")

    async def end(self, sig: Signals) -> int:
        """Send a signal; the exit code."""
        process = self._process
        assert process is not None
        process.send_signal(sig)
        await wait_until(lambda: process.poll() is not None, within_s=40)
        self._process = None
        return process.returncode

    def destroy(self) -> None:
        """Whatever state the test left it in."""
        if self._process is not None:
            family = self.family() if self._process.poll() is None else []
            kill_group(self._process.pid, SIGKILL)
            self._process.wait()
            for process in family:
                if process.is_running():
                    kill_group(process.pid)


def up_environment(data_dir: Path, **env: str) -> dict[str, str]:
    """A bare environment, as `env -i` leaves it."""
    given = {"PATH": os.environ.get("PATH", os.defpath), "HUB_DATA_DIR": str(data_dir), "HUB_DRAIN_S": "0.5"}
    return {**given, "HUB_PORT": str(free_port()), **env}
