"""A JSON value that knows where it stands, so that every complaint about it can name its path.

Null and absent are the same to a reader: documents of different ages differ in just that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

from hub.domain.text import is_storable

Word = TypeVar("Word", bound=StrEnum)

_SMALLEST_INTEGER, _LARGEST_INTEGER = -(2**31), 2**31 - 1  # what an `integer` column takes
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)


class Fault(Exception):
    """One thing that is wrong with a document: where, and what."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or 'the document'}: {problem}")
        self.path, self.problem = path, problem


@dataclass(frozen=True, slots=True)
class Value:
    """`raw` as the JSON parser gave it, found at `path` (`incidents[3].incident_updates[0].status`).

    Each reading method returns the value in the type its name says, or raises `Fault`.
    """

    raw: object
    path: str = ""

    @property
    def is_absent(self) -> bool:
        return self.raw is None

    def fault(self, problem: str) -> Fault:
        return Fault(self.path, problem)

    def __getitem__(self, key: str) -> "Value":
        """The member `key` of this object; an absent one reads as null."""
        if not isinstance(self.raw, dict):
            raise self.fault("must be an object")
        return Value(self.raw.get(key), f"{self.path}.{key}" if self.path else key)

    def elements(self) -> "Iterator[Value]":
        """The elements of this array; none when it is absent."""
        if self.raw is None:
            return
        if not isinstance(self.raw, list):
            raise self.fault("must be an array")
        for index, raw in enumerate(self.raw):
            yield Value(raw, f"{self.path}[{index}]")

    def text(self, longest: int, *, shortest: int = 1) -> str:
        """Text that can be stored and sent: no NUL, no lone surrogate, its length in characters within the limits."""
        if self.raw is None:
            raise self.fault("is missing")
        if not isinstance(self.raw, str):
            raise self.fault("must be text")
        if not is_storable(self.raw):
            raise self.fault("holds a NUL character or half of a surrogate pair")
        if len(self.raw) > longest:
            raise self.fault(f"is longer than {longest} characters")
        if len(self.raw.strip()) < shortest:
            raise self.fault("is empty")
        return self.raw

    def word(self, words: type[Word]) -> Word:
        """One of the words of an enumeration, spelled exactly."""
        text = self.text(255)
        try:
            return words(text)
        except ValueError:
            raise self.fault(f"must be one of {', '.join(words)}, not {text!r}") from None

    def integer(self) -> int:
        if isinstance(self.raw, bool) or not isinstance(self.raw, int):
            raise self.fault("must be a whole number")
        if not _SMALLEST_INTEGER <= self.raw <= _LARGEST_INTEGER:
            raise self.fault("is out of range")
        return self.raw

    def flag(self, default: bool = False) -> bool:
        if self.raw is None:
            return default
        if not isinstance(self.raw, bool):
            raise self.fault("must be true or false")
        return self.raw

    def instant(self) -> datetime:
        """An ISO 8601 instant with an offset, as aware UTC with whole milliseconds."""
        text = self.text(64)
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            raise self.fault(f"must be an ISO 8601 instant, not {text!r}") from None
        if instant.tzinfo is None:
            raise self.fault("must name its offset from UTC")
        if not _EARLIEST <= instant <= _LATEST:
            raise self.fault("is out of range")
        utc = instant.astimezone(UTC)
        return utc.replace(microsecond=utc.microsecond // 1000 * 1000)

    def day(self) -> date:
        text = self.text(64)
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self.fault(f"must be a date such as 2026-11-25, not {text!r}") from None
