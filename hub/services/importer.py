"""A Statuspage page → a page of ours, all or nothing.

What the source holds wins over what the hub has of the same record; what the source does not hold is left alone.
Importing the same document again changes nothing and tells nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal
from hub.domain.import_plan import ImportPlan, PlannedPage, settle
from hub.domain.page import PageState
from hub.domain.status import RollUp, Status, roll_up
from hub.domain.statuspage import parse
from hub.services import pages
from hub.services.import_rows import RowWriter, Tally
from hub.services.state import load_incidents, load_maintenances
from hub.services.write import PageChange, change_page
from models import Incident as IncidentRow
from models import Maintenance as MaintenanceRow
from models import Page as PageRow


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or with `dry_run` would have done. `tallies` by kind; `status` of the page afterwards."""

    slug: str
    is_dry_run: bool
    tallies: Mapping[str, Tally]
    status: RollUp
    warnings: tuple[str, ...]

    @property
    def is_new_page(self) -> bool:
        return self.tallies["pages"].created > 0

    @property
    def has_changes(self) -> bool:
        return any(tally.created or tally.updated for tally in self.tallies.values())

    @property
    def lines(self) -> list[str]:
        """The report for people, a line for each kind, then the warnings."""
        verb = "would be " if self.is_dry_run else ""
        done = "created" if self.is_new_page else "updated" if self.has_changes else "left as it is"
        counts = [
            f"{kind}: {tally.created} created, {tally.updated} updated, {tally.unchanged} unchanged"
            for kind, tally in self.tallies.items()
        ]
        notes = (f"note: {text}" for text in self.warnings)
        return [f"page {self.slug}: {verb}{done}", *counts, f"status: {self.status.description}", *notes]


async def import_statuspage(
    session: AsyncSession,
    document: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    page: str,
    by: Principal,
    now: datetime,
    dry_run: bool = False,
) -> ImportReport:
    """Import one document, or several of one page, into the page with slug `page`, which is made if it is missing.

    `dry_run` does all of it, then takes it back. Raises DocumentInvalid (with the path of each bad value) before
    anything is written, and what `change_page` raises. Views that see a change get one `page.imported` event.
    """
    plan = parse([document] if isinstance(document, Mapping) else document)
    attempt = await session.begin_nested()
    try:
        report = await import_plan(session, plan, slug=page, by=by, now=now, is_dry_run=dry_run)
    except BaseException:
        await attempt.rollback()
        raise
    if dry_run:
        await attempt.rollback()
    else:
        await attempt.commit()
    return report


async def import_plan(
    session: AsyncSession, plan: ImportPlan, *, slug: str, by: Principal, now: datetime, is_dry_run: bool = False
) -> ImportReport:
    """`import_statuspage` for a document that is parsed already, in the caller's transaction."""
    is_new = await session.scalar(select(PageRow.id).where(PageRow.slug == slug)) is None
    if is_new:
        await pages.create(session, pages.NewPage(slug, plan.page.title if plan.page else slug), by=by, now=now)
    async with change_page(session, slug, by=by, now=now, kind="page.imported") as change:
        change.starts_count = False  # what the source does not tell of stays unknown, whatever its start dates are
        settled = settle(plan, _standing(change.before, plan))
        await _write_page(change, plan.page, is_new=is_new)
        change.told_at = _told_at(change.before, plan.page, is_new=is_new)
        writer = RowWriter(session, change.page_id, now)
        await writer.write(settled)
        if (first := _first_told(settled)) is not None and any(t.changes for t in writer.tallies.values()):
            change.rewrite(writer.component_ids.values(), first)
        await _touch(change, settled, writer)
    assert change.after is not None, "set when the change ended"
    is_same = change.after.page == change.before.page
    return ImportReport(
        slug=slug,
        is_dry_run=is_dry_run,
        tallies={"pages": Tally(int(is_new), int(not is_new and not is_same), int(not is_new and is_same))}
        | writer.tallies,
        status=roll_up(list(change.after.statuses.values())),
        warnings=(*settled.warnings, *_left_open(change.before, plan)),
    )


async def _touch(change: PageChange, plan: ImportPlan, writer: RowWriter) -> None:
    """Records that ended long ago show in the page's past alone, which has to be read anew too."""
    if not any(writer.tallies[kind].changes for kind in ("incidents", "maintenances", "updates")):
        return
    names = [item.external_id for item in plan.incidents] + [item.external_id for item in plan.maintenances]
    incidents = (IncidentRow.page_id == change.page_id) & IncidentRow.external_id.in_(names)
    maintenances = (MaintenanceRow.page_id == change.page_id) & MaintenanceRow.external_id.in_(names)
    for incident in await load_incidents(change.session, incidents):
        change.touch(incident)
    for maintenance in await load_maintenances(change.session, maintenances):
        change.touch(maintenance)


async def _write_page(change: PageChange, page: PlannedPage | None, *, is_new: bool) -> None:
    """Take title, description and zone from the source: of a new page, or of one that was imported from it before."""
    stored = change.before.page
    if page is None or not (is_new or stored.external_id == page.external_id):
        return
    await change.session.execute(
        update(PageRow)
        .where(PageRow.id == change.page_id)
        .values(
            external_id=page.external_id,
            title=page.title,
            description=page.description if page.description is not None else stored.description,
            time_zone=page.time_zone or stored.time_zone,
        )
    )


def _first_told(plan: ImportPlan) -> datetime | None:
    """When the first trouble of `plan` began; what is known of an imported component begins with its own first."""
    starts = [incident.started_at for incident in plan.incidents]
    starts += [item.started_at for item in plan.maintenances if item.started_at is not None]
    return min(starts, default=None)


def _told_at(before: PageState, page: PlannedPage | None, *, is_new: bool) -> datetime | None:
    """A page is as old as at its source: when it was new there is when programs that watch it saw it change."""
    is_its_own = page is not None and (is_new or before.page.external_id == page.external_id)
    return page.updated_at if page is not None and is_its_own else None


def _standing(before: PageState, plan: ImportPlan) -> dict[str, list[Status]]:
    """By external id of the component: what earlier imports hold it at, in records that `plan` does not tell of."""
    told = {item.external_id for item in plan.incidents} | {item.external_id for item in plan.maintenances}
    names = {item.id: item.external_id for item in before.components if item.external_id is not None}
    held: dict[str, list[Status]] = {}
    for incident in before.incidents:
        if incident.external_id is not None and incident.external_id not in told:
            for component_id, word in incident.words.items():
                if component_id in names:
                    held.setdefault(names[component_id], []).append(word)
    for maintenance in before.maintenances:
        if maintenance.is_active and maintenance.external_id is not None and maintenance.external_id not in told:
            for component_id in maintenance.component_ids:
                if component_id in names:
                    held.setdefault(names[component_id], []).append(Status.UNDER_MAINTENANCE)
    return held


def _left_open(before: PageState, plan: ImportPlan) -> list[str]:
    """Incidents imported earlier, open here, of which a document that lists incidents no longer tells."""
    if not plan.incidents and not plan.components:
        return []
    told = {item.external_id for item in plan.incidents}
    return [
        f"{incident.name!r} is open here but not in the document: resolve it, or import incidents.json"
        for incident in before.incidents
        if incident.external_id is not None and incident.external_id not in told
    ]
