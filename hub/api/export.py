"""A whole page as one document: out, and in again."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Self

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from hub.api.answers import RollUpOut
from hub.api.body import read_json
from hub.api.endpoint import endpoint
from hub.api.envelope import Reply
from hub.api.fields import Out, Query, Slug
from hub.api.pages import hub_hosts
from hub.auth.permissions import EDITOR, OWNER, Principal
from hub.domain.document_places import Origin, with_places
from hub.domain.page_document import is_page_document
from hub.domain.statuspage import DocumentInvalid
from hub.errors import Conflict, Forbidden, Invalid, TooLarge, UnsupportedMedia
from hub.services import export, importer, page_import
from hub.services.database import one_moment
from hub.services.importer import ImportReport

IMPORT_LIMIT_BYTES = 32 * 1_048_576


class ImportQuery(Query):
    """`page`: the slug to import under; an export has its own. `dry_run`: only tell what would be done."""

    page: Slug | None = None
    dry_run: bool = False


class TallyOut(Out):
    created: int
    updated: int
    unchanged: int


class ImportOut(Out):
    """`tallies`: what became of the records of each kind. With `is_dry_run`, what would have."""

    slug: str
    is_dry_run: bool
    is_new_page: bool
    has_changes: bool
    tallies: dict[str, TallyOut]
    status: RollUpOut
    warnings: Annotated[list[str], Field(max_length=500)]

    @classmethod
    def of(cls, report: ImportReport) -> Self:
        return cls(
            slug=report.slug,
            is_dry_run=report.is_dry_run,
            is_new_page=report.is_new_page,
            has_changes=report.has_changes,
            tallies={kind: TallyOut(**asdict(tally)) for kind, tally in report.tallies.items()},
            status=RollUpOut(indicator=report.status.indicator, description=report.status.description),
            warnings=list(report.warnings[:500]),
        )


@endpoint(returns={200: None}, gives="application/json", errors=(Forbidden,))
async def export_page(request: Request) -> Response:
    """The page and all that is on it as one document, for its owners: the file itself, without an envelope.

    The same page gives the same bytes. Accounts, keys and people are not in it. What it holds: docs/export.md.
    """
    slug = request.path_params["slug"]
    async with one_moment(request.state.db) as session:
        body = await export.export_page(session, slug, by=request.user)
    name = f"{slug}-{request.state.clock.now():%Y-%m-%d}.json"
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body, media_type="application/json", headers=headers)


@endpoint(
    query=ImportQuery,
    returns={200: ImportOut},
    takes=("application/json",),
    errors=(Forbidden, Conflict, UnsupportedMedia),
)
async def import_page(request: Request, query: ImportQuery) -> Reply[ImportOut]:
    """Bring an exported page back, or a Statuspage document in: all of it, or nothing and where each fault is.

    An export makes its page if it is not here (for administrators of the hub), or brings it up to what the document
    says (for its owners); what the document does not name stays. Importing it again changes nothing and tells nobody.
    The body is the document, up to 32 MiB; several Statuspage documents of one page come as a list.
    """
    if not _may_import(request.user):
        raise Forbidden("Only those who make or edit pages import any.")
    try:
        raw, text = await read_json(request, IMPORT_LIMIT_BYTES)
    except TooLarge as error:
        raise TooLarge("A document is at most 32 MiB.", headers=error.headers) from None
    try:
        return Reply(ImportOut.of(await _import(request, query, raw)))
    except DocumentInvalid as error:
        count = len(raw) if isinstance(raw, list) else 1
        origins = [Origin(text, f"[{index}]" if isinstance(raw, list) else "") for index in range(count)]
        raise await asyncio.to_thread(with_places, error, origins) from None


async def _import(request: Request, query: ImportQuery, raw: Any) -> ImportReport:
    now = request.state.clock.now()
    async with request.state.db.begin() as session:
        if is_page_document(raw):
            return await page_import.import_page(
                session,
                raw,
                slug=query.page,
                by=request.user,
                now=now,
                dry_run=query.dry_run,
                hosts=hub_hosts(request),
            )
        return await importer.import_statuspage(
            session, _documents(raw), page=_slug(query), by=request.user, now=now, dry_run=query.dry_run
        )


def _may_import(principal: Principal) -> bool:
    return principal.is_admin or not {OWNER, EDITOR}.isdisjoint(principal.roles.values())


def _documents(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else [raw]


def _slug(query: ImportQuery) -> str:
    if query.page is None:
        raise Invalid(fields={"page": "must name the page that these documents are imported into"})
    return query.page
