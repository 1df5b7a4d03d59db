"""Mails that wait are sent: once, by SMTP or into a file, whatever the mail server does."""

import asyncio
import re
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from hub.clock import SystemClock
from hub.notify.delivery import deliver_due, sender_of
from hub.notify.files import KEPT, MailFiles
from hub.services import letters, mails
from hub.services.database import Sessions
from hub.settings import Settings
from tasks.app import Timing
from tests.support.celery import CeleryCell
from tests.support.smtp import Sink, link_in, self_signed
from tests.support.waiting import wait_until

CLOCK = SystemClock()
LINK = "https://hub.test/verify#token"


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink().running() as sink:
        yield sink


@pytest.fixture
def by_smtp(settings: Settings, sink: Sink) -> Settings:
    return smtp_settings(settings, sink)


def smtp_settings(settings: Settings, sink: Sink, **changes: object) -> Settings:
    return settings.model_copy(
        update={"smtp_host": "127.0.0.1", "smtp_port": sink.port, "smtp_from": "Hub <hub@hub.test>", **changes}
    )


async def post(
    sessions: Sessions, *recipients: str, subject: str = "Hello", body: str = f"See {LINK}\n", life_s: float = 3600
) -> None:
    async with sessions.begin() as session:
        now = CLOCK.now()
        for recipient in recipients:
            await mails.post(
                session,
                kind="test",
                recipient=recipient,
                subject=subject,
                body=body,
                expires_at=now + timedelta(seconds=life_s),
                now=now,
            )


async def waiting(sessions: Sessions) -> list[tuple[str, int, float]]:
    """(recipient, attempts, seconds until it is due) of each row."""
    query = "SELECT recipient, attempts, EXTRACT(EPOCH FROM due_at - now()) FROM mail ORDER BY recipient"
    async with sessions() as session:
        return [(recipient, attempts, float(due)) for recipient, attempts, due in await session.execute(text(query))]


async def make_due(sessions: Sessions) -> None:
    """Let the pauses be over instead of waiting."""
    async with sessions.begin() as session:
        await session.execute(text("UPDATE mail SET due_at = now()"))


async def deliver(sessions: Sessions, settings: Settings) -> int:
    return await deliver_due(sessions, sender_of(settings), CLOCK)


