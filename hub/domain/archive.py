"""The past of a page by months of its own zone."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One month of the calendar."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """`2026-11`; raises ValueError for other text."""
        found = datetime.strptime(text, "%Y-%m")  # noqa: DTZ007 (a month has no zone)
        if text != f"{found:%Y-%m}":
            raise ValueError(text)
        return cls(found.year, found.month)

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo) -> "Month":
        """The month that the calendars of `zone` show at an instant."""
        local = at.astimezone(zone)
        return cls(local.year, local.month)

    @property
    def next(self) -> "Month":
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """[first instant, first instant of the next month): 30 days are an hour more or less where clocks change."""
        return _start(self, zone), _start(self.next, zone)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def _start(month: Month, zone: ZoneInfo) -> datetime:
    # Where clocks jump over midnight this is the instant at which they do.
    return datetime(month.year, month.month, 1, tzinfo=zone).astimezone(UTC)
