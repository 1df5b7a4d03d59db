"""An operator's desk over a test's database: every change is checked against every view, event by event."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.auth.permissions import Principal
from hub.domain.audience import view_of_key
from hub.domain.channel import channel_name
from hub.domain.event import apply
from hub.services import pages
from hub.services.database import Sessions, one_moment
from hub.services.history import read_history
from hub.services.pages import NewPage
from hub.services.snapshots import read_snapshot
from hub.services.state import load_page
from hub.services.views import ensure_view

ADMIN = Principal(email="admin", is_admin=True)
T0 = datetime(2026, 11, 24, 9, tzinfo=UTC)
VIEWS = ("public", "authenticated", "verified", "all")


@dataclass
class Desk:
    """Works on one page as an operator, a second a call, and remembers nothing that the database does not."""

    sessions: Sessions
    now: datetime = T0
    slug: str = "acme"
    snapshots: dict[str, dict[str, Any]] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)

    async def do(self, service: Any, *args: Any, **kwargs: Any) -> Any:
        """Call a service in a transaction, then check every view's fold against its fresh snapshot."""
        self.now += timedelta(seconds=1)
        async with self.sessions.begin() as session:
            result = await service(session, self.slug, *args, now=self.now, **kwargs)
        await self.check()
        return result

    async def act(self, service: Any, *args: Any, **kwargs: Any) -> Any:
        return await self.do(service, *args, by=ADMIN, **kwargs)

    async def check(self) -> None:
        for key in VIEWS:
            channel = channel_name(self.slug, view_of_key(key))
            async with one_moment(self.sessions) as session:
                fresh = await read_snapshot(session, channel)
                known = self.snapshots.get(key)
                if known is not None:
                    history = await read_history(session, channel, after=known["offset"], limit=100)
                    assert history.is_recovered
                    assert [item.offset for item in history.publications] == list(
                        range(known["offset"] + 1, fresh["offset"] + 1)
                    )
                    for item in history.publications:
                        event = json.loads(item.data)
                        self.kinds.add(event["type"])
                        known = apply(known, event) | {"offset": item.offset}
                    assert known == fresh, key
            self.snapshots[key] = fresh


async def open_desk(sessions: Sessions) -> Desk:
    """A desk on a new, empty page `acme` in Berlin that has all of `VIEWS`."""
    async with sessions.begin() as session:
        await pages.create(session, NewPage("acme", "Acme", time_zone="Europe/Berlin"), by=ADMIN, now=T0)
        page = await load_page(session, "acme")
        assert page is not None
        for key in VIEWS:
            await ensure_view(session, page, view_of_key(key), T0)
    desk = Desk(sessions)
    await desk.check()
    return desk
