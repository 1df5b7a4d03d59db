"""Mails into files, for a hub without a mail server: `HUB_DATA_DIR/mail/<id>.eml`, for their owner's eyes alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path

from hub.datadir import write_private
from hub.notify.message import message_of
from hub.notify.sender import Line, Unreachable
from hub.services.mails import FiledMail, WaitingMail
from hub.settings import Settings

KEPT = 100  # the newest; older ones go, and the links in them


class MailFiles:
    """The directory of mails. Its names are the mails' ids, so their order is that of time."""

    def __init__(self, settings: Settings) -> None:
        self._directory = settings.hub_data_dir / "mail"
        self._sender = settings.smtp_from

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        try:
            await asyncio.to_thread(self._make_directory)
        except OSError as error:
            raise Unreachable(f"no mail server is configured, and {self._directory} cannot be used: {error}") from error
        yield self

    async def send(self, mail: WaitingMail) -> None:
        message = message_of(mail, self._sender)
        try:
            await asyncio.to_thread(self._write, mail.id, message)
        except OSError as error:
            raise Unreachable(f"{self._directory}: {error}") from error

    async def newest(self, limit: int = KEPT) -> list[FiledMail]:
        """The last mails, newest first."""
        return await asyncio.to_thread(self._read, limit)

    def _make_directory(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _write(self, mail_id: str, message: EmailMessage) -> None:
        write_private(self._directory / f"{mail_id}.eml", message.as_bytes().decode())
        for old in self._names()[KEPT:]:
            old.unlink(missing_ok=True)

    def _read(self, limit: int) -> list[FiledMail]:
        found = []
        for path in self._names()[:limit]:
            with suppress(OSError, ValueError):  # gone meanwhile, or not ours
                found.append(_parse(path))
        return found

    def _names(self) -> list[Path]:
        """Newest first; none without the directory."""
        return sorted(self._directory.glob("*.eml"), reverse=True)


def _parse(path: Path) -> FiledMail:
    message = message_from_bytes(path.read_bytes(), policy=SMTPUTF8)
    assert isinstance(message, EmailMessage)
    return FiledMail(
        id=path.stem,
        recipient=str(message["To"]),
        subject=str(message["Subject"]),
        body=message.get_content().replace("\r\n", "\n"),
        at=message["Date"].datetime,
    )
