"""Reports of days, weeks and months: find what is due, store each once."""

import logging
from datetime import date

from celery import shared_task

from hub.domain.report import ReportKind, period_of
from hub.services import reports
from tasks import runtime

log = logging.getLogger(__name__)

EXPIRES_S = 300  # a period missed by then is found again by a later tick


@shared_task(name="reports.store_due", throws=runtime.EXPECTED)
def store_due() -> None:
    """Queue one task for each report that is missing, as far back as `reports.CATCH_UP` says."""
    for slug, period in runtime.transaction(reports.due, runtime.now()):
        store.apply_async((slug, period.kind.value, period.start.isoformat()), expires=EXPIRES_S)


@shared_task(name="reports.store", throws=runtime.EXPECTED)
def store(slug: str, kind: str, day: str) -> None:
    """Store a page's report of the period of `kind` that `day` is in.

    A second run changes nothing: unique by (page, kind, first day).
    """
    period = period_of(ReportKind(kind), date.fromisoformat(day))
    if runtime.transaction(reports.store, slug, period, now=runtime.now()):
        log.info("stored the %s report of %s from %s", kind, slug, period.start)
