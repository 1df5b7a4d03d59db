"""A whole page as one document: what `export` writes and `import` reads. The format: docs/export.md. Pure.

Everything an export writes is read again, and nothing else: a key that is not known here is a fault, so that no
document says more than its reader thinks.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from hub.domain.document import Fault, Value
from hub.domain.incident import IncidentStatus, is_open
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.page_records import (
    COMPONENT,
    GROUP,
    INCIDENT,
    MAINTENANCE,
    NOTE,
    PAGE,
    TEMPLATE,
    UPDATE,
    Record,
    instant_or_none,
    optional,
    read_id,
    read_instant,
    read_record,
    refuse_unknown,
)
from hub.domain.pictures import MAX_BYTES, media_type_of
from hub.domain.status import Status
from hub.domain.statuspage import DocumentInvalid
from hub.domain.uptime import Interval

FORMAT, VERSION = "status-hub-page", 1


@dataclass(frozen=True, slots=True)
class PageDocument:
    """The records of one page: field → value, in the types of the tables; lists are in order of their ids.

    A component has `base`, its intervals; an incident `updates` and `notes`; a maintenance these and `components`.
    """

    page: Record
    logo: Record | None
    groups: Sequence[Record]
    components: Sequence[Record]
    incidents: Sequence[Record]
    maintenances: Sequence[Record]
    templates: Sequence[Record]

    @property
    def audiences(self) -> dict[str, str]:
        """Audience → the path of the first record that has it."""
        found = {self.page["audience"]: "page.audience"}
        for kind in ("components", "incidents", "maintenances"):
            for index, record in enumerate(getattr(self, kind)):
                if record["audience"] is not None:
                    found.setdefault(record["audience"], f"{kind}[{index}].audience")
        return found


_TOP = ("format", "version", "page", "logo", "groups", "components", "incidents", "maintenances", "templates")


def is_page_document(raw: object) -> bool:
    """Whether it says that it is one; others may be Statuspage's."""
    return isinstance(raw, dict) and raw.get("format") == FORMAT


def parse_page_document(raw: object) -> PageDocument:
    """The records of an export. Raises DocumentInvalid, which names the path of every bad value."""
    document, faults = Value(raw), _Faults()
    try:
        refuse_unknown(document, _TOP)
        if document["format"].raw != FORMAT:
            raise document["format"].fault(f"must be {FORMAT!r}")
        if document["version"].raw != VERSION:
            raise document["version"].fault(f"must be {VERSION}: this hub reads no other")
    except Fault as fault:
        raise DocumentInvalid([fault]) from None
    page = faults.take(lambda: read_record(document["page"], PAGE))
    logo = faults.take(lambda: optional(_logo)(document["logo"]))
    parsed = PageDocument(
        page=page or {},
        logo=logo,
        groups=_all(document["groups"], faults, lambda value: read_record(value, GROUP)),
        components=_all(document["components"], faults, _component),
        incidents=_all(document["incidents"], faults, partial(_incident, faults)),
        maintenances=_all(document["maintenances"], faults, partial(_maintenance, faults)),
        templates=_all(document["templates"], faults, lambda value: read_record(value, TEMPLATE)),
    )
    if not faults.found:
        faults.found += _contradictions(parsed)
    if faults.found:
        raise DocumentInvalid(faults.found)
    return parsed


class _Faults:
    def __init__(self) -> None:
        self.found: list[Fault] = []

    def take(self, read: Callable[[], Any]) -> Any:
        """What `read` returns; None when it fails, which is noted."""
        try:
            return read()
        except Fault as fault:
            self.found.append(fault)
            return None


def _all(array: Value, faults: _Faults, read: Callable[[Value], Record]) -> list[Record]:
    """Every record of `array`; a bad one does not hide the next. An id occurs once."""
    elements: list[Value] = faults.take(lambda: list(array.elements())) or []
    found: dict[str, Record] = {}
    for value in elements:
        record = faults.take(partial(read, value))
        if record is not None and record["id"] in found:
            faults.found.append(value["id"].fault(f"occurs twice: {record['id']!r}"))
        elif record is not None:
            found[record["id"]] = record
    return list(found.values())


def _logo(value: Value) -> Record:
    refuse_unknown(value, ("media_type", "body", "created_at"))
    text = value["body"].text(2 * MAX_BYTES)
    try:
        body = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise value["body"].fault("must be Base64") from None
    media_type = media_type_of(body)
    if media_type is None or len(body) > MAX_BYTES:
        raise value["body"].fault("is no picture that can be a logo")
    if value["media_type"].raw != media_type:
        raise value["media_type"].fault(f"must be {media_type}, as the bytes are")
    return {"media_type": media_type, "body": body, "created_at": read_instant(value["created_at"])}


