"""Accounts, their sessions, the tokens they are mailed, and their roles on pages."""

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Id, Instant, ShortText, Word


class Account(Base):
    """Somebody who can sign in. `email` is stored lower-case; `token_version` (claim `ver`) ends all tokens at once.

    A deleted account stays as a tombstone (`deleted_at`) without anything personal, so that history keeps its authors
    apart. Without `password_hash` nobody signs in here: somebody whom a foreign issuer vouches for.
    """

    __tablename__ = "account"

    id: Mapped[Id]
    email: Mapped[ShortText | None] = mapped_column(unique=True)
    password_hash: Mapped[ShortText | None]
    is_admin: Mapped[bool]
    token_version: Mapped[int] = mapped_column(server_default=text("1"))
    verified_at: Mapped[Instant | None]
    disabled_at: Mapped[Instant | None]
    deleted_at: Mapped[Instant | None]
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]


class ForeignIdentity(Base):
    """Whom another issuer's tokens (`iss`, `sub`) speak for."""

    __tablename__ = "foreign_identity"
    __table_args__ = (Index("ix_foreign_identity_account_id", "account_id"),)

    issuer: Mapped[str] = mapped_column(String(255), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    created_at: Mapped[Instant]


class MailedToken(Base):
    """A link that was mailed: `purpose` verify, change or reset, for the address `email`. Only its SHA-256 is kept."""

    __tablename__ = "mailed_token"
    __table_args__ = (Index("ix_mailed_token_account_id", "account_id"),)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    purpose: Mapped[Word]
    email: Mapped[ShortText]
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    used_at: Mapped[Instant | None]


class Session(Base):
    """One sign-in on one device. Lives until `ended_at` is set; rotating its refresh token does not end it."""

    __tablename__ = "session"
    __table_args__ = (Index("ix_session_account_id", "account_id"),)

    id: Mapped[Id]
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    user_agent: Mapped[ShortText]
    address: Mapped[ShortText]
    created_at: Mapped[Instant]
    last_used_at: Mapped[Instant]
    ended_at: Mapped[Instant | None]


class RefreshToken(Base):
    """One link in a session's chain of refresh tokens. Only the SHA-256 of the token is kept."""

    __tablename__ = "refresh_token"
    __table_args__ = (Index("ix_refresh_token_session_id", "session_id"),)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("session.id", ondelete="CASCADE"))
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    used_at: Mapped[Instant | None]


class PageRole(Base):
    """owner, editor or viewer (read-only operator) of one page."""

    __tablename__ = "page_role"
    __table_args__ = (Index("ix_page_role_account_id", "account_id"),)

    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[Word]
