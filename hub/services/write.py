"""The one write path of a page: lock → rule → rows → what each view sees change → offsets and events, last.

    async with change_page(session, slug, by=principal, now=now, kind="component.updated") as change:
        …                                   # rows of the page, through `change.session`
    return change.shown("components", id)   # as this principal sees it afterwards

Source of the rules: docs/guarantees.md (offsets are given in the transaction, counters are bumped last, in
ascending order). ADR 0001: events are differences of projections; ADR 0003: the page's row lock.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal, Right
from hub.domain.audience import PUBLIC, View, view_of_key
from hub.domain.control import AudienceChanged
from hub.domain.event import EVENT_TYPES, diff
from hub.domain.page import Incident, Maintenance, Page, PageState
from hub.domain.snapshot import (
    LISTS,
    Json,
    incident_is_visible,
    maintenance_is_visible,
    project,
    visible_components,
)
from hub.domain.text import iso
from hub.engine.broker import FLAG_CUT, FLAG_REMAP
from hub.errors import Forbidden, NotFound, VersionConflict
from hub.services import control, keyframes, rights
from hub.services.follow import follow
from hub.services.outbox import Append, append
from hub.services.page_audit import Subject, note_change
from hub.services.state import load_audiences, load_state
from hub.services.views import see_page
from models import Page as PageRow
from models import View as ViewRow


@dataclass
class PageChange:
    """A change of one page under way. `kind` may be narrowed by the use case; `is_silent` leaves `updated_at` alone.

    `subject`: what it is about, for the audit log. `pasts`: components whose past is told anew, and since when;
    `bases`: since when a new base status holds, where that is not now. `starts_count`: a start date in the past says
    that the component was operational since then. `told_at`: when the page changed, where that is not now.
    """

    session: AsyncSession
    page_id: str
    by: Principal
    now: datetime
    kind: str
    view: View
    before: PageState
    is_silent: bool = False
    told_at: datetime | None = None
    after: PageState | None = None
    subject: Subject = None
    starts_count: bool = True
    pasts: dict[str, datetime] = field(default_factory=dict)
    bases: dict[str, datetime] = field(default_factory=dict)
    touched: list[Incident | Maintenance | Page] = field(default_factory=list)
    stirs_operators: bool = False
    is_for_all: bool = False

    def rewrite(self, component_ids: Iterable[str], since: datetime) -> None:
        """Have the past of `component_ids` told anew from `since` on: what the change says of it began before now.

        After the use case their status intervals from then on, and every figure that counts them, are worked out again
        from the layers. Of several calls for one component the earliest instant counts; deleted ones may be named.
        """
        for key in component_ids:
            self.pasts[key] = min(since, self.pasts.get(key, since))

    def touch(self, item: Incident | Maintenance | Page) -> None:
        """Have every view that sees `item` notice the change, although what it shows of now may not hold it (any more).

        What is made of a view's past is kept by its position, which therefore has to move.
        """
        self.touched.append(item)

    def touch_page(self) -> None:
        """Have every view notice the change, although no snapshot shows it: who shows it asks for it over REST."""
        self.is_for_all = True

    def stir_operators(self) -> None:
        """Have the operators' view notice the change, although its snapshot may not hold what it is about."""
        self.stirs_operators = True

    def rebase(self, component_id: str, since: datetime) -> None:
        """Let the base status that the use case gives a component hold from `since` on, instead of from now."""
        self.bases[component_id] = since

    def shown(self, section: str, key: str) -> Json:
        """The object `key` of `section` as `by` sees it after the change."""
        assert self.after is not None, "ask after the `async with`"
        return self._shown(self.after, section, key)

    def shown_before(self, section: str, key: str) -> Json:
        """The same before the change: what a caller with an old version is shown."""
        return self._shown(self.before, section, key)

    def _shown(self, state: PageState, section: str, key: str) -> Json:
        snapshot = project(state, self.view, iso(self.now))
        found = [item for item in snapshot[section] if item["id"] == key] if snapshot is not None else []
        if not found:
            raise NotFound
        item: Json = found[0]
        return item


@asynccontextmanager
async def change_page(
    session: AsyncSession,
    slug: str,
    *,
    by: Principal,
    now: datetime,
    kind: str,
    right: Right | None = None,
    is_silent: bool = False,
) -> AsyncIterator[PageChange]:
    """Hold the page's row lock, let the caller change its rows, then write one event into each view that sees a change.

    `right`: what `by` needs; by default what the kind of the event demands. NotFound when `by` may not know of the
    page, Forbidden when he may look but not write, or could until another change that was under way took the right
    away. Nothing slow may follow in the same transaction: the views' counters stay locked until the commit.
    """
    sight = await see_page(session, slug, by)
    page_id, right = sight.page.id, right or _right_of(kind)
    _require(by, page_id, right)
    locked = await session.scalar(select(PageRow.id).where(PageRow.id == page_id).with_for_update())
    if locked is None:
        raise NotFound("There is no such page.")
    by = await rights.current(session, by, now=now, page_id=page_id)
    _require(by, page_id, right)
    before = await load_state(session, page_id)
    audiences_before = await load_audiences(session, page_id)
    change = PageChange(session, page_id, by, now, kind, sight.view, before, is_silent)
    yield change
    await session.flush()
    after = await load_state(session, page_id)
    after = await follow(
        session, before, after, pasts=change.pasts, bases=change.bases, starts_count=change.starts_count, now=now
    )
    change.after = after
    if not is_silent:
        await note_change(session, change.kind, change.subject, before, after, by=by, now=now)
    remap = await load_audiences(session, page_id) != audiences_before or before.page.audience != after.page.audience
    await _tell_views(change, after, remap=remap)