def _component(value: Value) -> Record:
    record = read_record(value, COMPONENT, "base")
    intervals: list[Interval] = []
    for item in value["base"].elements():
        refuse_unknown(item, ("status", "since", "until"))
        since, until = read_instant(item["since"]), instant_or_none(item["until"])
        if until is not None and until <= since:
            raise item.fault("must end after it begins")
        if intervals and (intervals[-1].end is None or intervals[-1].end > since):
            raise item.fault("must begin when the one before it has ended")
        intervals.append(Interval(item["status"].word(Status), since, until))
    is_deleted, last = record["deleted_at"] is not None, intervals[-1] if intervals else None
    if last is not None and is_deleted is not (last.end is not None):
        raise value["base"].fault("must end when the component was deleted, and not before")
    if last is not None and last.end is None and last.status != record["base_status"]:
        raise value["base_status"].fault("must be the last status of base")
    return record | {"base": merged(intervals)}


def _incident(faults: _Faults, value: Value) -> Record:
    record = read_record(value, INCIDENT, "updates", "notes")
    if is_open(IncidentStatus(record["status"])) is not (record["resolved_at"] is None):
        raise value["resolved_at"].fault("must be there exactly when the incident is over")
    return record | _told(faults, value, IncidentStatus)


def _maintenance(faults: _Faults, value: Value) -> Record:
    record = read_record(value, MAINTENANCE, "components", "updates", "notes")
    if record["scheduled_until"] <= record["scheduled_for"]:
        raise value["scheduled_until"].fault("must be after scheduled_for")
    members = sorted({read_id(item) for item in value["components"].elements()})
    return record | {"components": members} | _told(faults, value, MaintenanceStatus)


def _told(faults: _Faults, value: Value, words: Any) -> Record:
    updates = _all(value["updates"], faults, partial(_update, words))
    return {"updates": updates, "notes": _all(value["notes"], faults, lambda note: read_record(note, NOTE))}


def _update(words: Any, value: Value) -> Record:
    value["status"].word(words)
    return read_record(value, UPDATE)


def _contradictions(document: PageDocument) -> list[Fault]:
    """What names something that is not there, or an id that is somebody else's."""
    faults: list[Fault] = []
    groups, components = ({item["id"] for item in items} for items in (document.groups, document.components))

    def require(path: str, key: str | None, known: set[str], what: str) -> None:
        if key is not None and key not in known:
            faults.append(Fault(path, f"names no {what} of this document: {key!r}"))

    for index, component in enumerate(document.components):
        require(f"components[{index}].group_id", component["group_id"], groups, "group")
    updates: set[tuple[str, str]] = set()
    for kind, records in (("incidents", document.incidents), ("maintenances", document.maintenances)):
        for index, record in enumerate(records):
            for place, key in enumerate(record.get("components", ())):
                require(f"{kind}[{index}].components[{place}]", key, components, "component")
            faults += _doubled(f"{kind}[{index}].updates", record["updates"], ("external_id",))
            for number, update in enumerate(record["updates"]):
                path = f"{kind}[{index}].updates[{number}]"
                if (kind, update["id"]) in updates:
                    faults.append(Fault(f"{path}.id", f"occurs twice: {update['id']!r}"))
                updates.add((kind, update["id"]))
                for place, item in enumerate(update["affected"] or ()):
                    require(f"{path}.affected[{place}].id", item["id"], components, "component")
    for kind in ("groups", "components", "incidents", "maintenances"):
        faults += _doubled(kind, getattr(document, kind), ("external_id",))
    faults += _doubled("templates", document.templates, ("kind", "name"))
    return faults


def _doubled(kind: str, records: Sequence[Record], fields: tuple[str, ...]) -> list[Fault]:
    seen, faults = set(), []
    for index, record in enumerate(records):
        key = tuple(record[name] for name in fields)
        if key in seen and None not in key:
            faults.append(Fault(f"{kind}[{index}].{fields[-1]}", f"occurs twice: {key[-1]!r}"))
        seen.add(key)
    return faults


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Ascending `intervals`, neighbours of one status joined: the same history, however it came about."""
    found: list[Interval] = []
    for item in intervals:
        if found and found[-1].status == item.status and found[-1].end == item.start:
            found.append(Interval(item.status, found.pop().start, item.end))
        else:
            found.append(item)
    return found


def render_page_document(document: PageDocument) -> bytes:
    """The document as bytes: keys sorted, records in order of their ids, UTF-8, one line. Same page, same bytes."""
    body = {
        "format": FORMAT,
        "version": VERSION,
        "page": document.page,
        "logo": document.logo,
        **{
            kind: [_sorted_record(record) for record in sorted(getattr(document, kind), key=_id_of)]
            for kind in ("groups", "components", "incidents", "maintenances", "templates")
        },
    }
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain)
    return f"{text}\n".encode()


def _sorted_record(record: Record) -> Record:
    nested = {name: sorted(record[name], key=_id_of) for name in ("updates", "notes") if name in record}
    return record | nested


def _id_of(record: Record) -> str:
    return str(record["id"])


def _plain(value: object) -> object:
    match value:
        case datetime():
            precision = "microseconds" if value.microsecond % 1000 else "milliseconds"
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"
        case date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case Interval(status=status, start=since, end=until):
            return {"status": status, "since": since, "until": until}
    raise TypeError(f"not for a document: {type(value).__name__}")
