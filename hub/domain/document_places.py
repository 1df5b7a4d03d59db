"""Where the bad values of a document stand in its text, so that a report names lines and not paths alone. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from hub.domain.document import Fault
from hub.domain.statuspage import MOST_FAULTS, DocumentInvalid

_PIECE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_OF_SEVERAL = re.compile(r"documents\[(\d+)\]\.?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Origin:
    """The text that a document was read from. `root`: its own path there, where the text holds a list of documents."""

    text: str
    root: str = ""
    name: str = ""


def with_places(error: DocumentInvalid, origins: Sequence[Origin]) -> DocumentInvalid:
    """`error` with `(line 4112, column 17)` behind each problem that it names; `origins`: one for each document.

    What is missing is placed where the object begins that lacks it. Reads each text once, about 1 s for 10 MiB.
    """
    named = error.faults[:MOST_FAULTS]
    wanted: dict[int, list[str]] = {}
    at = []
    for fault in named:
        index, path = _split(fault.path) if len(origins) > 1 else (0, fault.path)
        path = origins[index].root + (f".{path}" if origins[index].root and path else path)
        wanted.setdefault(index, []).append(path)
        at.append((index, path))
    found = {index: places(origins[index].text, paths) for index, paths in wanted.items()}
    told = []
    for fault, (index, path) in zip(named, at, strict=True):
        line, column = found[index][path]
        name = origins[index].name
        where = f"line {line}, column {column}" + (f" of {name}" if name and len(origins) > 1 else "")
        told.append(Fault(fault.path, f"{fault.problem} ({where})"))
    return DocumentInvalid([*told, *error.faults[MOST_FAULTS:]])


def places(text: str, paths: Collection[str]) -> dict[str, tuple[int, int]]:
    """The line and the column, both from 1, of the value at each of `paths`, or of the nearest value around it.

    `text` is JSON that has been parsed before, `paths` as `document.Value` gives them.
    """
    around = {part for path in paths for part in _prefixes(path)}
    offsets = dict(_offsets(text, around))
    found = {}
    for path in paths:
        nearest = max((part for part in _prefixes(path) if part in offsets), key=len, default="")
        offset = offsets.get(nearest, 0)
        found[path] = (text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
    return found


def _split(path: str) -> tuple[int, str]:
    """Which document a path is in, and the path there."""
    split = _OF_SEVERAL.fullmatch(path)
    return (int(split[1]), split[2]) if split else (0, path)


def _prefixes(path: str) -> Iterator[str]:
    """`a[1].b` → ``, `a`, `a[1]`, `a[1].b`."""
    yield ""
    for place, letter in enumerate(path):
        if letter in ".[":
            yield path[:place]
    yield path


@dataclass(slots=True)
class _Open:
    """An array or an object that is being read. `path`: None when nothing in it is looked for."""

    path: str | None
    is_array: bool
    index: int = 0
    key: str | None = None

    def path_of_next(self) -> str | None:
        if self.path is None:
            return None
        if self.is_array:
            return f"{self.path}[{self.index}]"
        return f"{self.path}.{self.key}" if self.path else self.key


def _offsets(text: str, wanted: Collection[str]) -> Iterator[tuple[str, int]]:
    """Paths of `wanted` with where their values begin."""
    opened: list[_Open] = []
    for match in _PIECE.finditer(text):
        piece = match[0]
        top = opened[-1] if opened else None
        if piece in "}]":
            opened.pop()
        elif piece == ",":
            assert top is not None, "the text has been parsed"
            top.index, top.key = top.index + 1, None
        elif piece == ":":
            continue
        elif top is not None and not top.is_array and top.key is None:
            top.key = piece[1:-1]
        else:
            path = "" if top is None else top.path_of_next()
            path = path if path in wanted else None
            if path is not None:
                yield path, match.start()
            if piece in "{[":
                opened.append(_Open(path, piece == "["))
