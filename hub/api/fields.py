"""The kinds of values that bodies and queries are made of, with the bounds that the tables have."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from hub.clock import whole_ms
from hub.domain.audience import is_audience
from hub.domain.channel import SLUG

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MAX_BODY_LENGTH = 20_000


class In(BaseModel):
    """A request body: no unknown field, no value converted from another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Query(BaseModel):
    """The part of a URL after `?`: text, so values are converted; other parameters are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Out(BaseModel):
    """Part of an answer, for the document. Values come ready-made from the services."""

    model_config = ConfigDict(json_schema_mode_override="serialization")


def _instant(value: Any) -> datetime:
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError("must be an ISO 8601 instant such as 2026-11-25T03:44:25Z")
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be an ISO 8601 instant such as 2026-11-25T03:44:25Z") from None
    if instant.tzinfo is None:
        raise ValueError("must name its offset from UTC, such as Z")
    try:
        instant = whole_ms(instant)
    except OverflowError:
        raise ValueError("is out of range") from None
    if not _EARLIEST <= instant <= _LATEST:
        raise ValueError("is out of range")
    return instant


def _day(value: Any) -> date:
    # Left to itself the library takes seconds since 1970 for a day too.
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError("must be a day such as 2026-11-25")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError("is not in the calendar") from None
    if not _EARLIEST.date() <= day <= _LATEST.date():
        raise ValueError("is out of range")
    return day


def left_out() -> Any:
    """The default of a field that a change may leave out but not set to null. Never read: only given fields count."""
    return Field(default=None, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def _audience(value: str) -> str:
    if not is_audience(value):
        raise ValueError("must be public, authenticated, verified or group:<slug>")
    return value


def _not_blank(value: str) -> str:
    if not any(char.isprintable() and not char.isspace() for char in value):
        raise ValueError("must not be blank")
    return value


Instant = Annotated[
    datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"}, mode="validation")
]
Audience = Annotated[
    str,
    StringConstraints(max_length=80),
    AfterValidator(_audience),
    WithJsonSchema({"type": "string", "examples": ["public", "authenticated", "verified", "group:ops"]}),
]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"}, mode="validation")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Slug = Annotated[str, StringConstraints(pattern=f"^{SLUG}$", max_length=63)]
Id = Annotated[str, StringConstraints(pattern="^[a-z0-9]{12}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_not_blank)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_BODY_LENGTH), AfterValidator(_not_blank)]
Description = Annotated[str, StringConstraints(max_length=2_000)]
Position = Annotated[int, Field(ge=0, le=1_000_000)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
Limit = Annotated[int, Field(ge=1, le=100)]
InstantText = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
DayText = Annotated[str, WithJsonSchema({"type": "string", "format": "date"})]
