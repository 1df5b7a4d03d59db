"""(principal, page, right) → allowed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from hub.domain.audience import Viewer

OWNER, EDITOR, VIEWER = "owner", "editor", "viewer"
ROLES = (OWNER, EDITOR, VIEWER)

READ, WRITE_STATUS, WRITE_INCIDENTS, ADMIN = "read", "status:write", "incidents:write", "admin"
SCOPES = (READ, WRITE_STATUS, WRITE_INCIDENTS, ADMIN)


class Right(Enum):
    """What somebody may do on a page that is shown to him."""

    LOOK = auto()  # see all of it, as its operators do
    STATUS = auto()  # say how a component is
    INCIDENTS = auto()  # write incidents and maintenances
    EDIT = auto()  # change the page, its groups and components
    OWN = auto()  # its people, its keys, its audit log, its end


_EDITING = frozenset({Right.LOOK, Right.STATUS, Right.INCIDENTS, Right.EDIT})
_OF_ROLE = {
    OWNER: frozenset(Right),
    EDITOR: _EDITING,
    VIEWER: frozenset({Right.LOOK}),
}
_OF_SCOPE = {
    READ: frozenset({Right.LOOK}),
    WRITE_STATUS: frozenset({Right.LOOK, Right.STATUS}),
    WRITE_INCIDENTS: frozenset({Right.LOOK, Right.INCIDENTS}),
    ADMIN: _EDITING,
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request or connection speaks for, as the database had it when it was loaded.

    An account (`account_id`) or a machine's key (`key_id`, with `scopes` on the pages `key_pages`), never both;
    neither: somebody anonymous, or the hub itself (`is_admin`). `address`: where the request came from, for the audit;
    `ends_at`: until when what it showed is good, None for ever.
    """

    account_id: str | None = None
    email: str | None = None
    is_verified: bool = False
    is_admin: bool = False
    session_id: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)  # page id → owner | editor | viewer
    groups: frozenset[str] = frozenset()  # slugs
    key_id: str | None = None
    scopes: frozenset[str] = frozenset()
    key_pages: frozenset[str] = frozenset()  # page ids
    address: str = ""
    ends_at: datetime | None = None

    @property
    def is_authenticated(self) -> bool:
        """Whether this is a signed-in account."""
        return self.account_id is not None

    def can(self, page_id: str, right: Right) -> bool:
        if self.is_admin:
            return True
        if self.key_id is not None:
            return page_id in self.key_pages and any(right in _OF_SCOPE[scope] for scope in self.scopes)
        return right in _OF_ROLE.get(self.roles.get(page_id, ""), ())

    def viewer(self, page_id: str) -> Viewer:
        return Viewer(
            is_authenticated=self.is_authenticated,
            is_verified=self.is_verified,
            groups=self.groups,
            is_operator=self.can(page_id, Right.LOOK),
        )


ANONYMOUS = Principal()
SYSTEM = Principal(email="system", is_admin=True)  # background work of the hub itself
