"""Pages with a secret in every text, and who may see each of them.

A secret is a text that occurs nowhere else: a marker (`zq0001qz`) that somebody wrote, or an id. Whoever finds one in
what he got, and is not among those it is for, has been told something about what is not there for him.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.auth.permissions import SYSTEM
from hub.domain.audience import view_of_key
from hub.domain.incident import IncidentStatus
from hub.domain.maintenance import MaintenanceStatus
from hub.domain.report import ReportKind, period_of
from hub.domain.status import Status
from hub.services import (
    components,
    groups,
    incidents,
    maintenances,
    notes,
    pages,
    postmortems,
    reports,
    summaries,
    templates,
)
from hub.services.components import NewComponent
from hub.services.database import Sessions
from hub.services.groups import NewGroup
from hub.services.incidents import NewIncident, NewUpdate
from hub.services.maintenances import NewMaintenance
from hub.services.notes import Subject
from hub.services.pages import NewPage
from hub.services.state import load_page
from hub.services.templates import NewTemplate, TemplateKind
from hub.services.views import ensure_view
from tests.support.people import Person
from tests.support.route_walk import Ids

VIEWS = ("public", "authenticated", "verified", "all")
OPERATORS_ALONE = "operators"  # an audience that nobody is in
MARKER = re.compile(r"zq\d{4}qz")
Json = dict[str, Any]


@dataclass(frozen=True)
class Secret:
    """`people`: names of those it is for whatever the audiences say. `is_shown`: each of the others finds it."""

    text: str
    what: str
    page: str = ""
    page_audience: str = "public"
    audiences: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    is_shown: bool = True

    def is_for(self, person: Person) -> bool:
        return person.name in self.people or person.sees(self.page, self.page_audience, self.audiences)


@dataclass
class Secrets:
    """All that was hidden. `mark()` gives a text that occurs nowhere else."""

    found: list[Secret] = field(default_factory=list)
    _count: int = 0

    def mark(self) -> str:
        self._count += 1
        return f"zq{self._count:04}qz"

    def add(self, secret: Secret) -> str:
        self.found.append(secret)
        return secret.text

    def leaked_to(self, person: Person, text: str, known: str = "") -> list[Secret]:
        """What `text` tells `person` although it is not for him. `known`: what he said himself."""
        return [secret for secret in self._in(text, known) if not secret.is_for(person)]

    def missed_by(self, person: Person, text: str) -> list[Secret]:
        """What should be shown to `person` and stands nowhere in `text`."""
        return [item for item in self.found if item.is_shown and item.is_for(person) and item.text not in text]

    def _in(self, text: str, known: str) -> Iterator[Secret]:
        lowered = text.lower()
        return (secret for secret in self.found if secret.text in lowered and secret.text not in known)


@dataclass
class PageMaker:
    """Fills one page. Everything is said three days ago and after, a minute apart, so that reports have something."""

    sessions: Sessions
    secrets: Secrets
    ids: Ids
    slug: str
    audience: str = "public"
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(days=3))

    async def do(self, service: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.now += timedelta(minutes=1)
        async with self.sessions.begin() as session:
            return await service(session, self.slug, *args, by=SYSTEM, now=self.now, **kwargs)

    def secret(self, what: str, *audiences: str | None, text: str = "", is_shown: bool = True) -> str:
        """A new text for any of `audiences` (None: that of the page)."""
        text = text or self.secrets.mark()
        wanted = frozenset(audience or self.audience for audience in audiences or (None,))
        return self.secrets.add(
            Secret(text, f"{what} on {self.slug}", self.slug, self.audience, wanted, is_shown=is_shown)
        )

    def note(self, kind: str, item: Json, *audiences: str | None, parent: str = "", is_shown: bool = True) -> str:
        """The id of something made, as a secret of the same audiences."""
        self.ids.note(self.slug, kind, item["id"], parent)
        return self.secret(f"id of a {kind}", *audiences, text=item["id"], is_shown=is_shown)

    async def page(self) -> str:
        self.now += timedelta(minutes=1)
        new = NewPage(
            self.slug,
            f"Title {self.secret('title')}",
            f"About {self.secret('description')}",
            audience=self.audience,
        )
        async with self.sessions.begin() as session:
            made = await pages.create(session, new, by=SYSTEM, now=self.now)
        self.ids.of_page.setdefault(self.slug, {})
        return self.secret("page id", text=made["id"])

    async def page_views(self) -> None:
        """The channels of some views, so that everything that happens now is an event in each of them."""
        async with self.sessions.begin() as session:
            page = await load_page(session, self.slug)
            assert page is not None
            for key in VIEWS:
                await ensure_view(session, page, view_of_key(key), self.now)

    async def group(self, *audiences: str | None) -> str:
        """`audiences`: of the components that will be in it; a group shows with any of them."""
        made = await self.do(groups.create, NewGroup(self.secret("group name", *audiences)))
        return self.note("group", made, *audiences)

    async def component(
        self, audience: str | None, group_id: str | None = None, status: Status = Status.OPERATIONAL
    ) -> str:
        new = NewComponent(
            self.secret("component name", audience),
            self.secret("component description", audience),
            group_id=group_id,
            audience=audience,
            status=status,
        )
        return self.note("component", await self.do(components.create, new), audience)

    async def deleted_component(self, audience: str | None) -> None:
        """One with a past: its name stands in an old incident, its description nowhere any more."""
        new = NewComponent(
            self.secret("name of a deleted component", audience),
            self.secret("description of a deleted component", audience, is_shown=False),
            audience=audience,
        )
        made = await self.do(components.create, new)
        self.note("component", made, audience, is_shown=False)
        await self.incident(audience, component_ids=[made["id"]], last=IncidentStatus.RESOLVED)
        await self.do(components.delete, made["id"])

    async def incident(
        self,
        *audiences: str | None,
        component_ids: list[str] | None = None,
        own: str | None = None,
        last: IncidentStatus | None = None,
    ) -> str:
        """An incident with two updates; `audiences`: of the components, or of the incident when it has none."""
        words = dict.fromkeys(component_ids or [], Status.PARTIAL_OUTAGE)
        first = NewUpdate(IncidentStatus.INVESTIGATING, f"*{self.secret('update body', *audiences)}*", words)
        name = self.secret("incident name", *audiences)
        made = await self.do(incidents.open_incident, NewIncident(name, first, audience=own))
        key = self.note("incident", made, *audiences)
        self.note("update", made["updates"][0], *audiences, parent=key)
        steps = [IncidentStatus.IDENTIFIED, *([last] if last else [])]
        for status in steps:
            body = self.secret(f"body of {status}", *audiences)
            update = await self.do(incidents.add_update, key, NewUpdate(status, body))
            self.note("update", update, *audiences, parent=key)
        return key

    async def maintenance(
        self,
        *audiences: str | None,
        component_ids: list[str] | None = None,
        own: str | None = None,
        last: MaintenanceStatus | None = None,
    ) -> str:
        new = NewMaintenance(
            self.secret("maintenance name", *audiences),
            self.secret("maintenance body", *audiences),
            scheduled_for=self.now + timedelta(days=5),
            scheduled_until=self.now + timedelta(days=5, hours=1),
            components=component_ids or [],
            audience=own,
        )
        made = await self.do(maintenances.schedule, new)
        key = self.note("maintenance", made, *audiences)
        for update in made["updates"]:
            self.note("update", update, *audiences, parent=key)
        for status in [MaintenanceStatus.IN_PROGRESS, last] if last else []:
            body = self.secret(f"maintenance update {status}", *audiences)
            update = await self.do(maintenances.add_update, key, status=status, body=body)
            self.note("update", update, *audiences, parent=key)
        return key

    async def kept_by_operators(self, incident_id: str, maintenance_id: str) -> None:
        """What is for nobody but operators: notes, the draft of a postmortem, a template."""
        for subject, key in ((Subject.INCIDENT, incident_id), (Subject.MAINTENANCE, maintenance_id)):
            text = self.secret(f"note on {subject}", OPERATORS_ALONE)
            self.note("note", await self.do(notes.add, subject, key, text), OPERATORS_ALONE, parent=key)
        await self.do(postmortems.draft, incident_id, self.secret("draft of a postmortem", OPERATORS_ALONE))
        name, title, body = (
            self.secret(f"{part} of a template", OPERATORS_ALONE) for part in ("name", "title", "body")
        )
        made = await self.do(templates.create, NewTemplate(TemplateKind.INCIDENT, name, title, body))
        self.note("template", made, OPERATORS_ALONE)

    async def figures(self) -> None:
        """Yesterday's report, and the summary of this minute for every view that there is."""
        now = datetime.now(UTC)
        async with self.sessions.begin() as session:
            for kind in (ReportKind.DAILY,):
                await reports.store(session, self.slug, period_of(kind, now.date() - timedelta(days=1)), now=now)
        async with self.sessions.begin() as session:
            minute = now.replace(second=0, microsecond=0)
            await summaries.publish(session, self.slug, minute=minute, viewers={}, now=now)
