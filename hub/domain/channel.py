"""Names of channels: `page:<slug>` and `page:<slug>@<view>`."""

import re
from dataclasses import dataclass

from hub.domain.audience import PUBLIC, View, view_of_key

SLUG = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SLUG = re.compile(SLUG)
_NAME = re.compile(rf"page:({SLUG})(?:@([a-z0-9+-]{{1,180}}))?")


def is_slug(text: str) -> bool:
    """1–63 of `a-z 0-9 -`, no hyphen at either end: also a legal DNS label."""
    return _SLUG.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class PageChannel:
    """A channel name taken apart. `view` is None where the name leaves the choice to the hub."""

    slug: str
    view: View | None


def parse_channel(name: str) -> PageChannel | None:
    """The parts of `name`, or None when it names no page channel (nothing is trimmed or folded)."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    slug, key = match.groups()
    if key is None:
        return PageChannel(slug, None)
    try:
        return PageChannel(slug, view_of_key(key))
    except ValueError:
        return None


def channel_name(slug: str, view: View) -> str:
    """The name under which a view's history is kept; the public view has the bare name."""
    return f"page:{slug}" if view.key == PUBLIC else f"page:{slug}@{view.key}"


def is_private_channel(name: str) -> bool:
    """Whether it is a view that not everybody may see: of a page, and not the public one."""
    return name.startswith("page:") and "@" in name
