"""(principal, page or scope) → allowed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub.domain.audience import Viewer

OWNER, EDITOR, VIEWER = "owner", "editor", "viewer"
ROLES = (OWNER, EDITOR, VIEWER)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request or connection speaks for, as the database had it when it was loaded."""

    account_id: str | None = None
    email: str | None = None
    is_verified: bool = False
    is_admin: bool = False
    session_id: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)  # page id → owner | editor | viewer
    groups: frozenset[str] = frozenset()

    @property
    def is_authenticated(self) -> bool:
        return self.account_id is not None

    def is_operator(self, page_id: str) -> bool:
        """Operators see everything of their page; the role `viewer` is a read-only operator."""
        return self.is_admin or page_id in self.roles

    def can_write(self, page_id: str) -> bool:
        return self.is_admin or self.roles.get(page_id) in {OWNER, EDITOR}

    def can_own(self, page_id: str) -> bool:
        return self.is_admin or self.roles.get(page_id) == OWNER

    def viewer(self, page_id: str) -> Viewer:
        return Viewer(
            is_authenticated=self.is_authenticated,
            is_verified=self.is_verified,
            groups=self.groups,
            is_operator=self.is_operator(page_id),
        )


ANONYMOUS = Principal()
SYSTEM = Principal(email="system", is_admin=True)  # background work of the hub itself
