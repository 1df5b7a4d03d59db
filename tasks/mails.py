"""Mails that wait are sent."""

import logging

from celery import shared_task

from tasks import runtime

log = logging.getLogger(__name__)


@shared_task(name="mails.send_due", throws=runtime.EXPECTED)
def send_due() -> None:
    """Send what is due. A second run at the same time sends others: each mail is claimed by one."""
    sent = runtime.current().deliver_mails()
    if sent:
        log.info("sent %d mails", sent)
