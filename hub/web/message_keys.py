"""Which messages a template or a module of the browser asks for: found in its text, where keys are literal."""

import json
import re
from collections.abc import Iterator

_LITERAL = r'("(?:[^"\\\n]|\\.)*")'
_CALL = re.compile(rf"(?<![\w$.])_(n?)\(\s*{_LITERAL}(?:\s*,\s*{_LITERAL})?")
_ANY_CALL = re.compile(r"(?<![\w$.])_n?\((?!\s*\))")


def keys_in(source: str) -> Iterator[tuple[str, str | None]]:
    """(key, English plural or None) of each `_("…")` and `_n("…", "…", …)`."""
    for call in _CALL.finditer(source):
        is_pair = call[1] == "n"
        yield json.loads(call[2]), json.loads(call[3]) if is_pair else None


def unreadable_calls(source: str) -> list[str]:
    """Calls whose key is not literal, so that nobody can tell which message they want."""
    literal = {call.start() for call in _CALL.finditer(source)}
    return [source[at.start() :][:60] for at in _ANY_CALL.finditer(source) if at.start() not in literal]
