"""Keys: of machines that call the hub, and of the hub itself."""

from sqlalchemy import ARRAY, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Id, Instant, ShortText, Word


class MachineKey(Base):
    """A credential of a program: `scopes` on the pages it is bound to. Only the SHA-256 of the key is kept."""

    __tablename__ = "machine_key"

    id: Mapped[Id]
    name: Mapped[ShortText]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    created_by: Mapped[str | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant | None]
    last_used_at: Mapped[Instant | None]
    revoked_at: Mapped[Instant | None]


class MachineKeyPage(Base):
    __tablename__ = "machine_key_page"
    __table_args__ = (Index("ix_machine_key_page_page_id", "page_id"),)

    key_id: Mapped[str] = mapped_column(ForeignKey("machine_key.id", ondelete="CASCADE"), primary_key=True)
    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"), primary_key=True)


class SigningKey(Base):
    """One generation of the key that signs access tokens: derived from the hub's secret and `salt`, so no secret here.

    Signs from `signs_from` on, until a younger one does; verifies until `ends_at`.
    """

    __tablename__ = "signing_key"

    kid: Mapped[str] = mapped_column(String(40), primary_key=True)
    algorithm: Mapped[Word]
    salt: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[Instant]
    signs_from: Mapped[Instant]
    ends_at: Mapped[Instant | None]


class ViewerLink(Base):
    """An address of one account's own view of a page, for feed readers. Only the SHA-256 of its secret is kept."""

    __tablename__ = "viewer_link"
    __table_args__ = (Index("ix_viewer_link_account_id", "account_id"),)

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"))
    name: Mapped[ShortText]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[Instant]
    revoked_at: Mapped[Instant | None]
    last_used_at: Mapped[Instant | None]
