"""Old response times go."""

import logging

from celery import shared_task

from hub.services import latency
from tasks import runtime

log = logging.getLogger(__name__)


@shared_task(name="latency.prune", throws=runtime.EXPECTED)
def prune() -> None:
    """Delete what is older than is kept, in batches, each a transaction of its own; the next tick goes on."""
    gone = 0
    for _ in range(20):
        deleted = runtime.transaction(latency.prune, now=runtime.now())
        gone += deleted
        if deleted < latency.PRUNE_BATCH:
            break
    if gone:
        log.info("deleted %s old response times", gone)
