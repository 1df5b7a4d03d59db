"""Which time zones a page can have."""

from functools import cache
from zoneinfo import available_timezones

_OF_THIS_MACHINE = frozenset({"localtime", "Factory"})  # no browser or calendar knows what they mean here


@cache
def zone_names() -> frozenset[str]:
    """The names of the IANA database, as browsers and calendars know them too."""
    return frozenset(available_timezones()) - _OF_THIS_MACHINE
