"""The timeline of one incident: where an update goes, what it does to the incident, and what it says of components.

Everything here works inside a `change_page` of the caller.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy import update as sql_update

from hub.domain.incident import IncidentStatus, is_open, may_follow
from hub.domain.page import Incident, Update, place_problem
from hub.domain.status import Status
from hub.errors import Invalid, NotFound
from hub.ids import new_id
from hub.services.write import PageChange
from models import Component as ComponentRow
from models import Incident as IncidentRow
from models import IncidentUpdate

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class NewUpdate:
    """`components`: this update's word on each component it names. `display_at` None: now, after all others.

    `notify` None: as is usual, which is yes, but for what tells of something that was over before anybody heard of it.
    """

    status: IncidentStatus
    body: str
    components: Mapping[str, Status] = field(default_factory=dict)
    notify: bool | None = None
    display_at: datetime | None = None


async def post(change: PageChange, incident: Incident, new: NewUpdate) -> str:
    """Put an update into the incident's timeline; its id. The last one gives the incident its state.

    One that ends the incident lets go of every component (`left_behind`); one that opens it again holds what was held
    before. One with a time in the past changes the past.
    """
    now, updates = change.now, incident.updates
    at = _place(incident, new.display_at, now)
    index = sum(item.display_at <= at for item in updates)
    is_last = index == len(updates)
    before = incident.status if is_last else _status_before(updates, index)
    if not may_follow(before, new.status):
        raise Invalid(fields={"status": f"cannot follow {before.value if before else 'nothing'}"})
    if not is_last and not may_follow(new.status, IncidentStatus(updates[index].status)):
        raise Invalid(fields={"status": f"cannot come before {updates[index].status}"})
    if is_last:
        await _hand_over(change, left_behind(incident, new.status, new.components), at)
    if is_last and incident.is_open and not is_open(new.status):
        change.kind = "incident.resolved"
        let_go = {key: Status.OPERATIONAL for key in incident.words if key in change.before.statuses}
        new = replace(new, components={**let_go, **new.components})
    elif is_last and not incident.is_open and is_open(new.status):
        _end_where_told(change, incident)
        new = replace(new, components={**held_before(incident, change.before.statuses), **new.components})
    update_id = await insert_update(change, incident.id, new, at=at, known=words_of(updates[:index]))
    placed = [(IncidentStatus(item.status), item.display_at) for item in updates]
    placed.insert(index, (new.status, at))
    values: dict[str, Any] = {"resolved_at": _resolved_at(incident, placed)}
    if is_last:
        values["status"] = new.status.value
    if new.status is IncidentStatus.MONITORING:
        values["monitoring_at"] = min(incident.monitoring_at or at, at)
    await _store(change, incident, **values)
    if at < now:
        change.rewrite({*incident.words, *new.components}, min(at, incident.resolved_at or at))
    return update_id


async def correct(
    change: PageChange,
    incident: Incident,
    update_id: str,
    *,
    body: str | None,
    display_at: datetime | None,
    notify: bool,
) -> None:
    """Change the text or the time of an update, which keeps its place among the others. `notify`: tell people of it.

    NotFound for an update of another incident, Invalid for a time at which it would stand elsewhere.
    """
    position = next((at for at, item in enumerate(incident.updates) if item.id == update_id), None)
    if position is None:
        raise NotFound("There is no such update.")
    old = incident.updates[position]
    values: dict[str, Any] = {}
    if body is not None and body != old.body:
        values["body"] = body
    if display_at is not None and display_at != old.display_at:
        _check_place(incident, position, display_at, change.now)
        values["display_at"] = display_at
    if notify:
        values["deliver_notifications"] = True
        change.kind = "incident.updated"
    if not values:
        return
    await change.session.execute(
        sql_update(IncidentUpdate).where(IncidentUpdate.id == update_id).values(**values, updated_at=change.now)
    )
    moved: dict[str, Any] = {}
    if "display_at" in values and display_at is not None:
        placed = [
            (IncidentStatus(item.status), display_at if item is old else item.display_at) for item in incident.updates
        ]
        moved["resolved_at"] = _resolved_at(incident, placed)
        if incident.monitoring_at == old.display_at:
            moved["monitoring_at"] = display_at
        change.rewrite(incident.words, min(display_at, old.display_at))
    await _store(change, incident, **moved)


async def insert_update(
    change: PageChange, incident_id: str, new: NewUpdate, *, at: datetime, known: Mapping[str, Status]
) -> str:
    """`known`: the incident's words before; they, or the component's status, are what an update changes from."""
    components = change.before.components_by_id
    unknown = [
        key for key in new.components if key not in components or (components[key].is_deleted and key not in known)
    ]
    if unknown:
        raise Invalid(fields={f"components.{key}": "is no component of this page" for key in unknown})
    update_id = new_id()
    await change.session.execute(
        insert(IncidentUpdate).values(
            id=update_id,
            incident_id=incident_id,
            status=new.status.value,
            body=new.body,
            affected=[
                {
                    "id": key,
                    "name": components[key].name,
                    "old_status": (known.get(key) or change.before.statuses[key]).value,
                    "new_status": word.value,
                    "group": change.before.group_told(components[key]),
                }
                for key, word in new.components.items()
            ],
            deliver_notifications=new.notify is not False,
            display_at=at,
            created_at=max(at, change.now),
            updated_at=max(at, change.now),
        )
    )
    return update_id


def _end_where_told(change: PageChange, incident: Incident) -> None:
    """An incident that opens again has no `resolved_at`: its last end is where its updates tell of it."""
    told = _end_of([(IncidentStatus(item.status), item.display_at) for item in incident.updates])
    if told is not None and incident.resolved_at is not None and incident.resolved_at != told:
        change.rewrite(incident.words, min(told, incident.resolved_at))


def words_of(updates: Iterable[Update]) -> dict[str, Status]:
    """The latest word of `updates`, oldest first, on each component."""
    return {item.id: item.word for update in updates for item in update.affected}


async def _store(change: PageChange, incident: Incident, **values: Any) -> None:
    change.touch(incident)
    await change.session.execute(
        sql_update(IncidentRow)
        .where(IncidentRow.id == incident.id)
        .values(**values, updated_at=change.now, version=IncidentRow.version + 1)
    )


def _place(incident: Incident, display_at: datetime | None, now: datetime) -> datetime:
    """The time an update is shown at. Without one of its own it comes last, whatever the clock has done."""
    if display_at is None:
        return max(now, max((item.display_at for item in incident.updates), default=now - _MS) + _MS)
    if display_at > now:
        raise Invalid(fields={"display_at": "must not lie in the future"})
    if display_at < incident.started_at:
        raise Invalid(fields={"display_at": "must not come before the incident's started_at"})
    return display_at


def _check_place(incident: Incident, position: int, display_at: datetime, now: datetime) -> None:
    _place(incident, display_at, now)
    if problem := place_problem(incident.updates, position, display_at, now):
        raise Invalid(fields={"display_at": problem})


def _status_before(updates: Sequence[Update], index: int) -> IncidentStatus | None:
    return IncidentStatus(updates[index - 1].status) if index else None


def _resolved_at(incident: Incident, placed: Sequence[tuple[IncidentStatus, datetime]]) -> datetime | None:
    """Where the updates begin that only tell of the end; what is stored stays while that is the same place."""
    ended_at = _end_of(placed)
    if ended_at is None:
        return None
    was = _end_of([(IncidentStatus(item.status), item.display_at) for item in incident.updates])
    return incident.resolved_at if was == ended_at and incident.resolved_at is not None else ended_at


def _end_of(placed: Sequence[tuple[IncidentStatus, datetime]]) -> datetime | None:
    ended_at = None
    for status, at in reversed(placed):
        if is_open(status):
            break
        ended_at = at
    return ended_at


def held_before(incident: Incident, existing: Container[str]) -> dict[str, Status]:
    """What an incident held before it was resolved, of what it has let go of since and is `existing`."""
    is_opens = [is_open(IncidentStatus(item.status)) for item in incident.updates]
    until = max((at + 1 for at, opens in enumerate(is_opens) if opens), default=0)
    words = incident.words
    return {
        key: word
        for key, word in words_of(incident.updates[:until]).items()
        if word is not Status.OPERATIONAL and words[key] is Status.OPERATIONAL and key in existing
    }


def left_behind(incident: Incident, status: IncidentStatus, words: Mapping[str, Status]) -> dict[str, Status]:
    """What the words of an update become the components' base status: an incident that is over holds nothing any more.

    Of the update that ends it those that are left bad on purpose, of one after that all.
    """
    if is_open(status):
        return {}
    return {key: word for key, word in words.items() if not incident.is_open or word is not Status.OPERATIONAL}


async def _hand_over(change: PageChange, words: Mapping[str, Status], at: datetime) -> None:
    for key, word in words.items():
        component = change.before.components_by_id.get(key)
        if component is not None and word is not component.base_status:
            await change.session.execute(
                sql_update(ComponentRow)
                .where(ComponentRow.id == key)
                .values(base_status=word.value, updated_at=change.now, version=ComponentRow.version + 1)
            )
            if at < change.now:
                change.rebase(key, at)
