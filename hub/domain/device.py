"""What somebody signs in with, in a few words, from what it says of itself. Pure."""

_SYSTEMS = (  # the first whose mark is there; more special ones first
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
_BROWSERS = (  # likewise: Edge and Opera say Chrome too, and Chrome says Safari
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_LONGEST = 40


def device_of(user_agent: str) -> str:
    """Such as "Firefox on Linux"; of a program its own first word; "unknown device" when nothing is said."""
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    if browser and system:
        return f"{browser} on {system}"
    if browser or system:
        return browser or f"a program on {system}"
    if user_agent == "command line":  # what `python -m hub token` signs in as
        return user_agent
    product = user_agent.partition("/")[0].split(maxsplit=1)
    word = "".join(letter for letter in product[0] if letter.isprintable())[:_LONGEST] if product else ""
    return word or "unknown device"
