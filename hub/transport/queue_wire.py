"""The engine's `Wire` for transports that only offer an awaited `send`: a queue whose size counts as the buffer."""

import asyncio
from collections.abc import Awaitable, Callable


class QueueWire:
    """Fan-out writes without waiting; `pump` sends in order, one wait at a time."""

    __slots__ = ("_buffered_bytes", "_changed", "_pumping", "_queue", "is_closing")

    def __init__(self) -> None:
        self.is_closing = False
        self._queue: list[bytes] = []
        self._buffered_bytes = 0  # waiting, or handed to a `send` that has not returned
        self._changed = asyncio.Event()
        self._pumping: asyncio.Task[None] | None = None

    def write(self, frame: bytes) -> None:
        if not self.is_closing:
            self._queue.append(frame)
            self._buffered_bytes += len(frame)
            self._changed.set()

    def buffered_bytes(self) -> int:
        return self._buffered_bytes

    def abort(self) -> None:
        """Forget what waits; `pump` is cancelled, as its `send` may never return."""
        self.is_closing = True
        self._queue.clear()
        self._changed.set()
        if self._pumping is not None:
            self._pumping.cancel()

    def finish(self) -> None:
        """Take no more; `pump` returns once what waits has been sent."""
        self.is_closing = True
        self._changed.set()

    async def pump(
        self, send: Callable[[bytes], Awaitable[None]], idle_s: float | None = None, idle_frame: bytes = b""
    ) -> None:
        """Send what comes, all that waits at once, and `idle_frame` after each `idle_s` of silence, until finished.

        Runs as a task of its own, which `abort` ends.
        """
        self._pumping = asyncio.current_task()
        while True:
            try:
                async with asyncio.timeout(idle_s):
                    await self._changed.wait()
            except TimeoutError:
                await send(idle_frame)
                continue
            self._changed.clear()
            frames, self._queue = self._queue, []
            if frames:
                batch = b"".join(frames)
                frames.clear()  # they are shared between viewers, the batch is not: only one of both is to wait
                await send(batch)
                self._buffered_bytes -= len(batch)
            if self.is_closing and not self._queue:
                return
