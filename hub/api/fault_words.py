"""What is wrong with a value, in words that go after the name of its field and say what to do: `must not be empty`."""

from collections.abc import Mapping
from typing import Any

from hub.domain.channel import SLUG

_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is no field of this",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "date_type": "must be a day such as 2026-11-25",
    "date_parsing": "must be a day such as 2026-11-25",
    "date_from_datetime_parsing": "must be a day such as 2026-11-25",
    "date_from_datetime_inexact": "must be a day such as 2026-11-25",
}
_PATTERNS: Mapping[str, str] = {
    f"^{SLUG}$": "must be 1 to 63 small letters, digits and hyphens, with no hyphen at either end",
    "^[a-z0-9]{12}$": "must be an id: twelve small letters and digits",
    "^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$": "must be the code of a language, such as en or pt-BR",
    "^#[0-9A-Fa-f]{6}$": "must be # and six digits from 0 to f, such as #2b5fd9",
    r"^(19[7-9]|20\d|21\d)\d-(0[1-9]|1[0-2])$": "must be a month such as 2026-11",
}


def in_words(kind: str, context: Mapping[str, Any]) -> str | None:
    """The words for pydantic's error `kind`; None for one that has none here."""
    if kind == "value_error" and isinstance(context.get("error"), ValueError):
        return str(context["error"])
    if kind == "string_too_short" and context["min_length"] == 1:
        return "must not be empty"
    if kind == "string_pattern_mismatch" and context["pattern"] in _PATTERNS:
        return _PATTERNS[context["pattern"]]
    words = _WORDS.get(kind)
    return words.format_map({name: _plain(item) for name, item in context.items()}) if words else None


def _plain(item: Any) -> Any:
    """1.0 as it is written by hand."""
    return int(item) if isinstance(item, float) and item.is_integer() else item
