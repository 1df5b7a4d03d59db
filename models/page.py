"""Pages, their component groups and components, and the history of each component's effective status."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Id, Instant, LongText, ShortText, Word


class Page(Base):
    """A status page. Its row lock serialises the writers of everything on it (ADR 0003)."""

    __tablename__ = "page"

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(String(63), unique=True)
    title: Mapped[ShortText]
    description: Mapped[LongText | None]
    time_zone: Mapped[Word]
    locale: Mapped[Word]
    audience: Mapped[Word]
    weight_major: Mapped[float] = mapped_column(server_default=text("1"))
    weight_partial: Mapped[float] = mapped_column(server_default=text("0.3"))
    weight_degraded: Mapped[float] = mapped_column(server_default=text("0"))
    external_id: Mapped[ShortText | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]


class ComponentGroup(Base):
    __tablename__ = "component_group"
    __table_args__ = (UniqueConstraint("page_id", "external_id"),)

    id: Mapped[Id]
    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"))
    name: Mapped[ShortText]
    position: Mapped[int]
    external_id: Mapped[ShortText | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]


class Component(Base):
    """`base_status` is the operator's own layer; the effective status is computed from all layers.

    A deleted component keeps its row (`deleted_at`), so that history stays readable and stays within its audience.
    """

    __tablename__ = "component"
    __table_args__ = (
        UniqueConstraint("page_id", "external_id"),
        Index("ix_component_group_id", "group_id"),
    )

    id: Mapped[Id]
    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"))
    group_id: Mapped[str | None] = mapped_column(ForeignKey("component_group.id", ondelete="SET NULL"))
    name: Mapped[ShortText]
    description: Mapped[LongText | None]
    position: Mapped[int]
    showcase: Mapped[bool]
    only_show_if_degraded: Mapped[bool]
    start_date: Mapped[date | None]
    audience: Mapped[Word | None]
    base_status: Mapped[Word]
    external_id: Mapped[ShortText | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]
    deleted_at: Mapped[Instant | None]


class StatusInterval(Base):
    """One stretch of one effective status: `during` is half-open, its end unbounded while it lasts; none overlap."""

    __tablename__ = "status_interval"
    __table_args__ = (
        ExcludeConstraint(
            ("component_id", "="), ("during", "&&"), using="gist", name="ex_status_interval_component_id_during"
        ),
        CheckConstraint("NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during)", name="during_half_open"),
        Index("uq_status_interval_open", "component_id", unique=True, postgresql_where=text("upper_inf(during)")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    component_id: Mapped[str] = mapped_column(ForeignKey("component.id", ondelete="CASCADE"))
    status: Mapped[Word]
    during: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)
