"""Accounts, what they are mailed, and their browsers."""

from dataclasses import dataclass

from playwright.async_api import Page, expect

from hub.clock import SystemClock
from hub.ids import new_id
from hub.notify.delivery import deliver_due
from hub.notify.files import FiledMail, MailFiles
from hub.services.database import Sessions
from hub.settings import Settings
from models import Account
from tests.support.accounts import PASSWORD, password_hash
from tests.support.hub import HubProcess
from tests.support.smtp import link_in


@dataclass(frozen=True)
class Person:
    id: str
    email: str


@dataclass(frozen=True)
class Town:
    """Everybody who uses one hub. Mails are written into its files, as a worker would."""

    hub: HubProcess
    sessions: Sessions
    settings: Settings

    async def person(self, name: str, *, is_verified: bool = True, is_admin: bool = False) -> Person:
        """An account of its own with the password `PASSWORD`."""
        now, account_id = SystemClock().now(), new_id()
        account = Account(
            id=account_id,
            email=f"{name}-{account_id}@example.test",
            password_hash=password_hash(),
            is_admin=is_admin,
            verified_at=now if is_verified else None,
            created_at=now,
            updated_at=now,
        )
        async with self.sessions.begin() as session:
            session.add(account)
        return Person(account_id, account.email or "")

    async def letters_to(self, email: str) -> list[FiledMail]:
        """All that has been mailed there, newest first."""
        files = MailFiles(self.settings)
        await deliver_due(self.sessions, files, SystemClock())
        return [mail for mail in await files.newest() if mail.recipient == email]

    async def link_to(self, email: str) -> str:
        """The link in the last of them."""
        return link_in((await self.letters_to(email))[0].body)

    async def enter(self, tab: Page, person: Person, path: str = "/account", password: str = PASSWORD) -> None:
        """Sign in with this browser, and go to `path`."""
        await tab.goto(f"{self.hub.base_url}/login?next={path}")
        await fill_in(tab, email=person.email, password=password)
        await tab.wait_for_url(self.hub.base_url + path)


async def fill_in(tab: Page, **values: str) -> None:
    """Type into the fields with these ids, and send the form of the last."""
    for field_id, value in values.items():
        await tab.fill(f"#{field_id.replace('_', '-')}", value)
    await tab.keyboard.press("Enter")


async def is_drawn(tab: Page) -> None:
    """A page behind the sign-in has shown what is its own."""
    await expect(tab.locator("#content")).to_be_visible()
