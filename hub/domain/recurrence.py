"""Recurrence rules (RFC 5545 §3.3.10): which are taken, and when a window comes again.

A rule is stored as its author wrote it, but for two things: a COUNT counts what is left, and after a local time that
does not exist the time of day stands in it (BYHOUR, BYMINUTE) until the next window is back at it.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_TIME_OF_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")
_LIMITS = ("COUNT", "UNTIL")
_UNTIL_FORMATS = {8: "%Y%m%d", 15: "%Y%m%dT%H%M%S", 16: "%Y%m%dT%H%M%SZ"}  # by length
_YEARS = range(1970, 2201)


def _several(one: str) -> str:
    return f"{one}(?:,{one})*"


_DAY = "(?:MO|TU|WE|TH|FR|SA|SU)"
_WHOLE = "0*[1-9][0-9]{0,8}"
_UP_TO_366 = "[+-]?0*(?:[1-9][0-9]?|[12][0-9]{2}|3[0-5][0-9]|36[0-6])"
_VALUES = {
    "FREQ": "[A-Z]+",
    "INTERVAL": _WHOLE,
    "COUNT": _WHOLE,
    "UNTIL": "[0-9]{8}(?:T[0-9]{6}Z?)?",
    "BYDAY": _several(f"(?:[+-]?0?[1-9]|[+-]?[1-4][0-9]|[+-]?5[0-3])?{_DAY}"),
    "BYMONTHDAY": _several("[+-]?(?:0?[1-9]|[12][0-9]|3[01])"),
    "BYYEARDAY": _several(_UP_TO_366),
    "BYWEEKNO": _several("[+-]?(?:0?[1-9]|[1-4][0-9]|5[0-3])"),
    "BYMONTH": _several("(?:0?[1-9]|1[0-2])"),
    "BYSETPOS": _several(_UP_TO_366),
    "WKST": _DAY,
}
_STORED_VALUES = {"BYHOUR": "[0-9]{1,2}", "BYMINUTE": "[0-9]{1,2}"}
# What goes with which frequency (the table and the text of §3.3.10), in words for the author of a rule.
_COMBINATIONS: tuple[tuple[str, Callable[[dict[str, str]], bool]], ...] = (
    ("takes either COUNT or UNTIL", lambda parts: parts.keys() >= set(_LIMITS)),
    (
        "takes a number before a day, such as 1MO, with FREQ=MONTHLY, or with FREQ=YEARLY without BYWEEKNO",
        lambda parts: (
            any(char.isdigit() for char in parts.get("BYDAY", ""))
            and (parts["FREQ"] not in {"MONTHLY", "YEARLY"} or "BYWEEKNO" in parts)
        ),
    ),
    ("takes no BYMONTHDAY with FREQ=WEEKLY", lambda parts: "BYMONTHDAY" in parts and parts["FREQ"] == "WEEKLY"),
    (
        "takes BYYEARDAY and BYWEEKNO with FREQ=YEARLY alone",
        lambda parts: not parts.keys().isdisjoint({"BYYEARDAY", "BYWEEKNO"}) and parts["FREQ"] != "YEARLY",
    ),
    (
        "takes BYSETPOS with FREQ=MONTHLY or FREQ=YEARLY and another BY…",
        lambda parts: (
            "BYSETPOS" in parts
            and (parts["FREQ"] not in {"MONTHLY", "YEARLY"} or sum(name.startswith("BY") for name in parts) == 1)
        ),
    ),
)


def recurrence_problem(rule: str, *, is_stored: bool = False) -> str | None:
    """What is wrong with a rule, in words for its author; None when it can be used, and written into a calendar.

    `is_stored`: it has been stored here before, and may hold a time of day.
    """
    pairs = [part.partition("=")[::2] for part in rule.upper().split(";")]
    parts = dict(pairs)
    if parts.get("FREQ") not in _FREQUENCIES:
        return "must repeat daily, weekly, monthly or yearly, such as FREQ=WEEKLY;BYDAY=SU"
    if "DTSTART" in parts:
        return "must be one rule without a start of its own"
    if not is_stored and not parts.keys().isdisjoint(_TIME_OF_DAY):
        return "takes its time of day from scheduled_for"
    if any(not re.fullmatch(_WHOLE, parts.get(name, "1")) for name in ("COUNT", "INTERVAL")):
        return "needs whole numbers above 0 for COUNT and INTERVAL"
    values = _VALUES | (_STORED_VALUES if is_stored else {})
    for name, value in pairs:
        if not rule.isascii() or name not in values or not re.fullmatch(values[name], value):
            return f"is not a recurrence rule: {name[:20] or 'an empty part'}"
    if len(parts) < len(pairs):
        return "says something twice"
    if "UNTIL" in parts and not _is_date(parts["UNTIL"]):
        return "needs a date for UNTIL, such as 20270131 or 20270131T235959Z"
    return next((problem for problem, applies in _COMBINATIONS if applies(parts)), None)


def series_problem(rule: str, local: datetime, *, is_stored: bool = False) -> str | None:
    """The same of a rule for the window that begins at `local`: one that has no date after it is no rule either."""
    problem = recurrence_problem(rule, is_stored=is_stored)
    if problem is None and not comes_again(rule, local):
        problem = "has no date after this one within 28 years"
    return problem


# Where a rule is tried: so close to the last year a date can have that a search which finds nothing ends soon (dateutil
# looks at every day up to there), and yet more than 28 years before it, after which weekdays and leap days come again.
_TRIAL_YEARS = range(9936, 9964)
_TRIAL_PHASE = 8  # so that a year is tried in one whose days fall on the same days of the week


def comes_again(rule: str, local: datetime) -> bool:
    """Has a rule, but for its COUNT and UNTIL, a date after `local` within some 28 years? Takes milliseconds."""
    trial = local.replace(tzinfo=None, year=_TRIAL_YEARS[0] + (local.year - 2000 + _TRIAL_PHASE) % len(_TRIAL_YEARS))
    return rrulestr(_without(rule, *_LIMITS, *_TIME_OF_DAY), dtstart=trial).after(trial) is not None


def next_window(
    rule: str, zone: ZoneInfo, scheduled_for: datetime, scheduled_until: datetime
) -> tuple[datetime, datetime, str] | None:
    """(start, end, rule) of the window after this one, None when the rule has run out.

    The time of day is that of the page's zone on both sides of a DST change; a local time that does not exist moves
    forward, one that comes twice runs once. A COUNT in the rule counts what is left, this window included.
    """
    parts = _parts(rule)
    unlimited = until_the_end_of_its_day(_without(rule, "COUNT"))
    rule = without_time_of_day(_without(rule, "COUNT"))
    if "COUNT" in parts:
        left = int(parts["COUNT"]) - 1
        if left < 1:
            return None
        rule += f";COUNT={left}"
    local = scheduled_for.astimezone(zone)
    if not parts.get("UNTIL", "").endswith("Z"):  # RFC 5545 §3.3.10: UNTIL in UTC goes with an aware start
        local = local.replace(tzinfo=None)
    following = rrulestr(unlimited, dtstart=local).after(local)
    if following is None:
        return None
    following = following.replace(microsecond=local.microsecond)  # which dateutil drops
    start = following.replace(tzinfo=zone).astimezone(UTC)
    if start.astimezone(zone).replace(tzinfo=None) != following.replace(tzinfo=None):
        # what the window after the one that was moved goes back to
        rule += f";BYHOUR={following.hour};BYMINUTE={following.minute}"
    return start, start + (scheduled_until - scheduled_for), rule


def without_time_of_day(rule: str) -> str:
    """The rule as it counts from the very time its window is at."""
    return _without(rule, *_TIME_OF_DAY)


def until_the_end_of_its_day(rule: str) -> str:
    """The rule with a time in its UNTIL: the day that one names is the last on which there may be a window."""
    parts = [part + "T235959" if re.fullmatch("UNTIL=[0-9]{8}", part.upper()) else part for part in rule.split(";")]
    return ";".join(parts)


def _parts(rule: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in rule.upper().split(";"))


def _without(rule: str, *names: str) -> str:
    return ";".join(part for part in rule.split(";") if part.partition("=")[0].upper() not in names)


def _is_date(until: str) -> bool:
    try:
        return datetime.strptime(until, _UNTIL_FORMATS[len(until)]).replace(tzinfo=UTC).year in _YEARS
    except ValueError:
        return False
