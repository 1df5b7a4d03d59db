"""The programs of a measurement: which core they run on, what they cost, and the two that are compiled on the fly."""

import contextlib
import hashlib
import os
import resource
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import IO, Self

import psutil

HERE = Path(__file__).parent
BUILD = HERE.parent / ".build" / "bench"
SERVER_CORE, LOAD_CORE = 0, 1
ANSWER_WITHIN_S = 60.0


class BenchError(Exception):
    """A measurement cannot be made; in words for people."""


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """What is started in this block runs on `core` alone, with all its threads and children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core % (os.cpu_count() or 1)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_file_limit(wanted: int) -> None:
    """Raises BenchError when this machine does not allow so many open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchError(f"{wanted} open files are needed, the limit is {hard} (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted) if hard == resource.RLIM_INFINITY else hard, hard))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_s(pids: Sequence[int]) -> float:
    """User and system time of the processes; the kernel counts in steps of 10 ms."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(one.user + one.system for one in times)


def rss_bytes(pids: Sequence[int]) -> int:
    return sum(int(psutil.Process(pid).memory_info().rss) for pid in pids)


def compiled(name: str) -> Path:
    """The program of `name`.c, compiled when its source is new; raises BenchError without a compiler."""
    source = HERE / f"{name}.c"
    program = BUILD / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    if not program.exists():
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise BenchError("a C compiler is needed (cc)")
        BUILD.mkdir(parents=True, exist_ok=True)
        subprocess.run([compiler, "-O2", "-o", str(program), str(source)], check=True)
    return program


@contextlib.contextmanager
def process(
    argv: Sequence[str], *, core: int, env: dict[str, str] | None = None, stdin: bytes = b""
) -> Iterator[subprocess.Popen[bytes]]:
    """A server for the block, which may read `stdin`; its output is shown when it has ended by itself."""
    with tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as told:
        told.write(stdin)
        told.seek(0)
        with pinned(core):
            child = subprocess.Popen(
                argv, env=env, stdin=told, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            yield child
        finally:
            if child.poll() is not None:
                log.seek(0)
                print(f"{argv[0]} ended with {child.returncode}: {log.read()[-2000:].decode(errors='replace')}")
            end(child)


def end(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL to its group when that does not help."""
    child.send_signal(SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(10)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, SIGKILL)
    child.wait()


def wait_listening(port: int, child: subprocess.Popen[bytes], within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise BenchError(f"nothing listens on port {port}")


def wait_listening_by(pid: int, port: int, within_s: float = 30.0) -> None:
    """As `wait_listening`, where another process listens on the port already."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = psutil.Process(pid).net_connections("tcp")
        if any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in found):
            return
        time.sleep(0.05)
    raise BenchError(f"process {pid} does not listen on port {port}")


@dataclass(frozen=True, slots=True)
class Stats:
    """What the viewers saw since the last reset."""

    messages: int
    size_bytes: int
    disorders: int
    lost: int
    p50_us: int
    p99_us: int
    max_us: int


class Load:
    """The viewers (`load.c`), on a core of their own. Raises BenchError when it does not answer."""

    def __init__(self, port: int, path: str, script: Sequence[str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hub-load-")
        request = Path(self._folder.name) / "request"
        request.write_text(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            newline="",
        )
        lines = Path(self._folder.name) / "script"
        lines.write_text("".join(f"{line}\n" for line in script))
        with pinned(LOAD_CORE):
            self._process = subprocess.Popen(
                [str(compiled("load")), str(port), str(request), str(lines)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        self._out = _Lines(self._process.stdout)
        self.viewers = 0

    def open(self, viewers: int, at_once: int = 256) -> float:
        """Connect and let each say and hear its lines; the seconds that took."""
        seconds, failed = self._ask(f"open {viewers} {at_once}", "opened").split()
        if failed != "0":
            raise BenchError(f"{failed} of {viewers} viewers could not join")
        self.viewers = viewers
        return float(seconds)

    def reset(self) -> None:
        self._ask("reset", "ok")

    def stats(self) -> Stats:
        return Stats(*map(int, self._ask("stats", "stats").split()))

    def got(self, within_s: float = ANSWER_WITHIN_S) -> int:
        """Wait for the next message that has reached everybody: its number."""
        return int(self._out.after("got", within_s))

    def close_viewers(self) -> None:
        self._ask("close", "closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it was told last
                    pipe.close()
        self._folder.cleanup()

    def _ask(self, line: str, word: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        return self._out.after(word, ANSWER_WITHIN_S)


class _Lines:
    """Lines of a pipe, waited for with a limit."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        assert pipe is not None
        self._fd = pipe.fileno()
        self._pipe = pipe
        self._held = b""
        os.set_blocking(self._fd, False)

    def after(self, word: str, within_s: float) -> str:
        """The rest of the next line that begins with `word`; others are dropped."""
        deadline = time.monotonic() + within_s
        while True:
            line, end_, rest = self._held.partition(b"\n")
            if end_:
                self._held = rest
                first, _, text = line.decode().partition(" ")
                if first == word:
                    return text
                continue
            self._fill(word, deadline)

    def _fill(self, word: str, deadline: float) -> None:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise BenchError(f"the viewers did not say {word!r} in time")
        if select.select([self._fd], [], [], left_s)[0]:
            chunk = os.read(self._fd, 65_536)
            if not chunk:
                raise BenchError("the viewers' process has ended")
            self._held += chunk
