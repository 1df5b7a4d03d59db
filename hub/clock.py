"""Time as a port: everything that needs a clock is given one."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the hub asks of a clock."""

    def now(self) -> datetime:
        """The instant, aware, UTC, whole milliseconds (what the wire and the database carry)."""

    def monotonic(self) -> float:
        """Seconds that never go back; meaningful as differences only."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return whole_ms(datetime.now(UTC))

    def monotonic(self) -> float:
        return time.monotonic()


def whole_ms(instant: datetime) -> datetime:
    """`instant` in UTC with its microseconds cut to milliseconds."""
    utc = instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
