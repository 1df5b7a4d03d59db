"""Maintenances begin and end by their schedule."""

import logging

from celery import shared_task

from hub.services import schedule
from tasks import runtime

log = logging.getLogger(__name__)

EXPIRES_S = 30  # the next tick finds what is still due


@shared_task(name="maintenance.advance_due", throws=runtime.EXPECTED)
def advance_due() -> None:
    """Queue one task for each maintenance that the schedule asks to begin or end."""
    for slug, maintenance_id in runtime.transaction(schedule.due, runtime.now()):
        advance.apply_async((slug, maintenance_id), expires=EXPIRES_S)


@shared_task(name="maintenance.advance", throws=runtime.EXPECTED)
def advance(slug: str, maintenance_id: str) -> None:
    """Begin or end one maintenance. A second run changes nothing: its state says that nothing is due any more."""
    if runtime.transaction(schedule.advance, slug, maintenance_id, now=runtime.now()):
        log.info("moved the maintenance %s of %s to its next state", maintenance_id, slug)
