"""A mail server of the test's own that keeps what it is given, and can be made to behave badly."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Answer = Callable[[str], str | None]  # recipient → what the server says instead of taking him


class Sink:
    """`mails` holds what was accepted, in order. `refuses` and `is_slow` change how it answers from now on."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.connections = 0
        self.signed_in: list[tuple[bytes, bytes]] = []
        self.refuses: Answer = lambda _: None
        self.is_slow = False
        self.port = 0
        self._released = asyncio.Event()

    async def handle_RCPT(  # noqa: N802 (the library finds it by this name)
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: Any
    ) -> str:
        words = self.refuses(address)
        if words is not None:
            return words
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.is_slow:
            await self._released.wait()
            return "451 too late"
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=SMTPUTF8)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.recipients += envelope.rcpt_tos
        return "250 OK"

    def _authenticate(self, _: SMTP, __: Session, ___: Envelope, mechanism: str, credentials: Any) -> AuthResult:
        assert mechanism in {"LOGIN", "PLAIN"}
        self.signed_in.append((credentials.login, credentials.password))
        return AuthResult(success=True)

    def release(self) -> None:
        """Let those go who wait for the end of slowness."""
        self.is_slow = False
        self._released.set()

    @asynccontextmanager
    async def running(
        self, *, tls: ssl.SSLContext | None = None, is_tls_at_once: bool = False
    ) -> AsyncIterator["Sink"]:
        """Listen on 127.0.0.1; with `tls`, STARTTLS is offered, or every connection begins with it."""
        served: list[SMTP] = []

        def protocol() -> SMTP:
            self.connections += 1
            served.append(
                SMTP(
                    self,
                    enable_SMTPUTF8=True,
                    hostname="sink.test",
                    tls_context=None if is_tls_at_once else tls,
                    authenticator=self._authenticate,
                    auth_require_tls=not is_tls_at_once,
                    loop=asyncio.get_running_loop(),
                )
            )
            return served[-1]

        server = await asyncio.get_running_loop().create_server(
            protocol, "127.0.0.1", 0, ssl=tls if is_tls_at_once else None
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.release()
            server.close()
            for each in served:
                if isinstance(each.transport, asyncio.WriteTransport):
                    each.transport.abort()
            await asyncio.sleep(0)


def link_in(message: EmailMessage | str) -> str:
    """The first link of a mail's text."""
    body = message if isinstance(message, str) else message.get_content()
    return next(word for word in body.split() if word.startswith(("http://", "https://")))


def self_signed(directory: Path) -> ssl.SSLContext:
    """What a server on 127.0.0.1 speaks TLS with, for those who trust `sink.pem` in the directory and nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sink.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "sink.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
