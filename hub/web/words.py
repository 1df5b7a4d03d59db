"""Words, shapes and times of the page, in the language that is spoken: `client_demo/words.js` repeats them exactly.

A row that is re-rendered in the browser must read as the server wrote it; `tests/e2e` compares the two.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from hub.domain import words as domain_words
from hub.domain.text import hundredths
from hub.web.messages import _

K = TypeVar("K")


class Words(Mapping[K, str]):
    """A table of English words that is read in the language that is spoken."""

    def __init__(self, english: Mapping[K, str]) -> None:
        self.english = english

    def __getitem__(self, key: K) -> str:
        return _(self.english[key])

    def __iter__(self) -> Iterator[K]:
        return iter(self.english)

    def __len__(self) -> int:
        return len(self.english)


STATUS_WORDS = Words(domain_words.STATUS_WORDS)
UPDATE_WORDS = Words(domain_words.STATE_WORDS)
IMPACT_WORDS = Words(
    {
        "none": "No impact",
        "maintenance": "Maintenance",
        "minor": "Minor impact",
        "major": "Major impact",
        "critical": "Critical impact",
    }
)
# What `hub.domain.status.roll_up` says.
SENTENCES = Words(
    {
        text: text
        for text in (
            "All Systems Operational",
            "Degraded System Service",
            "Major System Outage",
            "Minor Service Outage",
            "Partial System Outage",
            "Partially Degraded Service",
            "Service Under Maintenance",
        )
    }
)
TONES = domain_words.TONES
GLYPHS = {
    "operational": "●",
    "degraded_performance": "◐",
    "partial_outage": "▲",
    "major_outage": "■",
    "under_maintenance": "◆",
}
MONTHS = Words(
    dict(enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1))
)
WEEKDAYS = Words(dict(enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))))
RTL_LANGUAGES = frozenset({"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"})


def parse(text: str) -> datetime:
    """The instant of an ISO string of ours, aware, UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def direction(locale: str | None) -> str:
    """`rtl` for pages written in a right-to-left language; each text besides carries `dir=auto`."""
    return "rtl" if (locale or "").split("-")[0].split("_")[0].lower() in RTL_LANGUAGES else "ltr"


def clock(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%H:%M")


def day(on: date, this_year: int) -> str:
    """`25 Nov`, with the year when it is another one."""
    parts = {"day": on.day, "month": MONTHS[on.month]}
    return _("{day} {month}", **parts) if on.year == this_year else _("{day} {month} {year}", year=on.year, **parts)


def weekday(on: date, this_year: int) -> str:
    """`Wed 25 Nov`."""
    return _("{weekday} {date}", weekday=WEEKDAYS[on.weekday()], date=day(on, this_year))


def moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """`14:05` today, else `25 Nov, 14:05`."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return _("{date}, {clock}", date=day(local.date(), today.year), clock=f"{local:%H:%M}")


def offset_name(at: datetime, zone: ZoneInfo) -> str:
    """`UTC`, `UTC+1`, `UTC-3:30`: the zone of `at` in a form every reader can count with."""
    minutes = int((at.astimezone(zone).utcoffset() or timedelta()).total_seconds() // 60)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes > 0 else "-"
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


def zone_name(zone: str) -> str:
    """`UTC`, `America/New York`: an IANA name as one reads it."""
    return "UTC" if zone.removeprefix("Etc/") in ("UTC", "GMT", "UCT", "Universal", "Zulu") else zone.replace("_", " ")


def window(start: datetime, end: datetime, zone: ZoneInfo, now: datetime) -> str:
    """`Thu 26 Nov, 02:00 – 04:00 UTC`, or with both days when it passes midnight."""
    a, b, year = start.astimezone(zone), end.astimezone(zone), now.astimezone(zone).year

    def full(local: datetime) -> str:
        return _("{date}, {clock}", date=weekday(local.date(), year), clock=f"{local:%H:%M}")

    return f"{full(a)} – {f'{b:%H:%M}' if a.date() == b.date() else full(b)} {offset_name(end, zone)}"


def span(start: datetime, end: datetime, zone: ZoneInfo, now: datetime) -> str:
    """`14:05 – 15:10`, or `14:05 – 26 Nov, 03:00` when it ended on another day; where the first day is a heading."""
    a, b = start.astimezone(zone), end.astimezone(zone)
    last = f"{b:%H:%M}"
    if a.date() != b.date():
        last = _("{date}, {clock}", date=day(b.date(), now.astimezone(zone).year), clock=last)
    return f"{a:%H:%M} – {last}"


def lasting(seconds: float) -> str:
    """`12 min`, `1 h 12 min`, `2 d 3 h`: two units at most, rounded down."""
    minutes = int(max(seconds, 0) // 60)
    if minutes < 1:
        return _("less than a minute")
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        shown = [_("{n} d", n=days), _("{n} h", n=hours) if hours else ""]
    else:
        shown = [_("{n} h", n=hours) if hours else "", _("{n} min", n=minutes) if minutes else ""]
    return " ".join(filter(None, shown))


def ago(at: datetime, now: datetime) -> str:
    """`just now`, `12 min ago`, `in 3 h`."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 60:
        return _("just now")
    return _("{length} ago", length=lasting(seconds)) if seconds > 0 else _("in {length}", length=lasting(-seconds))


def percent(ratio: float) -> str:
    """`100 %`, `99.98 %`: as `hub.domain.text.hundredths` has it."""
    return _("{number} %", number=hundredths(ratio, _(".")))


def share(weight: float) -> str:
    """`30 %`, `12.5 %`: as exact as it was set."""
    return _("{number} %", number=f"{weight * 100:.6g}".replace(".", _(".")))


def sentence(description: str) -> str:
    """The page's roll-up as the visitor reads it; any other text as it is."""
    return SENTENCES.get(description, description)
