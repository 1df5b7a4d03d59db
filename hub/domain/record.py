"""What a change of a page changed, for the audit log: the objects that are not as they were, before and after. Pure.

Objects are told as operators see them, without what follows from elsewhere (effective statuses, rendered text), and of
an object that stays only the fields that differ. What is larger than `MAX_BYTES` is cut to names.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.domain.audience import OPERATORS
from hub.domain.page import PageState
from hub.domain.snapshot import Json, component_json, group_json, incident_json, maintenance_json, page_json
from hub.domain.status import Status

MAX_BYTES = 16_384
_MOST_NAMED = 50
_TEXT_LENGTH = 1_000
# What follows from elsewhere, or is said by the entry itself.
_LEFT_OUT = frozenset({"affected", "body_html", "brand", "css_url", "status_since", "updated_at", "version"})


@dataclass(frozen=True, slots=True)
class Record:
    """Section → objects, each with its id and name; None where there is nothing (before it was made, after it went)."""

    before: Json | None
    after: Json | None


def record(before: PageState, after: PageState, subject: str | None) -> Record | None:
    """What differs between two states of a page, None when nothing does.

    `subject`: the id of the one object that the change is about, None for a change of many. States show but the last
    few incidents that have ended, so one that comes into sight or goes out of it has changed only if it is the subject.
    """
    old, new = _items(before), _items(after)
    ended = {item.id for item in after.ended_incidents}
    told: tuple[Json, Json] = ({}, {})
    for section, show in _SHOW.items():
        for key in sorted(old[section].keys() | new[section].keys()):
            was, is_now = old[section].get(key), new[section].get(key)
            if was == is_now:
                continue
            if section in {"incidents", "maintenances"} and key != subject:
                goes_out = is_now is None
                comes_in = was is None and key in ended and subject is not None
                if goes_out or comes_in:
                    continue
            pair = [None if item is None else _essence(show(item)) for item in (was, is_now)]
            if pair[0] != pair[1]:
                for side, item in zip(told, _difference(*pair), strict=True):
                    if item is not None:
                        side.setdefault(section, []).append(item)
    if not any(told):
        return None
    return Record(*(_bounded(side) if side else None for side in told))


def _items(state: PageState) -> dict[str, dict[str, Any]]:
    sections: dict[str, Iterable[Any]] = {
        "page": (state.page,),
        "groups": state.groups,
        "components": (item for item in state.components if not item.is_deleted),
        "incidents": (*state.incidents, *state.ended_incidents),
        "maintenances": state.maintenances,
    }
    return {section: {item.id: item for item in items} for section, items in sections.items()}


def _without_status(item: Json) -> Json:
    return {name: value for name, value in item.items() if name != "status"}


_ANY = Status.OPERATIONAL  # in place of an effective status, which is left out
_SHOW: Mapping[str, Callable[[Any], Json]] = {
    "page": lambda item: page_json(item, OPERATORS, "") | {"custom_css": item.custom_css},
    "groups": lambda item: _without_status(group_json(item, _ANY, OPERATORS)),
    "components": lambda item: _without_status(component_json(item, _ANY, OPERATORS)),
    "incidents": lambda item: incident_json(item, frozenset(), OPERATORS),
    "maintenances": lambda item: maintenance_json(item, frozenset(), OPERATORS),
}


def _essence(item: Json) -> Json:
    kept = {name: value for name, value in item.items() if name not in _LEFT_OUT}
    if "updates" in kept:
        kept["updates"] = [_essence(update) for update in kept["updates"]]
    return kept


def _difference(old: Json | None, new: Json | None) -> tuple[Json | None, Json | None]:
    """Both sides of one object; of one that stays only what differs, and who it is."""
    if old is None or new is None:
        return old, new
    kept = {"id", "name", "title"} | {name for name in new if old.get(name) != new[name]}
    sides = tuple({name: value for name, value in side.items() if name in kept} for side in (old, new))
    if "updates" in kept:
        for side, other in ((sides[0], new), (sides[1], old)):
            side["updates"] = [update for update in side["updates"] if update not in other["updates"]]
    return sides[0], sides[1]


def _bounded(side: Json) -> Json:
    clipped: Json = _clipped(side)
    if len(json.dumps(clipped, ensure_ascii=False).encode()) <= MAX_BYTES:
        return clipped
    return {"is_cut": True} | {
        section: [
            {name: item[name] for name in ("id", "name", "title") if name in item} for item in items[:_MOST_NAMED]
        ]
        for section, items in clipped.items()
    }


def _clipped(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _TEXT_LENGTH else value[:_TEXT_LENGTH] + "…"
    if isinstance(value, Mapping):
        return {name: _clipped(item) for name, item in value.items()}
    return [_clipped(item) for item in value] if isinstance(value, list) else value
