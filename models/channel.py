"""Channels and their events: the history, the outbox, and who may empty it. See docs/guarantees.md."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant, LongText, Word


class Channel(Base):
    """The counter of one stream. `head`: last offset given out. `floor`: highest offset no longer replayed.

    The row lock that raises `head` is held to the commit, so offset n is visible before n + 1 exists.
    """

    __tablename__ = "channel"
    # Half-empty pages keep the counter's many row versions on one page (HOT updates).
    __table_args__ = ({"postgresql_with": {"fillfactor": "50"}},)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    epoch: Mapped[str] = mapped_column(String(16))
    head: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    floor: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class View(Base):
    """What of a page one audience sees, and the channel that tells it. `changed_at`: last change seen in this view."""

    __tablename__ = "view"

    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"), unique=True)
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    changed_at: Mapped[Instant]


class Event(Base):
    """One publication. `payload`: the JSON text exactly as sent; `rights`: the control head it was written at."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_created_at", "created_at"),)

    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id", ondelete="CASCADE"), primary_key=True)
    off: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[Word]
    payload: Mapped[LongText]
    rights: Mapped[int] = mapped_column(BigInteger)
    flags: Mapped[int]
    created_at: Mapped[Instant]


class Keyframe(Base):
    """A view's whole snapshot at one of its offsets: where reading its past begins (the events after it are folded in).

    `body`: the JSON text of the snapshot, without channel and position.
    """

    __tablename__ = "keyframe"
    __table_args__ = (Index("ix_keyframe_channel_id_created_at", "channel_id", "created_at"),)

    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id", ondelete="CASCADE"), primary_key=True)
    off: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    body: Mapped[LongText]
    created_at: Mapped[Instant]


class Outbox(Base):
    """Events that the relay has not yet published."""

    __tablename__ = "outbox"

    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id", ondelete="CASCADE"), primary_key=True)
    off: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    created_at: Mapped[Instant]


class RelayLease(Base):
    """One row: who is the active relay until when, by the database's clock."""

    __tablename__ = "relay_lease"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner: Mapped[str] = mapped_column(String(64))
    token: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[Instant]


class HubMeta(Base):
    """Facts about this database as a whole, by name (cluster identity, …)."""

    __tablename__ = "hub_meta"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[LongText]
