"""An exported page comes back: all or nothing, with its ids, and without a word to anybody where nothing is new.

What the document holds wins over what the hub has of the same record; what it does not hold is left alone.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from hub.auth.permissions import Principal, Right
from hub.domain.branding import digest_of
from hub.domain.document import Fault
from hub.domain.host_name import NO_HOSTS, HubHosts
from hub.domain.page_document import PageDocument, parse_page_document
from hub.domain.status import roll_up
from hub.domain.statuspage import DocumentInvalid
from hub.errors import Conflict, Invalid
from hub.services import pages
from hub.services.audiences import check_audience
from hub.services.export import load_document
from hub.services.import_rows import Tally
from hub.services.importer import ImportReport
from hub.services.page_files import LOGO
from hub.services.restore_rows import Restorer
from hub.services.write import PageChange, change_page
from models import Page as PageRow
from models import PageFile

_KEPT = ("id", "slug", "weights")  # not columns that an import changes, or not under their own name


async def import_page(
    session: AsyncSession,
    raw: object,
    *,
    slug: str | None = None,
    by: Principal,
    now: datetime,
    dry_run: bool = False,
    hosts: HubHosts = NO_HOSTS,
) -> ImportReport:
    """Import an exported page under its own slug, or `slug`. A page with its id is brought up to it, else it is made.

    `dry_run` does all of it, then takes it back. Raises DocumentInvalid (with the path of each bad value), Conflict
    when the slug is another page's, and what `change_page` and making a page raise; then nothing has changed.
    Views that see a change get one `page.imported` event.
    """
    document = await asyncio.to_thread(parse_page_document, raw)
    attempt = await session.begin_nested()
    try:
        report = await _import(session, document, slug or document.page["slug"], by, now, hosts, is_dry_run=dry_run)
    except BaseException:
        await attempt.rollback()
        raise
    if dry_run:
        await attempt.rollback()
    else:
        await attempt.commit()
    return report


async def _import(
    session: AsyncSession,
    document: PageDocument,
    slug: str,
    by: Principal,
    now: datetime,
    hosts: HubHosts,
    *,
    is_dry_run: bool,
) -> ImportReport:
    page = document.page
    _check_page(page, hosts)
    is_new = await _is_new(session, page["id"], slug)
    if is_new:
        new = pages.NewPage(slug, page["title"], time_zone=page["time_zone"], locale=page["locale"], id=page["id"])
        await pages.create(session, new, by=by, now=now)
    async with change_page(session, slug, by=by, now=now, kind="page.imported", right=Right.OWN) as change:
        change.starts_count = False  # the base history of the document says since when what was how
        stored = await load_document(session, page["id"])
        await _check_audiences(session, document, stored, by=change.by)
        is_same = not await _write_page(change, document, stored)
        restorer = Restorer(session, page["id"], change.before, stored, now)
        await restorer.write(document)
        if restorer.has_changed_history:
            change.rewrite(_component_ids(document, stored), _beginning(document, stored, now))
    assert change.after is not None, "set when the change ended"
    return ImportReport(
        slug=slug,
        is_dry_run=is_dry_run,
        tallies={"pages": Tally(int(is_new), int(not is_new and not is_same), int(not is_new and is_same))}
        | restorer.tallies,
        status=roll_up(list(change.after.statuses.values())),
        warnings=tuple(_left_alone(document, stored)),
    )


def _check_page(page: Mapping[str, Any], hosts: HubHosts) -> None:
    try:
        pages.check_settings(page, hosts)
    except Invalid as error:
        raise DocumentInvalid([Fault(f"page.{name}", text) for name, text in (error.fields or {}).items()]) from None


async def _is_new(session: AsyncSession, page_id: str, slug: str) -> bool:
    """Whether the page is to be made. Conflict when it is here under another slug, or another page has the slug."""
    rows = await session.execute(
        select(PageRow.id, PageRow.slug).where((PageRow.id == page_id) | (PageRow.slug == slug))
    )
    found = {row.id: row.slug for row in rows.all()}
    if page_id in found and found[page_id] != slug:
        raise Conflict("The page of this document is on this hub already, under another slug.")
    if page_id not in found and found:
        raise Conflict(f"The slug {slug!r} is taken by another page, not by that of this document.")
    return not found


async def _check_audiences(
    session: AsyncSession, document: PageDocument, stored: PageDocument, *, by: Principal
) -> None:
    """Groups are not part of a document: those that it names must be here, and whoever imports must be in them."""
    faults = []
    for audience, path in document.audiences.items():
        if audience in stored.audiences:
            continue
        try:
            await check_audience(session, audience, by=by, stored=None)
        except Invalid as error:
            faults.append(Fault(path, (error.fields or {})["audience"]))
    if faults:
        raise DocumentInvalid(faults)


async def _write_page(change: PageChange, document: PageDocument, stored: PageDocument) -> bool:
    """Settings and logo as in the document; True when they were not so already."""
    page, session = document.page, change.session
    is_same = all(page[name] == stored.page[name] for name in page if name not in {"id", "slug"})
    await pages.check_domain(session, change.page_id, page["custom_domain"])
    if not is_same:
        columns = {name: value for name, value in page.items() if name not in _KEPT}
        await session.execute(
            update(PageRow)
            .where(PageRow.id == change.page_id)
            .values(**columns, **pages.columns_of({"weights": page["weights"]}), version=PageRow.version + 1)
        )
    if document.logo == stored.logo:
        return not is_same
    await session.execute(sql_delete(PageFile).where(PageFile.page_id == change.page_id, PageFile.name == LOGO))
    if document.logo is not None:
        await session.execute(
            upsert(PageFile).values(
                page_id=change.page_id, name=LOGO, digest=digest_of(document.logo["body"]), **document.logo
            )
        )
    return True


def _component_ids(*documents: PageDocument) -> set[str]:
    return {item["id"] for document in documents for item in document.components}


def _beginning(document: PageDocument, stored: PageDocument, now: datetime) -> datetime:
    """Before the first thing that either tells of."""
    starts = [now]
    for source in (document, stored):
        starts += [item["base"][0].start for item in source.components if item["base"]]
        starts += [item["started_at"] for item in source.incidents]
        starts += [item["started_at"] for item in source.maintenances if item["started_at"] is not None]
    return min(starts)


def _left_alone(document: PageDocument, stored: PageDocument) -> list[str]:
    """What is here and not in the document."""
    lines = []
    for kind in ("groups", "components", "incidents", "maintenances", "templates"):
        given = {item["id"] for item in getattr(document, kind)}
        extra = sum(item["id"] not in given for item in getattr(stored, kind))
        if extra:
            lines.append(f"{extra} {kind} of this page are not in the document, and stay as they are")
    return lines
