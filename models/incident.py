"""Incidents and their updates."""

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Id, Instant, LongText, ShortText, Word


class Incident(Base):
    """`impact_override` wins over the impact derived from the updates; `audience` counts only without components."""

    __tablename__ = "incident"
    __table_args__ = (
        UniqueConstraint("page_id", "external_id"),
        Index("ix_incident_page_id_started_at", "page_id", "started_at", "created_at", "id"),
        Index("ix_incident_open", "page_id", postgresql_where=text("resolved_at IS NULL")),
    )

    id: Mapped[Id]
    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"))
    name: Mapped[ShortText]
    status: Mapped[Word]
    impact_override: Mapped[Word | None]
    audience: Mapped[Word | None]
    started_at: Mapped[Instant]
    monitoring_at: Mapped[Instant | None]
    resolved_at: Mapped[Instant | None]
    is_backdated: Mapped[bool] = mapped_column(server_default=text("false"))
    postmortem_draft: Mapped[LongText | None]
    external_id: Mapped[ShortText | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]


class IncidentUpdate(Base):
    """`affected`: `[{"id", "name", "old_status", "new_status", "group"}]`, names and statuses as they were then.

    `group`: `{"id", "name"}` or null; not there where nobody knows. Null in place of the list: the source said nothing.
    """

    __tablename__ = "incident_update"
    __table_args__ = (UniqueConstraint("incident_id", "external_id"),)

    id: Mapped[Id]
    incident_id: Mapped[str] = mapped_column(ForeignKey("incident.id", ondelete="CASCADE"))
    status: Mapped[Word]
    body: Mapped[LongText]
    affected: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB, nullable=False)  # null is the JSON value
    deliver_notifications: Mapped[bool] = mapped_column(server_default=text("true"))
    external_id: Mapped[ShortText | None]
    display_at: Mapped[Instant]
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]


class IncidentNote(Base):
    """What operators tell each other of an incident or a maintenance. No viewer's output ever reads this table."""

    __tablename__ = "incident_note"
    __table_args__ = (
        CheckConstraint("num_nonnulls(incident_id, maintenance_id) = 1", name="one_subject"),
        Index("ix_incident_note_incident_id", "incident_id"),
        Index("ix_incident_note_maintenance_id", "maintenance_id"),
    )

    id: Mapped[Id]
    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"))
    incident_id: Mapped[str | None] = mapped_column(ForeignKey("incident.id", ondelete="CASCADE"))
    maintenance_id: Mapped[str | None] = mapped_column(ForeignKey("maintenance.id", ondelete="CASCADE"))
    author_id: Mapped[str | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    body: Mapped[LongText]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]


class Template(Base):
    """What an incident or a maintenance begins with. `kind`: incident, maintenance; `components`: `{id: status}`."""

    __tablename__ = "template"
    __table_args__ = (UniqueConstraint("page_id", "kind", "name"),)

    id: Mapped[Id]
    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"))
    kind: Mapped[Word]
    name: Mapped[ShortText]
    title: Mapped[ShortText]
    status: Mapped[Word | None]
    body: Mapped[LongText]
    components: Mapped[dict[str, str]] = mapped_column(JSONB)
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]
