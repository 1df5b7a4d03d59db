"""The hub as a real process over a test's own database and Redis."""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals

import httpx2

from hub.children import kill_group, spawn
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
SECRET_KEY = "a-secret-key-for-the-tests-alone"
# Tests ask more often than people do, and all from one address. Those of the limits set what they are about.
UNHURRIED = {
    "hub_reads_per_account_per_minute": 1_000_000,
    "hub_reads_per_address_per_minute": 1_000_000,
    "hub_writes_per_account_per_minute": 1_000_000,
    "hub_writes_per_address_per_minute": 1_000_000,
    "hub_pages_per_address_per_minute": 1_000_000,
    "hub_emulations_per_address_per_minute": 1_000_000,
}


_PORTS = range(10_000, 32_000)  # below those that the kernel gives to outgoing connections at any moment
_given_ports: set[int] = set()


def free_port() -> int:
    """A port that nobody uses on any address, and that this process has not been given before."""
    while True:
        port = secrets.choice(_PORTS)
        if port in _given_ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        _given_ports.add(port)
        return port


class HubProcess:
    """`python -m hub serve` on a port of its own. Its output is in `log_path`."""

    module = "hub"

    def __init__(
        self,
        *,
        database_url: str,
        redis_url: str,
        directory: Path,
        command: tuple[str, ...] = ("serve",),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}/connection/websocket"
        self.directory = directory
        self.log_path = directory / f"{'-'.join(command)}-{self.port}.log"
        self.env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(directory),
            "PYTHONWARNINGS": "default",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "HUB_SECRET_KEY": SECRET_KEY,
            "HUB_DATA_DIR": str(directory),
            "HUB_PORT": str(self.port),
            "HUB_DRAIN_S": "0.5",
            **{name.upper(): str(value) for name, value in UNHURRIED.items()},
            **(env or {}),
        }
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    async def start(self, *, within_s: float = 30.0) -> None:
        """Returns when `/readyz` answers 200; AssertionError with the log's end otherwise."""
        self.launch()
        await self.wait_ready(within_s=within_s)

    def launch(self) -> None:
        """Start the process and return at once."""
        with self.log_path.open("ab") as log:
            self._process = spawn(
                [sys.executable, "-m", self.module, *self._command], env=self.env, cwd=ROOT, output=log
            )

    async def wait_ready(self, *, within_s: float = 30.0) -> None:
        async def is_ready() -> bool:
            if not self.is_running:
                raise AssertionError(f"the hub ended while starting:\n{self.log[-4000:]}")
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx2.TransportError:
                return False

        async with httpx2.AsyncClient(base_url=self.base_url, timeout=2) as client:
            await wait_until(is_ready, within_s=within_s, every_s=0.05)

    async def stop(self, *, within_s: float = 20.0) -> int:
        """SIGTERM, as an operator would; the exit code."""
        return await self._end(SIGTERM, within_s)

    async def kill(self) -> None:
        """`kill -9`."""
        await self._end(SIGKILL, 10)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def pause(self) -> None:
        os.kill(self.pid, SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, SIGCONT)

    async def run(self, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Another `python -m hub` command with the same settings, to its end."""
        return await run_hub(*args, env=self.env, stdin=stdin)

    async def create_user(
        self, email: str, password: str = "correct horse battery", *, admin: bool = False, verified: bool = True
    ) -> str:
        """An account made by the command line; returns its e-mail address."""
        flags = [*(["--admin"] if admin else []), *(["--verified"] if verified else []), "--password-stdin"]
        done = await self.run("user", "create", email, *flags, stdin=password + "\n")
        assert done.returncode == 0, done.stderr
        return email

    async def token(self, email: str) -> str:
        """An access token of the account."""
        done = await self.run("token", email)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    async def admin_client(self, email: str = "admin@example.test") -> httpx2.AsyncClient:
        """A REST client with an administrator's token; the caller closes it."""
        await self.create_user(email, admin=True)
        headers = {"Authorization": f"Bearer {await self.token(email)}"}
        return httpx2.AsyncClient(base_url=self.base_url, headers=headers, timeout=10)

    async def _end(self, sig: Signals, within_s: float) -> int:
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(SIGCONT)
            process.send_signal(sig)
        try:
            await wait_until(lambda: process.poll() is not None, within_s=within_s)
        finally:
            kill_group(process.pid)
            process.wait()
            self._process = None
        return process.returncode


async def run_hub(*args: str, env: Mapping[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """`python -m hub ARGS` to its end, in text."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hub",
        *args,
        env=dict(env),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return subprocess.CompletedProcess(args, process.returncode, out.decode(), err.decode())
