"""What each kind of viewer would see of words that are not said yet. Nothing is stored, and nobody is told.

The draft is put into the page's state as the write path would put it there, and every viewer's share of that comes from
`project`, as all that viewers get.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal, Right
from hub.domain.audience import GROUP, LEVELS, PUBLIC, VERIFIED, View, Viewer
from hub.domain.channel import channel_name, parse_channel
from hub.domain.incident import Impact, IncidentStatus, is_open, may_follow
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.page import Affected, Incident, Maintenance, PageState, Update
from hub.domain.recurrence import next_window, series_problem
from hub.domain.snapshot import Json, incident_is_visible, maintenance_is_visible, project, visible_components
from hub.domain.status import Status
from hub.domain.text import iso, render_markdown
from hub.errors import Forbidden, Invalid, NotFound
from hub.ids import new_id
from hub.services.incident_updates import held_before, left_behind
from hub.services.state import load_audiences, load_incidents, load_maintenances, load_state
from hub.services.views import see_page
from models import Incident as IncidentRow
from models import Maintenance as MaintenanceRow

WINDOWS_SHOWN = 3


class DraftKind(StrEnum):
    """What is being written."""

    INCIDENT = "incident"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class Draft:
    """`about`: id of the incident or maintenance that these are the next words of; None: a new one.

    `components`: a word on each; of a maintenance the ids alone count. Instants None: now. A draft may lack anything.
    """

    kind: DraftKind
    body: str = ""
    about: str | None = None
    name: str = ""
    status: str | None = None
    components: Mapping[str, Status] = field(default_factory=dict)
    impact: Impact | None = None
    audience: str | None = None
    started_at: datetime | None = None
    display_at: datetime | None = None
    scheduled_for: datetime | None = None
    scheduled_until: datetime | None = None
    rrule: str | None = None


async def preview(
    session: AsyncSession,
    slug: str,
    draft: Draft,
    *,
    by: Principal,
    now: datetime,
    members: Mapping[str, int] | None,
) -> Json:
    """`{"body_html", "audiences", "viewers", "reached", "windows"}`; NotFound for all but the page's operators,
    Forbidden for those of them who may not say it.

    `members`: how many viewers each channel has now; None: nobody knows. `audiences` has one entry for each kind of
    viewer that this page tells apart, with what he would be shown, and null where he would not notice. `windows`: the
    first of a recurring maintenance. Raises Invalid for what could not be said.
    """
    sight = await see_page(session, slug, by)
    if not sight.view.sees_all:
        raise NotFound
    if not by.can(sight.page.id, Right.INCIDENTS):
        raise Forbidden("You may look at this page but not tell of incidents.")
    state = await load_state(session, sight.page.id)
    used = {*await load_audiences(session, sight.page.id), *([draft.audience] if draft.audience else [])}
    item: Incident | Maintenance
    if draft.kind is DraftKind.INCIDENT:
        state, item = _with_incident(state, await _incident(session, sight.page.id, draft.about), draft, now)
    else:
        state, item = _with_maintenance(state, await _maintenance(session, sight.page.id, draft.about), draft, now)
    live = None if members is None else dict(_viewers(slug, members))
    return {
        "body_html": render_markdown(draft.body),
        "audiences": [
            _share(state, item, audience, view, now, None if live is None else live.get(view, 0))
            for audience, view in kinds_of_viewer(state, used)
        ],
        "viewers": None if live is None else sum(live.values()),
        "reached": None if live is None else sum(count for view, count in live.items() if _sees(state, item, view)),
        "windows": _windows(item, ZoneInfo(state.page.time_zone)) if isinstance(item, Maintenance) else [],
    }


async def _incident(session: AsyncSession, page_id: str, key: str | None) -> Incident | None:
    if key is None:
        return None
    found = await load_incidents(session, (IncidentRow.page_id == page_id) & (IncidentRow.id == key))
    if not found:
        raise NotFound("There is no such incident.")
    return found[0]


async def _maintenance(session: AsyncSession, page_id: str, key: str | None) -> Maintenance | None:
    if key is None:
        return None
    found = await load_maintenances(session, (MaintenanceRow.page_id == page_id) & (MaintenanceRow.id == key))
    if not found:
        raise NotFound("There is no such maintenance.")
    return found[0]


def kinds_of_viewer(state: PageState, used: set[str]) -> list[tuple[str, View]]:
    """The kinds that a page with the audiences `used` tells apart, each under the first name that fits it."""
    viewers = {level: Viewer(is_authenticated=level != PUBLIC, is_verified=level == VERIFIED) for level in LEVELS}
    groups = sorted(name for name in used if name.startswith(GROUP))
    viewers |= {name: Viewer(is_authenticated=True, groups=frozenset({name.removeprefix(GROUP)})) for name in groups}
    found: dict[View, str] = {}
    for name, viewer in viewers.items():
        view = viewer.view(used)
        if view.admits(state.page.audience):
            found.setdefault(view, name)
    return [(name, view) for view, name in found.items()]


def _share(
    state: PageState, item: Incident | Maintenance, audience: str, view: View, now: datetime, viewers: int | None
) -> Json:
    snapshot = project(state, view, iso(now))
    assert snapshot is not None, "kinds_of_viewer gives those who see the page"
    lists = ("incidents", "history") if isinstance(item, Incident) else ("maintenances",)
    shown = next((found for name in lists for found in snapshot[name] if found["id"] == item.id), None)
    words: Mapping[str, Any] = {}
    if shown is not None:
        held = shown["components"]
        words = held if isinstance(held, dict) else dict.fromkeys(held, Status.UNDER_MAINTENANCE.value)
    return {
        "audience": audience,
        "sees": shown is not None,
        "components": [
            {"id": key, "name": state.components_by_id[key].name, "status": word} for key, word in words.items()
        ],
        "incident": shown if isinstance(item, Incident) else None,
        "maintenance": shown if isinstance(item, Maintenance) else None,
        "status": snapshot["status"],
        "viewers": viewers,
    }


def _sees(state: PageState, item: Incident | Maintenance, view: View) -> bool:
    if not view.admits(state.page.audience):
        return False
    visible = visible_components(state, view)
    if isinstance(item, Incident):
        return incident_is_visible(item, state.page, visible, view)
    return maintenance_is_visible(item, state.page, visible, view)


def _viewers(slug: str, members: Mapping[str, int]) -> Iterator[tuple[View, int]]:
    """View → members, of the views of this page; its operators are not its viewers."""
    for name, count in members.items():
        named = parse_channel(name)
        if named is not None and named.slug == slug and not (named.view and named.view.sees_all):
            view = named.view or View()
            if channel_name(slug, view) == name:
                yield view, count


def _with_incident(state: PageState, about: Incident | None, draft: Draft, now: datetime) -> tuple[PageState, Incident]:
    status = _state_of(IncidentStatus, draft.status, about.status if about else IncidentStatus.INVESTIGATING)
    _check_components(state, draft.components, about.words if about else {})
    if not may_follow(about.status if about else None, status):
        raise Invalid(fields={"status": f"cannot follow {about.status.value if about else 'nothing'}"})
    before = about.words if about else {}
    words = dict(draft.components)
    if about is not None and about.is_open and not is_open(status):
        words = {**dict.fromkeys((key for key in before if key in state.statuses), Status.OPERATIONAL), **words}
    elif about is not None and not about.is_open and is_open(status):
        words = {**held_before(about, state.statuses), **words}
    at = draft.display_at or now
    if about is not None:
        bases = left_behind(about, status, draft.components)
        based = (replace(item, base_status=bases.get(item.id, item.base_status)) for item in state.components)
        state = replace(state, components=tuple(based))
    else:
        at = draft.display_at or draft.started_at or now
        about = Incident(
            id=new_id(),
            name=draft.name,
            status=status,
            impact_override=draft.impact,
            audience=draft.audience,
            started_at=draft.started_at or now,
            monitoring_at=None,
            resolved_at=None,
            updates=(),
            version=1,
            created_at=now,
            updated_at=now,
        )
    update = _update(state, status.value, draft.body, words, before, at)
    updates = sorted((*about.updates, update), key=lambda item: item.order)
    told = IncidentStatus(updates[-1].status)
    ended_at = None if is_open(told) else about.resolved_at or at
    incident = replace(about, status=told, resolved_at=ended_at, updates=tuple(updates))
    others = tuple(item for item in state.incidents if item.id != incident.id)
    ended = tuple(item for item in state.ended_incidents if item.id != incident.id)
    if incident.is_open:
        return replace(state, incidents=(*others, incident), ended_incidents=ended), incident
    return replace(state, incidents=others, ended_incidents=(*ended, incident)), incident


def _with_maintenance(
    state: PageState, about: Maintenance | None, draft: Draft, now: datetime
) -> tuple[PageState, Maintenance]:
    status = _state_of(MaintenanceStatus, draft.status, about.status if about else MaintenanceStatus.SCHEDULED)
    if about is None:
        _check_components(state, draft.components, {})
        start = draft.scheduled_for or now
        about = Maintenance(
            id=new_id(),
            name=draft.name,
            body=draft.body,
            status=status,
            audience=draft.audience,
            scheduled_for=start,
            scheduled_until=draft.scheduled_until or start,
            started_at=None,
            completed_at=None,
            auto_start=True,
            auto_complete=True,
            rrule=draft.rrule,
            component_ids=tuple(draft.components),
            updates=(),
            version=1,
            created_at=now,
            updated_at=now,
        )
        _check_rule(about, ZoneInfo(state.page.time_zone))
    update = _update(state, status.value, draft.body, {}, {}, now)
    maintenance = replace(about, status=status, updates=(*about.updates, update))
    others = tuple(item for item in state.maintenances if item.id != maintenance.id)
    return replace(state, maintenances=(*others, maintenance)), maintenance


def _state_of(kind: Any, text: str | None, usual: Any) -> Any:
    try:
        return usual if text is None else kind(text)
    except ValueError:
        raise Invalid(fields={"status": f"must be one of {', '.join(kind)}"}) from None


def _check_components(state: PageState, words: Mapping[str, Status], known: Mapping[str, Status]) -> None:
    unknown = [key for key in words if key not in state.statuses and key not in known]
    if unknown:
        raise Invalid(fields={f"components.{key}": "is no component of this page" for key in unknown})


def _update(
    state: PageState, status: str, body: str, words: Mapping[str, Status], before: Mapping[str, Status], at: datetime
) -> Update:
    affected = tuple(
        Affected(key, state.components_by_id[key].name, before.get(key) or state.statuses.get(key, word), word)
        for key, word in words.items()
    )
    return Update(new_id(), status, body, affected, at, at, at)


def _check_rule(maintenance: Maintenance, zone: ZoneInfo) -> None:
    if maintenance.scheduled_until < maintenance.scheduled_for:
        raise Invalid(fields={"scheduled_until": "must come after scheduled_for"})
    if maintenance.rrule is None:
        return
    problem = series_problem(maintenance.rrule, maintenance.scheduled_for.astimezone(zone))
    if problem:
        raise Invalid(fields={"rrule": problem})


def _windows(maintenance: Maintenance, zone: ZoneInfo) -> Sequence[Json]:
    """The next windows, this one included, by the rule that makes them."""
    start, end, rule = maintenance.scheduled_for, maintenance.scheduled_until, maintenance.rrule
    found = [(start, end)]
    while rule is not None and len(found) < WINDOWS_SHOWN:
        following = next_window(rule, zone, start, end)
        if following is None:
            break
        start, end, rule = following
        found.append((start, end))
    return [
        {"scheduled_for": iso(since.astimezone(UTC)), "scheduled_until": iso(until.astimezone(UTC))}
        for since, until in found
    ]
