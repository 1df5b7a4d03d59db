"""The engine's `Wire` for transports that only offer an awaited `send`: a queue whose size counts as the buffer."""

import asyncio
from collections.abc import Awaitable, Callable


class QueueWire:
    """Fan-out writes without waiting; `pump` sends in order, one wait at a time."""

    def __init__(self) -> None:
        self.is_closing = False
        self._queue: list[bytes] = []
        self._buffered_bytes = 0  # waiting, or handed to a `send` that has not returned
        self._changed = asyncio.Event()
        self._aborted = asyncio.Event()

    def write(self, frame: bytes) -> None:
        if not self.is_closing:
            self._queue.append(frame)
            self._buffered_bytes += len(frame)
            self._changed.set()

    def buffered_bytes(self) -> int:
        return self._buffered_bytes

    def abort(self) -> None:
        """Forget what waits; `aborted` returns."""
        self.is_closing = True
        self._queue.clear()
        self._aborted.set()
        self._changed.set()

    def close(self) -> None:
        """Take no more; `pump` returns once what waits has been sent."""
        self.is_closing = True
        self._changed.set()

    async def aborted(self) -> None:
        """Return when the engine gave the peer up."""
        await self._aborted.wait()

    async def pump(self, send: Callable[[list[bytes]], Awaitable[None]], idle_s: float, idle_frame: bytes) -> None:
        """Send frames as they come, and `idle_frame` after each `idle_s` without any, until closed."""
        while True:
            try:
                async with asyncio.timeout(idle_s):
                    await self._changed.wait()
            except TimeoutError:
                await send([idle_frame])
                continue
            self._changed.clear()
            frames, self._queue = self._queue, []
            if frames:
                await send(frames)
                self._buffered_bytes -= sum(map(len, frames))
            if self.is_closing and not self._queue:
                return
