"""What the one write path of a page writes into the audit log."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.page import Incident, Maintenance, PageState
from hub.domain.record import record
from hub.services import audit
from hub.services.state import load_incidents, load_maintenances
from models import Incident as IncidentRow
from models import Maintenance as MaintenanceRow

Subject = Incident | Maintenance | str | None
"""What a change is about: an id, or, if it may have ended long ago, the thing as it was; None: many at once."""


async def note_change(
    session: AsyncSession,
    kind: str,
    subject: Subject,
    before: PageState,
    after: PageState,
    *,
    by: Principal,
    now: datetime,
) -> None:
    """One entry for a change of the kind `kind`; none when it changed nothing."""
    subject_id = subject.id if isinstance(subject, Incident | Maintenance) else subject
    if isinstance(subject, Incident | Maintenance):
        before = _with(before, subject)
        is_shown = any(subject_id == item.id for item in _all(after, subject))
        after = after if is_shown else await _with_stored(session, after, subject)
    found = record(before, after, subject_id)
    if found is None:
        return
    object_kind, _, _ = kind.partition(".")
    await audit.note(
        session,
        by=by,
        now=now,
        action=kind,
        object_kind=object_kind,
        object_id=subject_id or before.page.id,
        page_id=before.page.id,
        before=found.before,
        after=found.after,
    )


def _all(state: PageState, like: Incident | Maintenance) -> tuple[Incident | Maintenance, ...]:
    return (*state.incidents, *state.ended_incidents) if isinstance(like, Incident) else state.maintenances


def _with(state: PageState, item: Incident | Maintenance) -> PageState:
    if any(item.id == other.id for other in _all(state, item)):
        return state
    if isinstance(item, Incident):
        return replace(state, ended_incidents=(*state.ended_incidents, item))
    return replace(state, maintenances=(*state.maintenances, item))


async def _with_stored(session: AsyncSession, state: PageState, was: Incident | Maintenance) -> PageState:
    """`state` with what has become of `was`, if it is still there."""
    found: tuple[Incident | Maintenance, ...]
    if isinstance(was, Incident):
        found = await load_incidents(session, IncidentRow.id == was.id)
    else:
        found = await load_maintenances(session, MaintenanceRow.id == was.id)
    return _with(state, found[0]) if found else state
