"""Who changed what."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant, ShortText, Word


class AuditEntry(Base):
    """One change: by whom, from where, and the object before and after it. Holds no secrets and no addresses of mail.

    `actor_kind`: account, key or system. `address` is the actor's, and goes when his account is deleted.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_page_id_id", "page_id", "id"),
        Index("ix_audit_entry_group_id_id", "group_id", "id"),
        Index("ix_audit_entry_account_id_id", "account_id", "id"),
        Index("ix_audit_entry_actor_id", "actor_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    page_id: Mapped[str | None] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"))
    group_id: Mapped[str | None] = mapped_column(ForeignKey("people_group.id", ondelete="CASCADE"))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    actor_kind: Mapped[Word]
    actor_id: Mapped[str | None] = mapped_column(String(12))
    address: Mapped[ShortText | None]
    action: Mapped[Word]
    object_kind: Mapped[Word]
    object_id: Mapped[str | None] = mapped_column(String(12))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    at: Mapped[Instant]