async def test_a_mail_arrives_as_it_was_written_and_its_row_goes(sessions: Sessions, by_smtp: Settings, sink: Sink):
    body = "Grüße, שלום 🔥\n\n.a line with a dot\n" + "x" * 2_000 + f"\n{LINK}\n"
    await post(sessions, "ada@example.test", subject="Häuser & <b>Bäume</b> isn't 🔥", body=body)
    assert await deliver(sessions, by_smtp) == 1
    (mail,) = sink.mails
    assert sink.recipients == ["ada@example.test"]
    assert mail["Subject"] == "Häuser & <b>Bäume</b> isn't 🔥"
    assert (mail["From"], mail["To"]) == ("Hub <hub@hub.test>", "ada@example.test")
    assert mail.get_content().replace("\r\n", "\n") == body
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@hub.test>")
    assert abs(mail["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=5)
    assert await waiting(sessions) == []
    assert await deliver(sessions, by_smtp) == 0


async def test_what_people_have_typed_adds_no_header_and_no_recipient(
    sessions: Sessions, by_smtp: Settings, sink: Sink
):
    """X7. Nor does it keep other mails from going out."""
    unfit = [
        "a@x.test\r\nBcc: b@x.test",
        "a@x.test, b@x.test",
        "a@x.test>\nRCPT TO:<b@x.test",
        "<a@x.test> b@x.test",
        "",
    ]
    await post(sessions, *unfit)
    await post(
        sessions, "ada@example.test", subject="Hi\r\nBcc: b@x.test\r\n\r\nbody", body="\r\n.\r\nRSET\r\nMAIL FROM:<x>"
    )
    assert await deliver(sessions, by_smtp) == 1
    assert sink.recipients == ["ada@example.test"]
    (mail,) = sink.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Hi Bcc: b@x.test body"
    assert "RSET" in mail.get_content()
    assert await waiting(sessions) == []


async def test_no_typed_text_becomes_a_link(sessions: Sessions, by_smtp: Settings, sink: Sink):
    """X7. The name of a group is read as it was typed, but leads nowhere."""
    name = "Win http://evil.test/x now, www.evil.test\r\nhttps://evil.test me@evil.test " + "y" * 500
    letter = letters.invitation(name, LINK)
    await post(sessions, "ada@example.test", subject=letter.subject, body=letter.body)
    assert await deliver(sessions, by_smtp) == 1
    body = sink.mails[0].get_content()
    assert link_in(body) == LINK
    assert re.findall(r"https?://\S+", body) == [LINK]
    assert not [word for word in body.split() if "evil.test" in word]
    assert len(body) < 600


async def test_one_connection_carries_a_batch(sessions: Sessions, by_smtp: Settings, sink: Sink):
    await post(sessions, *(f"user{n:02}@example.test" for n in range(20)))
    assert await deliver(sessions, by_smtp) == 20
    assert sink.connections == 1
    assert sorted(sink.recipients) == [f"user{n:02}@example.test" for n in range(20)]


async def test_several_workers_send_each_mail_once(sessions: Sessions, by_smtp: Settings, sink: Sink):
    names = [f"user{n:03}@example.test" for n in range(120)]
    await post(sessions, *names)
    while sum(await asyncio.gather(*(deliver(sessions, by_smtp) for _ in range(5)))):
        pass
    assert sorted(sink.recipients) == names


async def test_a_server_that_is_away_costs_delay_and_nothing_else(sessions: Sessions, by_smtp: Settings, sink: Sink):
    """J10. Each pause is twice the one before; after the server's return everybody gets one mail."""
    away = by_smtp.model_copy(update={"smtp_port": 1})
    await post(sessions, "ada@example.test", "bob@example.test")
    pauses = []
    for attempt in (1, 2, 3):
        await make_due(sessions)
        assert await deliver(sessions, away) == 0
        rows = await waiting(sessions)
        assert [row[:2] for row in rows] == [("ada@example.test", attempt), ("bob@example.test", attempt)]
        pauses.append(rows[0][2])
        assert await deliver(sessions, away) == 0  # not due: nothing is tried
        assert (await waiting(sessions))[0][1] == attempt
    assert 0 < pauses[0] <= 5 < pauses[1] <= 10 < pauses[2] <= 20
    await make_due(sessions)
    assert await deliver(sessions, by_smtp) == 2
    assert sorted(sink.recipients) == ["ada@example.test", "bob@example.test"]


async def test_a_server_that_never_answers_holds_nobody_up(sessions: Sessions, by_smtp: Settings, sink: Sink):
    """J10. The first mail's time-out speaks for the whole batch: the others are not tried one by one."""
    sink.is_slow = True
    await post(sessions, *(f"user{n}@example.test" for n in range(5)))
    assert await deliver(sessions, by_smtp.model_copy(update={"smtp_timeout_s": 0.3})) == 0
    assert [attempts for _, attempts, _ in await waiting(sessions)] == [1] * 5
    assert sink.connections == 1
    sink.release()
    await make_due(sessions)
    assert await deliver(sessions, by_smtp) == 5
    assert len(sink.recipients) == 5


async def test_a_server_that_rejects_some_gets_the_others(sessions: Sessions, by_smtp: Settings, sink: Sink):
    """J10. "Later" is tried later; "no such mailbox" is given up; nobody gets anything twice."""
    answers = {"later@example.test": "451 try later", "nobody@example.test": "550 no such user"}
    sink.refuses = answers.get
    await post(sessions, "ada@example.test", *answers, "zoe@example.test")
    assert await deliver(sessions, by_smtp) == 2
    assert sorted(sink.recipients) == ["ada@example.test", "zoe@example.test"]
    assert [row[:2] for row in await waiting(sessions)] == [("later@example.test", 1)]
    sink.refuses = lambda _: None
    await make_due(sessions)
    assert await deliver(sessions, by_smtp) == 1
    assert sorted(sink.recipients) == ["ada@example.test", "later@example.test", "zoe@example.test"]


async def test_a_mail_whose_link_has_expired_is_not_sent(sessions: Sessions, by_smtp: Settings, sink: Sink):
    await post(sessions, "ada@example.test", life_s=-1)
    assert await deliver(sessions, by_smtp) == 0
    assert (sink.mails, await waiting(sessions)) == ([], [])


async def test_a_worker_that_dies_in_between_leaves_the_mail_to_another(
    sessions: Sessions, by_smtp: Settings, sink: Sink
):
    await post(sessions, "ada@example.test")
    async with sessions.begin() as session:
        (mail,) = await mails.claim_due(session, 10)
    assert await deliver(sessions, by_smtp) == 0
    ((_, _, due_s),) = await waiting(sessions)
    assert 30 < due_s <= mails.CLAIM_S
    await make_due(sessions)
    assert await deliver(sessions, by_smtp) == 1
    assert sink.mails[0]["Message-ID"] == f"<{mail.id}@hub.test>"


async def test_a_password_does_not_travel_without_encryption(sessions: Sessions, by_smtp: Settings, sink: Sink):
    await post(sessions, "ada@example.test")
    assert await deliver(sessions, by_smtp.model_copy(update={"smtp_user": "hub"})) == 0
    await make_due(sessions)
    assert await deliver(sessions, by_smtp.model_copy(update={"smtp_tls": "starttls"})) == 0
    assert sink.mails == []


async def test_encryption_that_cannot_be_trusted_is_no_encryption(
    sessions: Sessions, settings: Settings, tmp_path: Path
):
    """STARTTLS is used because it is offered, and a certificate that nobody vouches for ends the attempt."""
    async with Sink().running(tls=self_signed(tmp_path)) as sink:
        await post(sessions, "ada@example.test")
        assert await deliver(sessions, smtp_settings(settings, sink)) == 0
        await make_due(sessions)
        assert await deliver(sessions, smtp_settings(settings, sink, smtp_tls="none")) == 1


@pytest.mark.parametrize("mode", ["auto", "starttls", "tls"])
async def test_a_server_that_is_trusted_gets_the_password_and_the_mail(
    sessions: Sessions, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
):
    context = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "sink.pem"))
    async with Sink().running(tls=context, is_tls_at_once=mode == "tls") as sink:
        await post(sessions, "ada@example.test")
        sign_in = {"smtp_user": "hub", "smtp_pass": SecretStr("secret")}
        assert await deliver(sessions, smtp_settings(settings, sink, smtp_tls=mode, **sign_in)) == 1
        assert sink.signed_in == [(b"hub", b"secret")]
        assert sink.recipients == ["ada@example.test"]


