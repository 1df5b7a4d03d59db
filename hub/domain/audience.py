"""Who may see what: audiences, and the views of a page that follow from them.

`public` ⊂ `authenticated` ⊂ `verified`, plus `group:<slug>` beside them; operators of a page see all of it.
This module and `project` (snapshot.py), its only user, are the one place where an audience is decided.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

PUBLIC, AUTHENTICATED, VERIFIED, GROUP = "public", "authenticated", "verified", "group:"
LEVELS = (PUBLIC, AUTHENTICATED, VERIFIED)
ALL_VIEW = "all"
_GROUP_AUDIENCE = re.compile(r"group:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def is_audience(text: str) -> bool:
    """Is `text` one of the audiences that a page, component or incident can have?"""
    return text in LEVELS or _GROUP_AUDIENCE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class View:
    """What of a page one kind of viewer sees: the audiences he satisfies, or everything."""

    audiences: frozenset[str] = frozenset({PUBLIC})
    sees_all: bool = False

    def admits(self, audience: str) -> bool:
        return self.sees_all or audience in self.audiences

    @property
    def key(self) -> str:
        """The view's name: `public`, `authenticated`, `verified`, `verified+group-ops`, …, `all`."""
        if self.sees_all:
            return ALL_VIEW
        level = next((level for level in reversed(LEVELS) if level in self.audiences), PUBLIC)
        groups = sorted(name.removeprefix(GROUP) for name in self.audiences if name.startswith(GROUP))
        return "+".join([level, *(f"group-{name}" for name in groups)])


OPERATORS = View(sees_all=True)


def view_of_key(key: str) -> View:
    """The inverse of `View.key`; raises ValueError on text that no view is named by."""
    if key == ALL_VIEW:
        return OPERATORS
    level, *groups = key.split("+")
    if level not in LEVELS or any(not name.startswith("group-") for name in groups):
        raise ValueError(f"not a view: {key!r}")
    named = [GROUP + name.removeprefix("group-") for name in groups]
    view = View(frozenset((*LEVELS[: LEVELS.index(level) + 1], *named)))
    if view.key != key or not all(map(is_audience, named)):
        raise ValueError(f"not a view: {key!r}")
    return view


@dataclass(frozen=True, slots=True)
class Viewer:
    """The standing of whoever asks, as far as audiences care."""

    is_authenticated: bool = False
    is_verified: bool = False
    groups: frozenset[str] = field(default_factory=frozenset)
    is_operator: bool = False

    def view(self, audiences_in_use: Iterable[str]) -> View:
        """The view this viewer gets on a page where `audiences_in_use` occur.

        Audiences the page does not use are left out, so that viewers who would see the same share one channel.
        """
        if self.is_operator:
            return OPERATORS
        satisfied = {PUBLIC}
        if self.is_authenticated:
            satisfied.add(AUTHENTICATED)
            if self.is_verified:
                satisfied.add(VERIFIED)
            satisfied.update(GROUP + name for name in self.groups)
        used = set(audiences_in_use) & satisfied
        top = max((LEVELS.index(name) for name in used if name in LEVELS), default=0)
        return View(frozenset((*LEVELS[: top + 1], *(name for name in used if name.startswith(GROUP)))))
