"""In which language a request is answered: `?lang=`, else what was chosen before, else the page's own, else English."""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request

from hub.auth.cookies import read_cookie, set_cookie
from hub.web import messages

COOKIE = "hub_lang"
PARAMETER = "lang"
_KEPT_S = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Choice:
    """One language a visitor may take, and the address of where he is in it."""

    code: str
    name: str
    href: str
    is_current: bool


def language_of(request: Request, locale: str | None = None) -> str:
    """The language for this visitor of a page whose own is `locale`."""
    return wish_of(request) or messages.supported(locale) or messages.DEFAULT


def wish_of(request: Request) -> str | None:
    """The language this visitor has chosen, now or before."""
    kept = read_cookie(request.cookies, COOKIE, request.state.settings.base_url)
    return messages.supported(request.query_params.get(PARAMETER)) or messages.supported(kept)


def speak_for(request: Request, locale: str | None = None) -> str:
    """Answer the rest of this request in that language; returns it."""
    language = language_of(request, locale)
    messages.speak(language)
    return language


def cookie_for(request: Request) -> str | None:
    """The Set-Cookie that keeps what `?lang=` chose; None when nothing was chosen. Nothing in the browser reads it."""
    language = messages.supported(request.query_params.get(PARAMETER))
    if language is None:
        return None
    return set_cookie(COOKIE, language, _KEPT_S, request.state.settings.base_url)


def choices(query: QueryParams | None = None) -> list[Choice]:
    """Every language, with a link that keeps the rest of `query`; without one, for an answer that others get too."""
    rest = [(key, value) for key, value in (query or QueryParams()).multi_items() if key != PARAMETER]
    return [
        Choice(code, name, f"?{urlencode([*rest, (PARAMETER, code)])}", code == messages.language())
        for code, name in messages.LANGUAGES.items()
    ]
