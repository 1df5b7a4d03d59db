"""Account pages and the console: the same HTML for everybody, in which all that is somebody's own comes by REST. The
doors, through which visitors come in, speak their language; what is behind them is in English.

A link that was mailed carries its token in the fragment (`/verify#…`, `/reset#…`), which no browser sends, or in the
path (`/invite/…`), of which nothing here is read: opening such a link changes nothing and tells nothing, however often
a mail scanner does it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from hub.web.messages import DEFAULT, speak
from hub.web.render import Renderer

View = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Shell:
    """`is_secret`: its own address holds a token, which no other site may learn from a Referer.

    `is_door`: for visitors.
    """

    path: str
    template: str
    is_secret: bool = False
    is_door: bool = False


SHELLS = (
    Shell("/login", "login.html", is_door=True),
    Shell("/register", "register.html", is_door=True),
    Shell("/verify", "verify.html", is_secret=True, is_door=True),
    Shell("/forgot", "forgot.html", is_door=True),
    Shell("/reset", "reset.html", is_secret=True, is_door=True),
    Shell("/invite/{token}", "invite.html", is_secret=True, is_door=True),
    Shell("/account", "account.html"),
    Shell("/console", "console.html"),
    Shell("/console/settings", "settings.html"),
    Shell("/console/groups", "groups.html"),
    Shell("/console/groups/{group}", "group.html"),
    Shell("/console/people", "people.html"),
    Shell("/console/mails", "mails.html"),
)


def make_view(renderer: Renderer, shell: Shell) -> View:
    """What answers at the address of `shell`."""

    async def view(request: Request) -> Response:
        if not shell.is_door:
            speak(DEFAULT)
        onward = local_path(request.query_params.get("next", ""))
        return renderer.respond(request, shell.template, is_secret=shell.is_secret, is_door=shell.is_door, next=onward)

    return view


def local_path(text: str) -> str:
    """`text` if it is a path of this hub, else "": a sign-in must not forward to other sites."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_local else ""
