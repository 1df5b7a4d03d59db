"""Scheduled maintenances, the components they hold, and their updates."""

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Id, Instant, LongText, ShortText, Word


class Maintenance(Base):
    """`started_at` and `completed_at` are what really happened; `scheduled_*` is the window announced.

    `series_id`: the first of the windows that one rule has made; `sequence`: how often the window was moved, for
    calendars. One that is called off keeps its row (`cancelled_at`), so that calendars can take it out; one that is
    deleted keeps no more than that (`deleted_at`).
    """

    __tablename__ = "maintenance"
    __table_args__ = (
        UniqueConstraint("page_id", "external_id"),
        CheckConstraint("scheduled_until > scheduled_for", name="window"),
        Index("ix_maintenance_page_id_scheduled_for", "page_id", "scheduled_for", "id"),
        Index("ix_maintenance_open", "page_id", postgresql_where=text("completed_at IS NULL")),
    )

    id: Mapped[Id]
    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"))
    name: Mapped[ShortText]
    body: Mapped[LongText]
    status: Mapped[Word]
    audience: Mapped[Word | None]
    scheduled_for: Mapped[Instant]
    scheduled_until: Mapped[Instant]
    started_at: Mapped[Instant | None]
    completed_at: Mapped[Instant | None]
    auto_start: Mapped[bool]
    auto_complete: Mapped[bool]
    rrule: Mapped[LongText | None]
    series_id: Mapped[str | None] = mapped_column(String(12))
    sequence: Mapped[int] = mapped_column(server_default=text("0"))
    remind_before_min: Mapped[int | None] = mapped_column(server_default=text("60"))
    reminded_at: Mapped[Instant | None]
    cancelled_at: Mapped[Instant | None]
    announced_at: Mapped[Instant | None]
    deleted_at: Mapped[Instant | None]
    external_id: Mapped[ShortText | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]


class MaintenanceComponent(Base):
    __tablename__ = "maintenance_component"
    __table_args__ = (Index("ix_maintenance_component_component_id", "component_id"),)

    maintenance_id: Mapped[str] = mapped_column(ForeignKey("maintenance.id", ondelete="CASCADE"), primary_key=True)
    component_id: Mapped[str] = mapped_column(ForeignKey("component.id", ondelete="CASCADE"), primary_key=True)


class MaintenanceUpdate(Base):
    """`affected` as in `IncidentUpdate`."""

    __tablename__ = "maintenance_update"
    __table_args__ = (UniqueConstraint("maintenance_id", "external_id"),)

    id: Mapped[Id]
    maintenance_id: Mapped[str] = mapped_column(ForeignKey("maintenance.id", ondelete="CASCADE"))
    status: Mapped[Word]
    body: Mapped[LongText]
    affected: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB, nullable=False)  # null is the JSON value
    deliver_notifications: Mapped[bool] = mapped_column(server_default=text("true"))
    external_id: Mapped[ShortText | None]
    display_at: Mapped[Instant]
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]
