"""Stored aggregates of page × period."""

from datetime import date
from typing import Any

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Id, Instant, Word


class Report(Base):
    """One report of one page: stored once per (page, kind, first day).

    `body` covers all audiences (shape: `hub.domain.report.compute`); `for_view` there cuts it down for one view.
    """

    __tablename__ = "report"
    __table_args__ = (UniqueConstraint("page_id", "kind", "period_start"),)

    id: Mapped[Id]
    page_id: Mapped[str] = mapped_column(ForeignKey("page.id", ondelete="CASCADE"))
    kind: Mapped[Word]
    period_start: Mapped[date]
    period_end: Mapped[date]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    computed_at: Mapped[Instant]
