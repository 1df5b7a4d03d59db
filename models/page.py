"""Pages, their component groups and components, and the history of each component's effective status."""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP, TSTZRANGE, ExcludeConstraint, Range
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
    custom_domain: Mapped[str | None] = mapped_column(String(253), unique=True)
    brand_color: Mapped[str | None] = mapped_column(String(7))
    custom_css: Mapped[LongText | None]
    external_id: Mapped[ShortText | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant]
    updated_at: Mapped[Instant]


class PageFile(Base):
    """A picture of a page: its logo. `digest`: hex SHA-256 of `body`, part of its address."""

    __tablename__ = "page_file"

    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    media_type: Mapped[Word]
    digest: Mapped[str] = mapped_column(String(64))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[Instant]


class ComponentGroup(Base):
    __tablename__ = "component_group"
    __table_args__ = (UniqueConstraint("page_id", "external_id"),)

    id: Mapped[Id]
    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"))
    name: Mapped[ShortText]
    description: Mapped[LongText | None]
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


class BaseInterval(Base):
    """One stretch of one base status, the operators' own layer of a component: the history that no other row tells."""

    __tablename__ = "base_interval"
    __table_args__ = (
        ExcludeConstraint(
            ("component_id", "="), ("during", "&&"), using="gist", name="ex_base_interval_component_id_during"
        ),
        CheckConstraint("NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during)", name="during_half_open"),
        Index("uq_base_interval_open", "component_id", unique=True, postgresql_where=text("upper_inf(during)")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    component_id: Mapped[str] = mapped_column(ForeignKey("component.id", ondelete="CASCADE"))
    status: Mapped[Word]
    during: Mapped[Range[datetime]] = mapped_column(TSTZRANGE)


class ComponentDay(Base):
    """How long a component was at each status on one day of its page's zone, in microseconds.

    Counts the status intervals that have ended; the one that is open is added where figures are read.
    """

    __tablename__ = "component_day"

    component_id: Mapped[str] = mapped_column(ForeignKey("component.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    operational_us: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    under_maintenance_us: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    degraded_performance_us: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    partial_outage_us: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    major_outage_us: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class LatencySample(Base):
    """One measured response time of a component, told by whoever measures it."""

    __tablename__ = "latency_sample"

    component_id: Mapped[str] = mapped_column(ForeignKey("component.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=True), primary_key=True)
    latency_ms: Mapped[float]
