"""Waiting mails → a sender: one batch, in bounded time."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection

from sqlalchemy.ext.asyncio import AsyncSession

from hub.clock import Clock
from hub.notify.files import MailFiles
from hub.notify.sender import Line, PutOff, Refused, Sender, Unreachable
from hub.notify.smtp import SmtpSender
from hub.services import mails
from hub.services.database import Sessions, is_unavailable
from hub.services.mails import WaitingMail
from hub.settings import Settings

BATCH = 50
SEND_WITHIN_S = 8.0  # then no further mail is begun: with connecting and one mail's time, below a task's limit
_TELL_ATTEMPTS = 5

log = logging.getLogger(__name__)


def sender_of(settings: Settings) -> Sender:
    """SMTP when a server is configured, else files."""
    return MailFiles(settings) if settings.smtp_host is None else SmtpSender(settings)


async def deliver_due(sessions: Sessions, sender: Sender, clock: Clock) -> int:
    """Send what is due, at most `BATCH` mails; how many were sent. What could not be sent is tried again later.

    One that the server took and whose row could not be deleted in time is sent twice, with one Message-ID.
    """
    async with sessions.begin() as session:
        waiting = deque(await mails.claim_due(session, BATCH))
    if not waiting:
        return 0
    sent, ends_at = 0, clock.monotonic() + SEND_WITHIN_S
    try:
        async with sender.open() as line:
            while waiting:
                sent += await _send(sessions, line, waiting[0])
                waiting.popleft()
                if clock.monotonic() >= ends_at:
                    break
    except Unreachable as error:
        log.warning("mails wait, %d of them: %s", len(waiting), error)
        await _tell(sessions, mails.put_off, [mail.id for mail in waiting])
    else:
        await _tell(sessions, mails.give_back, [mail.id for mail in waiting])
    return sent


async def _send(sessions: Sessions, line: Line, mail: WaitingMail) -> bool:
    """Whether it is sent. Raises Unreachable, and then nothing was done with it."""
    try:
        await line.send(mail)
    except PutOff as error:
        log.warning("the mail %s (%s) waits after attempt %d: %s", mail.id, mail.kind, mail.attempts, error)
        await _tell(sessions, mails.put_off, [mail.id])
        return False
    except Refused as error:
        log.warning("the mail %s (%s) is given up: %s", mail.id, mail.kind, error)
        await _tell(sessions, mails.settle, [mail.id])
        return False
    await _tell(sessions, mails.settle, [mail.id])
    return True


async def _tell(
    sessions: Sessions, service: Callable[[AsyncSession, Collection[str]], Awaitable[None]], ids: Collection[str]
) -> None:
    """Store what became of them, through a short absence of the database: forgotten, a sent one would go out again."""
    for attempt in range(1, _TELL_ATTEMPTS + 1):
        try:
            async with sessions.begin() as session:
                await service(session, ids)
        except Exception as error:
            if attempt == _TELL_ATTEMPTS or not is_unavailable(error):
                raise
            await asyncio.sleep(0.2 * attempt)
        else:
            return
