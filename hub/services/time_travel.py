"""The page as it was: a keyframe, the events after it up to an instant, and what may still be seen (ADR 0026)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.audience import View, view_of_key
from hub.domain.event import apply
from hub.domain.page import PageState
from hub.domain.past import Present, narrow
from hub.domain.snapshot import Json, project, visible_components
from hub.domain.text import iso
from hub.errors import Invalid, NotFound
from hub.services.keyframes import EVERY
from hub.services.state import load_incidents, load_maintenances, load_state
from hub.services.views import Sight, see_page
from models import Channel, Event, Keyframe
from models import Incident as IncidentRow
from models import Maintenance as MaintenanceRow
from models import View as ViewRow

_MINUTELY = "summary.published"  # each holds a whole summary, so only the last one counts


@dataclass(frozen=True, slots=True)
class _Log:
    """One view's channel. `latest_at`: instant of its last event, or of its making."""

    view: View
    channel: str
    channel_id: int
    epoch: str
    head: int
    changed_at: datetime
    latest_at: datetime


async def read_past(session: AsyncSession, slug: str, principal: Principal, *, at: datetime, now: datetime) -> Json:
    """What `principal` would have been shown of a page at `at`, without what he may not see today.

    A snapshot with the position it was true at, and `at`. `session` must be a `one_moment`. Invalid for an instant in
    the future; NotFound when the page is not his, and when nothing is kept of it from so long ago.
    """
    if at > now:
        raise Invalid(fields={"at": "is in the future"})
    sight = await see_page(session, slug, principal)
    state = await load_state(session, sight.page.id)
    for log in await _logs(session, sight):
        found = await _state_at(session, log, state, at)
        if found is not None:
            past, offset = found
            shown = narrow(past, await _present(session, sight, state, past))
            return {"channel": log.channel, "epoch": log.epoch, "offset": offset, "at": iso(at), **shown}
    raise NotFound("Nothing is kept of this page from so long ago.")


async def reaches_back_to(session: AsyncSession, sight: Sight) -> datetime | None:
    """The earliest instant that `read_past` answers for; None when it answers for none yet."""
    starts = []
    for log in await _logs(session, sight):
        first = await session.scalar(
            select(func.min(Keyframe.created_at)).where(Keyframe.channel_id == log.channel_id, Keyframe.body != "null")
        )
        starts.append(first or log.latest_at)
    return min(starts, default=None)


async def _logs(session: AsyncSession, sight: Sight) -> Sequence[_Log]:
    """The logs that hold nothing but what `sight` may see: its own first, then those of views that see less of it.

    A view has a log from when its first viewer came; before that, what a wider public was shown is told.
    """
    latest = select(func.max(Event.created_at)).where(Event.channel_id == Channel.id, Event.off == Channel.head)
    rows = await session.execute(
        select(
            ViewRow.key, Channel.name, Channel.id, Channel.epoch, Channel.head, ViewRow.changed_at,
            func.coalesce(latest.scalar_subquery(), ViewRow.changed_at).label("latest_at"),
        )
        .join(Channel, Channel.id == ViewRow.channel_id)
        .where(ViewRow.page_id == sight.page.id)
    )  # fmt: skip
    logs = [
        _Log(view_of_key(row.key), row.name, row.id, row.epoch, row.head, row.changed_at, row.latest_at)
        for row in rows.all()
    ]
    if sight.view.sees_all:
        return [log for log in logs if log.view.sees_all]
    lesser = [log for log in logs if not log.view.sees_all and log.view.audiences <= sight.view.audiences]
    return sorted(lesser, key=lambda log: (-len(log.view.audiences), log.view.key))


async def _state_at(session: AsyncSession, log: _Log, state: PageState, at: datetime) -> tuple[Json, int] | None:
    """(snapshot, offset) of one view at `at`; None when its log does not reach back, or it could not see the page."""
    if log.latest_at <= at:
        present = project(state, log.view, iso(log.changed_at))
        return None if present is None else (present, log.head)
    frame = (
        await session.execute(
            select(Keyframe.off, Keyframe.body)
            .where(Keyframe.channel_id == log.channel_id, Keyframe.created_at <= at)
            .order_by(Keyframe.off.desc())
            .limit(1)
        )
    ).one_or_none()
    if frame is None:
        return None
    offset, snapshot = frame.off, json.loads(frame.body)
    if snapshot is None:
        return None
    events = (
        await session.execute(
            select(Event.off, Event.kind, Event.payload, Event.created_at)
            .where(Event.channel_id == log.channel_id, Event.off > offset)
            .order_by(Event.off)
            .limit(EVERY)
        )
    ).all()
    # A change that waited for the page's lock may carry an earlier instant than the one before it: order is by offset.
    upto = max((event.off for event in events if event.created_at <= at), default=offset)
    told = [event for event in events if event.off <= upto]
    last_summary = max((event.off for event in told if event.kind == _MINUTELY), default=0)
    for event in told:
        if event.kind != _MINUTELY or event.off == last_summary:
            snapshot = apply(snapshot, json.loads(event.payload))
    return snapshot, upto


async def _present(session: AsyncSession, sight: Sight, state: PageState, past: Json) -> Present:
    """What is there now of all that `past` names."""
    incident_ids = [item["id"] for name in ("incidents", "history") for item in past[name]]
    maintenance_ids = [item["id"] for item in past["maintenances"]]
    incidents = await load_incidents(session, IncidentRow.id.in_(incident_ids)) if incident_ids else ()
    maintenances = await load_maintenances(session, MaintenanceRow.id.in_(maintenance_ids)) if maintenance_ids else ()
    return Present(
        page=sight.page,
        view=sight.view,
        visible=visible_components(state, sight.view),
        incidents={item.id: item for item in incidents},
        maintenances={item.id: item for item in maintenances},
    )
