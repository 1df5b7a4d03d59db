"""What the page says of another time than now: which instant it shows, and how far one may look back."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from hub.clock import whole_ms
from hub.domain.text import iso_or_none
from hub.errors import NotFound
from hub.web import words


@dataclass(frozen=True, slots=True)
class Then:
    """The instant that is shown: in words, and as a `datetime-local` field has it."""

    moment: str
    local: str

    @classmethod
    def of(cls, at: datetime, zone: ZoneInfo, now: datetime) -> "Then":
        return cls(f"{words.moment(at, zone, now)} {words.offset_name(at, zone)}", _local(at, zone))


@dataclass(frozen=True, slots=True)
class Reach:
    """From when on the past is kept: as an instant, and both ends for the field. `since` None: nothing is kept."""

    since: str | None
    first: str
    last: str

    @classmethod
    def of(cls, since: datetime | None, zone: ZoneInfo, now: datetime) -> "Reach":
        return cls(iso_or_none(since), _local(since or now, zone), _local(now, zone))


def read_instant(text: str, zone: ZoneInfo) -> datetime:
    """The `at` of an address: ISO 8601, by the page's clocks where no zone is named. NotFound for anything else."""
    try:
        at = datetime.fromisoformat(text)
        return whole_ms(at if at.tzinfo else at.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        raise NotFound from None


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"
