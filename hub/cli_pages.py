"""`python -m hub import …` and `export`: pages that come and go as documents."""

import asyncio
import json
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer

from hub.auth.permissions import SYSTEM
from hub.clock import SystemClock
from hub.command import settings_of
from hub.domain.document_places import Origin, with_places
from hub.domain.host_name import HubHosts
from hub.domain.statuspage import DocumentInvalid
from hub.errors import Invalid
from hub.one_off import transaction
from hub.services import export, importer, page_import

import_cli = typer.Typer(no_args_is_help=True, help="Bring a status page here, from an export or from elsewhere.")

_IMPORT_LIMIT_BYTES = 32 * 1_048_576
_clock = SystemClock()


@import_cli.command("statuspage")
def import_statuspage(
    sources: Annotated[list[str], typer.Argument(metavar="FILE|URL…", help="Statuspage documents of one page.")],
    page: Annotated[str, typer.Option(help="Slug of the page to import into; made if it is missing.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be done and change nothing.")] = False,
) -> None:
    """Import a Statuspage page: summary.json, incidents.json, … as files or from the web."""
    settings = settings_of("import", needs_redis=False)
    documents: list[Any] = []
    origins: list[Origin] = []
    for source in sources:
        value, text = _read_document(source)
        several = isinstance(value, list)
        documents += value if several else [value]
        origins += [Origin(text, f"[{i}]" if several else "", source) for i in range(len(value) if several else 1)]

    async def run() -> importer.ImportReport:
        async with transaction(settings) as session:
            return await importer.import_statuspage(
                session, documents, page=page, by=SYSTEM, now=_clock.now(), dry_run=dry_run
            )

    _report(run(), origins)


@import_cli.command("page")
def import_page(
    source: Annotated[str, typer.Argument(metavar="FILE", help="What `export` has written.")],
    page: Annotated[str | None, typer.Option(metavar="SLUG", help="Another slug than the document's.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be done and change nothing.")] = False,
) -> None:
    """Import a page that was exported: made if it is not here, else brought up to the document."""
    settings = settings_of("import", needs_redis=False)
    document, text = _read_document(source)
    hosts = HubHosts.of(settings.base_url, settings.hub_base_domain)

    async def run() -> importer.ImportReport:
        async with transaction(settings) as session:
            return await page_import.import_page(
                session, document, slug=page, by=SYSTEM, now=_clock.now(), dry_run=dry_run, hosts=hosts
            )

    _report(run(), [Origin(text)])


def export_page(
    page: Annotated[str, typer.Option(metavar="SLUG", help="The page.")],
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write there instead of to stdout.")] = None,
) -> None:
    """Print a page and all that is on it as one document, and nothing else."""
    settings = settings_of("export", needs_redis=False)

    async def run() -> bytes:
        async with transaction(settings) as session:
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            return await export.export_page(session, page, by=SYSTEM)

    body = asyncio.run(run())
    if output is None:
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
        return
    try:
        output.write_bytes(body)
    except OSError as error:
        raise Invalid(f"{output} cannot be written: {error.strerror or error}") from None
    typer.echo(f"{output} holds the page, {len(body)} bytes")


def _report(work: Coroutine[Any, Any, importer.ImportReport], origins: Sequence[Origin]) -> None:
    """Do it and print what became of it; what is wrong with a document is told with its line."""
    try:
        report = asyncio.run(work)
    except DocumentInvalid as error:
        raise with_places(error, origins) from None
    for line in report.lines:
        typer.echo(line)


def _read_document(source: str) -> tuple[Any, str]:
    """The JSON at a path or an http(s) address, and its text; raises Invalid."""
    try:
        raw = _fetch(source) if source.startswith(("http://", "https://")) else Path(source).read_bytes()
        text = raw.decode(json.detect_encoding(raw), "surrogatepass")
        return json.loads(text, object_pairs_hook=_object), text
    except OSError as error:
        raise Invalid(f"{source} cannot be read: {error.strerror or error}") from None
    except httpx2.HTTPError as error:
        raise Invalid(f"{source} cannot be fetched: {str(error).partition(chr(10))[0]}") from None
    except (ValueError, RecursionError) as error:  # also for bytes that are no text, and numbers without end
        raise Invalid(f"{source} is not JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _fetch(url: str) -> bytes:
    with httpx2.stream("GET", url, timeout=30, follow_redirects=True) as answer:
        answer.raise_for_status()
        body = bytearray()
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > _IMPORT_LIMIT_BYTES:
                raise Invalid(f"{url} is larger than {_IMPORT_LIMIT_BYTES // 1_048_576} MiB")
    return bytes(body)
