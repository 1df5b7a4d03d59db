"""A connection's transport that never waits for ever.

uvicorn writes to a peer that has stopped reading until memory ends, and its `close()` waits for that peer as well
(all three of its WebSocket implementations; 3 to 4 MB and one task each). `Link` sits between uvicorn's protocols and
the loop's transport and puts a deadline on both.
"""

import asyncio
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Protocol, Self

from hub.settings import Settings


@dataclass(frozen=True, slots=True)
class WireLimits:
    """What one connection may take of the server before it is refused or dropped."""

    header_bytes: int = 16_384
    header_deadline_s: float = 10.0
    body_deadline_s: float = 30.0
    message_bytes: int = 65_536
    message_deadline_s: float = 10.0
    fragments: int = 1_024  # of one message
    frames_per_s: int = 256  # of any kind; tiny frames cost 10 µs of loop time each
    frame_burst: int = 2_048
    stall_deadline_s: float = 10.0  # no byte of what is queued was taken
    linger_s: float = 2.0  # between our last byte and the end of the connection
    sockets: int = 0  # WebSockets of this process; 0: any number
    strangers_per_address: int = 0  # of those, the ones that have not authenticated; 0: any number
    silent: int = 20_000  # connections without the head of a request: a storm may connect first and speak later

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits that the environment asks for."""
        return cls(
            header_bytes=settings.hub_header_limit_bytes,
            header_deadline_s=settings.hub_header_deadline_s,
            message_bytes=settings.hub_frame_limit_bytes,
            stall_deadline_s=settings.hub_stall_deadline_s,
            sockets=settings.hub_sockets_limit,
            strangers_per_address=settings.hub_preauth_sockets_per_address,
        )


class Pause(IntFlag):
    """Why nothing is read from a peer; it is read when no reason is left."""

    APP = 1  # the application has not taken the last message yet
    WRITE = 2  # the peer does not read: whatever it sends would only add answers
    HANDSHAKE = 4  # the application has not accepted yet


class Closable(Protocol):
    """Somebody who has to know that nothing more can be written."""

    def link_closing(self) -> None: ...


class Link(asyncio.Transport):
    """The loop's transport with deadlines: see the module's text.

    `close()` sends what is queued and a FIN, then reads and forgets until the peer ends too or `linger_s` has passed.
    A plain close with unread bytes makes the kernel send a reset, and a reset destroys the goodbye on its way.
    """

    __slots__ = (
        "_is_closing",
        "_is_peer_done",
        "_limits",
        "_loop",
        "_mark",
        "_moved_at",
        "_pauses",
        "_timer",
        "owner",
        "raw",
    )

    def __init__(self, raw: asyncio.Transport, loop: asyncio.AbstractEventLoop, limits: WireLimits) -> None:
        self.raw = raw
        self._loop = loop
        self._limits = limits
        self._pauses = Pause(0)
        self._is_closing = False
        self._is_peer_done = False
        self._timer: asyncio.TimerHandle | None = None
        self._mark = 0  # bytes queued when the peer last took some
        self._moved_at = 0.0
        self.owner: Closable | None = None

    # What uvicorn's protocols ask of a transport.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if data and not self._is_closing:
            self.raw.write(data)

    def close(self) -> None:
        if self._is_closing:
            return
        self._mark_closing()
        if self.raw.is_closing():
            return
        self._set_pauses(Pause(0))
        self._watch_from_now()
        if self._is_peer_done or not self.raw.can_write_eof():
            self.raw.close()
            return
        try:
            self.raw.write_eof()
        except OSError:  # the peer reset the connection, and the loop has not told us yet
            self.abort()

    def abort(self) -> None:
        self._mark_closing()
        self._stop_watching()
        self.raw.abort()

    def is_closing(self) -> bool:
        return self._is_closing or self.raw.is_closing()

    def pause_reading(self) -> None:
        self.pause(Pause.APP)

    def resume_reading(self) -> None:
        self.resume(Pause.APP)

    def is_reading(self) -> bool:
        return not self._pauses

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.raw.set_protocol(protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.raw.get_extra_info(name, default)

    # What our protocols tell it.

    def pause(self, reason: Pause) -> None:
        self._set_pauses(self._pauses | reason)

    def resume(self, reason: Pause) -> None:
        self._set_pauses(self._pauses & ~reason)

    def writing_paused(self) -> None:
        """The queue passed its high mark: the peer gets `stall_deadline_s` to take some of it."""
        self.pause(Pause.WRITE)
        if not self._is_closing:
            self._watch_from_now()

    def writing_resumed(self) -> None:
        if not self._is_closing:
            self._stop_watching()
        self.resume(Pause.WRITE)

    def peer_finished(self) -> None:
        """The peer sent its FIN; end our side too."""
        self._is_peer_done = True
        if self._is_closing:
            self.raw.close()  # the watch goes on: this too waits for what is queued
        else:
            self.close()

    def lost(self) -> None:
        """The connection is gone."""
        self._mark_closing()
        self._stop_watching()
        self.owner = None

    def _mark_closing(self) -> None:
        self._is_closing = True
        if self.owner is not None:
            self.owner.link_closing()

    def _set_pauses(self, pauses: Pause) -> None:
        if self._is_closing:
            pauses = Pause(0)
        was_reading, self._pauses = not self._pauses, pauses
        if was_reading == (not pauses) or self.raw.is_closing() or self._is_peer_done:
            return
        if pauses:
            self.raw.pause_reading()
        else:
            self.raw.resume_reading()

    def _watch_from_now(self) -> None:
        self._stop_watching()
        self._mark, self._moved_at = self.raw.get_write_buffer_size(), self._loop.time()
        self._timer = self._loop.call_later(self._step_s, self._watch)

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _step_s(self) -> float:
        return min(self._limits.linger_s, self._limits.stall_deadline_s / 4)

    def _watch(self) -> None:
        queued, now = self.raw.get_write_buffer_size(), self._loop.time()
        if queued < self._mark:
            self._mark, self._moved_at = queued, now
        is_said = self._is_closing and queued == 0
        if is_said or now - self._moved_at >= self._limits.stall_deadline_s:
            self.abort()
        else:
            self._timer = self._loop.call_later(self._step_s, self._watch)
