"""What goes wrong between Redis and one node: messages lost, doubled, late and out of order, bytes left whole."""

import asyncio
import random
from collections.abc import Callable

from tests.support.proxy import Write

Treat = Callable[[bytes, Write], None]


class Replies:
    """Cuts a stream of RESP into whole replies; pub/sub messages go through `treat`, all else passes in order."""

    def __init__(self, write: Write, treat: Treat) -> None:
        self._write = write
        self._treat = treat
        self._rest = b""

    def feed(self, data: bytes) -> None:
        self._rest += data
        while (end := _end_of_reply(self._rest, 0)) is not None:
            reply, self._rest = self._rest[:end], self._rest[end:]
            if b"message\r\n" in reply[:24] and b"\r\nhub:view:" in reply[:40]:
                self._treat(reply, self._write)
            else:
                self._write(reply)


def _end_of_reply(data: bytes, start: int) -> int | None:
    """Where the reply that begins at `start` ends; None when it is not all there."""
    line_end = data.find(b"\r\n", start)
    if line_end < 0:
        return None
    after = line_end + 2
    match data[start : start + 1]:
        case b"$" if (length := int(data[start + 1 : line_end])) >= 0:
            return after + length + 2 if len(data) >= after + length + 2 else None
        case b"*" | b">" | b"~" | b"%":
            count = int(data[start + 1 : line_end]) * (2 if data[start : start + 1] == b"%" else 1)
            for _ in range(count):
                end = _end_of_reply(data, after)
                if end is None:
                    return None
                after = end
    return after


class LosesNext:
    """Passes everything but the next `count` messages that come after `arm`."""

    def __init__(self) -> None:
        self.left = 0
        self.lost = 0

    def arm(self, count: int = 1) -> None:
        self.left = count

    def __call__(self, reply: bytes, write: Write) -> None:
        if self.left:
            self.left -= 1
            self.lost += 1
        else:
            write(reply)


class Shuffles:
    """Delays each message by up to `delay_s`, independently, and sends one in ten twice."""

    def __init__(self, rng: random.Random, delay_s: float) -> None:
        self._rng = rng
        self._delay_s = delay_s
        self.passed = self.doubled = 0
        self.is_on = True

    def __call__(self, reply: bytes, write: Write) -> None:
        if not self.is_on:
            write(reply)
            return
        self.passed += 1
        copies = 2 if self._rng.random() < 0.1 else 1
        self.doubled += copies - 1
        for _ in range(copies):
            asyncio.get_running_loop().call_later(self._rng.uniform(0, self._delay_s), write, reply)


class OnControl:
    """Loses what the control stream says, or delays it by `delay_s`, after `arm`; everything else passes."""

    def __init__(self, delay_s: float | None = None) -> None:
        self._delay_s = delay_s
        self._is_armed = False
        self.touched = 0

    def arm(self) -> None:
        self._is_armed = True

    def __call__(self, reply: bytes, write: Write) -> None:
        if not self._is_armed or b"hub:view:control\r\n" not in reply[:60]:
            write(reply)
            return
        self.touched += 1
        if self._delay_s is not None:
            asyncio.get_running_loop().call_later(self._delay_s, write, reply)


def through(treat: Treat) -> Callable[[Write], Write]:
    """For `TcpProxy.tamper`."""
    return lambda write: Replies(write, treat).feed