def check_version(stored: int, expected: int | None, current: Json) -> None:
    """Optimistic locking: VersionConflict, carrying the stored object, when the caller has read an older version."""
    if expected is not None and expected != stored:
        raise VersionConflict(current=current, versions=f"made from version {expected}, but {stored} is stored")


def next_position(taken: Iterable[int]) -> int:
    """The place after the last of `taken`; positions start at 1."""
    return max(taken, default=0) + 1


async def _tell_views(change: PageChange, after: PageState, *, remap: bool) -> None:
    """Work out every view's event first, then raise the counters in ascending channel id with nothing in between."""
    assert change.kind in EVENT_TYPES, change.kind
    appends: list[tuple[Append, bool]] = []  # and whether everybody may see it
    moved: list[int] = []  # the channels of the views that see something new
    due: list[Mapping[str, Any]] = []
    for stand in await keyframes.stands(change.session, change.page_id):
        key, channel_id, view = stand.key, stand.channel_id, view_of_key(stand.key)
        old = project(change.before, view, iso(stand.changed_at))
        new = project(after, view, iso(stand.changed_at))
        flags = FLAG_REMAP if remap else 0
        changes: Json | None
        if old is None or new is None:
            if old is new:
                continue
            changes, flags = {"set": {}, "remove": {}}, FLAG_REMAP | FLAG_CUT
        else:
            changes = diff(old, new)
            is_told = change.is_for_all or (change.stirs_operators and view.sees_all)
            if changes is None and (is_told or _sees_what_was_touched(change, after, view)):
                changes = {"set": {}, "remove": {}}
            if changes is not None and not change.is_silent:
                new["page"]["updated_at"] = iso(change.told_at or change.now)
                changes["set"]["page"] = new["page"]
                moved.append(channel_id)
            if _hides_something(old, new, after):
                flags |= FLAG_CUT
            if changes is None and flags:
                changes = {"set": {}, "remove": {}}
        if changes is None:
            continue
        tells = change.is_for_all or changes["set"] or changes["remove"]
        kind = change.kind if tells else "audience.changed"
        body = json.dumps({"type": kind, "at": iso(change.now), **changes}, ensure_ascii=False, separators=(",", ":"))
        appends.append((Append(channel_id, kind, body, flags), key == PUBLIC))
        due += keyframes.frames(stand, old, new, change.now)
    if remap:
        await control.tell(change.session, AudienceChanged(slug=after.page.slug), now=change.now)
    if not appends:
        return
    await keyframes.store(change.session, due)
    if moved:
        told_at = change.told_at or change.now
        await change.session.execute(update(ViewRow).where(ViewRow.channel_id.in_(moved)).values(changed_at=told_at))
    rights = await control.hold(change.session)
    await append(
        change.session, [item if is_public else replace(item, rights=rights) for item, is_public in appends], change.now
    )


def _require(by: Principal, page_id: str, right: Right) -> None:
    if not by.can(page_id, right):
        raise Forbidden("You may look at this page but not change it.")


def _right_of(kind: str) -> Right:
    return Right.INCIDENTS if kind.startswith(("incident.", "maintenance.")) else Right.EDIT


def _sees_what_was_touched(change: PageChange, after: PageState, view: View) -> bool:
    visible = visible_components(after, view)

    def sees(item: Incident | Maintenance | Page) -> bool:
        match item:
            case Incident():
                return incident_is_visible(item, after.page, visible, view)
            case Maintenance():
                return maintenance_is_visible(item, after.page, visible, view)
        return True  # this is a view of it

    return any(map(sees, change.touched))


def _hides_something(old: Json, new: Json, after: PageState) -> bool:
    """Has something left this view that still exists? Then what was said of it before must not be replayed."""
    gone = {item["id"] for name in LISTS for item in old[name]} - {item["id"] for name in LISTS for item in new[name]}
    if not gone:
        return False
    existing = {item.id for item in after.components if not item.is_deleted}
    for items in (after.groups, after.incidents, after.ended_incidents, after.maintenances):
        existing.update(item.id for item in items)
    return not gone.isdisjoint(existing)
