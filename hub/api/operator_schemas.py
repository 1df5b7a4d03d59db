"""Bodies and answers of what operators alone have to do with: notes, templates, postmortem drafts, order."""

from typing import Annotated

from pydantic import Field, StringConstraints

from hub.api.answers import ComponentOut, GroupOut, IncidentOut, MaintenanceOut, RollUpOut
from hub.api.fields import MAX_BODY_LENGTH, Audience, Id, In, Instant, InstantText, Name, Out, Text, Version, left_out
from hub.api.page_schemas import Patch, RRule, Words
from hub.domain.incident import Impact
from hub.domain.status import Status
from hub.services.order import Order
from hub.services.preview import Draft, DraftKind
from hub.services.templates import NewTemplate, TemplateKind

GroupKey = Annotated[str, StringConstraints(pattern="^([a-z0-9]{12})?$")]
Ids = Annotated[list[Id], Field(max_length=1_000)]
State = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class PostmortemIn(In):
    """`body`: Markdown. `version`: of the incident."""

    body: Text
    version: Version | None = None


class PublishIn(In):
    """`version`: of the incident."""

    notify: bool = True
    version: Version | None = None


class NoteIn(In):
    body: Text


class NotePatch(In):
    body: Text
    version: Version | None = None


class NoteOut(Out):
    """`author`: the address of the account that wrote it; null for a machine's key, and when the account is gone."""

    id: str
    body: str
    body_html: str
    author_id: str | None
    author: str | None
    created_at: InstantText
    updated_at: InstantText
    version: int


class TemplateIn(In):
    """`name`: the template's own; `title`: what the incident or maintenance is called. `components`: id → status."""

    kind: TemplateKind
    name: Name
    title: Name
    body: Text
    status: State | None = None
    components: Words = Field(default_factory=dict)

    def to_domain(self) -> NewTemplate:
        return NewTemplate(**dict(self))


class TemplatePatch(Patch):
    name: Name = left_out()
    title: Name = left_out()
    body: Text = left_out()
    status: State | None = None
    components: Words = left_out()


class TemplateOut(Out):
    id: str
    kind: TemplateKind
    name: str
    title: str
    status: str | None
    body: str
    components: dict[str, Status]
    created_at: InstantText
    updated_at: InstantText
    version: int


class OrderIn(In):
    """`components`: by the id of their group, "" for those in none. What is not named comes after what is."""

    groups: Ids = Field(default_factory=list)
    components: Annotated[dict[GroupKey, Ids], Field(max_length=1_000)] = Field(default_factory=dict)

    def to_domain(self) -> Order:
        return Order(self.groups, self.components)


class OrderOut(Out):
    groups: list[GroupOut]
    components: list[ComponentOut]


class CancelIn(In):
    """`body`: what to say; `ends_series`: no further window of a recurring one. `version`: of the maintenance."""

    body: Text | None = None
    ends_series: bool = False
    version: Version | None = None


class FinishIn(In):
    """`body`: what to say. `version`: of the maintenance."""

    body: Text | None = None
    version: Version | None = None


class PreviewIn(In):
    """A draft, however unfinished. `about`: the incident or maintenance that these are the next words of.

    `components`: a word on each; of a maintenance the ids alone count.
    """

    kind: DraftKind
    body: Annotated[str, StringConstraints(max_length=MAX_BODY_LENGTH)] = ""
    about: Id | None = None
    name: Annotated[str, StringConstraints(max_length=255)] = ""
    status: State | None = None
    components: Words = Field(default_factory=dict)
    impact: Impact | None = None
    audience: Audience | None = None
    started_at: Instant | None = None
    display_at: Instant | None = None
    scheduled_for: Instant | None = None
    scheduled_until: Instant | None = None
    rrule: RRule | None = None

    def to_domain(self) -> Draft:
        return Draft(**dict(self))


class PreviewComponentOut(Out):
    id: str
    name: str
    status: Status


class ShareOut(Out):
    """What one kind of viewer would be shown. `viewers`: how many of them look at the page now; null: unknown."""

    audience: str
    sees: bool
    components: list[PreviewComponentOut]
    incident: IncidentOut | None
    maintenance: MaintenanceOut | None
    status: RollUpOut
    viewers: int | None


class WindowOut(Out):
    scheduled_for: InstantText
    scheduled_until: InstantText


class PreviewOut(Out):
    """`audiences`: the kinds of viewers that the page tells apart. `reached`: those of `viewers` who would see it.

    `windows`: of a maintenance, up to three.
    """

    body_html: str
    audiences: list[ShareOut]
    viewers: int | None
    reached: int | None
    windows: list[WindowOut]
