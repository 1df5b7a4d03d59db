"""Maintenance windows: their states, which transition is due at an instant, and when a window comes again."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr


class MaintenanceStatus(StrEnum):
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    VERIFYING = "verifying"
    COMPLETED = "completed"


ACTIVE_STATUSES = frozenset({MaintenanceStatus.IN_PROGRESS, MaintenanceStatus.VERIFYING})

_ORDER = {status: rank for rank, status in enumerate(MaintenanceStatus)}


def is_active(status: MaintenanceStatus) -> bool:
    """Does a maintenance in this state hold its components under maintenance?"""
    return status in ACTIVE_STATUSES


def may_follow(previous: MaintenanceStatus, following: MaintenanceStatus) -> bool:
    """States repeat or move forward (verifying may fall back to in progress); a completed one stays completed."""
    if previous is MaintenanceStatus.COMPLETED:
        return following is MaintenanceStatus.COMPLETED
    if (previous, following) == (MaintenanceStatus.VERIFYING, MaintenanceStatus.IN_PROGRESS):
        return True
    return _ORDER[following] >= _ORDER[previous]


def due_status(
    status: MaintenanceStatus,
    *,
    scheduled_for: datetime,
    scheduled_until: datetime,
    auto_start: bool,
    auto_complete: bool,
    now: datetime,
    started_at: datetime | None = None,
) -> MaintenanceStatus | None:
    """The state the schedule asks for at `now`, or None when nothing is due.

    A window missed altogether (nobody was there to start it) goes straight to completed: one transition, not two
    in the same minute. One that may not start by itself, or not complete by itself, waits for its operator; so does one
    that he has begun (`started_at`) when its window was over already.
    """
    if status is MaintenanceStatus.COMPLETED:
        return None
    has_begun = is_active(status) or (auto_start and now >= scheduled_for)
    if started_at is not None and started_at >= scheduled_until:
        return None
    if has_begun and auto_complete and now >= scheduled_until:
        return MaintenanceStatus.COMPLETED
    if status is MaintenanceStatus.SCHEDULED and auto_start and now >= scheduled_for:
        return MaintenanceStatus.IN_PROGRESS
    return None


_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})


def recurrence_problem(rule: str) -> str | None:
    """What is wrong with an RRULE (RFC 5545 §3.3.10), in words for its author; None when it can be used."""
    parts = dict(part.partition("=")[::2] for part in rule.upper().split(";"))
    if parts.get("FREQ") not in _FREQUENCIES:
        return "must repeat daily, weekly, monthly or yearly, such as FREQ=WEEKLY;BYDAY=SU"
    if "\n" in rule or "DTSTART" in parts:
        return "must be one rule without a start of its own"
    if any(name in parts for name in ("BYHOUR", "BYMINUTE", "BYSECOND")):
        return "takes its time of day from scheduled_for"
    if any(name in parts and not parts[name].lstrip("0").isdecimal() for name in ("COUNT", "INTERVAL")):
        return "needs whole numbers above 0 for COUNT and INTERVAL"
    try:
        rrulestr(rule, dtstart=datetime.fromtimestamp(0, UTC if parts.get("UNTIL", "").endswith("Z") else None))
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError):
        return "is not a recurrence rule"
    return None


# Where a rule is tried: so close to the last year a date can have that a search which finds nothing ends soon (dateutil
# looks at every day up to there), and yet more than 28 years before it, after which weekdays and leap days come again.
_TRIAL_YEARS = range(9936, 9964)
_TRIAL_PHASE = 8  # so that a year is tried in one whose days fall on the same days of the week
_LIMITS = ("COUNT", "UNTIL")


def comes_again(rule: str, local: datetime) -> bool:
    """Has a rule, but for its COUNT and UNTIL, a date after `local` within some 28 years? Takes milliseconds."""
    parts = [part for part in rule.split(";") if part.partition("=")[0].upper() not in _LIMITS]
    trial = local.replace(tzinfo=None, year=_TRIAL_YEARS[0] + (local.year - 2000 + _TRIAL_PHASE) % len(_TRIAL_YEARS))
    return rrulestr(";".join(parts), dtstart=trial).after(trial) is not None


def remind_at(scheduled_for: datetime, remind_before_min: int | None) -> datetime | None:
    """When to remind of a window, None for never."""
    return None if remind_before_min is None else scheduled_for - timedelta(minutes=remind_before_min)


def next_window(
    rule: str, zone: ZoneInfo, scheduled_for: datetime, scheduled_until: datetime
) -> tuple[datetime, datetime, str] | None:
    """(start, end, rule) of the window after this one, None when the rule has run out.

    The time of day is that of the page's zone on both sides of a DST change; a local time that does not exist moves
    forward, one that comes twice runs once. A COUNT in the rule counts what is left, this window included.
    """
    parts = [part for part in rule.split(";") if part]
    names = {part.partition("=")[0].upper(): part for part in parts}
    unlimited = ";".join(part for part in parts if part is not names.get("COUNT"))
    if "COUNT" in names:
        left = int(names["COUNT"].partition("=")[2]) - 1
        if left < 1:
            return None
        rule = f"{unlimited};COUNT={left}"
    local = scheduled_for.astimezone(zone)
    if not names.get("UNTIL", "").upper().endswith("Z"):  # RFC 5545 §3.3.10: UNTIL in UTC goes with an aware start
        local = local.replace(tzinfo=None)
    following = rrulestr(unlimited, dtstart=local).after(local)
    if following is None:
        return None
    start = following.replace(tzinfo=zone).astimezone(UTC)
    if start.astimezone(zone).replace(tzinfo=None) != following.replace(tzinfo=None) and "BYHOUR" not in names:
        rule += (
            f";BYHOUR={following.hour};BYMINUTE={following.minute}"  # what the windows after the shifted one go back to
        )
    return start, start + (scheduled_until - scheduled_for), rule
