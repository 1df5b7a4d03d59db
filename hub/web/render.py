"""Templates → HTML responses under a strict content policy: no inline script or style, nothing from elsewhere."""

import gzip
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from hub.auth.permissions import ANONYMOUS, Principal
from hub.negotiation import accepts_gzip, knows
from hub.services.rendered import Rendered
from hub.web import language, messages, present, words
from hub.web.message_keys import keys_in
from hub.web.messages import _, _n
from hub.web.static import Assets

POLICY = (  # and, behind it, by whom
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors "
)
COMPRESS_FROM_BYTES = 1_024
DOOR_MODULES = {"forms.js", "doors.js", "login.js", "register.js", "mailed.js", "invite.js"}


class Renderer:
    """One per application: the template environment and the addresses of the browser files."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self._env = Environment(
            loader=FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.globals.update(static=assets.url, words=words, present=present)
        self._env.globals.update(_=_, _n=_n, language=messages.language, messages=self._messages)
        self._env.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}

    def _messages(self, is_door: bool = False) -> dict[str, Any] | None:
        """What the browser's modules may say, for their island; None in English, which they speak by themselves."""
        spoken = messages.language()
        if not messages.catalogue(spoken):
            return None
        keys = browser_keys(self.assets, is_door)
        found = {key: text for key, text in messages.catalogue(spoken).items() if key in keys}
        return {"language": spoken, "messages": found}

    def html(self, template: str, **context: Any) -> str:
        """`template` in the language that is spoken."""
        return self._env.get_template(template).render(**context)

    def respond(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        visitor: Principal = ANONYMOUS,
        is_private: bool = False,
        is_secret: bool = False,
        framed_by: Sequence[str] = (),
        **context: Any,
    ) -> Response:
        """The page as `visitor` sees it.

        `is_private`: a credential came along, so that nobody keeps it, not even his own browser beyond his sign-out.
        `is_secret`: its address must not be told to other sites. `framed_by`: origins that may show it in a frame.
        """
        choices = language.choices(request.query_params)
        body = self.html(template, visitor=visitor, path=request.url.path, languages=choices, **context).encode()
        headers = self._headers(request, is_private=is_private, is_secret=is_secret, framed_by=framed_by)
        headers["Content-Language"] = messages.language()
        if len(body) >= COMPRESS_FROM_BYTES and accepts_gzip(request.headers):
            # Level 5: within 2 % of the best size at a third of its time on a page of 50 components.
            body = gzip.compress(body, compresslevel=5, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return Response(body, status_code=status, media_type="text/html", headers=headers)

    def respond_made(self, request: Request, made: Rendered, *, framed_by: Sequence[str] = ()) -> Response:
        """What was made before for all who may see the same, none of whom has shown a credential."""
        headers = self._headers(request, is_private=False, is_secret=False, framed_by=framed_by)
        headers["ETag"] = made.etag
        if knows(request.headers, made.etag):
            return Response(status_code=304, headers=headers)
        if made.packed is not None and accepts_gzip(request.headers):
            return Response(made.packed, media_type="text/html", headers=headers | {"Content-Encoding": "gzip"})
        return Response(made.body, media_type="text/html", headers=headers)

    def _headers(
        self, request: Request, *, is_private: bool, is_secret: bool, framed_by: Sequence[str]
    ) -> dict[str, str]:
        headers = {
            "Cache-Control": "private, no-store" if is_private else "no-cache",
            "Content-Security-Policy": POLICY + (" ".join(framed_by) or "'none'"),
            "Referrer-Policy": "no-referrer" if is_secret else "strict-origin-when-cross-origin",
            "Vary": "Accept-Encoding, Cookie, Authorization",
            "X-Content-Type-Options": "nosniff",
        }
        if chosen := language.cookie_for(request):
            headers["Set-Cookie"] = chosen
        return headers


@cache
def browser_keys(assets: Assets, is_door: bool) -> frozenset[str]:
    """The messages that the modules of the doors, or of the visitor's other pages, ask for."""
    modules = DOOR_MODULES if is_door else {name for name in assets.names if name.endswith(".js")} - DOOR_MODULES
    return frozenset(
        key for name in modules if not name.startswith("console") for key, _plural in keys_in(assets.text(name))
    )


class Times:
    """The formatting functions of `words`, bound to one page's zone and one render's instant."""

    def __init__(self, zone: ZoneInfo, now: datetime) -> None:
        self.zone, self.now = zone, now

    def moment(self, text: str) -> str:
        return words.moment(words.parse(text), self.zone, self.now)

    def ago(self, text: str) -> str:
        return words.ago(words.parse(text), self.now)

    def offset(self, text: str) -> str:
        return words.offset_name(words.parse(text), self.zone)

    def window(self, start: str, end: str) -> str:
        return words.window(words.parse(start), words.parse(end), self.zone, self.now)

    def span(self, start: str, end: str) -> str:
        return words.span(words.parse(start), words.parse(end), self.zone, self.now)

    def length(self, incident: present.Json) -> str:
        return present.length(incident, self.now)