async def test_without_a_server_each_mail_is_a_private_file(sessions: Sessions, settings: Settings):
    body = f"Grüße 🔥\n\n{LINK}\n"
    await post(sessions, "ada@example.test", "bob@example.test", subject="Häuser", body=body)
    assert await deliver(sessions, settings) == 2
    directory = settings.hub_data_dir / "mail"
    files = sorted(directory.iterdir())
    assert len(files) == 2
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert LINK in files[0].read_text()
    found = await MailFiles(settings).newest()
    assert {mail.recipient for mail in found} == {"bob@example.test", "ada@example.test"}
    assert (found[0].subject, found[0].body) == ("Häuser", body)
    assert await waiting(sessions) == []


async def test_only_the_newest_files_are_kept(sessions: Sessions, settings: Settings):
    await post(sessions, *(f"user{n:03}@example.test" for n in range(KEPT + 30)))
    while await deliver(sessions, settings):
        pass
    found = await MailFiles(settings).newest()
    assert len(found) == KEPT == len(list((settings.hub_data_dir / "mail").iterdir()))
    assert found[0].recipient > f"user{KEPT:03}"


async def test_a_data_directory_that_cannot_be_written_loses_no_mail(sessions: Sessions, settings: Settings):
    (settings.hub_data_dir / "mail").write_text("in the way")
    await post(sessions, "ada@example.test")
    assert await deliver(sessions, settings) == 0
    assert [row[:2] for row in await waiting(sessions)] == [("ada@example.test", 1)]


@pytest.mark.slow
async def test_the_workers_of_the_hub_send_what_is_posted(settings: Settings, sessions: Sessions, tmp_path: Path):
    """Beat, queue and two workers as in production: every mail once."""
    cell = CeleryCell(settings, tmp_path)
    names = [f"user{n}@example.test" for n in range(20)]
    try:
        await asyncio.gather(cell.start_worker(), cell.start_worker())
        cell.start("beat", Timing(mails_every_s=0.5, beat_loop_s=0.2, beat_lock_s=5))
        for name in names:
            await post(sessions, name)

        async def is_sent() -> bool:
            return not await waiting(sessions)

        await wait_until(is_sent, within_s=60)
        found = await MailFiles(settings).newest()
        assert sorted(mail.recipient for mail in found) == sorted(names)
    finally:
        await cell.close()
