"""Mails that wait to be sent."""

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from models.base import Base, Id, Instant, LongText, ShortText, Word


class Mail(Base):
    """Written with the change that causes it, deleted once it is sent: its text may hold a link that proves something.

    Tried at `due_at`, and given up at `expires_at`, when its link no longer works.
    """

    __tablename__ = "mail"
    __table_args__ = (Index("ix_mail_due_at", "due_at"),)

    id: Mapped[Id]
    kind: Mapped[Word]
    recipient: Mapped[ShortText]
    subject: Mapped[ShortText]
    body: Mapped[LongText]
    attempts: Mapped[int]
    created_at: Mapped[Instant]
    due_at: Mapped[Instant]
    expires_at: Mapped[Instant]
