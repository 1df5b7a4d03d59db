"""The hub as `make sdk-profile` serves it, on the one port that the suites of the SDKs know."""

import contextlib
import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM

from hub.children import kill_group, spawn
from tests.support.hub import ROOT
from tests.support.waiting import wait_until_blocking

PORT = 8000
BASE_URL = f"http://127.0.0.1:{PORT}"
WS_URL = f"ws://127.0.0.1:{PORT}/connection/websocket"
API_KEY = "test-api-key"
_LOCK_PATIENCE_S = 600.0


@contextlib.contextmanager
def sdk_profile(name: str, log_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`deploy/sdk/serve NAME`, ready; asked to end with the block, and made to if need be."""
    with _port_of_our_own():
        with log_path.open("wb") as log:
            environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(log_path.parent)}
            process = spawn([str(ROOT / "deploy/sdk/serve"), name], env=environment, cwd=ROOT, output=log)

        def is_ready() -> bool:
            text = log_path.read_text(errors="replace")
            assert process.poll() is None, f"the hub ended while starting:\n{text[-4000:]}"
            return "Status Hub: http" in text

        try:
            wait_until_blocking(is_ready, within_s=60, every_s=0.1)
            yield process
            if process.poll() is None:
                process.send_signal(SIGTERM)
            wait_until_blocking(lambda: process.poll() is not None, within_s=40)
        finally:
            kill_group(process.pid)
            process.wait()


@contextlib.contextmanager
def _port_of_our_own() -> Iterator[None]:
    """One test process at a time; AssertionError when somebody else serves there."""
    (ROOT / ".build").mkdir(exist_ok=True)
    with (ROOT / ".build" / "port-8000.lock").open("a") as lock:
        deadline = time.monotonic() + _LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                assert time.monotonic() < deadline, "another test run has held port 8000 for ten minutes"
                time.sleep(0.2)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", PORT))
            except OSError:
                raise AssertionError(
                    f"port {PORT} is taken by another program; the suites of the SDKs know no other port"
                ) from None
        yield
