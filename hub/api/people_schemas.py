"""Bodies, queries and answers about groups of people, invitations, roles on pages, and the audit log."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from hub.api.fields import Id, In, InstantText, Limit, Name, Out, Query, Slug, left_out
from hub.api.page_schemas import Patch
from hub.services.invitations import DEFAULT_LIFE_S, LONGEST_LIFE_S, MOST_USES, SHORTEST_LIFE_S, NewInvitation

Email = Annotated[str, StringConstraints(min_length=3, max_length=320)]
GroupRole = Literal["owner", "admin", "member"]
PageRole = Literal["owner", "editor", "viewer"]
Life = Annotated[int, Field(ge=SHORTEST_LIFE_S, le=LONGEST_LIFE_S)]


class PeopleGroupIn(In):
    """`slug` never changes: audiences name it, as `group:<slug>`."""

    slug: Slug
    name: Name


class PeopleGroupPatch(Patch):
    name: Name = left_out()


class MemberPatch(In):
    role: GroupRole


class InvitationIn(In):
    """With an `email` it is mailed, and only the account that has proven this address may accept it."""

    email: Email | None = None
    max_uses: Annotated[int, Field(ge=1, le=MOST_USES)] = 1
    expires_in_s: Life = DEFAULT_LIFE_S

    def to_domain(self) -> NewInvitation:
        return NewInvitation(**dict(self))


class ResendIn(In):
    expires_in_s: Life = DEFAULT_LIFE_S


class AcceptIn(In):
    token: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class PersonIn(In):
    """`email`: the confirmed address of an account."""

    email: Email
    role: PageRole


class PersonPatch(In):
    role: PageRole


class TransferIn(In):
    account_id: Id


class PeopleQuery(Query):
    """`before`: the `meta.next` of the page before this one."""

    before: Annotated[str, StringConstraints(max_length=200)] | None = None
    limit: Limit = 100


class PeopleGroupOut(Out):
    """`role`: the caller's own in it; null for an administrator of the hub who is no member."""

    id: str
    slug: str
    name: str
    role: GroupRole | None
    version: int
    created_at: InstantText
    updated_at: InstantText


class MemberOut(Out):
    """`id`: the account's."""

    id: str
    email: str | None
    role: GroupRole
    joined_at: InstantText


class InvitationOut(Out):
    """`email` null: an open one, for whoever has the link."""

    id: str
    email: str | None
    state: Literal["pending", "used", "expired", "revoked"]
    max_uses: int
    uses: int
    created_by: str | None
    created_at: InstantText
    expires_at: InstantText


class IssuedInvitationOut(InvitationOut):
    """`token` and `url` are told here and never again."""

    token: str
    url: str


class PersonOut(Out):
    """`id`: the account's."""

    id: str
    email: str | None
    role: PageRole


class ActorOut(Out):
    """`email` of an account that is still there; `name` of a key."""

    kind: Literal["account", "key", "system"]
    id: str | None
    email: str | None
    name: str | None


class AuditedOut(Out):
    kind: str
    id: str | None


class AuditEntryOut(Out):
    """`before` and `after`: what changed, as far as it did; of a large change only the names."""

    id: str
    at: InstantText
    actor: ActorOut
    address: str | None
    action: str
    object: AuditedOut
    before: dict[str, Any] | None
    after: dict[str, Any] | None
