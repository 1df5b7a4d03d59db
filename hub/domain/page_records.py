"""The records that a page is exported as, field by field, and how each field is read. Pure.

Fields are called as the columns they are kept in; a test holds them against the tables, so that no column is forgotten.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from hub.domain.audience import is_audience
from hub.domain.channel import is_slug
from hub.domain.color import is_color
from hub.domain.document import Value
from hub.domain.incident import Impact, IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.recurrence import recurrence_problem
from hub.domain.status import Status

Record = dict[str, Any]
Reader = Callable[[Value], Any]

_LONGEST_BODY = 25_000
_ID_LENGTH = 12
_WEIGHTED = (Status.MAJOR_OUTAGE, Status.PARTIAL_OUTAGE, Status.DEGRADED_PERFORMANCE)


def read_record(value: Value, fields: Mapping[str, Reader], *more: str) -> Record:
    """The `fields` of an object, which may have `more` keys and no others."""
    refuse_unknown(value, [*fields, *more])
    return {name: read(value[name]) for name, read in fields.items()}


def refuse_unknown(value: Value, known: Iterable[str]) -> None:
    """Fault for what is no object, and for a key that is none of `known`."""
    if not isinstance(value.raw, dict):
        raise value.fault("is missing" if value.is_absent else "must be an object")
    for name in sorted(set(value.raw) - set(known)):
        raise Value(None, f"{value.path}.{name}" if value.path else name).fault("is not known")


def optional(read: Reader) -> Reader:
    return lambda value: None if value.is_absent else read(value)


def read_id(value: Value) -> str:
    text = value.text(_ID_LENGTH)
    if len(text) != _ID_LENGTH or not text.isascii() or not text.isalnum() or text != text.lower():
        raise value.fault("must be an id of twelve lower-case letters and digits")
    return text


def _fit(is_fit: Callable[[str], bool], problem: str, value: Value) -> str:
    text = value.text(255)
    if not is_fit(text):
        raise value.fault(problem)
    return text


def read_instant(value: Value) -> datetime:
    """To the microsecond, unlike what comes from elsewhere: what is written must come back as it was."""
    value.instant()
    return datetime.fromisoformat(str(value.raw)).astimezone(UTC)


def _number(value: Value) -> float:
    if isinstance(value.raw, bool) or not isinstance(value.raw, int | float) or not 0 <= value.raw <= 1:
        raise value.fault("must be a number from 0 to 1")
    return float(value.raw)


def _flag(value: Value) -> bool:
    if value.is_absent:
        raise value.fault("is missing")
    return value.flag()


def _rrule(value: Value) -> str:
    rule = value.text(500)
    if (problem := recurrence_problem(rule, is_stored=True)) is not None:
        raise value.fault(problem)
    return rule


def _weights(value: Value) -> dict[Status, float]:
    refuse_unknown(value, [status.value for status in _WEIGHTED])
    return {status: _number(value[status.value]) for status in _WEIGHTED}


def _affected(value: Value) -> list[Record] | None:
    return None if value.is_absent else [_affected_one(item) for item in value.elements()]


def _affected_one(value: Value) -> Record:
    record = read_record(value, _AFFECTED, "held", "group")
    if not value["held"].is_absent:
        record["held"] = str(value["held"].word(Status))
    if isinstance(value.raw, dict) and "group" in value.raw:
        record["group"] = optional(lambda group: read_record(group, _GROUP_TOLD))(value["group"])
    return record


def _words(value: Value) -> dict[str, str]:
    if not isinstance(value.raw, dict):
        raise value.fault("must be an object")
    return {read_id(Value(key, f"{value.path}.{key}")): str(value[key].word(Status)) for key in value.raw}


_audience = partial(_fit, is_audience, "must be public, authenticated, verified or group:<slug>")
_slug = partial(_fit, is_slug, "must be 1 to 63 of a-z, 0-9 and hyphens")
_color = partial(_fit, is_color, "must be #rrggbb in lower case")


def _text(longest: int, shortest: int = 0) -> Reader:
    return lambda value: value.text(longest, shortest=shortest)


def _word(words: Any) -> Reader:
    return lambda value: str(value.word(words))


_name, _body, _short = _text(255, 1), _text(_LONGEST_BODY), _text(255)
id_or_none, instant_or_none, _audience_or_none = optional(read_id), optional(read_instant), optional(_audience)
_DATES: Mapping[str, Reader] = {"created_at": read_instant, "updated_at": read_instant}
_GROUP_TOLD: Mapping[str, Reader] = {"id": read_id, "name": _short}
_AFFECTED: Mapping[str, Reader] = {
    "id": read_id, "name": _short, "old_status": _word(Status), "new_status": _word(Status),
}  # fmt: skip

# ── the records ──────────────────────────────────────────────────────────────────────────────────────────────

PAGE: Mapping[str, Reader] = {
    "id": read_id,
    "slug": _slug,
    "title": _name,
    "description": optional(_body),
    "time_zone": _text(80, 1),
    "locale": _text(80, 1),
    "audience": _audience,
    "weights": _weights,
    "custom_domain": optional(_text(253, 1)),
    "brand_color": optional(_color),
    "custom_css": optional(_text(20_000)),
    "external_id": optional(_short),
    **_DATES,
}
GROUP: Mapping[str, Reader] = {
    "id": read_id,
    "name": _name,
    "description": optional(_body),
    "position": Value.integer,
    "external_id": optional(_short),
    **_DATES,
}
COMPONENT: Mapping[str, Reader] = {
    "id": read_id,
    "group_id": id_or_none,
    "name": _name,
    "description": optional(_body),
    "position": Value.integer,
    "showcase": _flag,
    "only_show_if_degraded": _flag,
    "start_date": optional(Value.day),
    "audience": _audience_or_none,
    "base_status": _word(Status),
    "external_id": optional(_short),
    "deleted_at": instant_or_none,
    **_DATES,
}
UPDATE: Mapping[str, Reader] = {
    "id": read_id,
    "status": _text(80, 1),
    "body": _body,
    "affected": _affected,
    "deliver_notifications": _flag,
    "external_id": optional(_short),
    "display_at": read_instant,
    **_DATES,
}
NOTE: Mapping[str, Reader] = {"id": read_id, "body": _body, **_DATES}
INCIDENT: Mapping[str, Reader] = {
    "id": read_id,
    "name": _name,
    "status": _word(IncidentStatus),
    "impact_override": optional(_word(Impact)),
    "audience": _audience_or_none,
    "started_at": read_instant,
    "monitoring_at": instant_or_none,
    "resolved_at": instant_or_none,
    "is_backdated": _flag,
    "postmortem_draft": optional(_body),
    "external_id": optional(_short),
    **_DATES,
}
MAINTENANCE: Mapping[str, Reader] = {
    "id": read_id,
    "name": _name,
    "body": _body,
    "status": _word(MaintenanceStatus),
    "audience": _audience_or_none,
    "scheduled_for": read_instant,
    "scheduled_until": read_instant,
    "started_at": instant_or_none,
    "completed_at": instant_or_none,
    "auto_start": _flag,
    "auto_complete": _flag,
    "rrule": optional(_rrule),
    "series_id": id_or_none,
    "sequence": Value.integer,
    "remind_before_min": optional(Value.integer),
    "reminded_at": instant_or_none,
    "cancelled_at": instant_or_none,
    "announced_at": instant_or_none,
    "deleted_at": instant_or_none,
    "external_id": optional(_short),
    **_DATES,
}
TEMPLATE: Mapping[str, Reader] = {
    "id": read_id,
    "kind": _text(80, 1),
    "name": _name,
    "title": _short,
    "status": optional(_text(80, 1)),
    "body": _body,
    "components": _words,
    **_DATES,
}
