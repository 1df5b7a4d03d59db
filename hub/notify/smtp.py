"""Mails by SMTP: one connection for a batch, encrypted whenever the server offers it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from hub.notify.message import message_of
from hub.notify.sender import Line, PutOff, Refused, Unreachable
from hub.services.mails import WaitingMail
from hub.settings import Settings

_FINAL = range(550, 560)  # RFC 5321 §4.2.3: 550 to 555, as an answer to a recipient or to his letter
_LEAVE_WITHIN_S = 2.0


class SmtpSender:
    """Sends over the server of SMTP_HOST. Connecting has SMTP_TIMEOUT_S in all, and so has each mail."""

    def __init__(self, settings: Settings) -> None:
        assert settings.smtp_host is not None
        self._settings = settings

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        client = self._client()
        try:
            async with asyncio.timeout(self._settings.smtp_timeout_s):
                await client.connect()
                await self._sign_in(client)
        except (SMTPException, OSError) as error:  # OSError: time-outs and TLS too
            client.close()
            raise Unreachable(f"{self._settings.smtp_host}: {_words(error)}") from error
        try:
            yield _SmtpLine(client, self._settings)
        finally:
            await _leave(client)

    def _client(self) -> SMTP:
        settings = self._settings
        is_tls_at_once = settings.smtp_tls == "tls" or (settings.smtp_tls == "auto" and settings.smtp_port == 465)
        start_tls = {"auto": None, "starttls": True}.get(settings.smtp_tls, False)
        return SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            local_hostname=socket.gethostname() or "localhost",  # without it the library asks the DNS
            timeout=settings.smtp_timeout_s,
            use_tls=is_tls_at_once,
            start_tls=False if is_tls_at_once else start_tls,
        )

    async def _sign_in(self, client: SMTP) -> None:
        settings = self._settings
        if settings.smtp_user is None:
            return
        if client.get_transport_info("sslcontext") is None and settings.smtp_tls != "none":
            raise SMTPException("the server offers no encryption, and SMTP_PASS does not travel without")
        await client.login(settings.smtp_user, settings.smtp_pass.get_secret_value())


class _SmtpLine:
    def __init__(self, client: SMTP, settings: Settings) -> None:
        self._client, self._sender, self._within_s = client, settings.smtp_from, settings.smtp_timeout_s

    async def send(self, mail: WaitingMail) -> None:
        message = message_of(mail, self._sender)
        try:
            async with asyncio.timeout(self._within_s):
                await self._client.send_message(message, recipients=[mail.recipient])
        except SMTPRecipientsRefused as error:
            code = error.recipients[0].code
            raise (Refused if code in _FINAL else PutOff)(f"the server says {code}") from error
        except SMTPResponseException as error:
            if error.code == 421:  # RFC 5321 §3.8: the server is about to close the connection
                raise Unreachable("the server says 421") from error
            is_final = isinstance(error, SMTPDataError) and error.code in _FINAL
            raise (Refused if is_final else PutOff)(f"the server says {error.code}") from error
        except (SMTPNotSupported, ValueError) as error:  # an address that this server, or SMTP, has no form for
            raise Refused(_words(error)) from error
        except (SMTPServerDisconnected, SMTPException, OSError) as error:
            raise Unreachable(_words(error)) from error


async def _leave(client: SMTP) -> None:
    """Say goodbye; without an answer, hang up."""
    try:
        async with asyncio.timeout(_LEAVE_WITHIN_S):
            if client.is_connected:
                await client.quit()
    except (SMTPException, OSError):
        pass
    finally:
        client.close()


def _words(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
