"""Keep programs running: start, wait until ready, restart with a growing pause, stop in a bounded time."""

import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from json import dumps
from signal import SIGKILL, SIGTERM, Signals
from typing import Self

from hub.children import Guard, Register, RunAs, kill_group, launch_command
from hub.embedded import EmbeddedError, Server

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_STEADY_AFTER_S = 30.0  # a program that ran so long may start again without a long pause
_LONGEST_LINE_BYTES = 1_048_576


class Stream:
    """The one log stream: standard output, each line with who speaks."""

    def __init__(self, *, is_json: bool) -> None:
        self._is_json = is_json

    def write(self, who: str, line: str) -> None:
        if not self._is_json:
            text = f"{who:<8} | {line}"
        elif line.startswith("{"):  # a program of ours, which has said who it is
            text = line
        else:
            text = dumps({"who": who, "level": "info", "event": line}, ensure_ascii=False)
        with suppress(OSError, ValueError):  # nobody reads any more: no reason to stop serving
            print(text, flush=True)  # noqa: T201


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `prepare` runs before each start, in a thread; without `is_ready`, running is enough."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] | None = None
    death_signal: Signals = SIGTERM
    run_as: RunAs | None = None
    prepare: Callable[[], None] | None = None
    is_ready: Callable[[], Awaitable[bool]] | None = None
    noise: str | None = None  # a line with these words is not shown

    @classmethod
    def of_server(cls, server: Server) -> Self:
        async def is_ready() -> bool:
            return server.is_ready()

        return cls(
            name=server.name,
            argv=tuple(server.argv()),
            death_signal=server.death_signal,
            run_as=server.directory.run_as,
            prepare=server.prepare,
            is_ready=is_ready,
            noise=server.noise,
        )


class Child:
    """One program and its process of the moment."""

    def __init__(self, program: Program, stream: Stream, guard: Guard, register: Register) -> None:
        self.program = program
        self._stream, self._guard, self._register = stream, guard, register
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._last_lines: deque[str] = deque(maxlen=20)

    async def start(self, within_s: float) -> None:
        """Return when the program is ready, and keep it running from then on; EmbeddedError when it ends instead."""
        running = asyncio.ensure_future(self._run())
        deadline = time.monotonic() + within_s
        while not await self._is_ready():
            if running.done():
                running.result()
                raise EmbeddedError(f"{self.program.name} did not start: {self._last_words()}")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self.program.name} was not ready within {within_s:.0f} s")
            await asyncio.wait([running], timeout=0.05)
        self._keeper = asyncio.ensure_future(self._keep(running))

    async def stop(self, within_s: float) -> None:
        """Ask it to end, and kill what has not `within_s`."""
        self._is_stopping = True
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(self.program.death_signal)
            try:
                await asyncio.wait_for(self._process.wait(), within_s)
            except TimeoutError:
                self._stream.write("hub", f"{self.program.name} did not stop within {within_s:.0f} s: killed")
                self.kill()
                await self._process.wait()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    def kill(self) -> None:
        self._is_stopping = True
        if self._process is not None and self._process.returncode is None:
            kill_group(self._process.pid, SIGKILL)

    async def _keep(self, running: asyncio.Future[int]) -> None:
        pause_s = _FIRST_PAUSE_S
        since = time.monotonic()
        while True:
            failure = await _outcome(running)
            if self._is_stopping:
                return
            pause_s = _FIRST_PAUSE_S if time.monotonic() - since > _STEADY_AFTER_S else pause_s
            self._stream.write("hub", f"{self.program.name} {failure}; it is started again in {pause_s:.1f} s")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            since = time.monotonic()
            running = asyncio.ensure_future(self._run())

    async def _run(self) -> int:
        """One life of the process; its exit code."""
        program = self.program
        if program.prepare is not None:
            await asyncio.to_thread(program.prepare)
        # Started by the main thread: Linux sends the death signal when the *thread* that started a child is gone.
        process = await asyncio.create_subprocess_exec(
            *launch_command(program.argv, death_signal=program.death_signal, run_as=program.run_as),
            env=None if program.env is None else {**os.environ, **program.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=_LONGEST_LINE_BYTES,
        )
        self._process = process
        self._guard.watch(process.pid, program.death_signal)
        self._register.add(process.pid)
        if self._is_stopping:
            process.send_signal(program.death_signal)
        talking = asyncio.ensure_future(self._pass_on(process))
        code = await process.wait()
        kill_group(process.pid)  # what it started must not outlive it
        self._guard.forget(process.pid)
        self._register.remove(process.pid)
        # A grandchild in a session of its own may hold the pipe a little longer.
        await asyncio.wait([talking], timeout=2)
        talking.cancel()
        return code

    async def _pass_on(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                raw = await process.stdout.readline()
            except ValueError:  # longer than the limit: what came so far is dropped
                continue
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip()
            self._last_lines.append(line)
            if self.program.noise is None or self.program.noise not in line:
                self._stream.write(self.program.name, line)

    async def _is_ready(self) -> bool:
        if self._process is None or self._process.returncode is not None:
            return False
        return self.program.is_ready is None or await self.program.is_ready()

    def _last_words(self) -> str:
        return next((line for line in reversed(self._last_lines) if line.strip()), "it said nothing")


async def _outcome(running: asyncio.Future[int]) -> str:
    """How the program's life ended, in words; never raises."""
    try:
        code = await asyncio.shield(running)
    except (OSError, EmbeddedError) as error:
        return f"could not start: {error}"
    return f"was killed by {Signals(-code).name}" if code < 0 else f"ended with code {code}"


def python(
    name: str, *args: str, env: Mapping[str, str], is_ready: Callable[[], Awaitable[bool]] | None = None
) -> Program:
    """`python -m ARGS` as a program."""
    return Program(name=name, argv=(sys.executable, "-m", *args), env=env, is_ready=is_ready)
