"""Whose rights have changed since when, as this node has heard: for whoever read rights and has yet to act on them."""

from collections import OrderedDict

MAX_REMEMBERED = 4096


class Changes:
    """`stamp` before rights are read, `since(stamp, …)` before what they allowed is done. Counts, not times."""

    def __init__(self) -> None:
        self._count = 0
        self._last: OrderedDict[str, int] = OrderedDict()
        self._forgotten = 0  # changes up to this one may have been of anybody

    @property
    def stamp(self) -> int:
        return self._count

    def note(self, *names: str) -> None:
        """Rights of these accounts, keys or pages have changed."""
        self._count += 1
        for name in names:
            self._last[name] = self._count
            self._last.move_to_end(name)
        while len(self._last) > MAX_REMEMBERED:
            self._forgotten = self._last.popitem(last=False)[1]

    def note_all(self) -> None:
        """Anybody's may have changed."""
        self._count += 1
        self._last.clear()
        self._forgotten = self._count

    def since(self, stamp: int, *names: str) -> bool:
        """Whether rights of one of `names` may have changed after `stamp`."""
        return stamp < self._forgotten or any(self._last.get(name, 0) > stamp for name in names)


def page_name(slug: str) -> str:
    """Under which the audiences of a page are noted; ids of accounts and keys hold no colon."""
    return f"page:{slug}"


def key_user(key_id: str) -> str:
    """The user of connections that a machine's key has opened."""
    return f"key:{key_id}"
