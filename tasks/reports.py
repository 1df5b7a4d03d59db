"""Daily reports: find what is due, store each once."""

import logging
from datetime import date

from celery import shared_task

from hub.services import reports
from tasks import runtime

log = logging.getLogger(__name__)

EXPIRES_S = 300  # a day missed by then is found again by a later tick


@shared_task(name="reports.store_due", throws=runtime.EXPECTED)
def store_due() -> None:
    """Queue one task for each daily report that is missing, at most `reports.CATCH_UP_DAYS` back."""
    for slug, day in runtime.transaction(reports.due, runtime.now()):
        store_day.apply_async((slug, day.isoformat()), expires=EXPIRES_S)


@shared_task(name="reports.store_day", throws=runtime.EXPECTED)
def store_day(slug: str, day: str) -> None:
    """Store one day's report of a page and announce it. A second run changes nothing: unique by (page, kind, day)."""
    if runtime.transaction(reports.store_daily, slug, date.fromisoformat(day), now=runtime.now()):
        log.info("stored the report of %s for %s", slug, day)
