"""Words, shapes and times of the page: pure functions that `client_demo/words.js` and `times.js` repeat exactly.

A row that is re-rendered in the browser must read as the server wrote it; `tests/e2e` compares the two.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

STATUS_WORDS = {
    "operational": "Operational",
    "degraded_performance": "Degraded performance",
    "partial_outage": "Partial outage",
    "major_outage": "Major outage",
    "under_maintenance": "Under maintenance",
}
UPDATE_WORDS = {
    "investigating": "Investigating",
    "identified": "Identified",
    "monitoring": "Monitoring",
    "resolved": "Resolved",
    "postmortem": "Postmortem",
    "scheduled": "Scheduled",
    "in_progress": "In progress",
    "verifying": "Verifying",
    "completed": "Completed",
}
IMPACT_WORDS = {"none": "No impact", "minor": "Minor impact", "major": "Major impact", "critical": "Critical impact"}
# Which component status lends its shape and colour to a roll-up indicator or an impact.
TONES = {
    "none": "operational",
    "minor": "degraded_performance",
    "major": "partial_outage",
    "critical": "major_outage",
    "maintenance": "under_maintenance",
}
GLYPHS = {
    "operational": "●",
    "degraded_performance": "◐",
    "partial_outage": "▲",
    "major_outage": "■",
    "under_maintenance": "◆",
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
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
    text = f"{on.day} {MONTHS[on.month - 1]}"
    return text if on.year == this_year else f"{text} {on.year}"


def weekday(on: date, this_year: int) -> str:
    return f"{WEEKDAYS[on.weekday()]} {day(on, this_year)}"


def moment(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """`14:05` today, else `25 Nov, 14:05`."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{day(local.date(), today.year)}, {local:%H:%M}"


def offset_name(at: datetime, zone: ZoneInfo) -> str:
    """`UTC`, `UTC+1`, `UTC-3:30`: the zone of `at` in a form every reader can count with."""
    minutes = int((at.astimezone(zone).utcoffset() or timedelta()).total_seconds() // 60)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    sign = "+" if minutes > 0 else "-"
    return f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "")


def window(start: datetime, end: datetime, zone: ZoneInfo, now: datetime) -> str:
    """`Thu 26 Nov, 02:00 – 04:00 UTC`, or with both days when it passes midnight."""
    a, b, year = start.astimezone(zone), end.astimezone(zone), now.astimezone(zone).year
    last = f"{b:%H:%M}" if a.date() == b.date() else f"{weekday(b.date(), year)}, {b:%H:%M}"
    return f"{weekday(a.date(), year)}, {a:%H:%M} – {last} {offset_name(end, zone)}"


def lasting(seconds: float) -> str:
    """`12 min`, `1 h 12 min`, `2 d 3 h`: two units at most, rounded down."""
    minutes = int(max(seconds, 0) // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def ago(at: datetime, now: datetime) -> str:
    """`just now`, `12 min ago`, `in 3 h`."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 60:
        return "just now"
    return f"{lasting(seconds)} ago" if seconds > 0 else f"in {lasting(-seconds)}"


def percent(ratio: float) -> str:
    """`100 %`, `99.98 %`: cut, never rounded up, so that an outage never shows as 100 %."""
    hundredths = int(ratio * 10_000 + 1e-6)
    if hundredths >= 10_000:
        return "100 %"
    return f"{hundredths // 100}.{hundredths % 100:02} %"
