"""What the visitor's pages say, in his language: `_("Open incidents")`, `_n("{n} day", "{n} days", 3)`.

The English text is the key. A language is a file of `locales/`, in which a message is a text, or one text for each of
the language's plural forms (CLDR: `one`, `few`, `many`, `other`). What a file lacks is said in English. The language
is a context variable, set once a request by `hub/web/language.py`; `client_demo/messages.js` is this module's twin
(docs/languages.md).
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale

DEFAULT = "en"
# Each by its own name: whoever looks for his language may read no other.
LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español", "fr": "Français", "ru": "Русский"}
LOCALES = Path(__file__).with_name("locales")

Message = str | Mapping[str, str]
_PLACE = re.compile(r"\{(\w+)\}")
_language: ContextVar[str] = ContextVar("language", default=DEFAULT)


@cache
def catalogue(language: str) -> Mapping[str, Message]:
    """The messages of a language by their English; none for English."""
    path = LOCALES / f"{language}.json"
    found: dict[str, Message] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def supported(locale: str | None) -> str | None:
    """The language of ours that a locale (`de`, `de-AT`, `pt_BR`) is in, None when we speak it not."""
    language = re.split(r"[-_]", locale or "", maxsplit=1)[0].lower()
    return language if language in LANGUAGES else None


def language() -> str:
    """The language that is spoken now."""
    return _language.get()


def speak(language: str) -> None:
    """Say everything that follows, within this task, in `language`."""
    _language.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """`speak` for a while."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def _(text: str, /, **values: Any) -> str:
    """`text` in the language that is spoken, with `values` in place of `{names}`; a value `n` chooses the plural."""
    return _fill(_form(text, text, values.get("n")), values)


def _n(one: str, many: str, n: int, /, **values: Any) -> str:
    """The same of a text that English too says in two ways; `one` is the key."""
    return _fill(_form(one, one if n == 1 else many, n), {"n": n, **values})


def _form(key: str, english: str, n: object) -> str:
    found = catalogue(_language.get()).get(key, english)
    if isinstance(found, str):
        return found
    form = plural_form(_language.get(), n if isinstance(n, int) else 0)
    return found.get(form) or found["other"]


@cache
def _rule(language: str) -> Any:
    return Locale.parse(language).plural_form


def plural_form(language: str, n: int) -> str:
    """Which of its plural forms a language takes for `n`."""
    form: str = _rule(language)(n)
    return form


def _fill(text: str, values: Mapping[str, Any]) -> str:
    return _PLACE.sub(lambda place: str(values.get(place[1], place[0])), text)
