"""Changes that are refused: the error names the reason, and nothing has changed in any view."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.auth.permissions import ANONYMOUS, Principal
from hub.domain.incident import IncidentStatus
from hub.domain.status import Status
from hub.errors import Conflict, Forbidden, Invalid, NotFound, VersionConflict
from hub.services import components, groups, incidents, maintenances, pages
from hub.services.components import NewComponent
from hub.services.incidents import NewIncident, NewUpdate
from hub.services.maintenances import NewMaintenance
from hub.services.pages import NewPage
from tests.support.desk import ADMIN, T0, Desk

DAY = timedelta(days=1)
OTHERS_OWNER = Principal(account_id="a", email="a@b", roles={"another page": "owner"})


def incident(
    status: IncidentStatus = IncidentStatus.IDENTIFIED, *, named: str | None = None, starts: datetime = T0
) -> NewIncident:
    words = {} if named is None else {named: Status.MAJOR_OUTAGE}
    return NewIncident("x", NewUpdate(status, "x", words), started_at=starts)


def maintenance(start: datetime, end: datetime, **options: Any) -> NewMaintenance:
    return NewMaintenance("x", "x", start, end, **options)


REFUSED: list[tuple[str, Callable[[Desk, str], Awaitable[Any]], type[Exception]]] = [
    ("a group of nowhere", lambda d, _: d.act(components.create, NewComponent("X", group_id="nobody")), Invalid),
    ("no audience", lambda d, _: d.act(components.create, NewComponent("X", audience="everyone")), Invalid),
    ("no component", lambda d, _: d.act(components.update, "nobody", {"name": "x"}), NotFound),
    ("no group", lambda d, c: d.act(groups.update, c, {"name": "x"}), NotFound),
    ("a postmortem first", lambda d, _: d.act(incidents.open_incident, incident(IncidentStatus.POSTMORTEM)), Invalid),
    ("words on nothing", lambda d, _: d.act(incidents.open_incident, incident(named="nobody")), Invalid),
    ("a start to come", lambda d, _: d.act(incidents.open_incident, incident(starts=d.now + DAY)), Invalid),
    ("no incident", lambda d, c: d.act(incidents.add_update, c, NewUpdate(IncidentStatus.RESOLVED, "x")), NotFound),
    ("no window", lambda d, _: d.act(maintenances.schedule, maintenance(d.now, d.now)), Invalid),
    ("a past window", lambda d, _: d.act(maintenances.schedule, maintenance(d.now - DAY, d.now - DAY / 2)), Invalid),
    (
        "work on nothing",
        lambda d, _: d.act(maintenances.schedule, maintenance(d.now, d.now + DAY, components=["nobody"])),
        Invalid,
    ),
    (
        "every second",
        lambda d, _: d.act(maintenances.schedule, maintenance(d.now, d.now + DAY, rrule="FREQ=SECONDLY")),
        Invalid,
    ),
    ("no time zone", lambda d, _: d.act(pages.update, {"time_zone": "Mars/Base"}), Invalid),
    ("nobody", lambda d, c: d.do(components.update, c, {"name": "x"}, by=ANONYMOUS), Forbidden),
    ("another's owner", lambda d, c: d.do(components.update, c, {"name": "x"}, by=OTHERS_OWNER), Forbidden),
]


@pytest.mark.parametrize(("call", "error"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
async def test_a_bad_change_is_refused_and_changes_nothing(
    desk: Desk, call: Callable[[Desk, str], Awaitable[Any]], error: type[Exception]
):
    component = await desk.act(components.create, NewComponent("API"))
    before = dict(desk.snapshots)
    with pytest.raises(error):
        await call(desk, component["id"])
    desk.snapshots.clear()
    await desk.check()
    assert desk.snapshots == before


async def test_a_slug_is_taken_once(desk: Desk):
    with pytest.raises(Conflict):
        async with desk.sessions.begin() as session:
            await pages.create(session, NewPage("acme", "Other"), by=ADMIN, now=T0)


async def test_a_lost_update_is_refused_with_what_is_stored(desk: Desk):
    api = await desk.act(components.create, NewComponent("API"))
    await desk.act(components.update, api["id"], {"name": "API 2"}, expected_version=1)
    offset = desk.snapshots["all"]["offset"]
    with pytest.raises(VersionConflict) as refused:
        await desk.act(components.update, api["id"], {"name": "API 3"}, expected_version=1)
    assert refused.value.current["name"] == "API 2"
    await desk.check()
    assert desk.snapshots["all"]["offset"] == offset
